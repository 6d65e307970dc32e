"""Properties of every Responses request, response and stream: no crash, no mutation, equal bytes, equal responses."""

from __future__ import annotations

import copy
import json
import typing
from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st

from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.context import RequestContext, RequestRejected
from stepfun_compat.endpoints.json_values import UnexpectedBody
from stepfun_compat.endpoints.responses.endpoint import Responses
from stepfun_compat.endpoints.responses.replay import events_of
from tests.support.chat import b, fragment
from tests.support.exchange import exchange
from tests.support.properties import examples
from tests.support.responses import WEATHER, events
from tests.support.responses import asked as asked_for
from tests.support.strategies import arguments, fixed, junk, names, some, words

ROUTES = ("auto", "native", "chat")
texts = fixed(type=st.sampled_from(["input_text", "output_text", "text"]), text=words)
parts = (
    texts
    | some(
        {"type": st.just("input_image")},
        image_url=words | fixed(url=words) | st.none(),
        detail=st.sampled_from(["low", "auto", None]),
        file_id=words,
    )
    | fixed(type=st.sampled_from(["refusal", "input_file", "input_audio", "input_video", "other"]))
    | words
    | junk
)
contents = words | st.none() | st.lists(parts, max_size=3) | st.lists(texts, max_size=2)
items = (
    some({"role": st.sampled_from(["user", "assistant", "system", "developer", "odd"])}, content=contents, type=st.just("message"), id=words)
    | some({"type": st.just("function_call")}, call_id=st.sampled_from(["c1", "c2", ""]), name=names, arguments=arguments)
    | some({"type": st.just("function_call_output")}, call_id=st.sampled_from(["c1", "c2"]), output=contents | junk)
    | some({"type": st.just("reasoning")}, summary=st.lists(texts, max_size=2), content=st.lists(texts, max_size=2) | st.none())
    | some({"type": st.sampled_from(["custom_tool_call", "custom_tool_call_output", "web_search_call", "mcp_call", "odd"])}, name=names, input=words, output=words)
    | junk
)  # fmt: skip
tools = (
    some({"type": st.just("function")}, name=names, parameters=junk, strict=st.booleans(), description=words)
    | fixed(type=st.sampled_from(["web_search", "web_search_preview", "file_search", "mcp", "odd"]))
    | fixed(type=st.just("custom"), name=names)
    | junk
)
choices = (
    st.sampled_from(["auto", "none", "required", "odd"])
    | fixed(type=st.sampled_from(["function", "custom", "web_search", "mcp", "shell"]), name=names)
    | fixed(
        type=st.just("allowed_tools"), mode=st.sampled_from(["auto", "required"]), tools=st.lists(tools, max_size=2)
    )
    | junk
)
requests = some(
    {"model": st.sampled_from(["gpt-4o", "o3", "step-3.7-flash", "step-3.5-flash", "step-router-v1", "own"])},
    input=words | st.lists(items, max_size=4) | junk,
    instructions=words | st.lists(items, max_size=2) | st.none(),
    tools=st.lists(tools, max_size=3) | st.none(),
    tool_choice=choices,
    text=junk | fixed(format=junk) | fixed(format=some({"type": st.sampled_from(["text", "json_object", "json_schema"])}, schema=junk, name=words)),
    reasoning=junk | fixed(effort=st.sampled_from(["low", "none", "huge", None])),
    max_output_tokens=st.integers(1, 5000) | st.none(),
    parallel_tool_calls=st.booleans(),
    include=st.lists(words, max_size=2),
    stream=st.booleans(),
    background=st.booleans(),
    store=st.booleans(),
    metadata=junk,
)  # fmt: skip


def translated(body: Any, route: str) -> tuple[Any, RequestContext] | None:
    """Return the sent request, or None if it is refused. Check that the caller's data is not mutated."""
    context = exchange(Responses(), responses_route=route, on_unsupported="ignore")
    before = copy.deepcopy(body)
    wire = sent_or_refused(body, context)
    assert body == before
    if isinstance(wire, RequestRejected):
        assert wire.message
        assert 400 <= wire.status < 500
        return None
    json.dumps(wire.json)
    return wire, context


def sent_or_refused(body: Any, context: RequestContext) -> Any:
    try:
        return Responses().transform_request(WireRequest("POST", "/responses", json=body), context)
    except RequestRejected as refusal:
        return refusal


@examples(30)
@given(requests, st.sampled_from(ROUTES))
def test_equal_requests_send_equal_bytes(body: Any, route: str):
    once, twice = translated(body, route), translated(body, route)
    assert (once is None) == (twice is None)
    if once is None or twice is None:
        return
    # byte for byte the same, so that the prefix cache matches it
    assert json.dumps(once[0].json) == json.dumps(twice[0].json)
    assert once[0].path == ("/responses" if route == "native" else once[0].path)
    if body.get("background"):
        assert not once[0].json.get("stream")


pieces = words.filter(bool)
deltas = st.one_of(
    fixed(reasoning=pieces),
    fixed(content=pieces),
    fixed(reasoning=pieces, content=st.just("")),
    fixed(refusal=pieces),
    st.builds(lambda i, t: {"tool_calls": [fragment("f", t, index=i, id=f"c{i}", type="function")]}, st.integers(0, 2), words),
)  # fmt: skip


