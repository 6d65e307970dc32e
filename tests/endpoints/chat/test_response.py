"""Translation of complete chat responses (stepfun-api 4.1 to 4.4)."""

from __future__ import annotations

from typing import Any

import pytest

from stepfun_compat.endpoints.chat.messages import transcript_of
from stepfun_compat.endpoints.chat.usage import add_usage, fill_usage
from stepfun_compat.endpoints.json_values import UnexpectedBody
from tests.support.chat import USER, back, message, out, search, sent

DOCUMENTED = {
    "id": "e2eb4b00d2c226517de3882f17d9664b.ffead889783a0bcd8d2bd17ea4d4c2af",
    "object": "chat.completion",
    "created": 1772624997,
    "model": "step-3.7-flash",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "…", "reasoning": "why", "reasoning_content": "why"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 85, "completion_tokens": 701, "total_tokens": 786},
}
CALL = {
    "id": "call_ybVBO",
    "type": "function",
    "function": {"name": "Calculator", "arguments": '{"formula": "(80 + 20) / 5"}'},
}
SEARCH = search(
    {"index": 0, "url": "https://a.example", "title": "A", "summary": "…"},
    {"index": 1, "url": "https://b.example"},
    {"index": 2, "title": "no address"},
)


def said(finish: Any = "stop", usage: Any = None, **row: Any) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "", **row}, "finish_reason": finish}],
        **({"usage": usage} if usage else {}),
    }


def reason(data: Any, context: Any = None) -> Any:
    return back(data, context)["choices"][0]["finish_reason"]


def test_api_4_1_documented_response_gets_openais_fields() -> None:
    data = back(DOCUMENTED)
    assert {k: data[k] for k in ("id", "object", "created", "model")} == {
        k: DOCUMENTED[k] for k in ("id", "object", "created", "model")
    }
    (choice,) = data["choices"]
    assert choice["logprobs"] is None
    assert choice["finish_reason"] == "stop"
    row = choice["message"]
    assert row["refusal"] is None
    assert row["content"] == "…"
    assert "tool_calls" not in row


@pytest.mark.parametrize(
    "row",
    [
        {"reasoning": "why"},
        {"reasoning_content": "why"},
        {"reasoning": "why", "reasoning_content": "why"},
        {"reasoning": "why", "reasoning_content": ""},
        {"reasoning": "why", "reasoning_content": None},
        {"reasoning": "other", "reasoning_content": "why"},
        {"reasoning": None, "reasoning_content": "why"},
    ],
)
def test_api_4_1_reasoning_has_both_names_and_is_not_duplicated(row: Any) -> None:
    got = message(said(content="x", **row))
    assert got["reasoning"] == got["reasoning_content"] == "why"


def test_api_4_1_missing_reasoning_is_not_added() -> None:
    assert not {"reasoning", "reasoning_content"} & message(said(content="x")).keys()


def test_api_4_2_content_is_null_beside_tool_calls() -> None:
    row = message(said(tool_calls=[CALL]))
    assert row["content"] is None
    assert row["tool_calls"] == [CALL]
    assert message(said(content="Let me see.", tool_calls=[CALL]))["content"] == "Let me see."


@pytest.mark.parametrize("finish", ["stop", "tool_calls", None, ""])
def test_api_4_2_finish_reason_is_tool_calls_with_calls(finish: Any) -> None:
    assert reason(said(finish, tool_calls=[CALL])) == "tool_calls"


@pytest.mark.parametrize("finish", ["stop", None, "", "tool_calls", "function_call"])
def test_api_4_3_finish_reason_is_stop_without_calls(finish: Any) -> None:
    assert reason(said(finish, content="x")) == "stop"
    assert reason(said(finish, content="x", tool_calls=[])) == "stop"
    assert reason(said(finish, content="x", tool_calls=None)) == "stop"


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_api_4_3_length_and_content_filter_stay(finish: str) -> None:
    assert reason(said(finish, content="")) == finish
    assert reason(said(finish, tool_calls=[CALL])) == finish


