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
_SHORT: Final = {"max_tokens": 1500}  # reasoning comes out of it (api 4.6); fewer, and there may be no answer
# a red square, 16 pixels wide
_PIXELS: Final = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mP4z8BAEmIY1TCqYfhqAACQ+f8B8u7oVwAAAABJRU5ErkJggg=="


@dataclass(frozen=True)
class Check:
    """One open question.

    `fact` is its place in the facts, `decided` what is looked at, `setting` what to set if the answer is not the one
    the default expects (`-`: nothing, both sides are accepted).
    """

    name: str
    question: str
    fact: str
    decided: str
    setting: str
    ask: Callable[[Any, str], str]


@dataclass(frozen=True)
class Result:
    """What a check found. `failed` is True where the question could not be put (no key, no connection)."""

    name: str
    question: str
    fact: str
    setting: str
    answer: str
    failed: bool = False


def client() -> Any:
    """A stock client at the configured place, with the StepFun key and nothing else of `OPENAI_*`.

    Raises:
        KeyRefusedError: there is no StepFun key.
    """
    settings = Settings()
    target = resolve_target(None, settings, explicit_settings=True, api_key=None)
    key = stepfun_key(settings, target.named)
    if key is None:
        raise missing_key()
    made: Any = stock.OpenAI(api_key=key, base_url=target.base_url, max_retries=1, timeout=120, default_headers={})
    made.organization = made.project = None
    made._custom_headers = {}  # OPENAI_CUSTOM_HEADERS are meant for OpenAI
    if hasattr(made, "admin_api_key"):
        made.admin_api_key = None
    return made


def run(check: Check, client: Any, model: str) -> Result:
    """Put one question; an error of the server is an answer, a missing connection is not."""
    failed = False
    try:
        answer = check.ask(client, model)
    except openai.APIStatusError as error:
        answer = f"refused with {_told(error)}"
    except openai.OpenAIError as error:
        answer, failed = f"could not be asked: {error}", True
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        answer = f"answered in a shape that is not on record ({error!r})"
    return Result(check.name, check.question, check.fact, check.setting, answer, failed)


def _told(error: openai.APIStatusError) -> str:
    body: Any = error.body
    told = cast("dict[str, Any]", body).get("message") if isinstance(body, dict) else None
    return f"{error.status_code}: {told or error.message}"


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


def _reasoning_replay(client: Any, model: str) -> str:
    asked = {"tools": [_TOOL], "max_tokens": 1500}
    first = _message(_chat(client, model, messages=_USE_TOOL, **asked))
    calls: list[Any] = list(first.get("tool_calls") or ())
    if not calls:
        return "no tool was called"
    reasoning = first.get("reasoning_content") or first.get("reasoning")
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in calls]
    said: list[str] = []
    for kept in (False, True):
        message: dict[str, Any] = {"role": "assistant", "content": first.get("content") or "", "tool_calls": calls}
        if kept:
            message["reasoning_content"] = reasoning or ""
        name = "with" if kept else "without"
        try:
            answer = _chat(client, model, messages=[*_USE_TOOL, message, *results], **asked)
            said.append(f"{name} it accepted, {answer['usage']['prompt_tokens']} prompt tokens")
        except openai.APIStatusError as error:
            said.append(f"{name} it refused with {_told(error)}")
    return "; ".join(said)


def _several(client: Any, model: str) -> str:
    return f"n=2 gave {len(_chat(client, model, n=2)['choices'])} choices"


def _detail(client: Any, model: str) -> str:
    part = {"type": "image_url", "image_url": {"url": _PIXELS, "detail": "auto"}}
    content = [{"type": "text", "text": "Answer with the word yes."}, part]
    answer = _chat(client, model, messages=[{"role": "user", "content": content}])
    return f"detail auto is accepted; {answer['usage']['prompt_tokens']} prompt tokens"


def _web_search(client: Any, model: str) -> str:
    tool = {"type": "web_search", "function": {"description": "Searches the web."}}
    messages = [{"role": "user", "content": "Search the web: what day is it?"}]
    answer = _chat(client, model, messages=messages, tools=[tool], max_tokens=1500)
    return f"accepted; {len(_message(answer).get('tool_calls') or [])} searches beside the answer"


