"""Responses and streams as OpenAI's Response objects and events, on both routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from stepfun_compat.endpoints.json_values import UnexpectedBody
from stepfun_compat.endpoints.responses.endpoint import Responses
from tests.support.chat import b, fragment
from tests.support.responses import WEATHER, asked, events

# Every field of OpenAI's newest Response, and those of the OpenResponses schema missing from the SDK's type.
FIELDS = [
    "id",
    "object",
    "created_at",
    "status",
    "background",
    "completed_at",
    "error",
    "incomplete_details",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "model",
    "output",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "usage",
    "user",
    "metadata",
    "access_programs",
    "conversation",
    "image",
    "input_transformations",
    "moderation",
    "prompt",
    "prompt_cache_diagnostics",
    "prompt_cache_options",
    "tool_usage",
    "frequency_penalty",
    "presence_penalty",
]


def answer(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    return {
        "id": "1",
        "created": 1772624997,
        "model": "step-3.7-flash",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "cached_tokens": 4},
    }


def kinds(out: Sequence[Any]) -> list[str]:
    return [row["type"].removeprefix("response.") for row in out]


TEXT = [
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
]
REASONING = [
    "output_item.added",
    "content_part.added",
    "reasoning_text.delta",
    "reasoning_text.done",
    "content_part.done",
    "output_item.done",
]
CALL = [
    "output_item.added",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "output_item.done",
]


def test_complete_response_has_openais_fields():
    context = asked(
        instructions="i", metadata={"a": "b"}, tools=[WEATHER], max_output_tokens=900, user="u", store=False
    )
    body = Responses().transform_response(answer({"content": "hello", "reasoning": "hm"}), context)
    assert sorted(body) == sorted(FIELDS)
    assert body["id"].startswith("resp_")
    assert (body["object"], body["status"], body["created_at"]) == ("response", "completed", 1772624997)
    reasoning, message = body["output"]
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "hm"}]
    assert message["content"] == [{"type": "output_text", "text": "hello", "annotations": [], "logprobs": []}]
    assert (message["role"], message["status"]) == ("assistant", "completed")
    assert body["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 14,
    }
    assert (body["instructions"], body["metadata"], body["user"], body["store"]) == ("i", {"a": "b"}, "u", False)
    assert (body["temperature"], body["top_p"], body["max_output_tokens"]) == (0.5, 0.9, 900)
    assert body["tools"] == [{**WEATHER, "description": None, "strict": True}]
    with pytest.raises(UnexpectedBody):
        Responses().transform_response({"detail": 1}, context)


def test_calls_searches_and_statuses():
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "c2", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
    ]
    body = Responses().transform_response(answer({"content": "", "tool_calls": calls}), asked(tools=[WEATHER]))
    assert [(i["type"], i["call_id"], i["arguments"], i["status"]) for i in body["output"]] == [
        ("function_call", "c1", "{}", "completed"),
        ("function_call", "c2", '{"a":1}', "completed"),
    ]
    hit = {"index": 0, "url": "https://a", "title": "A", "summary": "s"}
    search = {
        "id": "s1",
        "type": "web_search",
        "function": {"name": "step_websearch", "arguments": '{"keyword": "k"}', "results": [hit]},
    }
    context = asked(tools=[{"type": "web_search"}], include=["web_search_call.action.sources"])
    found = Responses().transform_response(answer({"content": "so", "tool_calls": [search]}), context)["output"]
    assert found[0]["action"] == {
        "type": "search",
        "query": "k",
        "queries": ["k"],
        "sources": [{"type": "url", "url": "https://a"}],
    }
    assert found[1]["content"][0]["annotations"] == [
        {"type": "url_citation", "start_index": 0, "end_index": 2, "title": "A", "url": "https://a"}
    ]
    cut = Responses().transform_response(answer({"content": "", "reasoning": "hm"}, "length"), asked())
    assert (cut["status"], cut["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert [item["type"] for item in cut["output"]] == ["reasoning"]
    blocked = Responses().transform_response(answer({"content": "x"}, "content_filter"), asked())
    assert blocked["incomplete_details"] == {"reason": "content_filter"}


def test_custom_tool_is_called_with_its_text():
    call = {"id": "c1", "type": "function", "function": {"name": "g", "arguments": '{"input": "raw"}'}}
    context = asked(tools=[{"type": "custom", "name": "g"}])
    item = Responses().transform_response(answer({"content": "", "tool_calls": [call]}), context)["output"][0]
    assert (item["type"], item["name"], item["input"], item["call_id"]) == ("custom_tool_call", "g", "raw", "c1")
    chunks = [
        b({"tool_calls": [fragment("g", '{"input": "raw"}', index=0, id="c1", type="function")]}),
        b({}, "tool_calls"),
    ]
    out = events(asked(tools=[{"type": "custom", "name": "g"}]), chunks)
    assert kinds(out)[2:-1] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert out[-1]["response"]["output"][0]["input"] == "raw"


def test_reasoning_and_text_stream():
    out = events(asked(), [b({"reasoning": "hm"}), b({"content": "Hel"}), b({"content": "lo"}), b({}, "stop", 7)])
    text = [*TEXT[:3], "output_text.delta", *TEXT[3:]]
    assert kinds(out) == ["created", "in_progress", *REASONING, *text, "completed"]
    assert all(row["logprobs"] == [] for row in out if "output_text.d" in row["type"])
    assert {row["content_index"] for row in out if "part" in row["type"] or "text" in row["type"]} == {0}
    final = out[-1]["response"]
    assert sorted(final) == sorted(FIELDS)
    assert final["output"][1]["content"][0]["text"] == "Hello"
    assert final["usage"]["output_tokens"] == 7
    assert out[0]["response"]["status"] == "in_progress"
    assert out[0]["response"]["output"] == []


def test_calls_stream():
    chunks = [
        b({"content": "so"}),
        b({"tool_calls": [fragment("f", "", index=0, id="c1", type="function")]}),
        b({"tool_calls": [fragment(None, '{"a":1}', index=0)]}),
        b({"tool_calls": [fragment("f", "{}", index=1, id="c2", type="function")]}),
        b({}, "tool_calls"),
    ]
    out = events(asked(tools=[WEATHER]), chunks)
    assert kinds(out) == ["created", "in_progress", *TEXT, *CALL, *CALL, "completed"]
    done = [row for row in out if row["type"] == "response.function_call_arguments.done"]
    assert [(row["name"], row["arguments"]) for row in done] == [("f", '{"a":1}'), ("f", "{}")]
    assert [item.get("call_id") for item in out[-1]["response"]["output"]] == [None, "c1", "c2"]


def test_interleaved_calls_lose_nothing():
    chunks = [
        b({"tool_calls": [fragment("f", '{"a"', index=0, id="c1", type="function")]}),
        b({"tool_calls": [fragment("f", "{}", index=1, id="c2", type="function")]}),
        b({"tool_calls": [fragment(None, ":1}", index=0)]}),
        b({}, "tool_calls"),
    ]
    out = events(asked(tools=[WEATHER]), chunks)
    assert [item["arguments"] for item in out[-1]["response"]["output"]] == ['{"a":1}', "{}"]


@pytest.mark.parametrize(
    ("chunks", "last", "check"),
    [
        (
            [b({"reasoning": "h"}), b({}, "length")],
            "incomplete",
            {"incomplete_details": {"reason": "max_output_tokens"}},
        ),
        (
            [b({"content": "h"}), b({}, "content_filter")],
            "incomplete",
            {"incomplete_details": {"reason": "content_filter"}},
        ),
        (
            [b({"content": "h"}), {"error": {"message": "boom", "type": "server_error"}}],
            "failed",
            {"error": {"code": "server_error", "message": "boom"}},
        ),
        (
            [b({"content": "h"}), {"error": {"message": "slow", "type": "rate_limited"}}],
            "failed",
            {"error": {"code": "rate_limit_exceeded", "message": "slow"}},
        ),
        ([b({"content": "h"})], "failed", {"completed_at": None}),
        ([b({}, "stop")], "completed", {"incomplete_details": None}),
    ],
)
def test_final_events(chunks: list[Any], last: str, check: dict[str, Any]):
    out = events(asked(), chunks)
    assert kinds(out)[-1] == last
    final = out[-1]["response"]
    assert final["status"] == last
    assert {key: final[key] for key in check} == check
    opened = [row["item"]["id"] for row in out if row["type"] == "response.output_item.added"]
    closed = [row["item"]["id"] for row in out if row["type"] == "response.output_item.done"]
    assert opened == closed
    if last == "incomplete":
        assert final["output"][-1]["status"] == "incomplete"


# ---------------------------------------------------------------- StepFun's own events (stepfun-api 5.3)


def native(*rows: tuple[str, dict[str, Any]]) -> list[Any]:
    begun = {"id": "resp_wire", "object": "response", "status": "in_progress", "created_at": 5, "error": None}
    first = [("created", {"response": begun}), ("in_progress", {"response": begun})]
    return [{"type": f"response.{kind}", "sequence_number": 99, **row} for kind, row in (*first, *rows)]


NATIVE = native(
    (
        "output_item.added",
        {"output_index": 0, "item": {"type": "reasoning", "id": "rs_1", "summary": [], "content": None}},
    ),
    ("reasoning_part.added", {"output_index": 0, "item_id": "rs_1", "content_index": 0, "part": {}}),
    ("reasoning_text.delta", {"output_index": 0, "item_id": "rs_1", "content_index": 0, "delta": "hm"}),
    ("reasoning_text.done", {"output_index": 0, "item_id": "rs_1", "content_index": 0, "text": "hm"}),
    ("reasoning_part.done", {"output_index": 0, "item_id": "rs_1", "content_index": 0, "part": {}}),
    (
        "output_item.done",
        {"output_index": 0, "item": {"type": "reasoning", "id": "rs_1", "content": None, "status": None}},
    ),
    (
        "output_item.added",
        {"output_index": 1, "item": {"type": "message", "id": "msg_1", "content": [], "summary": None}},
    ),
    (
        "content_part.added",
        {"output_index": 1, "item_id": "msg_1", "content_index": 0, "part": {"type": "output_text"}},
    ),
    ("output_text.delta", {"output_index": 1, "item_id": "msg_1", "content_index": 0, "delta": "Hello"}),
    ("output_text.done", {"output_index": 1, "item_id": "msg_1", "content_index": 0, "text": "Hello"}),
    ("content_part.done", {"output_index": 1, "item_id": "msg_1", "content_index": 0, "part": {}}),
    (
        "output_item.done",
        {
            "output_index": 1,
            "item": {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Hello"}],
            },
        },
    ),
    (
        "completed",
        {"response": {"model": "step-3.7-flash", "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}},
    ),
)


def without_ids(value: Any) -> Any:
    """Return a value without ids and times, to compare two streams."""
    if isinstance(value, dict):
        hidden = ("id", "item_id", "created_at", "completed_at", "temperature", "top_p", "usage")
        return {key: without_ids(inner) for key, inner in value.items() if key not in hidden}
    return [without_ids(inner) for inner in value] if isinstance(value, list) else value


def test_both_routes_give_the_same_events():
    over_chat = events(asked(), [b({"reasoning": "hm"}), b({"content": "Hello"}), b({}, "stop")])
    by_itself = events(asked("native"), NATIVE)
    assert without_ids(by_itself) == without_ids(over_chat)
    assert by_itself[-1]["response"]["usage"]["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0}


@pytest.mark.parametrize("cut", [3, 5, 7, 9, 11, 13])
def test_cut_off_native_stream_fails(cut: int):
    out = events(asked("native"), NATIVE[:cut])
    assert out[-1]["type"] == "response.failed"
    opened = [row["item"]["id"] for row in out if row["type"] == "response.output_item.added"]
    assert opened == [row["item"]["id"] for row in out if row["type"] == "response.output_item.done"]
    if cut == 13:
        assert out[-1]["response"]["output"][1]["content"][0]["text"] == "Hello"


def test_native_error_events():
    out = events(asked("native"), [*NATIVE[:9], {"type": "error", "message": "boom", "code": "rate_limited"}])
    assert out[-1]["type"] == "response.failed"
    assert out[-1]["response"]["error"] == {"code": "rate_limit_exceeded", "message": "boom"}


def native_answer(*output: dict[str, Any], **body: Any) -> dict[str, Any]:
    return {"id": "resp_wire", "object": "response", "status": "completed", "output": list(output), **body}


NATIVE_CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f"}
BLANK = [{}, {"arguments": None}, {"arguments": ""}, {"arguments": " \n"}, {"arguments": {}}]


@pytest.mark.parametrize("blank", BLANK)
def test_blank_arguments_of_a_finished_native_call_are_an_empty_object(blank: dict[str, Any]):
    whole = Responses().transform_response(native_answer({**NATIVE_CALL, **blank}), asked("native", tools=[WEATHER]))
    assert whole["output"][0]["arguments"] == "{}"
    text = blank.get("arguments") if isinstance(blank.get("arguments"), str) else ""
    fragments = (
        [("function_call_arguments.delta", {"output_index": 0, "item_id": "fc_1", "delta": text})] if text else []
    )
    rows = native(
        ("output_item.added", {"output_index": 0, "item": {**NATIVE_CALL, **blank}}),
        *fragments,
        ("function_call_arguments.done", {"output_index": 0, "item_id": "fc_1", **blank}),
        ("output_item.done", {"output_index": 0, "item": {**NATIVE_CALL, **blank, "status": "completed"}}),
        ("completed", {"response": {"model": "step-3.7-flash"}}),
    )
    out = events(asked("native", tools=[WEATHER]), rows)
    received = [row for row in out if row["type"].startswith("response.function_call_arguments")]
    assert "".join(row["delta"] for row in received if "delta" in row).strip() == "{}"
    assert received[-1]["arguments"] == "{}"
    assert out[-1]["response"]["output"][0]["arguments"] == "{}"
    assert next(row for row in out if row["type"] == "response.output_item.done")["item"]["arguments"] == "{}"


def test_arguments_of_a_cut_native_call_are_unchanged():
    rows = native(
        ("output_item.added", {"output_index": 0, "item": {**NATIVE_CALL, "arguments": ""}}),
        ("function_call_arguments.delta", {"output_index": 0, "item_id": "fc_1", "delta": '{"a'}),
        ("incomplete", {"response": {"incomplete_details": {"reason": "max_output_tokens"}}}),
    )
    final = events(asked("native", tools=[WEATHER]), rows)[-1]["response"]
    assert (final["output"][0]["arguments"], final["output"][0]["status"]) == ('{"a', "incomplete")
    assert final["status"] == "incomplete"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("usage", "numbers"),
    [
        ({"input_tokens": 10, "output_tokens": 7, "total_tokens": 17}, (10, 7, 17, 2)),  # 2 of 7 characters
        ({"input_tokens": "10", "output_tokens": 7.0}, (10, 7, 17, 2)),
        ({"input_tokens": 10, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": "5"}}, (10, 7, 17, 5)),
        ({"input_tokens": 10, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": None}}, (10, 7, 17, 2)),
        ({"input_tokens": 10, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 0}}, (10, 7, 17, 0)),
    ],
)
def test_native_usage_is_always_ints_and_unsplit_reasoning_is_estimated(
    usage: dict[str, Any], numbers: tuple[int, ...], stream: bool
):
    if stream:
        rows = [*NATIVE[:-1], {**NATIVE[-1], "response": {"model": "step-3.7-flash", "usage": usage}}]
        got = events(asked("native"), rows)[-1]["response"]["usage"]
    else:
        thought = {"type": "reasoning", "id": "rs_1", "content": [{"type": "reasoning_text", "text": "hm"}]}
        said = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Hello"}]}
        got = Responses().transform_response(native_answer(thought, said, usage=usage), asked("native"))["usage"]
    found = (got["input_tokens"], got["output_tokens"], got["total_tokens"])
    assert (*found, got["output_tokens_details"]["reasoning_tokens"]) == numbers
    assert all(type(value) is int for value in (*found, got["output_tokens_details"]["reasoning_tokens"]))
