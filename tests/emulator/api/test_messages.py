"""POST /messages and its token count: Anthropic's form of chat (stepfun-api 7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

ASK = [{"role": "user", "content": "Say hello to the kettle."}]
TOOL = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def post(http: Any, path: str = "/v1/messages", **body: Any) -> Any:
    return http.post(path, json={"model": "step-3.7-flash", "max_tokens": 2000, "messages": ASK, **body})


def test_response_has_anthropics_shape(http: Any) -> None:
    answer = post(http, system="Be kind.").json()
    assert (answer["type"], answer["role"], answer["model"]) == ("message", "assistant", "step-3.7-flash")
    assert answer["content"] == [{"type": "text", "text": "Say hello to the kettle."}]
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("end_turn", None)
    assert set(answer["usage"]) == {"input_tokens", "output_tokens"}
    assert post(http, "/step_plan/v1/messages", model="step-router-v1").status_code == 200


def test_tools_are_called_and_their_results_used(http: Any) -> None:
    question = {"role": "user", "content": "Use get_weather: what is the weather in Paris?"}
    answer = post(http, messages=[question], tools=[TOOL]).json()
    assert answer["stop_reason"] == "tool_use"
    (block,) = [block for block in answer["content"] if block["type"] == "tool_use"]
    assert (block["name"], block["input"]) == ("get_weather", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": block["id"], "content": [{"type": "text", "text": "18 degrees"}]}
    turns = [question, {"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [result]}]
    received = post(http, messages=turns, tools=[TOOL]).json()
    assert received["stop_reason"] == "end_turn"
    assert "18 degrees" in received["content"][0]["text"]


@pytest.mark.parametrize("tools", [[], [TOOL]])
def test_stream_has_the_same_content_in_anthropics_events(http: Any, tools: list[Any]) -> None:
    messages = [{"role": "user", "content": "Use get_weather: the weather in Paris?"}] if tools else ASK
    whole = post(http, messages=messages, tools=tools).json()
    text = post(http, messages=messages, tools=tools, stream=True).text
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    names = [line[7:] for line in text.splitlines() if line.startswith("event: ")]
    assert names == [event["type"] for event in events]
    assert (names[0], names[-2:]) == ("message_start", ["message_delta", "message_stop"])
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    if tools:
        assert json.loads("".join(delta["partial_json"] for delta in deltas)) == whole["content"][0]["input"]
    else:
        assert "".join(delta["text"] for delta in deltas) == whole["content"][0]["text"]
    assert events[-2]["delta"]["stop_reason"] == whole["stop_reason"]
    assert events[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]


def test_max_tokens_ends_the_response(http: Any) -> None:
    assert post(http, max_tokens=3).json()["stop_reason"] == "max_tokens"


def test_images_are_accepted_from_both_sources(http: Any, server: Any) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    linked = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    content = [picture, linked, {"type": "text", "text": "What is it?"}]
    answer = post(http, messages=[{"role": "user", "content": content}])
    assert "What is it?" in answer.json()["content"][0]["text"]
    refused = post(http, model="step-3.5-flash", messages=[{"role": "user", "content": content}])
    assert refused.json()["error"]["type"] == "model_incompatible"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"model": "step-1o-turbo-vision"}, "not enabled"),
        ({"model": "gpt-4o"}, "does not exist"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.role"),
        ({"messages": [{"role": "user", "content": [{"type": "document"}]}]}, "messages.content.type"),
        ({"top_k": 501}, "top_k"),
        ({"temperature": 2.1}, "temperature"),
    ],
)
def test_invalid_requests_are_400(http: Any, body: dict[str, Any], words: str) -> None:
    answer = post(http, **body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["metadata", "tool_choice", "thinking", "mcp_servers"])
def test_undocumented_parameters_are_refused_only_in_strict_mode(http: Any, server: Any, name: str) -> None:
    assert post(http, **{name: {"type": "auto"}}).status_code == 200
    server.configure(strict=True)
    assert name in post(http, **{name: {"type": "auto"}}).json()["error"]["message"]


def test_count_tokens_counts_the_prompt(http: Any) -> None:
    body = {"model": "step-3.7-flash", "messages": ASK, "system": "Be kind."}
    counted = http.post("/v1/messages/count_tokens", json=body).json()
    assert counted == {"input_tokens": post(http, system="Be kind.").json()["usage"]["input_tokens"]}
    assert http.post("/step_plan/v1/messages/count_tokens", json=body).json() == counted
    assert http.post("/v1/messages/v1/messages", json=body).text == "404 page not found"