def test_api_4_6_empty_response_keeps_finish_reason_length() -> None:
    data = back(said("length", content="", reasoning="…", usage={"completion_tokens": 64}))
    assert data["choices"][0]["finish_reason"] == "length"
    assert data["choices"][0]["message"]["content"] == ""


def test_api_4_2_documented_audio_response_is_normalized() -> None:
    # finish_reason null, calls with an index, no content key, audio without id and expiry
    sample = {
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "tool_calls": [{**CALL, "index": 0}],
                    "audio": {"data": "AAAA", "transcript": "hello"},
                },
                "finish_reason": None,
            }
        ]
    }
    (choice,) = back(sample)["choices"]
    assert choice["index"] == 0
    assert choice["finish_reason"] == "tool_calls"
    row = choice["message"]
    assert row["tool_calls"] == [CALL]
    assert row["content"] is None
    assert transcript_of(row["audio"]["id"]) == "hello"
    assert row["audio"]["expires_at"] > 0
    assert sent(messages=[USER, {"role": "assistant", "audio": {"id": row["audio"]["id"]}}])["messages"][1] == {
        "role": "assistant",
        "content": "hello",
    }


def test_calls_without_id_or_with_object_arguments_are_fixed() -> None:
    bare = {"type": "", "function": {"name": "f", "arguments": {"a": 1}}}
    first, second = message(said(tool_calls=[bare, {"function": {"name": "f"}}]))["tool_calls"]
    assert first["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert second["function"] == {"name": "f", "arguments": "{}"}
    assert first["type"] == second["type"] == "function"
    assert first["id"].startswith("call_")
    assert first["id"] != second["id"]


def test_api_3_4_web_search_becomes_citations() -> None:
    data = back(said(content="Sunny today", tool_calls=[SEARCH]))
    row = data["choices"][0]["message"]
    assert "tool_calls" not in row
    assert data["choices"][0]["finish_reason"] == "stop"
    assert row["content"] == "Sunny today"
    assert [a["url_citation"] for a in row["annotations"]] == [
        {"start_index": 0, "end_index": 11, "title": "A", "url": "https://a.example"},
        {"start_index": 0, "end_index": 11, "title": "https://b.example", "url": "https://b.example"},
    ]


def test_api_3_4_web_search_beside_a_call_keeps_the_call() -> None:
    row = message(said(tool_calls=[SEARCH, CALL]))
    assert row["tool_calls"] == [CALL]
    assert len(row["annotations"]) == 2


# ---------------------------------------------------------------- usage (stepfun-api 4.4)


@pytest.mark.parametrize(
    ("given", "cached", "reasoning"),
    [
        ({"prompt_tokens": 591, "completion_tokens": 120, "total_tokens": 711}, 0, 0),
        ({"cached_tokens": 512, "prompt_tokens": 591, "completion_tokens": 120, "total_tokens": 711}, 512, 0),
        (
            {
                "prompt_tokens": 4431,
                "completion_tokens": 9,
                "total_tokens": 4440,
                "prompt_tokens_details": {"cached_tokens": 4224},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            4224,
            5,
        ),
        ({"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": None, "cached_tokens": None}, 0, 0),
        ({"prompt_tokens": "1", "completion_tokens": 2.0, "total_tokens": "3", "cached_tokens": "1"}, 1, 0),
    ],
)
def test_api_4_4_cached_tokens_are_in_openais_field(given: Any, cached: int, reasoning: Any) -> None:
    usage = fill_usage(given)
    assert usage is not None
    assert usage["prompt_tokens_details"]["cached_tokens"] == cached
    assert usage["completion_tokens_details"]["reasoning_tokens"] == reasoning
    assert usage["prompt_tokens"] == int(given["prompt_tokens"])  # cached tokens are included
    assert usage["total_tokens"] == int(given["prompt_tokens"]) + given["completion_tokens"]


def test_missing_usage_is_not_added() -> None:
    assert fill_usage(None) is None
    assert "usage" not in back(said(content="x"))


def test_usage_of_two_requests_is_added() -> None:
    one = fill_usage({"cached_tokens": 5, "prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11})
    two = fill_usage(
        {"prompt_tokens": 20, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 1}}
    )
    total = add_usage(one, two)
    assert total["total_tokens"] == 33
    assert total["prompt_tokens_details"]["cached_tokens"] == 5
    assert total["completion_tokens_details"]["reasoning_tokens"] == 1
    assert add_usage(None, two) == two
    assert add_usage(one, None) == one


# ---------------------------------------------------------------- caps (stepfun-api 4.6)


def capped(content: str, tokens: int, cap: int = 10, *, finish: str = "stop", **more: Any) -> Any:
    context = out(model="gpt-4o", max_tokens=cap, **more.pop("body", {}))[1]
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, **more.pop("usage", {})}
    return back(said(finish, usage, content=content, **more), context)["choices"][0]


def test_api_4_6_text_is_cut_at_the_callers_cap() -> None:
    choice = capped("x" * 400, 100)
    assert choice["message"]["content"] == "x" * 40
    assert choice["finish_reason"] == "length"


def test_api_4_6_text_within_the_cap_is_not_cut() -> None:
    assert capped("x" * 40, 10)["finish_reason"] == "stop"
    reported = {"completion_tokens_details": {"reasoning_tokens": 95}}
    choice = capped("x" * 400, 100, usage=reported)
    assert (choice["message"]["content"], choice["finish_reason"]) == ("x" * 400, "stop")
    thought = capped("x" * 40, 100, reasoning_content="y" * 400)
    assert (thought["message"]["content"], thought["finish_reason"]) == ("x" * 40, "stop")
    assert capped("four", 100)["message"]["content"] == "four"  # no split reported: at most one token per byte is text


def test_api_4_6_calls_and_json_are_never_cut() -> None:
    assert capped("x" * 400, 100, tool_calls=[CALL])["message"]["content"] == "x" * 400
    whole = '{"a": "' + "x" * 400 + '"}'
    for format in ({"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}):
        choice = capped(whole, 100, body={"response_format": format})
        assert (choice["message"]["content"], choice["finish_reason"]) == (whole, "stop")


# ---------------------------------------------------------------- envelope


def test_missing_envelope_fields_are_filled() -> None:
    data = back(said(content="x"))
    assert data["object"] == "chat.completion"
    assert data["id"].startswith("chatcmpl-")
    assert data["created"] == 0
    assert data["model"] == "step-3.7-flash"
    assert data["id"] == back(said(content="x"))["id"]
    assert data["id"] != back(said(content="y"))["id"]


def test_requested_model_name_is_echoed_when_set() -> None:
    context = out(settings={"echo_requested_model": True}, model="gpt-4o")[1]
    assert back(DOCUMENTED, context)["model"] == "gpt-4o"
    assert back(DOCUMENTED, out(model="gpt-4o")[1])["model"] == "step-3.7-flash"


@pytest.mark.parametrize("bad", [None, [], "x", {}, {"choices": None}, {"choices": [3]}, {"choices": "x"}])
def test_invalid_response_is_reported(bad: Any) -> None:
    with pytest.raises(UnexpectedBody):
        back(bad)


def test_empty_list_of_choices_stays_empty() -> None:
    assert back({"choices": []})["choices"] == []


def test_api_3_5_fences_around_json_are_stripped() -> None:
    context = out(response_format={"type": "json_object"})[1]
    assert message(said(content='```json\n{"a": 1}\n```'), context)["content"] == '{"a": 1}'
    assert message(said(content='```json\n{"a": 1}\n```'))["content"] == '```json\n{"a": 1}\n```'


XML = """I will look.
<tool_call>
<function=get_weather>
<parameter=city>
Paris
</parameter>
<parameter=days>
3
</parameter>
</function>
</tool_call>"""


def test_calls_in_text_are_parsed_only_on_request() -> None:
    assert message(said(content=XML))["content"] == XML
    context = out(settings={"parse_xml_tool_calls": True})[1]
    row = message(said(content=XML), context)
    assert row["content"] == "I will look."
    assert row["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city": "Paris", "days": 3}'}
    assert reason(said(content=XML), context) == "tool_calls"
    assert message(said(content="<tool_call> is a tag"), context)["content"] == "<tool_call> is a tag"
