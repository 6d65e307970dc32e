"""Chat requests on their way out (stepfun-api 3.1, 3.2, 3.3, 3.5, 3.6, 4.6)."""

from __future__ import annotations

import hashlib
import json
from types import MappingProxyType
from typing import Any

import pytest

from stepfun_compat.catalog import default
from stepfun_compat.endpoints.chat.endpoint import ENDPOINT
from stepfun_compat.endpoints.chat.messages import audio_id, repair_arguments, transcript_of
from stepfun_compat.endpoints.chat.reasoning_cache import ReasoningCache
from stepfun_compat.endpoints.chat.state import ChatState
from stepfun_compat.endpoints.context import ClientFacts, RequestRejected
from tests.support.chat import USER, changes, function, out, sent
from tests.support.exchange import exchange, lost

PNG = "data:image/png;base64,iVBORw0KGgo="


def messages(*rows: Any, settings: dict[str, Any] | None = None, **body: Any) -> Any:
    return sent(settings, messages=list(rows), **body)["messages"]


def call(name: str = "get_weather", arguments: Any = '{"city": "Paris"}', id: Any = "call_1") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def replayed(arguments: Any) -> Any:
    return messages({"role": "assistant", "tool_calls": [call(arguments=arguments)]})[0]["tool_calls"][0]["function"]


# ---------------------------------------------------------------- what needs nothing


def test_a_request_stepfun_understands_is_sent_as_it_is() -> None:
    body = {
        "model": "step-3.7-flash",
        "messages": [
            {"role": "system", "content": "s"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": PNG}}],
            },
            {"role": "assistant", "content": "", "tool_calls": [call()], "reasoning_content": "r"},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ],
        "tools": [function()],
        "max_tokens": 100,
        "temperature": 0.2,
        "top_p": 0.5,
        "n": 2,
        "stop": ["x"],
        "frequency_penalty": -1.5,
        "response_format": {"type": "text"},
        "reasoning_effort": "low",
        "reasoning_format": "deepseek-style",
    }
    wire, context = out(**body)
    assert wire == body
    assert context.changes == []


def test_api_3_1_nothing_is_sent_that_the_caller_did_not_send() -> None:
    assert sent() == {"model": "step-3.7-flash", "messages": [USER]}
    assert sent({"openai_sampling_defaults": True}) == {**sent(), "temperature": 1, "top_p": 1}
    assert sent({"openai_sampling_defaults": True}, temperature=0.0)["temperature"] == 0.0


def test_none_leaves_a_parameter_out() -> None:
    nothing = {name: None for name in default().parameters("chat.completions") if name not in ("model", "messages")}
    wire, context = out(**nothing)
    assert wire == sent()
    assert context.changes == []


def test_unknown_parameters_are_the_callers_to_send() -> None:
    assert sent(new_stepfun_switch={"a": 1})["new_stepfun_switch"] == {"a": 1}


# ---------------------------------------------------------------- roles and messages (stepfun-api 3.1)


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


def test_an_orphan_function_result_still_gets_an_id() -> None:
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
def test_api_3_1_an_image_outside_a_user_message_is_refused(role: str) -> None:
    with pytest.raises(RequestRejected, match=rf"takes only text in a {role} message") as caught:
        messages({"role": role, "content": [{"type": "image_url", "image_url": {"url": PNG}}]})
    assert caught.value.param == "messages"


def test_a_refusal_is_replayed_as_text() -> None:
    assert messages({"role": "assistant", "content": None, "refusal": "no"})[0] == {
        "role": "assistant",
        "content": "no",
    }
    part = [{"type": "refusal", "refusal": "no"}]
    assert messages({"role": "assistant", "content": part})[0]["content"] == "no"
    assert messages({"role": "user", "content": part})[0]["content"] == [{"type": "text", "text": "no"}]


def test_api_3_2_a_name_is_dropped_when_one_speaks() -> None:
    rows = messages({"role": "system", "name": "s", "content": "x"}, {"role": "user", "name": "ann", "content": "hi"})
    assert rows == [{"role": "system", "content": "x"}, {"role": "user", "content": "hi"}]


