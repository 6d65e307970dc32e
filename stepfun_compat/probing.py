"""The open questions of StepFun's wire, each with a small request that answers it for a key (api 11).

Nothing here changes a setting: the answers tell a user which setting fits the account today. The requests go out
through openai's own client, untranslated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import openai

from . import stock
from .settings import Settings, missing_key, resolve_target, stepfun_key

_ASK: Final = [{"role": "user", "content": "Answer with the word yes."}]
_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "note",
        "description": "Writes a note down.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
}
_USE_TOOL: Final = [{"role": "user", "content": "Use the note tool to write down: tea."}]
_SHORT: Final = {"max_tokens": 400}


@dataclass(frozen=True)
class Check:
    """One open question. `fact` is its place in the facts, `setting` what to set if the answer is not the default's."""

    name: str
    question: str
    fact: str
    setting: str
    ask: Callable[[Any, str], str]


@dataclass(frozen=True)
class Result:
    """What a check found. `failed` is True where the question could not be put (no key, no connection)."""

    name: str
    question: str
    answer: str
    failed: bool = False


def client() -> Any:
    """A stock client at the configured place, with the StepFun key.

    Raises:
        KeyRefusedError: there is no StepFun key.
    """
    settings = Settings()
    target = resolve_target(None, settings, explicit_settings=True, api_key=None)
    key = stepfun_key(settings, target.named)
    if key is None:
        raise missing_key(False)
    made = stock.OpenAI(api_key=key, base_url=target.base_url, max_retries=1, timeout=120)
    made.organization = made.project = None
    return made


def run(check: Check, client: Any, model: str) -> Result:
    """Put one question; an error of the server is an answer, a missing connection is not."""
    try:
        return Result(check.name, check.question, check.ask(client, model))
    except openai.APIStatusError as error:
        return Result(check.name, check.question, f"refused with {error.status_code}: {error.message}")
    except openai.OpenAIError as error:
        return Result(check.name, check.question, f"could not be asked: {error}", failed=True)


def _chat(client: Any, model: str, **more: Any) -> Mapping[str, Any]:
    body = {"model": model, "messages": _ASK, **_SHORT, **more}
    return cast("Mapping[str, Any]", client.post("/chat/completions", body=body, cast_to=object))


