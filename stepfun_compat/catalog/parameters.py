"""What StepFun does with each request parameter of OpenAI's, per endpoint (api 3.1, 3.2, 5.1).

`state` is the evidence, `action` what we do about it:

- `send`: handed on as it is, or reshaped without loss.
- `translate`: carried out by other means (the endpoint's module says how).
- `drop`: not sent. With `meaning` the caller may get a different answer, so the policy `on_unsupported` decides;
  without it the parameter steered nothing in the answer and its absence is a log line.
"""

from __future__ import annotations

from typing import Final

from .schema import Parameter, ParameterState

_CHAT_PAGE: Final = "chat/chat-completion-create"


def _chat(name: str, state: ParameterState, action: str, meaning: bool = False, source: str = _CHAT_PAGE) -> Parameter:
    return Parameter("chat.completions", name, state, action, meaning, source)


CHAT_COMPLETIONS: Final = (
    _chat("model", "supports", "translate"),
    _chat("messages", "supports", "translate"),
    _chat("tools", "supports", "translate"),
    _chat("max_tokens", "supports", "send"),
    _chat("temperature", "supports", "send"),
    _chat("top_p", "supports", "send"),
    _chat("n", "supports", "send"),
    _chat("stream", "supports", "send"),
    _chat("stop", "supports", "send"),
    _chat("frequency_penalty", "supports", "send"),
    _chat("response_format", "supports", "translate"),
    _chat("reasoning_effort", "supports", "translate"),
    _chat("reasoning_format", "supports", "send"),
    _chat("modalities", "supports", "send"),
    _chat("audio", "supports", "translate"),
    _chat("tool_choice", "tolerates", "translate", source="measured: accepted and ignored"),
    _chat("max_completion_tokens", "tolerates", "translate", source="measured: accepted without effect"),
    _chat("parallel_tool_calls", "unknown", "translate"),
    _chat("stream_options", "unknown", "translate"),
    _chat("functions", "unknown", "translate"),
    _chat("function_call", "unknown", "translate"),
    _chat("max_output_tokens", "unknown", "translate"),
    _chat("reasoning", "unknown", "translate"),
    _chat("web_search_options", "rejects", "translate"),
    _chat("prompt_cache_key", "unknown", "translate", source="guides/developer/prompt-cache"),
    _chat("presence_penalty", "unknown", "drop", meaning=True),
    _chat("seed", "unknown", "drop", meaning=True),
    _chat("logit_bias", "unknown", "drop", meaning=True),
    _chat("logprobs", "unknown", "drop", meaning=True),
    _chat("top_logprobs", "unknown", "drop", meaning=True),
    _chat("prediction", "unknown", "drop"),
    _chat("verbosity", "unknown", "drop", meaning=True),
    _chat("thinking", "unknown", "drop", meaning=True, source="guides/models/step-router"),
    _chat("moderation", "unknown", "drop", meaning=True),
    _chat("user", "unknown", "drop"),
    _chat("safety_identifier", "unknown", "drop"),
    _chat("metadata", "unknown", "drop"),
    _chat("store", "unknown", "drop"),
    _chat("service_tier", "unknown", "drop"),
    _chat("prompt_cache_retention", "unknown", "drop"),
    _chat("prompt_cache_options", "unknown", "drop"),
)

PARAMETERS: Final = CHAT_COMPLETIONS