def test_api_3_2_names_are_told_when_several_speak() -> None:
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


# ---------------------------------------------------------------- content parts (stepfun-api 3.3)


@pytest.mark.parametrize("detail", ["auto", "original", None])
def test_api_3_3_image_detail_auto_is_left_to_stepfun(detail: Any) -> None:
    part = {"type": "image_url", "image_url": {"url": PNG, "detail": detail}}
    (row,) = messages({"role": "user", "content": [part]})
    assert row["content"] == [{"type": "image_url", "image_url": {"url": PNG}}]


@pytest.mark.parametrize("detail", ["low", "high"])
def test_api_3_3_image_detail_low_and_high_stay(detail: str) -> None:
    part = {"type": "image_url", "image_url": {"url": PNG, "detail": detail}}
    assert messages({"role": "user", "content": [part]})[0]["content"] == [part]


def test_api_3_3_an_image_as_a_bare_url_becomes_an_object() -> None:
    (row,) = messages({"role": "user", "content": [{"type": "image_url", "image_url": PNG}]})
    assert row["content"] == [{"type": "image_url", "image_url": {"url": PNG}}]


@pytest.mark.parametrize(("format", "mime"), [("wav", "audio/wav"), ("mp3", "audio/mpeg")])
def test_api_3_3_raw_audio_becomes_a_data_url(format: str, mime: str) -> None:
    part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": format}}
    (row,) = messages({"role": "user", "content": [part]}, model="step-audio-2")
    assert row["content"] == [{"type": "input_audio", "input_audio": {"data": f"data:{mime};base64,AAAA"}}]


def test_api_3_3_audio_that_is_a_url_stays_and_loses_its_format() -> None:
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


def test_api_3_3_video_passes() -> None:
    part = {"type": "video_url", "video_url": {"url": "stepfile://file-1"}}
    assert messages({"role": "user", "content": [part]})[0]["content"] == [part]


@pytest.mark.parametrize("kind", ["file", "input_file"])
def test_api_3_2_file_parts_are_refused_with_the_remedy(kind: str) -> None:
    with pytest.raises(RequestRejected, match=r"client\.files\.create.*client\.files\.content") as caught:
        messages({"role": "user", "content": [{"type": kind, "file": {"file_id": "f"}}]})
    assert (caught.value.code, caught.value.param) == ("unsupported_content_type", "messages")


# ---------------------------------------------------------------- history (stepfun-api 3.3, 4.1, 4.2)


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
def test_api_3_3_arguments_that_are_no_object_are_repaired(given: Any, fixed: str) -> None:
    assert replayed(given)["arguments"] == fixed


def test_api_3_3_arguments_that_are_an_object_keep_their_bytes() -> None:
    for text in ('{"a":1}', '{ "a" :  1 }', "{}", '{"é": "\\u00e9"}'):
        context = exchange(ENDPOINT)
        assert repair_arguments(text, "here", context) is text
        assert context.changes == []


def test_api_3_3_an_empty_name_is_given_one() -> None:
    for empty in ("", None):
        (row,) = messages({"role": "assistant", "tool_calls": [call(name=empty)]})  # type: ignore[arg-type]
        assert row["tool_calls"][0]["function"]["name"] == "unknown_function"


def test_a_call_without_an_id_gets_one() -> None:
    (row,) = messages({"role": "assistant", "tool_calls": [call(id=None)]})
    assert row["tool_calls"][0]["id"].startswith("call_")


def test_api_4_1_a_dumped_answer_is_replayed_with_its_reasoning() -> None:
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
def test_empty_tool_calls_are_left_out(calls: Any) -> None:
    assert messages({"role": "assistant", "content": "x", "tool_calls": calls}) == [
        {"role": "assistant", "content": "x"}
    ]


def test_api_3_4_a_search_in_history_is_left_out() -> None:
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


def test_an_assistant_that_said_nothing_says_the_empty_string() -> None:
    assert messages({"role": "assistant", "content": None}) == [{"role": "assistant", "content": ""}]
    assert messages({"role": "assistant"}) == [{"role": "assistant", "content": ""}]
    assert messages({"role": "tool", "tool_call_id": "c", "content": None})[0]["content"] == ""


