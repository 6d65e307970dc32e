"""Tools, their names, and tool_choice, which StepFun accepts but ignores (stepfun-api 3.1, 3.2, 3.4)."""

from __future__ import annotations

from typing import Any

import pytest

from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.chat.endpoint import ENDPOINT
from stepfun_compat.endpoints.chat.state import ChatState
from stepfun_compat.endpoints.chat.tools import Tools
from stepfun_compat.endpoints.context import RequestRejected
from tests.support.chat import TOOL_NAME, USAGE, USER, function, message, out, sent
from tests.support.exchange import drive, exchange, lost

NAMED = {"type": "function", "function": {"name": "get_weather"}}
TWO = [function(), function("get_time")]


def names(wire: Any) -> list[str]:
    return [tool["function"]["name"] for tool in wire.get("tools", [])]


def answer(*calls: Any, content: Any = "", finish: str = "stop", **more: Any) -> dict[str, Any]:
    row = {"role": "assistant", "content": content, **more}
    if calls:
        row["tool_calls"] = list(calls)
    return {"id": "1", "choices": [{"index": 0, "message": row, "finish_reason": finish}], "usage": dict(USAGE)}


def call(name: str = "get_weather", arguments: Any = "{}", id: str = "call_1") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


# ---------------------------------------------------------------- names (stepfun-api 3.1)


@pytest.mark.parametrize(
    "name",
    ["2nd", "-dash", "a.b", "a b", "weather/get", "天气", "x" * 65, "", "a\nb", "get_weather\n", "🌦", "_" * 200],
)
def test_api_3_1_invalid_names_are_renamed_and_mapped_back(name: str) -> None:
    wire, context = out(tools=[function(name)])
    (short,) = names(wire)
    assert TOOL_NAME.fullmatch(short)
    assert message(answer(call(short)), context)["tool_calls"][0]["function"]["name"] == name
    assert lost(context) == []


@pytest.mark.parametrize("name", ["f", "_f", "get_weather", "a-b", "A" * 64])
def test_api_3_1_valid_names_are_unchanged(name: str) -> None:
    wire, context = out(tools=[function(name)])
    assert names(wire) == [name]
    assert context.changes == []


def test_api_3_1_renamed_tools_never_collide() -> None:
    given = ["a.b", "a b", "a_b", "a/b", "天气", "天候", "x" * 70, "x" * 71]
    wire, context = out(tools=[function(name) for name in given])
    assert len(set(names(wire))) == len(given)
    assert names(wire)[2] == "a_b"  # the valid name is unchanged
    assert [context.state(ChatState).tools.caller_name(name) for name in names(wire)] == given


def test_api_3_1_names_in_history_and_choice_are_renamed_alike() -> None:
    wire, _ = out(
        tools=[function("a.b")],
        messages=[USER, {"role": "assistant", "content": None, "tool_calls": [call("a.b")]}],
        tool_choice={"type": "function", "function": {"name": "a.b"}},
    )
    assert names(wire) == ["a_b"]
    assert wire["messages"][1]["tool_calls"][0]["function"]["name"] == "a_b"
    assert "a_b" in wire["messages"][-1]["content"]


def test_renaming_is_deterministic() -> None:
    assert Tools().wire_name("x" * 80) == Tools().wire_name("x" * 80)


# ---------------------------------------------------------------- declarations


def test_api_3_1_strict_is_not_sent() -> None:
    wire, context = out(tools=[function(strict=True), function("g", strict=None)])
    assert wire["tools"] == [function(), function("g")]
    assert lost(context) == []


