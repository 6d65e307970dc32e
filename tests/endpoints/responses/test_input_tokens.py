"""Counting input tokens with StepFun's token count (stepfun-api 7)."""

from __future__ import annotations

from typing import Any

import pytest

from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.json_values import UnexpectedBody
from stepfun_compat.endpoints.responses import input_tokens as token_count
from tests.support.exchange import exchange, lost

ENDPOINT = token_count.InputTokens()


def wire(**body: Any) -> Any:
    request = WireRequest("POST", "/responses/input_tokens", json=body)
    return ENDPOINT.transform_request(request, exchange(ENDPOINT))


def test_text_and_instructions():
    sent = wire(model="gpt-4o", input="hi", instructions="Be kind.")
    assert (sent.method, sent.path) == ("POST", "/token/count")
    assert sent.json == {
        "model": "step-3.7-flash",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}],
    }


def test_items_become_messages():
    items = [
        {"role": "developer", "content": "rules"},
        {"role": "user", "content": [{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": "https://x/a.png", "detail": "low"}]},
        {"type": "reasoning", "id": "rs", "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "output_text", "text": "2"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]},
    ]  # fmt: skip
    messages = wire(model="step-3.7-flash", input=items).json["messages"]
    assert messages[0] == {"role": "system", "content": "rules"}
    assert messages[1]["content"][1] == {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "low"}}
    assert [call["id"] for call in messages[2]["tool_calls"]] == ["c1", "c2"]
    assert messages[3:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
        {"role": "assistant", "content": "done"},
    ]


def test_uncounted_input_is_reported():
    context = exchange(ENDPOINT)
    body = {"model": "gpt-4o", "input": [{"role": "user", "content": "a"}, {"type": "mcp_call", "id": "m"}], "tools": [{"type": "function"}], "truncation": "auto"}  # fmt: skip
    sent = ENDPOINT.transform_request(WireRequest("POST", "/responses/input_tokens", json=body), context)
    assert sent.json == {"model": "step-3.7-flash", "messages": [{"role": "user", "content": "a"}]}
    assert sorted(lost(context)) == ["input[1]", "tools"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model": "gpt-4o"}, "input is missing"),
        ({"model": "gpt-4o", "input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "files.create"),
        ({"model": "gpt-4o", "input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "without image_url"),
        ({"model": "step-3.5-flash", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}]}, "image input"),
    ],
)  # fmt: skip
def test_invalid_input_is_refused(body: dict[str, Any], words: str):
    with pytest.raises(RequestRejected, match=words):
        wire(**body)


def test_response_has_openais_shape():
    context = exchange(ENDPOINT)
    assert ENDPOINT.transform_response({"data": {"total_tokens": 85}}, context) == {
        "object": "response.input_tokens",
        "input_tokens": 85,
    }
    for body in ({}, {"data": {}}, None, {"data": {"total_tokens": "85"}}):
        with pytest.raises(UnexpectedBody):
            ENDPOINT.transform_response(body, context)