@pytest.mark.parametrize("transcript", ["Hello", "你好 🎧", "", "x" * 5000])
def test_api_4_2_a_spoken_turn_is_replayed_by_its_transcript(transcript: str) -> None:
    id = audio_id(transcript)
    assert transcript_of(id) == transcript
    assert messages({"role": "assistant", "audio": {"id": id}})[0] == {"role": "assistant", "content": transcript}


@pytest.mark.parametrize("id", ["audio_abc", "audio_", "other", "audio_!!!"])
def test_api_4_2_a_spoken_turn_from_elsewhere_is_refused(id: str) -> None:
    with pytest.raises(RequestRejected, match="put the transcript of that answer into content"):
        messages({"role": "assistant", "audio": {"id": id}})


def test_messages_may_be_any_mapping_and_sequence() -> None:
    frozen = MappingProxyType({"role": "developer", "content": (MappingProxyType({"type": "text", "text": "a"}),)})
    context = exchange(ENDPOINT)
    from stepfun_compat.endpoints.chat.messages import translate_messages

    assert translate_messages((frozen,), context, str) == [{"role": "system", "content": "a"}]


def test_messages_that_need_nothing_are_handed_on_as_they_are() -> None:
    rows = [USER, {"role": "assistant", "content": "x"}]
    assert messages(*rows) == rows


# ---------------------------------------------------------------- caps and headroom (stepfun-api 3.1, 4.6)


@pytest.mark.parametrize("name", ["max_completion_tokens", "max_output_tokens"])
def test_api_3_2_other_caps_become_max_tokens(name: str) -> None:
    wire = sent(**{name: 2000})
    assert wire["max_tokens"] == 2000
    assert name not in wire


def test_api_4_6_models_that_did_not_reason_get_headroom() -> None:
    wire, context = out(model="gpt-4o", max_tokens=64)
    assert wire["max_tokens"] == 64 + 1500
    assert context.state(ChatState).cap == 64
    assert ("cost", "max_tokens") in changes(context)
    assert out(model="gpt-4o", max_completion_tokens=64)[0]["max_tokens"] == 1564


@pytest.mark.parametrize("model", ["step-3.7-flash", "o3", "gpt-5", "unknown-model"])
def test_api_4_6_others_get_none(model: str) -> None:
    wire, context = out(model=model, max_tokens=64)
    assert wire["max_tokens"] == 64
    assert context.state(ChatState).cap is None


def test_api_4_6_headroom_is_a_setting() -> None:
    assert sent({"token_headroom": 0}, model="gpt-4o", max_tokens=64)["max_tokens"] == 64
    assert sent({"token_headroom": 10}, model="gpt-4o", max_tokens=64)["max_tokens"] == 74
    assert sent({"model": "step-1o-turbo-vision"}, model="gpt-4o", max_tokens=64)["max_tokens"] == 64


