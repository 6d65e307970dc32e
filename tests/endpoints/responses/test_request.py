"""Translation of Responses requests on both routes."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import pytest

from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.chat.endpoint import JSON_LINE
from stepfun_compat.endpoints.context import RequestContext, RequestRejected
from stepfun_compat.endpoints.responses.endpoint import Responses
from tests.support.exchange import exchange, lost

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "get_weather", "description": "d", "parameters": CITY, "strict": True}


def out(settings: dict[str, Any] | None = None, **body: Any) -> tuple[Any, RequestContext]:
    """Return the request sent to StepFun. Check that the caller's data is not mutated."""
    context = exchange(Responses(), **(settings or {}))
    body = {"model": "step-3.7-flash", "input": "hi", **body}
    before = copy.deepcopy(body)
    wire = Responses().transform_request(WireRequest("POST", "/responses", json=body), context)
    assert body == before
    json.dumps(wire.json)
    return wire, context


def chat(**body: Any) -> Any:
    wire, _ = out({"responses_route": "chat"}, **body)
    assert wire.path == "/chat/completions"
    return wire.json


def native(**body: Any) -> Any:
    wire, _ = out({"responses_route": "native"}, **body)
    assert wire.path == "/responses"
    return wire.json


def refused(**body: Any) -> RequestRejected:
    with pytest.raises(RequestRejected) as caught:
        out(**body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/responses"),
        ({"model": "step-3.5-flash"}, "/chat/completions"),
        ({"tools": [WEATHER]}, "/responses"),
        ({"tools": [WEATHER], "tool_choice": "required"}, "/chat/completions"),
        ({"tools": [WEATHER], "parallel_tool_calls": False}, "/chat/completions"),
        ({"tools": [{"type": "web_search"}]}, "/chat/completions"),
        ({"tools": [{"type": "custom", "name": "c"}]}, "/chat/completions"),
        ({"tools": [{**WEATHER, "name": "9"}]}, "/chat/completions"),
        ({"model": "gpt-4o", "max_output_tokens": 5}, "/chat/completions"),
        ({"max_output_tokens": 5}, "/responses"),
        ({"stop": ["x"]}, "/chat/completions"),
        ({"input": [{"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "i"}]}, "/chat/completions"),
        ({"text": {"format": {"type": "json_object"}}}, "/responses"),
    ],
)
def test_route_depends_on_the_requested_features(body: dict[str, Any], path: str):
    wire, context = out(**body)
    assert wire.path == path
    route = [change for change in context.changes if change.kind == "route"]
    assert [change.after for change in route] == [path]


def test_step_plan_uses_the_chat_route():
    wire, _ = out({"plan": "step_plan"})
    assert wire.path == "/chat/completions"


def test_request_the_forced_route_cannot_serve_is_refused():
    with pytest.raises(RequestRejected, match="web search"):
        out({"responses_route": "native"}, tools=[{"type": "web_search"}])
    wire, _ = out({"responses_route": "native"}, model="step-5-preview")
    assert wire.path == "/responses"  # the model may be newer than the catalog


def test_every_input_item_type_is_translated():
    items = [
        {"role": "developer", "content": "rules"},
        {"role": "system", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "let me see"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": ""},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
        {"type": "custom_tool_call", "call_id": "c3", "name": "g", "input": "raw"},
        {"type": "custom_tool_call_output", "call_id": "c3", "output": "three"},
    ]
    assert chat(input=items)["messages"] == [
        {"role": "system", "content": "rules"},
        {"role": "system", "content": "ab"},
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": "let me see",
            "reasoning_content": "hm",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "c3", "type": "function", "function": {"name": "g", "arguments": '{"input": "raw"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c3", "content": "three"},
    ]
    sent = native(input=items[:9])["input"]
    assert [(item["type"], item.get("role")) for item in sent] == [
        ("message", "system"),
        ("message", "system"),
        ("message", "user"),
        ("message", "assistant"),
        ("function_call", None),
        ("function_call", None),
        ("function_call_output", None),
        ("function_call_output", None),
    ]
    assert sent[3]["content"] == "let me see"
    assert [item["arguments"] for item in sent if item["type"] == "function_call"] == ['{"a":1}', "{}"]
    assert sent == native(input=items[:9])["input"]  # byte for byte the same in every turn


@pytest.mark.parametrize(
    ("part", "on_chat", "on_native"),
    [
        ({"image_url": "https://a/b.png"}, {"url": "https://a/b.png"}, "https://a/b.png"),
        ({"image_url": "https://a/b.png", "detail": "auto"}, {"url": "https://a/b.png"}, "https://a/b.png"),
        (
            {"image_url": {"url": "https://a/b.png"}, "detail": "low"},
            {"url": "https://a/b.png", "detail": "low"},
            {"url": "https://a/b.png", "detail": "low"},
        ),
        ({"file_id": "file-1"}, {"url": "stepfile://file-1"}, "stepfile://file-1"),
    ],
)
def test_image_parts_are_translated(part: dict[str, Any], on_chat: Any, on_native: Any):
    asked = [{"role": "user", "content": [{"type": "input_text", "text": "?"}, {"type": "input_image", **part}]}]
    assert chat(input=asked)["messages"][0]["content"][1] == {"type": "image_url", "image_url": on_chat}
    assert native(input=asked)["input"][0]["content"][1] == {"type": "input_image", "image_url": on_native}


def test_image_returned_by_a_tool_follows_its_text():
    asked = [
        {"role": "user", "content": "look"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_image", "image_url": "https://a/b"}],
        },
    ]
    last = chat(input=asked)["messages"][-2:]
    assert [message["role"] for message in last] == ["tool", "user"]
    assert last[1]["content"][1]["image_url"] == {"url": "https://a/b"}


@pytest.mark.parametrize(
    ("body", "word", "param"),
    [
        ({"background": True, "store": False}, "store", "background"),
        ({"prompt": {"id": "p"}}, "template", "prompt"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, "retrieval", "tools[0]"),
        ({"tools": [{"type": "code_interpreter"}]}, "sandbox", "tools[0]"),
        ({"tools": [{"type": "mcp"}]}, "MCP", "tools[0]"),
        ({"tools": [{"type": "image_generation"}]}, "images.generate", "tools[0]"),
        ({"tools": [{"type": "brand_new"}]}, "brand_new", "tools[0]"),
        ({"input": None}, "missing", "input"),
        ({"input": []}, "missing", "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "files.create", "input"),
        ({"input": [{"type": "computer_call", "id": "x"}]}, "computer_call", "input"),
        ({"input": [{"role": "nobody", "content": "x"}]}, "nobody", "input"),
        ({"input": [{"text": "x"}]}, "input", "input"),
        ({"previous_response_id": "resp_1", "conversation": "conv_1"}, "exclusive", "conversation"),
        ({"conversation": "talk"}, "conv", "conversation"),
        ({"conversation": {"id": 5}}, "conv", "conversation"),
        ({"conversation": {}}, "conv", "conversation"),
        ({"conversation": 7}, "conv", "conversation"),
        ({"previous_response_id": "msg_1"}, "resp", "previous_response_id"),
        ({"previous_response_id": ["resp_1"]}, "resp", "previous_response_id"),
        ({"reasoning": {"effort": "huge"}}, "huge", "reasoning.effort"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "schema", "text.format"),
    ],
)
def test_unavailable_features_are_refused_with_advice(body: dict[str, Any], word: str, param: str):
    refusal = refused(**body)
    assert word in refusal.message
    assert (refusal.status, refusal.param) == (400, param)


def test_parameters_on_the_chat_route():
    sent = chat(
        instructions="be brief",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "get_weather"},
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", "name": "n", "schema": CITY, "strict": True}, "verbosity": "medium"},
        max_output_tokens=900,
        temperature=0.1,
        metadata={"a": "b"},
        user="u",
        store=False,
        include=["reasoning.encrypted_content"],
        service_tier="auto",
        truncation="auto",
    )
    assert sent["messages"][0] == {"role": "system", "content": "be brief"}
    assert sent["tools"][0]["function"] == {"name": "get_weather", "description": "d", "parameters": CITY}
    assert "tool_choice" not in sent
    assert "get_weather" in sent["messages"][-1]["content"]
    assert (sent["reasoning_effort"], sent["max_tokens"], sent["temperature"]) == ("low", 900, 0.1)
    assert sent["response_format"]["json_schema"] == {"name": "n", "schema": CITY, "strict": True}
    assert not {"metadata", "user", "store", "include", "service_tier", "truncation"} & sent.keys()


def test_parameters_on_the_native_route():
    form = {"type": "json_schema", "name": "n", "schema": CITY, "strict": True}
    sent = native(
        instructions="be brief",
        tools=[WEATHER],
        reasoning={"effort": "xhigh"},
        text={"format": form},
        top_p=0.2,
        store=True,
    )
    assert sent == {
        "model": "step-3.7-flash",
        "input": [{"type": "message", "role": "user", "content": "hi"}],
        "instructions": "be brief",
        "tools": [WEATHER],
        "reasoning": {"effort": "high"},
        "text": {"format": form},
        "top_p": 0.2,
    }
    assert "tools" not in native(tools=[WEATHER], tool_choice="none")


def test_losses_are_reported():
    _, context = out(top_logprobs=3, include=["message.output_text.logprobs"], text={"verbosity": "low"})
    assert sorted(lost(context)) == ["include", "text.verbosity", "top_logprobs"]
    _, context = out(store=True, metadata={"a": "b"}, prompt_cache_retention="24h", safety_identifier="s")
    assert lost(context) == []


def test_tool_choice_is_enforced_as_in_chat():
    named = chat(
        tools=[WEATHER, {**WEATHER, "name": "other"}],
        tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "other"}]},
    )
    assert [tool["function"]["name"] for tool in named["tools"]] == ["other"]
    assert "tools" not in chat(tools=[WEATHER], tool_choice="none")
    search = chat(tools=[{"type": "web_search_preview"}], tool_choice="required")
    assert [tool["type"] for tool in search["tools"]] == ["web_search"]
    _, context = out(tools=[{"type": "web_search_preview"}], tool_choice={"type": "web_search_preview"})
    assert lost(context) == ["tool_choice"]


def test_reasoning_of_a_response_is_sent_back_with_it():
    items = [
        {"role": "user", "content": "hi"},
        {"type": "message", "role": "assistant", "content": "ho", "reasoning_content": "hm"},
        {"role": "user", "content": "weather?"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "reasoning_content": "look"},
        {"type": "function_call_output", "call_id": "c", "output": "sunny"},
    ]
    sent = chat(input=items)["messages"]
    assert [message.get("reasoning_content") for message in sent] == [None, "hm", None, "look", None]
    assert "reasoning_content" not in json.dumps(native(input=items))


@pytest.mark.parametrize("route", ["native", "chat"])
def test_prompt_cache_key_is_a_header_on_both_routes(route: str):
    wire, context = out({"responses_route": route}, prompt_cache_key="k")
    assert "prompt_cache_key" not in wire.json
    assert context.headers == {"X-Session-Id": hashlib.sha256(b"k").hexdigest()[:32]}
    _, context = out({"responses_route": route, "prompt_cache_key": "mine"})
    assert context.headers == {"X-Session-Id": hashlib.sha256(b"mine").hexdigest()[:32]}
    _, context = out({"responses_route": route, "prompt_cache_header": ""}, prompt_cache_key="k")
    assert (context.headers, [change.kind for change in context.changes if change.parameter == "prompt_cache_key"]) == (
        {},
        ["drop"],
    )


@pytest.mark.parametrize("route", ["native", "chat"])
def test_dropped_parameters_are_recorded_without_a_warning(route: str):
    asked = {
        "metadata": {"a": "b"},
        "user": "u",
        "safety_identifier": "s",
        "service_tier": "flex",
        "truncation": "auto",
        "max_tool_calls": 2,
        "stream_options": {"include_obfuscation": False},
        "background": True,
        "reasoning": {"summary": "auto"},
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
    }
    wire, context = out({"responses_route": route}, **asked)
    reported = {change.parameter for change in context.changes} - {"path"}
    assert reported >= {*asked.keys() - {"reasoning"}, "reasoning.summary"}
    assert not asked.keys() & wire.json.keys()
    assert lost(context) == []


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"input": "Give me JSON."}, True),  # only the user mentions JSON, which is enough for OpenAI
        ({"input": "Give me JSON.", "instructions": "Be brief."}, True),
        ({"input": [{"role": "user", "content": "JSON, please"}]}, True),
        ({"input": "x", "instructions": "Answer in json."}, False),
        ({"input": [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": "x"}]}, False),
        ({"input": [{"role": "developer", "content": "Answer in JSON."}, {"role": "user", "content": "x"}]}, False),
    ],
)
def test_native_json_mode_has_a_system_message_that_mentions_json(body: dict[str, Any], line: bool):
    form = {"format": {"type": "json_object"}}
    sent = native(text=form, **body)
    assert sent["text"] == form
    found = [row for row in sent["input"] if row.get("role") == "system" and row["content"] == JSON_LINE]
    assert bool(found) is line
    assert native(**body)["input"] == [row for row in sent["input"] if row not in found]