def test_function_without_parameters_gets_an_empty_schema() -> None:
    wire = sent(tools=[{"type": "function", "function": {"name": "now"}}])
    assert wire["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}


def test_api_3_2_legacy_functions_become_tools_and_are_mapped_back() -> None:
    wire, context = out(functions=[function()["function"]], function_call="auto")
    assert wire["tools"] == [function()]
    assert not {"functions", "function_call", "tool_choice"} & wire.keys()
    row = message(answer(call(arguments='{"city": "x"}')), context)
    assert row["function_call"] == {"name": "get_weather", "arguments": '{"city": "x"}'}
    assert "tool_calls" not in row
    assert row["content"] is None


def test_api_3_1_custom_tools_become_functions_and_are_mapped_back() -> None:
    tool = {"type": "custom", "custom": {"name": "shell", "description": "runs"}}
    wire, context = out(tools=[tool])
    assert wire["tools"][0]["type"] == "function"
    assert wire["tools"][0]["function"]["parameters"]["required"] == ["input"]
    row = message(answer(call("shell", '{"input": "ls -l"}')), context)
    assert row["tool_calls"] == [{"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}]
    again = sent(tools=[tool], messages=[USER, {"role": "assistant", "tool_calls": row["tool_calls"]}])
    assert again["messages"][1]["tool_calls"] == [call("shell", '{"input": "ls -l"}')]


def test_custom_tool_grammar_is_reported_as_dropped() -> None:
    tool = {"type": "custom", "custom": {"name": "sql", "format": {"type": "grammar", "grammar": {}}}}
    assert lost(out(tools=[tool])[1]) == ["tools[0].custom.format"]


@pytest.mark.parametrize("tool", [{"type": "file_search"}, {"type": "mcp"}, {"type": "function"}, {}, "x"])
def test_unsupported_tools_are_refused(tool: Any) -> None:
    with pytest.raises(RequestRejected, match=r"tools\[1\]\.type") as caught:
        sent(tools=[function(), tool])
    assert caught.value.param == "tools"


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search", "function": {"description": "when to search"}},
        {"type": "retrieval", "function": {"name": "kb", "options": {"vector_store_id": "1"}}},
    ],
)
def test_api_3_4_stepfun_tools_are_passed_through(tool: Any) -> None:
    assert sent(tools=[tool])["tools"] == [tool]


def test_api_3_2_web_search_options_become_a_tool() -> None:
    wire, context = out(model="gpt-4o-search-preview", web_search_options={})
    assert "web_search_options" not in wire
    assert wire["tools"][0]["type"] == "web_search"
    assert wire["tools"][0]["function"]["description"]
    assert ("cost", "web_search_options") in [(c.kind, c.parameter) for c in context.changes]


@pytest.mark.parametrize(
    ("settings", "model"), [({"web_search": False}, "step-3.7-flash"), ({"web_search": True}, "step-router-v1")]
)
def test_api_3_4_web_search_is_not_sent_where_unavailable(settings: Any, model: str) -> None:
    wire, context = out(settings=settings, model=model, web_search_options={})
    assert "tools" not in wire
    assert lost(context) == ["web_search_options"]


# ---------------------------------------------------------------- tool_choice (stepfun-api 3.2)


@pytest.mark.parametrize("choice", [None, "auto"])
def test_api_3_2_auto_is_not_sent(choice: Any) -> None:
    wire = sent(tools=TWO, tool_choice=choice)
    assert wire == sent(tools=TWO)
    assert wire["tools"] == TWO


@pytest.mark.parametrize("body", [{"tool_choice": "none"}, {"function_call": "none"}])
def test_api_3_2_none_sends_no_tools(body: Any) -> None:
    wire, context = out(tools=TWO, **body)
    assert wire == sent()
    assert lost(context) == []


def test_api_3_2_required_adds_one_instruction_after_the_last_message() -> None:
    wire = sent(tools=TWO, tool_choice="required")
    assert wire["tools"] == TWO
    assert "tool_choice" not in wire
    assert wire["messages"][:-1] == [USER]
    assert wire["messages"][-1]["role"] == "system"


@pytest.mark.parametrize("body", [{"tool_choice": NAMED}, {"function_call": {"name": "get_weather"}}])
def test_api_3_2_named_function_is_the_only_tool_sent(body: Any) -> None:
    wire, context = out(tools=TWO, **body)
    assert names(wire) == ["get_weather"]
    assert "get_weather" in wire["messages"][-1]["content"]
    assert context.state(ChatState).tools.forced == ("get_weather",)


def test_api_3_2_named_custom_tool_is_the_only_tool_sent() -> None:
    custom = {"type": "custom", "custom": {"name": "shell"}}
    wire = sent(tools=[function(), custom], tool_choice={"type": "custom", "custom": {"name": "shell"}})
    assert names(wire) == ["shell"]


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_api_3_2_allowed_tools_are_the_only_ones_sent(mode: str) -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [NAMED]}}
    wire, context = out(tools=TWO, tool_choice=choice)
    assert names(wire) == ["get_weather"]
    assert (context.state(ChatState).tools.forced is not None) is (mode == "required")


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        ([], "required"),
        (TWO, {"type": "function", "function": {"name": "absent"}}),
        (TWO, "sometimes"),
        (TWO, {"type": "web_search"}),
        (TWO, {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}),
        ([{"type": "web_search", "function": {"description": "x"}}], "required"),
    ],
)
def test_impossible_tool_choice_is_refused(tools: Any, choice: Any) -> None:
    with pytest.raises(RequestRejected) as caught:
        sent(tools=tools, tool_choice=choice)
    assert caught.value.param == "tool_choice"
    assert caught.value.status == 400