def test_api_4_6_json_is_not_cut_at_the_callers_cap() -> None:
    for format in ({"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}):
        wire, context = out(model="gpt-4o", max_tokens=64, response_format=format)
        assert wire["max_tokens"] == 1564
        assert context.state(ChatState).cap is None


# ---------------------------------------------------------------- effort (stepfun-api 3.6)


@pytest.mark.parametrize(
    ("model", "asked", "effort"),
    [
        *(("step-3.7-flash", asked, effort) for asked, effort in (
            ("none", "low"), ("minimal", "low"), ("low", "low"), ("medium", "medium"),
            ("high", "high"), ("xhigh", "high"), ("max", "high"), (None, None),
        )),
        ("step-5-preview", "minimal", "low"),
        ("step-5-preview", "xhigh", "high"),
        ("step-3.5-flash-2603", "medium", "high"),
        ("step-3.5-flash-2603", "none", "low"),
        ("step-3.5-flash", "high", None),
        ("step-router-v1", "low", None),
        ("step-1o-turbo-vision", "low", None),
        ("stepaudio-2.5-chat", "low", None),
        ("unheard-of", "none", "low"),
        ("unheard-of", "xhigh", "high"),
        ("unheard-of", "medium", "medium"),
        ("gpt-4o", None, "low"),
        ("gpt-4o", "high", "high"),
        ("gpt-3.5-turbo", None, "low"),
        ("o3", None, "medium"),
        ("gpt-5", None, "medium"),
        ("gpt-5", "minimal", "low"),
        ("gpt-5.1", "none", "low"),
    ],
)  # fmt: skip
def test_api_3_6_effort_per_model(model: str, asked: Any, effort: Any) -> None:
    assert sent(model=model, reasoning_effort=asked).get("reasoning_effort") == effort


def test_api_3_6_effort_from_settings_is_below_the_calls() -> None:
    settings = {"reasoning_effort": "high"}
    assert sent(settings, model="gpt-4o")["reasoning_effort"] == "high"
    assert sent(settings, model="gpt-4o", reasoning_effort="low")["reasoning_effort"] == "low"
    assert "reasoning_effort" not in sent(settings, model="step-3.5-flash")


def test_api_3_6_effort_in_the_words_of_responses() -> None:
    wire = sent(reasoning={"effort": "minimal"})
    assert wire["reasoning_effort"] == "low"
    assert "reasoning" not in wire


def test_api_3_6_a_wrong_effort_is_refused() -> None:
    with pytest.raises(RequestRejected, match="'heavy' is not an effort") as caught:
        sent(reasoning_effort="heavy")
    assert caught.value.param == "reasoning_effort"


def test_api_3_6_an_effort_a_model_has_not_is_told() -> None:
    assert lost(out(model="step-3.5-flash", reasoning_effort="high")[1]) == ["reasoning_effort"]
    with pytest.raises(RequestRejected):
        sent({"on_unsupported": "error"}, model="step-3.5-flash", reasoning_effort="high")


# ---------------------------------------------------------------- undocumented parameters (stepfun-api 3.2)

MEANINGFUL = {
    "presence_penalty": 0.5,
    "seed": 7,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 3,
    "verbosity": "low",
}
INERT = {
    "user": "u",
    "safety_identifier": "s",
    "metadata": {"a": "b"},
    "store": True,
    "service_tier": "flex",
    "prompt_cache_retention": "24h",
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": 0,
    "logit_bias": {},
    "logprobs": False,
    "top_logprobs": 0,
    "verbosity": "medium",
}


@pytest.mark.parametrize(("name", "value"), MEANINGFUL.items(), ids=MEANINGFUL)
def test_api_3_2_parameters_with_meaning_are_dropped_by_policy(name: str, value: Any) -> None:
    wire, context = out(**{name: value})
    assert wire == sent()
    assert lost(context) == [name]
    with pytest.raises(RequestRejected) as caught:
        sent({"on_unsupported": "error"}, **{name: value})
    assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")


@pytest.mark.parametrize(("name", "value"), INERT.items(), ids=[f"{k}={v}" for k, v in INERT.items()])
def test_api_3_2_inert_parameters_are_dropped_without_a_warning(name: str, value: Any) -> None:
    wire, context = out(settings={"on_unsupported": "error"}, **{name: value})
    assert wire == sent()
    assert ("drop", name) in changes(context)
    assert lost(context) == []


def test_api_3_2_parallel_tool_calls_are_not_sent() -> None:
    for value in (True, False):
        wire, context = out(settings={"on_unsupported": "error"}, tools=[function()], parallel_tool_calls=value)
        assert "parallel_tool_calls" not in wire
        assert context.state(ChatState).tools.one_call is (value is False)


def test_api_3_2_thinking_is_for_the_router_alone() -> None:
    thinking = {"type": "disabled"}
    assert "thinking" not in sent(thinking=thinking)
    assert sent(model="step-router-v1", thinking=thinking)["thinking"] == thinking


def test_api_3_1_top_p_is_above_0() -> None:
    assert sent(top_p=0)["top_p"] == 0.01
    assert sent(top_p=0.9)["top_p"] == 0.9


def test_the_prompt_cache_key_travels_in_a_header() -> None:
    context = out(prompt_cache_key="user-7")[1]
    assert context.headers == {"X-Session-Id": hashlib.sha256(b"user-7").hexdigest()[:32]}
    assert out(settings={"prompt_cache_key": "user-7"})[1].headers == context.headers
    assert out(settings={"prompt_cache_header": ""}, prompt_cache_key="user-7")[1].headers == {}
    assert "prompt_cache_key" not in sent(prompt_cache_key="user-7")


def test_every_chat_parameter_of_openai_has_a_row() -> None:
    from openai.types.chat import completion_create_params as p

    ours = default().parameters("chat.completions")
    theirs = set(p.CompletionCreateParamsBase.__annotations__) | {"stream"}
    assert theirs <= set(ours) | {"stream"}


# ---------------------------------------------------------------- sound out (stepfun-api 3.1)


def test_api_3_1_openais_voice_and_format_become_stepfuns() -> None:
    audio = {"voice": "alloy", "format": "mp3"}
    wire, context = out(model="gpt-4o-audio-preview", modalities=["text", "audio"], audio=audio)
    assert wire["model"] == "step-audio-2"
    assert wire["modalities"] == ["text", "audio"]
    assert wire["audio"]["format"] == "wav"
    assert wire["audio"]["voice"] != "alloy"
    assert lost(context) == ["audio.format"]


def test_api_3_1_a_stream_has_pcm() -> None:
    audio = {"voice": "wenrounansheng", "format": "pcm16"}
    wire, context = out(model="step-audio-2", modalities=["text", "audio"], audio=audio, stream=True)
    assert wire["audio"] == {"voice": "wenrounansheng", "format": "pcm"}
    assert lost(context) == []


@pytest.mark.parametrize("model", ["stepaudio-2.5-chat", "step-3.7-flash", "gpt-4o"])
def test_api_2_2_sound_from_a_model_that_answers_in_text_is_refused(model: str) -> None:
    with pytest.raises(RequestRejected, match="step-audio-2") as caught:
        sent(model=model, modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"})
    assert (caught.value.code, caught.value.param) == ("model_incompatible", "modalities")


def test_text_alone_is_what_a_chat_model_answers_in() -> None:
    assert "modalities" not in sent(modalities=["text"])


# ---------------------------------------------------------------- response_format (stepfun-api 3.5)

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}


@pytest.mark.parametrize(
    "model", ["step-3.7-flash", "step-3.5-flash", "step-3.5-flash-2603", "step-5-preview", "gpt-4o"]
)
def test_api_3_5_json_schema_is_sent_where_it_works(model: str) -> None:
    assert sent(model=model, response_format=FORMAT)["response_format"] == FORMAT


@pytest.mark.parametrize("model", ["step-1o-turbo-vision", "step-router-v1", "stepaudio-2.5-chat"])
def test_api_3_5_json_schema_goes_into_the_prompt_elsewhere(model: str) -> None:
    wire, context = out(model=model, response_format=FORMAT)
    assert wire["response_format"] == {"type": "json_object"}
    assert wire["messages"][0] == USER  # the cached prefix survives
    assert wire["messages"][-1]["role"] == "system"
    assert json.dumps(SCHEMA, separators=(",", ":")) in wire["messages"][-1]["content"]
    assert lost(context) == []


def test_api_3_5_null_fields_of_a_format_are_left_out() -> None:
    given = {"type": "json_schema", "json_schema": {**FORMAT["json_schema"], "description": None}}  # type: ignore[dict-item]
    assert sent(response_format=given)["response_format"] == FORMAT


def test_api_3_5_text_and_json_object_pass() -> None:
    for type in ("text", "json_object"):
        assert sent(response_format={"type": type})["response_format"] == {"type": type}


# ---------------------------------------------------------------- remembered reasoning (stepfun-api 11.20)


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


def test_api_11_20_calls_of_two_answers_bring_back_neither() -> None:
    cache = ReasoningCache()
    cache.put("1", "f", "{}", "one")
    cache.put("2", "f", "{}", "two")
    assert "reasoning_content" not in remembered(call("f", "{}", "1"), call("f", "{}", "2"), cache=cache)
