"""The pure part of contested facts: which fact an error is about, and the safe form of a request (stepfun-api 11, 13)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stepfun_compat.catalog import default
from stepfun_compat.catalog.schema import ContestedFact
from stepfun_compat.endpoints.base import PLAIN, WireRequest
from stepfun_compat.endpoints.contested import WireError, alternative, concerns, facts_for, rewrite, settled_form
from tests.support.exchange import exchange

USER = {"role": "user", "content": "x"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def fact(name: str) -> ContestedFact:
    return next(row for row in default().contested if row.fact == name)


def chat(**body: Any) -> WireRequest:
    return WireRequest("POST", "/chat/completions", json={"model": "step-3.7-flash", "messages": [USER], **body})


CASES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "chat.null_content": (
        {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}]},
        "Unrecognized chat message.",
        {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [CALL]}]},
    ),
    "chat.stream_options": (
        {"stream": True, "stream_options": {"include_usage": True}},
        "Request param: stream_options is not supported",
        {"stream": True},
    ),
    "chat.tool_choice": ({"tool_choice": "required"}, "tool_choice 仅支持 auto", {}),
    "chat.presence_penalty": (
        {"presence_penalty": -2},
        "presence_penalty is out of range",
        {"presence_penalty": 0.0},
    ),
    "chat.reasoning_effort_levels": (
        {"reasoning_effort": "xhigh"},
        "reasoning_effort must be one of low, high",
        {"reasoning_effort": "high"},
    ),
    "chat.system_messages": (
        {"messages": [USER, {"role": "system", "content": [{"type": "text", "text": "b"}]}]},
        "only one system message is allowed, at the first position",
        {"messages": [{"role": "system", "content": "b"}, USER]},
    ),
    "chat.roles": (
        {"messages": [{"role": "developer", "content": "a"}, {"role": "function", "content": "b"}]},
        "unknown role developer",
        {"messages": [{"role": "system", "content": "a"}, {"role": "tool", "content": "b"}]},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_safe_form_is_sent_after_a_refusal(name: str) -> None:
    body, message, expected = CASES[name]
    request = chat(**body)
    before = copy.deepcopy(request)
    context = exchange(PLAIN, on_unsupported="ignore")
    safe = alternative(PLAIN, request, WireError(400, message), context)
    assert safe is not None
    assert safe == chat(**expected)
    assert request == before
    assert context.safe_forms == [name]
    assert [change.kind for change in context.changes][-1] == "cost"
    # the same form is not sent twice; an effort that is also refused is dropped
    again = alternative(PLAIN, safe, WireError(400, message), context)
    assert again == (chat() if name == "chat.reasoning_effort_levels" else None)
    assert rewrite(fact(name), safe, context) is None
    # a recorded fact gives the same request without a retry
    assert settled_form(PLAIN, request, exchange(PLAIN, on_unsupported="ignore"), {name}) == safe


@pytest.mark.parametrize("name", CASES)
def test_other_statuses_and_endpoints_have_no_alternative(name: str) -> None:
    body, message, _ = CASES[name]
    context = exchange(PLAIN, on_unsupported="ignore")
    assert alternative(PLAIN, chat(**body), WireError(422, message), context) is None
    assert facts_for(WireRequest("GET", "/files"), context) == []
    other = WireRequest("POST", "/audio/speech", json=chat(**body).json)
    assert alternative(PLAIN, other, WireError(400, message), context) is None
    assert context.changes == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("responses.reasoning", "input[2].type reasoning is invalid"),
        ("responses.model", "input: 1 validation error for response"),
        ("responses.json_schema", "text.format: missing schema, json_schema is invalid"),
        ("files.purpose", "unsupported file type for purpose file-extract"),
        ("files.purpose", "Request param: file is invalid, recommended val is: for file-extract: pdf, txt"),
        ("files.purpose", "too many files, at most 1000"),
        ("chat.text_parts", "content type input_video is not supported"),
        ("chat.text_parts", "messages.content is too long: at most 100 strings"),
        ("chat.null_content", "image_url in content is required"),
        ("chat.json_schema", "Request param: max_tokens is invalid, recommended val is: greater than 0"),
        ("chat.system_messages", "Request param: messages.role is invalid, recommended val is: system, user"),
        ("chat.frequency_penalty", "rate limit: too frequent"),
    ],
)
def test_errors_about_similar_fields_do_not_match_a_fact(name: str, message: str) -> None:
    assert not concerns(fact(name), WireError(400, message))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("chat.json_schema", WireError(400, "not supported", "invalid_request_error", "response_format")),
        ("chat.json_schema", WireError(400, "仅支持 text 和 json_object，不支持 json_schema")),
        ("chat.frequency_penalty", WireError(400, "频率惩罚超出范围")),
        ("chat.reasoning_effort", WireError(400, "不支持推理强度参数")),
        ("chat.text_parts", WireError(400, "messages.content 必须为字符串，不能是数组")),
        ("chat.roles", WireError(400, "角色 developer 不支持")),
        ("responses.model", WireError(400, "model step-3.5-flash is not enabled for the Responses API")),
        ("responses.model", WireError(400, "该模型不支持 Responses API，请使用 Chat Completions")),
        ("files.purpose", WireError(400, "purpose 取值无效，仅支持 storage")),
        ("chat.messages_api", WireError(400, "not enabled for the Chat Completions API, please use the Messages API")),
    ],
)
def test_errors_match_a_fact_in_english_and_chinese(name: str, error: WireError) -> None:
    assert concerns(fact(name), error)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "a", "type": "b", "param": "c"}}, WireError(400, "a", "b", "c")),
        ({"message": "a", "type": None}, WireError(400, "a")),
        ({"message": 5}, WireError(400, "5")),
        ({"error": "text"}, WireError(400, "text")),
        ("a page", WireError(400, "a page")),
        (None, WireError(400)),
        ([], WireError(400)),
    ],
)
def test_error_body_of_any_shape_is_parsed(body: Any, expected: WireError) -> None:
    assert WireError.of(400, body) == expected


@pytest.mark.parametrize("message", [{"role": "user"}, {"role": "system", "content": None}])
def test_message_without_content_that_openai_rejects_is_not_repaired(message: dict[str, Any]) -> None:
    context = exchange(PLAIN, on_unsupported="ignore")
    refused = WireError(400, "Unrecognized chat message.")
    assert alternative(PLAIN, chat(messages=[USER, message]), refused, context) is None
    assert context.safe_forms == []


def test_malformed_schema_has_no_alternative() -> None:
    context = exchange(PLAIN)
    request = chat(response_format={"type": "json_schema", "json_schema": {"name": "x"}})
    assert alternative(PLAIN, request, WireError(400, "json_schema is not supported"), context) is None


def test_facts_settled_in_one_call_are_limited() -> None:
    context = exchange(PLAIN)
    context.safe_forms.extend(f"fact {number}" for number in range(6))
    assert alternative(PLAIN, chat(tool_choice="auto"), WireError(400, "tool_choice is not supported"), context) is None
