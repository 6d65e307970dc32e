"""Streamed tool calls, web searches and remembered reasoning become OpenAI's chunks (stepfun-api 3.2, 3.4, 4.5)."""

from __future__ import annotations

from typing import Any

import pytest

from stepfun_compat.endpoints.chat.reasoning_cache import ReasoningCache
from stepfun_compat.endpoints.context import ClientFacts
from tests.support.chat import (
    SHAPE_B,
    USER,
    asked,
    b,
    c,
    calls_of,
    deltas,
    fragment,
    function,
    gather,
    out,
    reasons,
    search,
    stream,
    text,
    tool_stream,
)

SEARCH = search(
    {"index": 0, "url": "https://a.example", "title": "A", "summary": "…"},
    {"index": 1, "url": "https://b.example", "title": "B", "summary": "…"},
    {"index": 2, "url": "https://a.example", "title": "A again", "summary": "…"},
)
PARIS = '{"city": "Paris"}'
ROME = '{"city": "Rome"}'
ONE = [("call_1", "get_weather", PARIS)]
TWO = [*ONE, ("call_2", "get_time", ROME)]


VARIANTS: dict[str, tuple[list[Any], list[tuple[str, str, str]]]] = {
    "OpenAI's own": (
        tool_stream(
            [fragment("get_weather", "", index=0, id="call_1", type="function")],
            [fragment(None, '{"city":', index=0)],
            [fragment(None, ' "Paris"}', index=0)],
        ),
        ONE,
    ),
    "missing index": (
        tool_stream([fragment("get_weather", '{"city":', id="call_1", type="function")], [fragment(None, ' "Paris"}')]),
        ONE,
    ),
    "missing index, two calls": (
        tool_stream(
            [fragment("get_weather", "", id="call_1")],
            [fragment(None, PARIS)],
            [fragment("get_time", "", id="call_2")],
            [fragment(None, ROME)],
        ),
        TWO,
    ),
    "repeated id and name": (
        tool_stream(
            [fragment("get_weather", '{"city":', index=0, id="call_1", type="function")],
            [fragment("get_weather", ' "Paris"}', index=0, id="call_1", type="function")],
            [fragment("get_weather", "", index=0, id="call_1", type="function")],
        ),
        ONE,
    ),
    "empty id, name and type later": (
        tool_stream(
            [fragment("get_weather", '{"city":', index=0, id="call_1", type="function")],
            [fragment("", ' "Paris"}', index=0, id="", type="")],
        ),
        ONE,
    ),
    "all-zero index, distinct ids": (
        tool_stream(
            [fragment("get_weather", "", index=0, id="call_1")],
            [fragment(None, PARIS, index=0)],
            [fragment("get_time", "", index=0, id="call_2")],
            [fragment(None, ROME, index=0)],
        ),
        TWO,
    ),
    "all-zero index, distinct ids, the same function twice": (
        tool_stream(
            [fragment("f", '{"a":', index=0, id="x"), fragment("f", '{"b":', index=0, id="y")],
            [fragment("f", "1}", index=0, id="x"), fragment("f", "2}", index=0, id="y")],
        ),
        [("x", "f", '{"a":1}'), ("y", "f", '{"b":2}')],
    ),
    "interleaved by index": (
        tool_stream(
            [fragment("get_weather", "", index=0, id="call_1"), fragment("get_time", "", index=1, id="call_2")],
            [fragment(None, '{"city": ', index=0), fragment(None, '{"city": "', index=1)],
            [fragment(None, 'Rome"}', index=1), fragment(None, '"Paris"}', index=0)],
        ),
        TWO,
    ),
    "an index that starts at 1": (
        tool_stream(
            [fragment("get_weather", PARIS, index=1, id="call_1")], [fragment("get_time", ROME, index=2, id="call_2")]
        ),
        TWO,
    ),
    "complete in one chunk": (
        tool_stream([fragment("get_weather", PARIS, id="call_1"), fragment("get_time", ROME, id="call_2")]),
        TWO,
    ),
    "complete in the last chunk": (
        [b({"content": "", "tool_calls": [fragment("get_weather", PARIS, id="call_1")]}, "tool_calls")],
        ONE,
    ),
    "the name comes after the id": (
        tool_stream(
            [fragment(None, None, index=0, id="call_1", type="function")],
            [fragment("", '{"city":', index=0)],
            [fragment("get_weather", ' "Paris"}', index=0)],
        ),
        ONE,
    ),
    "the name comes after the id, two calls": (
        tool_stream(
            [fragment("", "", index=0, id="call_1"), fragment("get_time", ROME, index=1, id="call_2")],
        ),
        [("call_2", "get_time", ROME)],
    ),
    "the id comes after the name": (
        tool_stream(
            [fragment(None, "", index=0), fragment(None, None, index=0, id="call_1")],
            [fragment("get_weather", PARIS, index=0, id="call_1")],
        ),
        ONE,
    ),
    "several fragments of one call in one chunk": (
        tool_stream(
            [
                fragment("get_weather", '{"city":', index=0, id="call_1"),
                fragment(None, ' "Paris"', index=0),
                fragment(None, "}", index=0),
            ]
        ),
        ONE,
    ),
    "arguments as an object": (
        tool_stream(
            [{"index": 0, "id": "call_1", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}]
        ),
        ONE,
    ),
    "another id on each fragment": (
        tool_stream(
            [fragment("get_weather", '{"city":', index=0, id="call_1")],
            [fragment("", ' "Paris"}', index=0, id="other")],
        ),
        ONE,
    ),
}