def _message(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return answer["choices"][0]["message"]


def _accepts(parameter: str, value: Any) -> Callable[[Any, str], str]:
    def ask(client: Any, model: str) -> str:
        _chat(client, model, **{parameter: value})
        return f"{parameter} is accepted; whether it has an effect one call cannot show"

    return ask


def _effort(value: str) -> Callable[[Any, str], str]:
    def ask(client: Any, model: str) -> str:
        answer = _chat(client, model, reasoning_effort=value)
        message = _message(answer)
        reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
        return f"accepted; {len(reasoning)} characters of reasoning, {answer['usage']['completion_tokens']} tokens"

    return ask


def _tool_choice(client: Any, model: str) -> str:
    asked = {"messages": _USE_TOOL, "max_tokens": 1500}
    none = bool(_message(_chat(client, model, tools=[_TOOL], tool_choice="none", **asked)).get("tool_calls"))
    required = bool(_message(_chat(client, model, tools=[_TOOL], tool_choice="required")).get("tool_calls"))
    return f"none {'still called' if none else 'did not call'} a tool; required {'called' if required else 'did not call'} one"


def _events(client: Any, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    import json

    raw = client.chat.completions.with_raw_response.create(**body, stream=True)
    found: list[Mapping[str, Any]] = []
    for line in raw.http_response.iter_lines():
        if line.startswith("data:") and "[DONE]" not in line:
            found.append(json.loads(line[5:]))
    return found


def _stream_usage(client: Any, model: str) -> str:
    body = {"model": model, "messages": _ASK, **_SHORT, "stream_options": {"include_usage": True}}
    events = _events(client, body)
    each = sum(1 for event in events if event.get("usage"))
    empty = sum(1 for event in events if not event.get("choices"))
    return f"usage on {each} of {len(events)} chunks; {empty} chunks without choices"


def _stream_shape(client: Any, model: str) -> str:
    events = _events(client, {"model": model, "messages": _ASK, **_SHORT})
    choices = [event["choices"][0] for event in events if event.get("choices")]
    roles = {repr(choice.get("delta", {}).get("role")) for choice in choices[1:]}
    reasons = {repr(choice.get("finish_reason", "absent")) for choice in choices[:-1]}
    return f"roles after the first chunk: {', '.join(sorted(roles))}; unfinished reasons: {', '.join(sorted(reasons))}"


def _stream_tools(client: Any, model: str) -> str:
    events = _events(client, {"model": model, "messages": _USE_TOOL, "tools": [_TOOL], "max_tokens": 1500})
    deltas: list[Mapping[str, Any]] = []
    for event in events:
        for choice in event.get("choices") or ():
            deltas += choice.get("delta", {}).get("tool_calls") or []
    if not deltas:
        return "no tool was called"
    with_index = sum("index" in delta for delta in deltas)
    with_id = sum(bool(delta.get("id")) for delta in deltas)
    return f"{len(deltas)} fragments, {with_index} with an index, {with_id} with an id"


def _finish_reason(client: Any, model: str) -> str:
    answer = _chat(client, model, messages=_USE_TOOL, tools=[_TOOL], max_tokens=1500)
    return f"{answer['choices'][0].get('finish_reason')!r} beside {len(_message(answer).get('tool_calls') or [])} calls"


def _developer(client: Any, model: str) -> str:
    messages = [
        {"role": "developer", "content": "Answer only with the word blue."},
        {"role": "user", "content": "Colour?"},
    ]
    return f"accepted; answered {_message(_chat(client, model, messages=messages)).get('content')!r}"


def _cache(header: str | None) -> Callable[[Any, str], str]:
    def ask(client: Any, model: str) -> str:
        messages = [{"role": "system", "content": f"{time.time_ns()} " + "Be brief. " * 600}, *_ASK]
        extra = {"headers": {header: "probe"}} if header else {}
        hits: list[int] = []
        for _ in range(3):
            body = {"model": model, "messages": messages, **_SHORT}
            answer: Any = client.post("/chat/completions", body=body, cast_to=object, options=extra)
            usage: dict[str, Any] = answer["usage"]
            details: dict[str, Any] = usage.get("prompt_tokens_details") or {}
            hits.append(usage.get("cached_tokens") or details.get("cached_tokens") or 0)
        return f"cached tokens of three equal prompts: {hits}"

    return ask


def _json_schema(client: Any, model: str) -> str:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    format = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    return f"accepted; answered {_message(_chat(client, model, response_format=format)).get('content')!r}"


def _responses(client: Any, model: str) -> str:
    answer: Any = client.post("/responses", body={"model": model, "input": "Say yes."}, cast_to=object)
    return f"served; status {answer.get('status')}"


def _unknown_model(client: Any, model: str) -> str:
    del model
    try:
        _chat(client, "step-0-nonexistent")
    except openai.APIStatusError as error:
        return f"{error.status_code}: {error.message}"
    return "accepted"


CHECKS: Final = (
    Check("tool_choice", "Is tool_choice honoured?", "11.5", "STEPFUN_MAX_REASKS", _tool_choice),
    Check("stream_usage", "What does stream_options.include_usage do?", "11.2", "-", _stream_usage),
    Check("stream_shape", "Which stream shape does the model send?", "11.8", "-", _stream_shape),
    Check("stream_tools", "What do streamed tool calls look like?", "11.6", "-", _stream_tools),
    Check("finish_reason", "Which finish reason stands beside tool calls?", "11.7", "-", _finish_reason),
    Check("developer", "Is the developer role accepted?", "11.10", "-", _developer),
    Check("effort_none", "Is reasoning_effort none accepted?", "11.3", "STEPFUN_REASONING_EFFORT", _effort("none")),
    Check("effort_medium", "What does medium cost?", "11.4", "STEPFUN_REASONING_EFFORT", _effort("medium")),
    Check("json_schema", "Is json_schema native on this model?", "11.9", "-", _json_schema),
    Check("cache", "Do equal prompts hit the cache?", "11.12", "-", _cache(None)),
    Check("cache_header", "Do they with the header?", "11.12", "STEPFUN_PROMPT_CACHE_HEADER", _cache("X-Session-Id")),
    Check("responses", "Is the Responses route served?", "11.14", "STEPFUN_RESPONSES_ROUTE", _responses),
    Check("unknown_model", "Which status has an unknown model?", "11.17", "-", _unknown_model),
    *(
        Check(name, f"Is {name} accepted on chat?", "11.1", "STEPFUN_ON_UNSUPPORTED", _accepts(name, value))
        for name, value in (
            ("seed", 7),
            ("logprobs", True),
            ("logit_bias", {"1": 1}),
            ("presence_penalty", 0.5),
            ("user", "probe"),
            ("parallel_tool_calls", False),
            ("prompt_cache_key", "probe"),
        )
    ),
)
