"""Translation of chat requests (stepfun-api 3.1, 3.2, 3.3, 3.5, 3.6, 4.6)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from stepfun_compat.catalog import default
from stepfun_compat.endpoints.chat.state import ChatState
from stepfun_compat.endpoints.context import RequestRejected
from tests.support.chat import USER, changes, function, out, sent
from tests.support.exchange import lost
from tests.support.wire import call

PNG = "data:image/png;base64,iVBORw0KGgo="

# ---------------------------------------------------------------- requests that need no translation


def test_request_stepfun_supports_is_sent_unchanged() -> None:
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


def test_none_parameters_are_not_sent() -> None:
    nothing = {name: None for name in default().parameters("chat.completions") if name not in ("model", "messages")}
    wire, context = out(**nothing)
    assert wire == sent()
    assert context.changes == []


def test_unknown_parameters_are_passed_through() -> None:
    assert sent(new_stepfun_switch={"a": 1})["new_stepfun_switch"] == {"a": 1}


# ---------------------------------------------------------------- caps and headroom (stepfun-api 3.1, 4.6)


@pytest.mark.parametrize("name", ["max_completion_tokens", "max_output_tokens"])
def test_api_3_2_other_caps_become_max_tokens(name: str) -> None:
    wire = sent(**{name: 2000})
    assert wire["max_tokens"] == 2000
    assert name not in wire


def test_api_4_6_non_reasoning_aliases_get_headroom() -> None:
    wire, context = out(model="gpt-4o", max_tokens=64)
    assert wire["max_tokens"] == 64 + 1500
    assert context.state(ChatState).cap == 64
    assert ("cost", "max_tokens") in changes(context)
    assert out(model="gpt-4o", max_completion_tokens=64)[0]["max_tokens"] == 1564


@pytest.mark.parametrize("model", ["step-3.7-flash", "o3", "gpt-5", "unknown-model"])
def test_api_4_6_other_models_get_no_headroom(model: str) -> None:
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


def test_api_3_6_effort_of_the_call_overrides_settings() -> None:
    settings = {"reasoning_effort": "high"}
    assert sent(settings, model="gpt-4o")["reasoning_effort"] == "high"
    assert sent(settings, model="gpt-4o", reasoning_effort="low")["reasoning_effort"] == "low"
    assert "reasoning_effort" not in sent(settings, model="step-3.5-flash")


def test_api_3_6_responses_reasoning_effort_is_translated() -> None:
    wire = sent(reasoning={"effort": "minimal"})
    assert wire["reasoning_effort"] == "low"
    assert "reasoning" not in wire


def test_api_3_6_invalid_effort_is_refused() -> None:
    with pytest.raises(RequestRejected, match="'heavy' is not an effort") as caught:
        sent(reasoning_effort="heavy")
    assert caught.value.param == "reasoning_effort"


def test_api_3_6_unsupported_effort_is_reported() -> None:
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


def test_api_3_2_thinking_is_sent_only_to_the_router() -> None:
    thinking = {"type": "disabled"}
    assert "thinking" not in sent(thinking=thinking)
    assert sent(model="step-router-v1", thinking=thinking)["thinking"] == thinking


def test_api_3_1_top_p_0_is_raised() -> None:
    assert sent(top_p=0)["top_p"] == 0.01
    assert sent(top_p=0.9)["top_p"] == 0.9


def test_prompt_cache_key_is_sent_in_a_header() -> None:
    context = out(prompt_cache_key="user-7")[1]
    assert context.headers == {"X-Session-Id": hashlib.sha256(b"user-7").hexdigest()[:32]}
    assert out(settings={"prompt_cache_key": "user-7"})[1].headers == context.headers
    assert out(settings={"prompt_cache_header": ""}, prompt_cache_key="user-7")[1].headers == {}
    assert "prompt_cache_key" not in sent(prompt_cache_key="user-7")


def test_every_openai_chat_parameter_is_in_the_catalog() -> None:
    from openai.types.chat import completion_create_params as p

    ours = default().parameters("chat.completions")
    theirs = set(p.CompletionCreateParamsBase.__annotations__) | {"stream"}
    assert theirs <= set(ours) | {"stream"}


# ---------------------------------------------------------------- audio output (stepfun-api 3.1)


def test_api_3_1_voice_and_format_are_mapped() -> None:
    audio = {"voice": "alloy", "format": "mp3"}
    wire, context = out(model="gpt-4o-audio-preview", modalities=["text", "audio"], audio=audio)
    assert wire["model"] == "step-audio-2"
    assert wire["modalities"] == ["text", "audio"]
    assert wire["audio"]["format"] == "wav"
    assert wire["audio"]["voice"] != "alloy"
    assert lost(context) == ["audio.format"]


def test_api_3_1_streamed_audio_is_pcm() -> None:
    audio = {"voice": "wenrounansheng", "format": "pcm16"}
    wire, context = out(model="step-audio-2", modalities=["text", "audio"], audio=audio, stream=True)
    assert wire["audio"] == {"voice": "wenrounansheng", "format": "pcm"}
    assert lost(context) == []


@pytest.mark.parametrize("model", ["stepaudio-2.5-chat", "step-3.7-flash", "gpt-4o"])
def test_api_2_2_audio_output_of_a_text_model_is_refused(model: str) -> None:
    with pytest.raises(RequestRejected, match="step-audio-2") as caught:
        sent(model=model, modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"})
    assert (caught.value.code, caught.value.param) == ("model_incompatible", "modalities")


def test_text_only_modalities_are_not_sent() -> None:
    assert "modalities" not in sent(modalities=["text"])


# ---------------------------------------------------------------- response_format (stepfun-api 3.5)


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}


@pytest.mark.parametrize(
    "model", ["step-3.7-flash", "step-3.5-flash", "step-3.5-flash-2603", "step-5-preview", "gpt-4o"]
)
def test_api_3_5_json_schema_is_sent_to_models_that_support_it(model: str) -> None:
    assert sent(model=model, response_format=FORMAT)["response_format"] == FORMAT


@pytest.mark.parametrize("model", ["step-1o-turbo-vision", "step-router-v1", "stepaudio-2.5-chat"])
def test_api_3_5_json_schema_is_added_to_the_prompt_for_other_models(model: str) -> None:
    wire, context = out(model=model, response_format=FORMAT)
    assert wire["response_format"] == {"type": "json_object"}
    assert wire["messages"][0] == USER  # the cached prefix is unchanged
    assert wire["messages"][-1]["role"] == "system"
    assert json.dumps(SCHEMA, separators=(",", ":")) in wire["messages"][-1]["content"]
    assert lost(context) == []


def test_api_3_5_null_fields_of_a_format_are_dropped() -> None:
    given = {"type": "json_schema", "json_schema": {**FORMAT["json_schema"], "description": None}}  # type: ignore[dict-item]
    assert sent(response_format=given)["response_format"] == FORMAT


def test_api_3_5_text_and_json_object_are_passed_through() -> None:
    for type in ("text", "json_object"):
        assert sent(response_format={"type": type})["response_format"] == {"type": type}