@pytest.mark.parametrize(("chunks", "calls"), VARIANTS.values(), ids=VARIANTS)
def test_api_4_5_tool_call_deltas_are_normalized(chunks: list[Any], calls: list[tuple[str, str, str]]) -> None:
    received = stream(chunks)
    assert calls_of(received) == calls
    assert reasons(received)[-1] == "tool_calls"
    for delta in deltas(received):
        entries = delta.get("tool_calls") or []
        assert [e["index"] for e in entries] == sorted({e["index"] for e in entries})


def test_api_4_5_calls_without_ids_get_distinct_stable_ids() -> None:
    chunks = tool_stream(
        [fragment("get_weather", "{}", index=0), fragment("get_time", "{}", index=0)],
        [fragment("get_time", '{"a": 1}')],
    )
    calls = calls_of(stream(chunks))
    assert [(name, arguments) for _, name, arguments in calls] == [
        ("get_weather", "{}"),
        ("get_time", "{}"),
        ("get_time", '{"a": 1}'),
    ]
    assert len({id for id, _, _ in calls}) == 3
    assert calls == calls_of(stream(chunks))


def test_api_4_5_only_the_first_fragment_has_id_and_name() -> None:
    received = deltas(stream(VARIANTS["repeated id and name"][0]))
    entries = [entry for delta in received for entry in delta.get("tool_calls", ())]
    assert entries == [
        {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":'},
        },
        {"index": 0, "function": {"arguments": ' "Paris"}'}},
    ]


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
def test_api_4_3_stop_with_tool_calls_becomes_tool_calls(reason: str) -> None:
    received = stream(tool_stream([fragment("f", "{}", index=0, id="c")], finish=reason))
    assert reasons(received)[-1] == "tool_calls"


def test_api_4_3_tool_calls_without_calls_becomes_stop() -> None:
    assert reasons(stream([b({"content": "x"}), b({}, "tool_calls")]))[-1] == "stop"


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_api_4_3_other_finish_reasons_stay(reason: str) -> None:
    assert reasons(stream([b({"content": "x"}), b({}, reason)]))[-1] == reason
    assert reasons(stream(tool_stream([fragment("f", '{"a', index=0, id="c")], finish=reason)))[-1] == reason


def test_api_3_2_only_the_first_call_without_parallel_calls() -> None:
    context = asked(tools=[function(), function("get_time")], parallel_tool_calls=False)
    assert calls_of(stream(VARIANTS["all-zero index, distinct ids"][0], context)) == ONE
    assert calls_of(stream(VARIANTS["interleaved by index"][0], context)) == ONE


def test_api_3_1_renamed_tools_are_mapped_back() -> None:
    context = asked(tools=[function("2.weather")])
    received = stream(tool_stream([fragment("_2_weather", PARIS, index=0, id="call_1")]), context)
    assert calls_of(received) == [("call_1", "2.weather", PARIS)]


def test_legacy_function_calls_stream_in_openais_form() -> None:
    context = asked(functions=[function()["function"]])
    received = stream(VARIANTS["several fragments of one call in one chunk"][0], context)
    merged = {"name": "", "arguments": ""}
    for delta in deltas(received):
        assert "tool_calls" not in delta
        for key, value in delta.get("function_call", {}).items():
            merged[key] += value
    assert merged == {"name": "get_weather", "arguments": PARIS}
    assert reasons(received)[-1] == "function_call"


