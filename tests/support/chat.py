"""Chat helpers for tests: one request, response or stream as plain data."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from typing import Any

from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.chat.endpoint import ENDPOINT
from stepfun_compat.endpoints.context import RequestContext

from .exchange import exchange

USER = {"role": "user", "content": "hi"}
TOOL_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$")
"""A tool name that StepFun accepts (stepfun-api 3.1)."""
USAGE = {"prompt_tokens": 90, "completion_tokens": 24, "total_tokens": 114}


def function(name: str = "get_weather", **more: Any) -> dict[str, Any]:
    """A function tool as OpenAI code declares it."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def search(*results: dict[str, Any]) -> dict[str, Any]:
    """A call of StepFun's web search with its results (stepfun-api 4.4)."""
    return {
        "id": "call__Tg9p",
        "type": "web_search",
        "function": {"name": "step_websearch", "arguments": '{"keyword": "x"}', "results": list(results)},
    }


def out(
    context: RequestContext | None = None, /, settings: dict[str, Any] | None = None, **body: Any
) -> tuple[Any, RequestContext]:
    """Return the request body sent to StepFun and the context of the call. Check that the caller's data is not mutated and
    that the body is JSON."""
    context = context or exchange(ENDPOINT, **(settings or {}))
    body.setdefault("model", "step-3.7-flash")
    body.setdefault("messages", [USER])
    before = copy.deepcopy(body)
    wire = ENDPOINT.transform_request(WireRequest("POST", "/chat/completions", json=body), context)
    assert body == before
    json.dumps(wire.json)
    return wire.json, context


def sent(settings: dict[str, Any] | None = None, **body: Any) -> Any:
    return out(settings=settings, **body)[0]


def changes(context: RequestContext) -> list[tuple[str, str]]:
    return [(change.kind, change.parameter) for change in context.changes]


def back(data: Any, context: RequestContext | None = None) -> Any:
    """Translate a StepFun response to OpenAI's shape."""
    return ENDPOINT.transform_response(copy.deepcopy(data), context or out()[1])


def message(data: Any, context: RequestContext | None = None) -> Any:
    return back(data, context)["choices"][0]["message"]


def stream(chunks: Sequence[Any], context: RequestContext | None = None) -> list[Any]:
    """Return the chunks the caller of a streamed call receives."""
    transform = ENDPOINT.transform_stream(context or out(stream=True)[1])
    received = [row for chunk in chunks for row in transform.feed(copy.deepcopy(chunk))]
    return [*received, *transform.close()]


def deltas(received: Sequence[Any]) -> list[Any]:
    return [choice["delta"] for row in received for choice in row["choices"]]


def text(received: Sequence[Any]) -> str:
    return "".join(delta.get("content") or "" for delta in deltas(received))


def reasons(received: Sequence[Any]) -> list[Any]:
    return [choice["finish_reason"] for row in received for choice in row["choices"]]


def gather(received: Sequence[Any]) -> list[Any]:
    """Merge the tool calls of a stream as OpenAI documents it: by index, with the name in the first fragment."""
    calls: list[Any] = []
    for delta in deltas(received):
        for entry in delta.get("tool_calls") or ():
            index = entry["index"]
            if index == len(calls):
                kind = entry["type"]
                assert entry["id"]
                calls.append({"id": entry["id"], "type": kind, kind: dict(entry[kind])})
                continue
            assert index < len(calls), "a call's index skips one"
            assert "id" not in entry
            assert "type" not in entry
            for kind in ("function", "custom"):
                for key, value in entry.get(kind, {}).items():
                    assert key != "name"
                    calls[index][kind][key] += value
    return calls


# ---------------------------------------------------------------- the three recorded shapes (stepfun-api 4.5)


def a(delta: dict[str, Any], finish: str = "", tokens: int = 4, created: int = 1710146871) -> dict[str, Any]:
    """Shape A: `role:""` and `finish_reason:""` on every chunk, cumulative usage."""
    return {
        "id": "d4",
        "object": "chat.completion.chunk",
        "created": created,
        "model": "step-3.7-flash",
        "choices": [{"index": 0, "delta": {"role": "", **delta}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 90 if tokens else 0, "completion_tokens": tokens, "total_tokens": 90 + tokens}
        if tokens
        else {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def b(delta: dict[str, Any], finish: str | None = None, tokens: int = 1) -> dict[str, Any]:
    """Shape B: `role:"assistant"` on every chunk, no `finish_reason` key until the end, an extra `agent`."""
    choice: dict[str, Any] = {"index": 0, "delta": {"role": "assistant", **delta}}
    if finish is not None:
        choice["finish_reason"] = finish
    return {
        "id": "e43f.25f5",
        "object": "chat.completion.chunk",
        "created": 1772615012,
        "model": "step-3.7-flash",
        "choices": [choice],
        "usage": {"prompt_tokens": 85, "completion_tokens": tokens, "total_tokens": 85 + tokens},
        "agent": "",
    }


def c(delta: dict[str, Any], finish: str | None = None, tokens: int = 1, created: int = 1772615012) -> dict[str, Any]:
    """Shape C: deltas without a role, usage with `cached_tokens` at the top."""
    choice: dict[str, Any] = {"index": 0, "delta": delta}
    if finish is not None:
        choice["finish_reason"] = finish
    return {
        "id": "c7",
        "object": "chat.completion.chunk",
        "created": created,
        "model": "step-3.7-flash",
        "choices": [choice],
        "usage": {"cached_tokens": 64, "prompt_tokens": 100, "completion_tokens": tokens, "total_tokens": 100 + tokens},
    }


def fragment(name: str | None = None, arguments: str | None = None, **more: Any) -> dict[str, Any]:
    """A fragment of a tool call with only the given fields."""
    inner: dict[str, Any] = {}
    if name is not None:
        inner["name"] = name
    if arguments is not None:
        inner["arguments"] = arguments
    return {**more, "function": inner}


def tool_stream(*chunks: list[Any], finish: str = "stop") -> list[Any]:
    """A stream in shape B of these fragments."""
    return [b({"content": "", "tool_calls": fragments}) for fragments in chunks] + [b({"content": ""}, finish)]


def calls_of(received: list[Any]) -> list[tuple[str, str, str]]:
    """The id, name and arguments of each call of a stream."""
    return [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in gather(received)]


def asked(**body: Any) -> Any:
    """The context of a streamed call."""
    return out(stream=True, **body)[1]


SHAPE_A = [
    a({"role": "assistant", "content": ""}, tokens=0, created=0),
    a({"content": "AI"}, tokens=4),
    a({"content": " is"}, tokens=14),
    a({"content": ""}, "stop", tokens=24),
]
SHAPE_B = [
    b({"content": "", "reasoning": "用户"}, tokens=1),
    b({"content": "", "reasoning": "asks"}, tokens=2),
    b({"content": "AI"}, tokens=600),
    b({"content": " is"}, "stop", tokens=616),
]
SHAPE_C = [c({}, tokens=1), c({"content": "AI"}, tokens=2), c({"content": " is"}, tokens=3), c({}, "stop", tokens=4)]