def _limit_headers(client: Any, model: str) -> str:
    body = {"model": model, "messages": _ASK, **_SHORT}
    raw = client.chat.completions.with_raw_response.create(**body)
    told = sorted(
        name for name in raw.headers if name.lower().startswith("x-ratelimit") or name.lower() == "retry-after"
    )
    return f"headers that tell of limits: {', '.join(told) or 'none'}"


def _unknown_model(client: Any, model: str) -> str:
    del model
    try:
        _chat(client, "step-0-nonexistent")
    except openai.APIStatusError as error:
        return _told(error)
    return "accepted"


def _asked(
    name: str, question: str, fact: str, decided: str, ask: Callable[[Any, str], str], setting: str = "-"
) -> Check:
    return Check(name, question, fact, decided, setting, ask)


CHECKS: Final = (
    _asked(
        "tool_choice",
        "Is tool_choice honoured?",
        "11.5",
        "one call with none where a tool fits, one with required where none does",
        _tool_choice,
        "STEPFUN_MAX_REASKS",
    ),
    _asked(
        "stream_usage",
        "What does stream_options.include_usage do?",
        "11.2",
        "chunks with usage, and chunks without choices",
        _stream_usage,
    ),
    _asked(
        "stream_shape",
        "Which stream shape does the model send?",
        "11.8",
        "role and finish_reason of the chunks in the middle",
        _stream_shape,
    ),
    _asked(
        "stream_tools",
        "What do streamed tool calls look like?",
        "11.6",
        "fragments with an index, fragments with an id",
        _stream_tools,
    ),
    _asked("finish_reason", "Which finish reason stands beside tool calls?", "11.7", "finish_reason", _finish_reason),
    _asked("developer", "Is the developer role accepted?", "11.10", "whether the model obeyed it", _developer),
    _asked(
        "effort_none",
        "Is reasoning_effort none accepted?",
        "11.3",
        "the status, and how much reasoning came",
        _effort("none"),
        "STEPFUN_REASONING_EFFORT",
    ),
    _asked(
        "effort_medium",
        "What does medium cost?",
        "11.4",
        "reasoning and tokens; ask again with other efforts to compare",
        _effort("medium"),
        "STEPFUN_REASONING_EFFORT",
    ),
    _asked("json_schema", "Is json_schema native on this model?", "11.9", "whether the answer fits", _json_schema),
    _asked("cache", "Do equal prompts hit the cache?", "11.12", "cached tokens of three equal prompts", _cache(None)),
    _asked(
        "cache_header",
        "Do they with the header?",
        "11.12",
        "as cache, with X-Session-Id; one answer proves little, the difference of many does",
        _cache("X-Session-Id"),
        "STEPFUN_PROMPT_CACHE_HEADER",
    ),
    _asked(
        "responses",
        "Is the Responses route served on this plan?",
        "11.14",
        "the status",
        _responses,
        "STEPFUN_RESPONSES_ROUTE",
    ),
    _asked(
        "reasoning_replay",
        "Must reasoning be replayed after a tool call?",
        "11.20",
        "the second turn without and with reasoning_content: status and prompt tokens",
        _reasoning_replay,
        "STEPFUN_REPLAY_REASONING",
    ),
    _asked(
        "web_search",
        "Is the built-in search served here? It is billed per search.",
        "11.18",
        "the status",
        _web_search,
        "STEPFUN_WEB_SEARCH",
    ),
    _asked("several_choices", "Does n give several choices?", "11.21", "the number of choices", _several),
    _asked("image_detail", "Is detail auto accepted?", "11.15", "the status, with an image of 16 pixels", _detail),
    _asked(
        "limit_headers",
        "Are rate limits told in headers?",
        "11.17",
        "names of the response headers",
        _limit_headers,
        "STEPFUN_RATE_LIMIT_MIN_WAIT",
    ),
    _asked("unknown_model", "Which status has an unknown model?", "11.17", "the status and the text", _unknown_model),
    *(
        _asked(
            name,
            f"Is {name} accepted on chat?",
            "11.1",
            "the status; an effect one call cannot show",
            _accepts(name, value),
            "STEPFUN_ON_UNSUPPORTED",
        )
        for name, value in (
            ("seed", 7),
            ("logprobs", True),
            ("logit_bias", {"1": 1}),
            ("presence_penalty", 0.5),
            ("user", "probe"),
            ("metadata", {"probe": "1"}),
            ("store", False),
            ("service_tier", "default"),
            ("parallel_tool_calls", False),
            ("verbosity", "low"),
            ("prompt_cache_key", "probe"),
        )
    ),
)