# ---------------------------------------------------------------- second request (stepfun-api 3.2)


def asked(*answers: Any, settings: dict[str, Any] | None = None, **body: Any) -> tuple[Any, list[Any], Any]:
    context = exchange(ENDPOINT, **(settings or {}))
    request = WireRequest("POST", "/chat/completions", json={"model": "step-3.7-flash", "messages": [USER], **body})
    reply, requests = drive(ENDPOINT, request, list(answers), context)
    return reply.body, [r.json for r in requests], context


@pytest.mark.parametrize(
    "body", [{}, {"tool_choice": "auto"}, {"tool_choice": "none"}, {"tool_choice": NAMED, "stream": True}]
)
def test_unforced_calls_take_one_request_without_a_script(body: Any) -> None:
    request = WireRequest(
        "POST", "/chat/completions", json={"model": "gpt-4o", "messages": [USER], "tools": TWO, **body}
    )
    assert ENDPOINT.script(request, exchange(ENDPOINT)) is None


def test_api_3_2_fulfilled_forced_call_takes_one_request() -> None:
    data, requests, context = asked(answer(call()), tools=TWO, tool_choice="required")
    assert len(requests) == 1
    assert data["choices"][0]["finish_reason"] == "tool_calls"
    assert not context.forced_call_missing


def test_api_3_2_missing_call_is_requested_again_and_usage_is_summed() -> None:
    data, requests, context = asked(answer(content="Sunny."), answer(call()), tools=TWO, tool_choice="required")
    assert data["choices"][0]["message"]["tool_calls"] == [call()]
    assert data["usage"]["total_tokens"] == 2 * USAGE["total_tokens"]
    first, second = requests
    assert second["messages"][: len(first["messages"])] == first["messages"]  # the cached prefix is unchanged
    assert second["messages"][-2] == {"role": "assistant", "content": "Sunny."}
    assert second["tools"] == first["tools"]
    assert not context.forced_call_missing
    assert [c.kind for c in context.changes].count("cost") == 1


def test_api_3_2_second_missing_call_is_reported() -> None:
    data, requests, context = asked(answer(content="a"), answer(content="b"), tools=TWO, tool_choice=NAMED)
    assert len(requests) == 2
    assert context.forced_call_missing
    assert data["choices"][0]["message"]["content"] == "b"


def test_api_3_2_call_of_another_function_counts_as_missing() -> None:
    _, requests, _ = asked(answer(call("get_time")), answer(call()), tools=TWO, tool_choice=NAMED)
    assert len(requests) == 2


def test_api_3_2_legacy_renamed_and_custom_calls_satisfy_the_choice() -> None:
    functions = [function()["function"]]
    assert len(asked(answer(call()), functions=functions, function_call={"name": "get_weather"})[1]) == 1
    renamed = {"type": "function", "function": {"name": "a.b"}}
    assert len(asked(answer(call("a_b")), tools=[function("a.b")], tool_choice=renamed)[1]) == 1
    custom = {"type": "custom", "custom": {"name": "sh"}}
    assert len(asked(answer(call("sh", '{"input": "x"}')), tools=[custom], tool_choice=custom)[1]) == 1


def test_api_3_2_no_second_request_when_disabled_or_cut_off() -> None:
    _, requests, context = asked(
        answer(content="a"), settings={"max_corrections": 0}, tools=TWO, tool_choice="required"
    )
    assert len(requests) == 1
    assert context.forced_call_missing
    assert len(asked(answer(content="", finish="length"), tools=TWO, tool_choice="required")[1]) == 1


def test_api_3_2_only_the_first_call_without_parallel_calls() -> None:
    two = answer(call(), call("get_time", id="call_2"))
    context = out(tools=TWO, parallel_tool_calls=False)[1]
    assert message(two, context)["tool_calls"] == [call()]
    assert len(message(two, out(tools=TWO)[1])["tool_calls"]) == 2