def test_custom_tools_stream_their_text() -> None:
    context = asked(tools=[{"type": "custom", "custom": {"name": "shell"}}, function()])
    received = stream(
        tool_stream(
            [fragment("shell", '{"inp', index=0, id="call_1")],
            [fragment("get_weather", PARIS, index=1, id="call_2")],
            [fragment(None, 'ut": "ls"}', index=0)],
        ),
        context,
    )
    assert gather(received) == [
        {"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls"}},
        {"id": "call_2", "type": "function", "function": {"name": "get_weather", "arguments": PARIS}},
    ]


def test_custom_tool_call_in_one_chunk() -> None:
    context = asked(tools=[{"type": "custom", "custom": {"name": "shell"}}])
    last = b({"tool_calls": [fragment("shell", '{"input": "ls"}', id="call_1")]}, "stop")
    assert gather(stream([last], context)) == [
        {"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    ]


def test_a_buffered_call_is_returned_when_a_stream_breaks() -> None:
    received = stream([b({"tool_calls": [fragment(None, "{}", index=0, id="call_1")]})])
    assert calls_of(received) == [("call_1", "", "{}")]
    assert reasons(received) == [None, None]


def search_stream(**first: Any) -> list[Any]:
    return [
        c({"role": "assistant", "content": "", "tool_calls": [{**SEARCH, **first}]}),
        c({"role": "assistant", "content": ""}, created=0),
        c({"content": "Sunny"}),
        c({"content": " today"}),
        c({}, "stop"),
    ]


def test_api_3_4_streamed_web_search_becomes_citations() -> None:
    received = stream(search_stream())
    assert gather(received) == []
    assert reasons(received)[-1] == "stop"
    assert text(received) == "Sunny today"
    found = [delta["annotations"] for delta in deltas(received) if "annotations" in delta]
    assert len(found) == 1
    assert [row["url_citation"]["url"] for row in found[0]] == ["https://a.example", "https://b.example"]
    assert all(row["type"] == "url_citation" for row in found[0])
    assert {row["url_citation"]["end_index"] for row in found[0]} == {len("Sunny today")}


def test_api_3_4_web_search_in_fragments_does_not_become_a_call() -> None:
    parts = [
        c({"tool_calls": [{"id": "s", "type": "web_search", "function": {"name": "step_websearch"}}]}),
        c({"tool_calls": [{"type": "", "function": {"arguments": '{"keyword"'}}]}),
        c({"tool_calls": [{"id": "s", "type": "", "function": {"arguments": ': "x"}'}}]}),
        c({"tool_calls": [fragment("get_weather", PARIS, id="call_1")]}),
        c({}, "stop"),
    ]
    assert calls_of(stream(parts)) == ONE


def test_api_3_4_streamed_web_search_beside_a_call_keeps_the_call() -> None:
    received = stream([*search_stream()[:1], c({"tool_calls": [fragment("get_weather", PARIS, id="call_1")]}, "stop")])
    assert calls_of(received) == ONE
    assert reasons(received)[-1] == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "missed"),
    [("required", True), ({"type": "function", "function": {"name": "get_weather"}}, True), ("auto", False)],
)
def test_api_3_2_missing_forced_call_is_recorded(choice: Any, missed: bool) -> None:
    context = asked(tools=[function(), function("get_time")], tool_choice=choice)
    stream(SHAPE_B, context)
    assert context.forced_call_missing is missed
    met = asked(tools=[function(), function("get_time")], tool_choice=choice)
    stream(VARIANTS["OpenAI's own"][0], met)
    assert not met.forced_call_missing


def test_api_3_2_call_of_another_function_than_the_forced_one_is_recorded() -> None:
    context = asked(
        tools=[function(), function("get_time")], tool_choice={"type": "function", "function": {"name": "get_time"}}
    )
    stream(VARIANTS["OpenAI's own"][0], context)
    assert context.forced_call_missing


def test_api_11_20_reasoning_of_streamed_calls_is_kept_when_enabled() -> None:
    context = asked(tools=[function()], settings={"replay_reasoning": "cache"})
    cache = ReasoningCache()
    context.client = ClientFacts(reasoning_cache=cache)
    stream([b({"reasoning": "I should "}), b({"reasoning": "look"}), *VARIANTS["missing index, two calls"][0]], context)
    wire, y = out(context, messages=[USER, {"role": "assistant", "tool_calls": [
        {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}} for id, name, arguments in TWO
    ]}])  # fmt: skip
    assert y.client.reasoning_cache is cache
    assert wire["messages"][1]["reasoning_content"] == "I should look"
