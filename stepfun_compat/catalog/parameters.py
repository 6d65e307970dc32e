"""What StepFun does with each of OpenAI's request parameters, per endpoint (stepfun-api 3.1, 3.2, 5.1).

`state` is the evidence, `action` what the client does:

- `send`: sent unchanged, or converted without loss.
- `translate`: implemented in another way (see the endpoint's module).
- `drop`: not sent. With `meaning` the response may differ, so the policy `on_unsupported` applies; without it the
  parameter does not affect the response, and dropping it is only logged.
"""

from __future__ import annotations

from typing import Final

from .schema import Parameter, ParameterState

_CHAT_PAGE: Final = "chat/chat-completion-create"
_AZURE: Final = "Azure OpenAI's chat completions; not documented by StepFun"
_READ: Final = "2026-06-19"
"""The day the documentation was read."""


def _chat(
    name: str,
    state: ParameterState,
    action: str,
    meaning: bool = False,
    source: str = _CHAT_PAGE,
    as_of: str = _READ,
    models: tuple[str, ...] = (),
) -> Parameter:
    return Parameter("chat.completions", name, state, action, meaning, source, as_of, models)


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
    _chat("tool_choice", "tolerates", "translate", source="measured: accepted and ignored", as_of="2026-09"),
    _chat(
        "max_completion_tokens",
        "tolerates",
        "translate",
        source="measured: accepted without effect",
        as_of="2026-09-20",
    ),
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
    # passed through to the router's DeepSeek engine
    _chat("thinking", "unknown", "drop", True, source="guides/models/step-router", models=("step-router-v1",)),
    _chat("moderation", "unknown", "drop", meaning=True),
    _chat("user", "unknown", "drop"),
    _chat("safety_identifier", "unknown", "drop"),
    _chat("metadata", "unknown", "drop"),
    _chat("store", "unknown", "drop"),
    _chat("service_tier", "unknown", "drop"),
    _chat("prompt_cache_retention", "unknown", "drop"),
    _chat("prompt_cache_options", "unknown", "drop"),
    # Azure only; its data sources contain Azure keys, which must not be sent to StepFun
    _chat("data_sources", "unknown", "drop", meaning=True, source=_AZURE),
    _chat("dataSources", "unknown", "drop", meaning=True, source=_AZURE),
    _chat("enhancements", "unknown", "drop", meaning=True, source=_AZURE),
    _chat("user_security_context", "unknown", "drop", source=_AZURE),
)


def _rows(
    endpoint: str, source: str, *, drop: str = "", inert: str = "", supports: str = "", translate: str = ""
) -> tuple[Parameter, ...]:
    """Return rows from lists of names: dropped with a loss, dropped without a loss, sent, translated."""
    return (
        *(Parameter(endpoint, name, "supports", "send", False, source, _READ) for name in supports.split()),
        *(Parameter(endpoint, name, "unknown", "translate", False, source, _READ) for name in translate.split()),
        *(Parameter(endpoint, name, "unknown", "drop", True, source, _READ) for name in drop.split()),
        *(Parameter(endpoint, name, "unknown", "drop", False, source, _READ) for name in inert.split()),
    )


OTHER_ENDPOINTS: Final = (
    *_rows("files.create", "files/create", supports="file url", translate="purpose", drop="expires_after"),
    *_rows(
        "images.generate",
        "images/image",
        supports="prompt response_format seed steps cfg_scale negative_prompt text_mode",
        translate="model size n stream",
        drop="quality style background output_format output_compression moderation partial_images input_fidelity "
        "complexity frame_count frame_duration_ms svg",
        inert="user safety_identifier",
    ),
    *_rows(
        "images.edit",
        "images/edits",
        supports="prompt response_format seed steps cfg_scale negative_prompt text_mode",
        translate="model image n stream",
        drop="size quality background output_format output_compression moderation partial_images input_fidelity "
        "complexity frame_count frame_duration_ms svg",
        inert="user safety_identifier",
    ),
    *_rows(
        "images.create_variation", "images/image2image", translate="model image n size response_format", inert="user"
    ),
    *_rows(
        "audio.speech",
        "audio/create-audio",
        supports="response_format stream_format volume sample_rate voice_label pronunciation_map markdown_filter "
        "return_url language",
        translate="model input voice speed instructions",
    ),
    *_rows(
        "audio.transcriptions",
        "audio/asr",
        supports="language hotwords enable_itn enable_timestamp",
        translate="model file response_format stream timestamp_granularities",
        drop="prompt temperature include known_speaker_names known_speaker_references keywords languages",
        inert="chunking_strategy",
    ),
    *_rows(
        "vector_stores.create",
        "vector-stores/create",
        supports="type",
        translate="name file_ids",
        drop="expires_after chunking_strategy",
        inert="metadata description",
    ),
    *_rows(
        "vector_stores.files.create",
        "vector-stores/files",
        supports="description",
        translate="file_id",
        drop="attributes chunking_strategy",
    ),
    *_rows(
        "responses",
        "responses/responses-create",
        translate="model input instructions tools tool_choice text reasoning max_output_tokens temperature top_p stream "
        "stream_options parallel_tool_calls max_tool_calls include truncation previous_response_id conversation "
        "prompt_cache_key store metadata user safety_identifier service_tier background prompt",
        drop="top_logprobs context_management moderation personality multi_agent access_programs image",
        inert="prompt_cache_retention prompt_cache_options client_metadata background_options",
    ),
    *_rows(
        "responses.input_tokens",
        "token-count",
        translate="model input instructions previous_response_id conversation",
        drop="tools personality",
        inert="tool_choice parallel_tool_calls reasoning text truncation",
    ),
    *_rows(
        "completions",
        "chat/chat-completion-create",
        supports="temperature top_p frequency_penalty stop",
        translate="model prompt suffix echo n best_of max_tokens stream stream_options",
        drop="logprobs presence_penalty logit_bias seed",
        inert="user",
    ),
)

PARAMETERS: Final = (*CHAT_COMPLETIONS, *OTHER_ENDPOINTS)
