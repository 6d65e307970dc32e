"""Messages of chat requests: roles, content parts, history and remembered reasoning (stepfun-api 3.1, 3.3, 4.1, 4.2)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from stepfun_compat.endpoints.chat.endpoint import ENDPOINT
from stepfun_compat.endpoints.chat.messages import audio_id, repair_arguments, transcript_of
from stepfun_compat.endpoints.chat.reasoning_cache import ReasoningCache
from stepfun_compat.endpoints.context import ClientFacts, RequestRejected
from tests.support.chat import USER, function, out, sent
from tests.support.exchange import exchange

PNG = "data:image/png;base64,iVBORw0KGgo="


def messages(*rows: Any, settings: dict[str, Any] | None = None, **body: Any) -> Any:
    return sent(settings, messages=list(rows), **body)["messages"]


def call(name: str = "get_weather", arguments: Any = '{"city": "Paris"}', id: Any = "call_1") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def replayed(arguments: Any) -> Any:
    return messages({"role": "assistant", "tool_calls": [call(arguments=arguments)]})[0]["tool_calls"][0]["function"]


def test_api_3_1_developer_role_becomes_system() -> None:
    assert messages({"role": "developer", "content": "be brief"}, USER)[0] == {"role": "system", "content": "be brief"}


def test_api_3_1_function_role_becomes_tool_for_its_call() -> None:
    rows = messages(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}},
        {"role": "function", "name": "f", "content": "2"},
    )
    assert [row["role"] for row in rows] == ["user", "assistant", "tool"]
    (made,) = rows[1]["tool_calls"]
    assert made["type"] == "function"
    assert made["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert rows[2] == {"role": "tool", "content": "2", "tool_call_id": made["id"]}
    assert "function_call" not in rows[1]


def test_orphan_function_result_gets_an_id() -> None:
    (row,) = messages({"role": "function", "name": "f", "content": "2"})
    assert row["role"] == "tool"
    assert row["tool_call_id"].startswith("call_")


@pytest.mark.parametrize("role", ["system", "developer", "assistant", "tool"])
def test_api_3_1_text_parts_become_a_string_outside_user_messages(role: str) -> None:
    (row,) = messages({"role": role, "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]})
    assert row["content"] == "a\nb"


def test_api_3_1_text_parts_of_a_user_message_stay() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert messages({"role": "user", "content": parts})[0]["content"] == parts


@pytest.mark.parametrize("role", ["system", "tool", "assistant"])
def test_api_3_1_image_outside_a_user_message_is_refused(role: str) -> None:
    with pytest.raises(RequestRejected, match=rf"accepts only text in a {role} message") as caught:
        messages({"role": role, "content": [{"type": "image_url", "image_url": {"url": PNG}}]})
    assert caught.value.param == "messages"


def test_refusal_is_replayed_as_text() -> None:
    assert messages({"role": "assistant", "content": None, "refusal": "no"})[0] == {
        "role": "assistant",
        "content": "no",
    }
    part = [{"type": "refusal", "refusal": "no"}]
    assert messages({"role": "assistant", "content": part})[0]["content"] == "no"
    assert messages({"role": "user", "content": part})[0]["content"] == [{"type": "text", "text": "no"}]


def test_api_3_2_name_of_a_single_speaker_is_dropped() -> None:
    rows = messages({"role": "system", "name": "s", "content": "x"}, {"role": "user", "name": "ann", "content": "hi"})
    assert rows == [{"role": "system", "content": "x"}, {"role": "user", "content": "hi"}]


def test_api_3_2_names_of_several_speakers_are_kept_in_the_text() -> None:
    rows = messages(
        {"role": "user", "name": "ann", "content": "hi"},
        {"role": "user", "name": "bob", "content": [{"type": "image_url", "image_url": {"url": PNG}}]},
        {"role": "user", "name": "bob", "content": [{"type": "text", "text": "yo"}]},
        USER,
    )
    assert rows[0] == {"role": "user", "content": "ann: hi"}
    assert rows[1]["content"][0] == {"type": "text", "text": "bob:"}
    assert rows[2]["content"] == [{"type": "text", "text": "bob: yo"}]
    assert rows[3] == USER


@pytest.mark.parametrize("detail", ["auto", "original", None])
def test_api_3_3_image_detail_auto_is_not_sent(detail: Any) -> None:
    part = {"type": "image_url", "image_url": {"url": PNG, "detail": detail}}
    (row,) = messages({"role": "user", "content": [part]})
    assert row["content"] == [{"type": "image_url", "image_url": {"url": PNG}}]


@pytest.mark.parametrize("detail", ["low", "high"])
def test_api_3_3_image_detail_low_and_high_stay(detail: str) -> None:
    part = {"type": "image_url", "image_url": {"url": PNG, "detail": detail}}
    assert messages({"role": "user", "content": [part]})[0]["content"] == [part]


def test_api_3_3_bare_image_url_becomes_an_object() -> None:
    (row,) = messages({"role": "user", "content": [{"type": "image_url", "image_url": PNG}]})
    assert row["content"] == [{"type": "image_url", "image_url": {"url": PNG}}]


@pytest.mark.parametrize(("format", "mime"), [("wav", "audio/wav"), ("mp3", "audio/mpeg")])
def test_api_3_3_raw_audio_becomes_a_data_url(format: str, mime: str) -> None:
    part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": format}}
    (row,) = messages({"role": "user", "content": [part]}, model="step-audio-2")
    assert row["content"] == [{"type": "input_audio", "input_audio": {"data": f"data:{mime};base64,AAAA"}}]


def test_api_3_3_audio_url_is_sent_without_its_format() -> None:
    url = "data:audio/mpeg;base64,AAAA"
    part = {"type": "input_audio", "input_audio": {"data": url, "format": "mp3"}}
    rows = messages(
        {"role": "user", "content": [part, {"type": "input_audio", "input_audio": {"data": url}}]}, model="step-audio-2"
    )
    assert rows[0]["content"] == [{"type": "input_audio", "input_audio": {"data": url}}] * 2


def test_api_3_3_other_audio_formats_are_refused() -> None:
    part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "flac"}}
    with pytest.raises(RequestRejected, match=r"flac.*wav and mp3"):
        messages({"role": "user", "content": [part]}, model="step-audio-2")


def test_api_3_3_video_is_passed_through() -> None:
    part = {"type": "video_url", "video_url": {"url": "stepfile://file-1"}}
    assert messages({"role": "user", "content": [part]})[0]["content"] == [part]


@pytest.mark.parametrize("kind", ["file", "input_file"])
def test_api_3_2_file_parts_are_refused_with_advice(kind: str) -> None:
    with pytest.raises(RequestRejected, match=r"client\.files\.create.*client\.files\.content") as caught:
        messages({"role": "user", "content": [{"type": kind, "file": {"file_id": "f"}}]})
    assert (caught.value.code, caught.value.param) == ("unsupported_content_type", "messages")


@pytest.mark.parametrize(
    ("given", "fixed"),
    [
        ("", "{}"),
        ("  ", "{}"),
        (None, "{}"),
        ('{"city": "Pa', "{}"),
        ("null", '{"value": null}'),
        ("[1]", '{"value": [1]}'),
        ("3", '{"value": 3}'),
        ('"Paris"', '{"value": "Paris"}'),
        ('"{\\"a\\": 1}"', '{"a": 1}'),
        ({"a": "é"}, '{"a": "é"}'),
        ([1], '{"value": [1]}'),
        ("[" * 100_000, "{}"),
    ],
)
def test_api_3_3_arguments_that_are_not_an_object_are_repaired(given: Any, fixed: str) -> None:
    assert replayed(given)["arguments"] == fixed


def test_api_3_3_arguments_that_are_an_object_keep_their_bytes() -> None:
    for text in ('{"a":1}', '{ "a" :  1 }', "{}", '{"é": "\\u00e9"}'):
        context = exchange(ENDPOINT)
        assert repair_arguments(text, "here", context) is text
        assert context.changes == []


def test_api_3_3_empty_function_name_is_filled() -> None:
    for empty in ("", None):
        (row,) = messages({"role": "assistant", "tool_calls": [call(name=empty)]})  # type: ignore[arg-type]
        assert row["tool_calls"][0]["function"]["name"] == "unknown_function"


def test_call_without_an_id_gets_one() -> None:
    (row,) = messages({"role": "assistant", "tool_calls": [call(id=None)]})
    assert row["tool_calls"][0]["id"].startswith("call_")


def test_api_4_1_dumped_message_is_replayed_with_its_reasoning() -> None:
    dumped = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": [{**call(), "index": 0}],
        "reasoning": "why",
        "reasoning_content": "why",
        "parsed": None,
    }
    assert messages(dumped) == [
        {"role": "assistant", "content": "", "tool_calls": [call()], "reasoning_content": "why"}
    ]
    assert messages({"role": "assistant", "content": "x", "reasoning": "why"})[0]["reasoning_content"] == "why"
    assert messages({"role": "assistant", "content": "x", "reasoning_content": None}) == [
        {"role": "assistant", "content": "x"}
    ]


@pytest.mark.parametrize("calls", [None, []])
def test_empty_tool_calls_are_dropped(calls: Any) -> None:
    assert messages({"role": "assistant", "content": "x", "tool_calls": calls}) == [
        {"role": "assistant", "content": "x"}
    ]


def test_api_3_4_web_search_in_history_is_dropped() -> None:
    search = {"id": "s", "type": "web_search", "function": {"name": "step_websearch", "arguments": "{}", "results": []}}
    rows = messages(
        {"role": "assistant", "content": "Sunny", "tool_calls": [search]},
        {"role": "assistant", "content": None, "tool_calls": [search, call()]},
        {"role": "assistant", "content": None, "tool_calls": [search]},
    )
    assert rows == [
        {"role": "assistant", "content": "Sunny"},
        {"role": "assistant", "content": "", "tool_calls": [call()]},
        {"role": "assistant", "content": ""},
    ]


def test_empty_assistant_message_has_an_empty_string() -> None:
    assert messages({"role": "assistant", "content": None}) == [{"role": "assistant", "content": ""}]
    assert messages({"role": "assistant"}) == [{"role": "assistant", "content": ""}]
    assert messages({"role": "tool", "tool_call_id": "c", "content": None})[0]["content"] == ""


@pytest.mark.parametrize("transcript", ["Hello", "你好 🎧", "", "x" * 5000])
def test_api_4_2_audio_message_is_replayed_as_its_transcript(transcript: str) -> None:
    id = audio_id(transcript)
    assert transcript_of(id) == transcript
    assert messages({"role": "assistant", "audio": {"id": id}})[0] == {"role": "assistant", "content": transcript}


@pytest.mark.parametrize("id", ["audio_abc", "audio_", "other", "audio_!!!"])
def test_api_4_2_audio_message_of_another_service_is_refused(id: str) -> None:
    with pytest.raises(RequestRejected, match="put the transcript of that response into content"):
        messages({"role": "assistant", "audio": {"id": id}})


def test_messages_may_be_any_mapping_and_sequence() -> None:
    frozen = MappingProxyType({"role": "developer", "content": (MappingProxyType({"type": "text", "text": "a"}),)})
    context = exchange(ENDPOINT)
    from stepfun_compat.endpoints.chat.messages import translate_messages

    assert translate_messages((frozen,), context, str) == [{"role": "system", "content": "a"}]


def test_messages_that_need_no_translation_are_sent_unchanged() -> None:
    rows = [USER, {"role": "assistant", "content": "x"}]
    assert messages(*rows) == rows


def remembered(*calls: Any, cache: ReasoningCache | None = None, **row: Any) -> Any:
    context = exchange(ENDPOINT, replay_reasoning="cache")
    if cache is not None:
        context.client = ClientFacts(reasoning_cache=cache)
    return out(context, messages=[{"role": "assistant", "content": None, "tool_calls": list(calls), **row}])[0][
        "messages"
    ][0]


def test_api_11_20_reasoning_is_remembered_only_for_the_same_calls() -> None:
    from tests.support.chat import back

    cache = ReasoningCache()
    context = out(tools=[function()], settings={"replay_reasoning": "cache"})[1]
    context.client = ClientFacts(reasoning_cache=cache)
    answer = {
        "role": "assistant",
        "content": "",
        "reasoning": "why",
        "tool_calls": [call(), call("f", "{}", "call_2")],
    }
    back({"choices": [{"index": 0, "message": answer, "finish_reason": "stop"}]}, context)
    both = (call(), call("f", "{}", "call_2"))
    assert remembered(*both, cache=cache)["reasoning_content"] == "why"
    respelled = call(arguments='{"city":"Paris"}')
    assert remembered(respelled, cache=cache)["reasoning_content"] == "why"
    assert remembered(*both, cache=cache, reasoning_content="mine")["reasoning_content"] == "mine"
    assert remembered(*both, cache=cache, reasoning_content="")["reasoning_content"] == "why"
    for other in (
        call(id="call_9"),
        call("another"),
        call(arguments='{"city": "Rome"}'),
    ):
        assert "reasoning_content" not in remembered(other, cache=cache)
        assert "reasoning_content" not in remembered(call(), other, cache=cache)
    assert "reasoning_content" not in remembered(*both)


def test_api_11_20_calls_of_two_responses_restore_no_reasoning() -> None:
    cache = ReasoningCache()
    cache.put("1", "f", "{}", "one")
    cache.put("2", "f", "{}", "two")
    assert "reasoning_content" not in remembered(call("f", "{}", "1"), call("f", "{}", "2"), cache=cache)
