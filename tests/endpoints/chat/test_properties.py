"""Properties of every request and response: no crash, no mutation, equal bytes, idempotence."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepfun_compat.catalog import default
from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.chat.endpoint import ENDPOINT
from stepfun_compat.endpoints.chat.state import ChatState
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.json_values import UnexpectedBody
from tests.support.chat import TOOL_NAME, USER, a, b, back, c, function, gather, out, reasons, stream, text
from tests.support.exchange import exchange
from tests.support.properties import examples
from tests.support.strategies import arguments, fixed, junk, names, some, words

pytest.importorskip("hypothesis")


calls = some(
    {"function": some({}, name=names | st.none(), arguments=arguments)},
    id=st.sampled_from(["call_1", "call_2", "", None]),
    type=st.sampled_from(["function", "", None, "web_search"]),
    index=st.integers(0, 2),
)
custom_calls = fixed(id=st.just("c"), type=st.just("custom"), custom=fixed(name=names, input=words))
text_parts = fixed(type=st.just("text"), text=words)
parts = (
    text_parts
    | fixed(
        type=st.just("image_url"), image_url=some({"url": words}, detail=st.sampled_from(["auto", "low", None])) | words
    )
    | fixed(
        type=st.just("input_audio"), input_audio=some({"data": words}, format=st.sampled_from(["wav", "mp3", "ogg"]))
    )
    | fixed(type=st.sampled_from(["refusal", "file", "video_url", "other"]))
    | words
    | junk
)
contents = words | st.none() | st.lists(parts, max_size=3) | st.lists(text_parts, max_size=3)
rows = (
    some(
        {"role": st.sampled_from(["system", "developer", "user", "tool", "function", "assistant", "odd"])},
        content=contents,
        name=words | st.none() | junk,
        tool_call_id=words | st.none(),
    )
    | some(
        {"role": st.just("assistant")},
        content=words | st.none(),
        tool_calls=st.none() | st.lists(calls | custom_calls | junk, max_size=3),
        function_call=st.none() | fixed(name=names, arguments=arguments),
        reasoning=words | st.none(),
        reasoning_content=words | st.none(),
        refusal=words | st.none(),
        audio=st.none() | fixed(id=words),
        annotations=st.just([]),
    )
    | junk
)
tools = (
    some(
        {
            "type": st.just("function"),
            "function": some({"name": names}, strict=st.booleans() | st.none(), parameters=st.just({"type": "object"})),
        }
    )
    | fixed(type=st.just("custom"), custom=fixed(name=names))
    | st.just({"type": "web_search", "function": {"description": "x"}})
)
models = st.sampled_from([*default().models, *default().retired, "gpt-4o", "o3", "gpt-4o-audio-preview", "else", ""])
choices = (
    st.sampled_from(["auto", "none", "required"]) | fixed(type=st.just("function"), function=fixed(name=names)) | junk
)
formats = (
    st.sampled_from([{"type": "text"}, {"type": "json_object"}, {"type": "json_schema"}])
    | st.just({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": None}})
    | junk
)
known = {
    name: junk
    for name in default().parameters("chat.completions")
    if name not in ("messages", "model", "tools", "tool_choice", "response_format", "reasoning_effort")
}
bodies = some(
    {"messages": st.lists(rows, max_size=4), "model": models},
    tools=st.lists(tools, max_size=4),
    tool_choice=choices,
    response_format=formats,
    reasoning_effort=st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", None]),
    **known,
)
sane = st.fixed_dictionaries(
    {"messages": st.lists(rows, max_size=4), "model": models},
    optional={
        "tools": st.lists(tools, max_size=4),
        "tool_choice": st.sampled_from(["auto", "none", "required"]),
        "response_format": formats.filter(lambda f: isinstance(f, dict)),
        "max_completion_tokens": st.integers(1, 100),
        "seed": st.integers(),
        "stream": st.booleans(),
        "parallel_tool_calls": st.booleans(),
    },
)


def translate(body: Any) -> Any:
    """Return the sent body or the refusal; any other exception is a crash."""
    try:
        return ENDPOINT.transform_request(WireRequest("POST", "/chat/completions", json=body), exchange(ENDPOINT)).json
    except RequestRejected as refusal:
        said = refusal
    assert said.message
    assert said.code
    return said


def as_bytes(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


@examples(100)
@given(body=bodies)
def test_request_never_crashes_and_is_never_mutated(body: Any) -> None:
    before = copy.deepcopy(body)
    wire = translate(body)
    assert body == before
    assert as_bytes(body) == as_bytes(before)  # nor the order of its keys
    if not isinstance(wire, RequestRejected):
        as_bytes(wire)


@examples(70)
@given(body=bodies)
def test_equal_requests_send_equal_bytes(body: Any) -> None:
    first, second = translate(body), translate(copy.deepcopy(body))
    if isinstance(first, RequestRejected):
        assert isinstance(second, RequestRejected)
        assert first.message == second.message
    else:
        assert as_bytes(first) == as_bytes(second)


@examples(70)
@given(body=sane)
def test_translated_request_is_translated_to_itself(body: Any) -> None:
    wire = translate(body)
    if isinstance(wire, RequestRejected):
        return
    again = translate(wire)
    assert not isinstance(again, RequestRejected), again.message
    assert as_bytes(again) == as_bytes(wire)


@examples(70)
@given(rows=st.lists(rows, max_size=4))
def test_every_sent_message_is_valid_for_stepfun(rows: Any) -> None:
    wire = translate({"model": "step-3.7-flash", "messages": rows})
    if isinstance(wire, RequestRejected):
        return
    for given_row, row in zip(rows, wire["messages"], strict=True):
        if not isinstance(given_row, dict) or "role" not in given_row:
            continue
        assert row["role"] not in ("developer", "function")
        assert "name" not in row
        if row["role"] != "user":
            assert row["content"] is None or not isinstance(row["content"], list)
        for call in row.get("tool_calls") or ():
            if isinstance(call, dict) and row["role"] == "assistant":
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
                assert call["function"]["name"]
                assert call["id"]
        if row["role"] == "assistant":
            assert row.get("tool_calls", True)


@examples(70)
@given(listed=st.lists(names, max_size=6, unique=True))
def test_tool_names_are_valid_and_map_back(listed: list[str]) -> None:
    wire, context = out(tools=[function(name) for name in listed])
    short = [tool["function"]["name"] for tool in wire.get("tools", ())]
    assert len(set(short)) == len(listed)
    assert all(TOOL_NAME.fullmatch(name) for name in short)
    assert [context.state(ChatState).tools.caller_name(name) for name in short] == listed


# ---------------------------------------------------------------- responses


good_calls = st.lists(
    fixed(
        type=st.just("function"),
        function=fixed(
            name=st.sampled_from(["f", "get_weather"]), arguments=st.sampled_from(["{}", '{"a": [1, "é"]}'])
        ),
    ),
    max_size=3,
).map(lambda made: [{"id": f"call_{i}", **call} for i, call in enumerate(made)])
answers = fixed(content=words, reasoning=words, calls=good_calls)


def whole(answer: Any) -> Any:
    row = {"role": "assistant", "content": answer["content"], "reasoning": answer["reasoning"]}
    if answer["calls"]:
        row["tool_calls"] = answer["calls"]
    return {"id": "1", "created": 1, "choices": [{"index": 0, "message": row, "finish_reason": "stop"}]}


@given(answer=answers)
def test_replayed_message_is_sent_as_stepfun_returned_it(answer: Any) -> None:
    said = back(whole(answer))["choices"][0]["message"]
    (row,) = out(messages=[said])[0]["messages"]
    assert row["role"] == "assistant"
    assert row["content"] == answer["content"]
    assert row["reasoning_content"] == answer["reasoning"]
    assert row.get("tool_calls", []) == answer["calls"]
    assert not row.keys() - {"role", "content", "reasoning_content", "tool_calls"}


@examples(70)
@given(
    answer=answers,
    shape=st.sampled_from([a, b, c]),
    size=st.integers(1, 6),
    indexed=st.sampled_from(["honest", "missing", "zero"]),
    repeated=st.booleans(),
)
def test_stream_contains_what_the_complete_response_contains(
    answer: Any, shape: Any, size: int, indexed: str, repeated: bool
) -> None:
    def cut(value: str) -> list[str]:
        return [value[i : i + size] for i in range(0, len(value), size)]

    chunks = [shape({"reasoning": piece}) for piece in cut(answer["reasoning"])]
    chunks += [shape({"content": piece}) for piece in cut(answer["content"])]
    for index, call in enumerate(answer["calls"]):
        for position, piece in enumerate(cut(call["function"]["arguments"])):
            named = position == 0 or repeated
            entry: dict[str, Any] = {"function": {"arguments": piece}}
            if named:
                entry = {
                    "id": call["id"],
                    "type": "function",
                    "function": {"name": call["function"]["name"], "arguments": piece},
                }
            if indexed != "missing":
                entry["index"] = index if indexed == "honest" else 0
            chunks.append(shape({"content": "", "tool_calls": [entry]}))
    received = stream([*chunks, shape({}, "stop")])
    said = back(whole(answer))["choices"][0]
    assert text(received) == (said["message"]["content"] or "")
    thought = [choice["delta"].get("reasoning_content") or "" for row in received for choice in row["choices"]]
    assert "".join(thought) == answer["reasoning"]
    assert gather(received) == said["message"].get("tool_calls", [])
    assert reasons(received) == [None] * (len(received) - 1) + [said["finish_reason"]]


odd_choices = st.lists(
    some(
        {},
        index=st.integers(0, 2) | st.none(),
        delta=some(
            {},
            content=words | st.none() | junk,
            role=words,
            tool_calls=st.lists(calls | junk, max_size=3) | junk,
            reasoning=words | junk,
            audio=junk,
        )
        | junk,
        message=some({}, content=words | junk, tool_calls=st.lists(calls | junk, max_size=3)) | junk,
        finish_reason=st.sampled_from(["", "stop", "length", None, "tool_calls"]),
    )
    | junk,
    max_size=2,
)
odd_bodies = (
    some(
        {},
        id=junk,
        created=junk,
        model=junk,
        choices=odd_choices | junk,
        usage=st.none()
        | st.dictionaries(
            st.sampled_from(["prompt_tokens", "completion_tokens", "cached_tokens", "prompt_tokens_details"]), junk
        ),
    )
    | junk
)


def options() -> Any:
    return out(
        model="gpt-4o",
        stream=True,
        max_tokens=3,
        stream_options={"include_usage": True},
        tools=[function(), {"type": "custom", "custom": {"name": "f"}}],
        messages=[USER],
    )[1]


@examples(100)
@given(body=odd_bodies)
def test_complete_response_never_crashes(body: Any) -> None:
    try:
        data = back(body, options())
    except UnexpectedBody:
        return
    assert all(choice["finish_reason"] for choice in data["choices"])
    as_bytes(data)


@examples(100)
@given(chunks=st.lists(odd_bodies, max_size=4))
def test_stream_never_crashes(chunks: Any) -> None:
    transform = ENDPOINT.transform_stream(options())
    received = []
    for chunk in chunks:
        try:
            received += transform.feed(copy.deepcopy(chunk))
        except UnexpectedBody:
            assert not isinstance(chunk, dict)
    received += transform.close()
    as_bytes(received)
    ends: dict[int, int] = {}
    for row in received:
        assert row["object"] == "chat.completion.chunk"
        for choice in row["choices"]:
            if choice["finish_reason"] is not None:
                ends[choice["index"]] = ends.get(choice["index"], 0) + 1
    assert set(ends.values()) <= {1}