@examples(35)
@given(
    st.lists(deltas, max_size=8),
    st.sampled_from(["stop", "length", "tool_calls", None]),
    st.sampled_from(["step-3.7-flash", "gpt-4o"]),
)
def test_streams_have_openais_events(made: list[Any], reason: str | None, model: str):
    chunks = [b(delta) for delta in made] + ([b({}, reason)] if reason else [])
    context = asked_for(model=model, tools=[WEATHER])
    out = events(context, chunks)  # which checks numbers, places and ids
    final = out[-1]["response"]
    done = [row["item"] for row in out if row["type"] == "response.output_item.done"]
    assert sorted(map(json.dumps, done)) == sorted(map(json.dumps, final["output"]))
    # a replayed Response gives the same items with the same types of events
    again = events_of(final)
    assert again[-1]["response"] == final
    assert {row["type"] for row in again} == {row["type"] for row in out if row["type"] in {r["type"] for r in again}}


@examples(20)
@given(junk | st.lists(junk, max_size=3).map(lambda output: {"output": output}), st.sampled_from(["native", "chat"]))
def test_responses_of_any_shape_never_crash(data: Any, route: str):
    try:
        body = Responses().transform_response(copy.deepcopy(data), asked_for(route))
    except UnexpectedBody:
        return
    assert body["object"] == "response"
    json.dumps(body)


@examples(20)
@given(st.lists(junk | fixed(type=st.sampled_from(["response.created", "response.output_item.added", "response.output_text.delta", "response.output_item.done", "response.completed", "error"])), max_size=5))  # fmt: skip
def test_native_events_of_any_shape_never_crash(rows: list[Any]):
    transform = Responses().transform_stream(asked_for("native"))
    out = [row for chunk in rows for row in transform.feed(copy.deepcopy(chunk))]
    out += transform.close()
    numbers = [row["sequence_number"] for row in out if isinstance(row, dict)]
    assert numbers == list(range(len(numbers)))


# ---------------------------------------------------------------- the newest SDK's own lists


def kinds_of(union: Any) -> list[str]:
    """The possible `type` values of each member of a union of TypedDicts."""
    found: list[str] = []
    for member in typing.get_args(union):
        hint = typing.get_type_hints(member).get("type")
        choices = typing.get_args(hint)
        found += [
            kind for choice in choices for kind in (typing.get_args(choice) or (choice,)) if isinstance(kind, str)
        ]
    return sorted(set(found))


def items_of_the_sdk() -> list[str]:
    from openai.types.responses.response_input_param import ResponseInputItemParam

    return kinds_of(ResponseInputItemParam)


def tools_of_the_sdk() -> list[str]:
    from openai.types.responses.tool_param import ToolParam

    return kinds_of(ToolParam)


@pytest.mark.parametrize("kind", items_of_the_sdk())
def test_every_item_type_is_sent_reported_or_refused_by_name(kind: str):
    item: dict[str, Any] = {"type": kind, "id": "x_1", "call_id": "c", "name": "f", "arguments": "{}", "output": "o"}
    if kind == "message":
        item.update(role="user", content="hi")
    context = exchange(Responses(), responses_route="chat", on_unsupported="ignore")
    body = {"model": "step-3.7-flash", "input": [{"role": "user", "content": "hi"}, item]}
    wire = sent_or_refused(body, context)
    if isinstance(wire, RequestRejected):
        assert repr(kind) in wire.message
        assert wire.param == "input"
        return
    carried = {"message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"}
    carried |= {f"{tool}_call{end}" for tool in ("local_shell", "shell", "apply_patch") for end in ("", "_output")}
    carried |= {"tool_search_call", "tool_search_output"}
    assert (len(wire.json["messages"]) == 2) == (kind in carried)
    if kind not in carried and kind != "reasoning":
        assert any(change.parameter == "input[1]" and change.before == kind for change in context.changes)


@pytest.mark.parametrize("kind", tools_of_the_sdk())
def test_every_tool_type_is_sent_or_refused_by_name(kind: str):
    context = exchange(Responses())
    tool = {"type": kind, "name": "f", "parameters": {"type": "object", "properties": {}}}
    body = {"model": "step-3.7-flash", "input": "hi", "tools": [tool]}
    wire = sent_or_refused(body, context)
    if isinstance(wire, RequestRejected):
        assert kind in wire.message
        assert wire.param == "tools[0]"
        return
    expected = ["web_search" if kind.startswith("web_search") else "function"]
    if kind in ("namespace", "tool_search"):  # these contain no function here, or need none
        expected = []
    assert [tool["type"] for tool in wire.json.get("tools", [])] == expected


SEVERAL = [WEATHER, {**WEATHER, "name": "g"}, {"type": "custom", "name": "h"}, {"type": "web_search"}]


@pytest.mark.parametrize(
    ("choice", "sent", "lost"),
    [
        ("auto", ["f", "g", "h", "web_search"], False),
        ("none", [], False),
        ("required", ["f", "g", "h", "web_search"], False),
        ({"type": "function", "name": "g"}, ["g"], False),
        ({"type": "custom", "name": "h"}, ["h"], False),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}, ["f"], False),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}, ["f"], False),
        ({"type": "web_search_preview"}, ["f", "g", "h", "web_search"], True),
        ({"type": "mcp", "server_label": "s"}, ["f", "g", "h", "web_search"], True),
        ({"type": "shell"}, ["f", "g", "h", "web_search"], True),
        ({"type": "apply_patch"}, ["f", "g", "h", "web_search"], True),
    ],
)
def test_every_form_of_tool_choice_is_translated(choice: Any, sent: list[str], lost: bool):
    context = exchange(Responses())
    body = {"model": "step-3.7-flash", "input": "hi", "tools": SEVERAL, "tool_choice": choice}
    wire = Responses().transform_request(WireRequest("POST", "/responses", json=body), context).json
    named = [
        tool["type"] if tool["type"] == "web_search" else tool["function"]["name"] for tool in wire.get("tools", ())
    ]
    assert sorted(named) == sorted(sent)
    assert "tool_choice" not in wire or wire["tool_choice"] == "auto"
    assert any(change.lossy and change.parameter == "tool_choice" for change in context.changes) == lost
