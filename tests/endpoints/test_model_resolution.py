"""Model, effort and headroom for each model name (stepfun-api 2, 3.6, 4.6)."""

from __future__ import annotations

from typing import Any

import pytest

from stepfun_compat.catalog import default
from stepfun_compat.endpoints.chat.endpoint import ENDPOINT
from stepfun_compat.endpoints.context import ClientFacts, RequestContext, RequestRejected
from stepfun_compat.endpoints.model_resolution import headroom, resolve_model, user_alias
from tests.support.chat import out
from tests.support.exchange import exchange, lost

PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]}]
SOUND = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]}]


def resolved(name: str | None, needs: Any = (), **settings: Any) -> RequestContext:
    context = exchange(ENDPOINT, **settings)
    sent = resolve_model(context, name, frozenset(needs))
    assert sent == context.model_id
    assert context.model is default().model(sent or "")
    return context


# ---------------------------------------------------------------- OpenAI's names

NON_REASONING = [
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-16k",
    "gpt-35-turbo",
    "gpt-3.5-turbo-instruct",
    "gpt-4",
    "gpt-4-0613",
    "gpt-4-32k",
    "gpt-4-turbo",
    "gpt-4-turbo-2024-04-09",
    "gpt-4-vision-preview",
    "gpt-4-1106-preview",
    "gpt-4o",
    "gpt-4o-2024-11-20",
    "gpt-4o-mini",
    "gpt-4o-mini-2024-07-18",
    "gpt-4o-search-preview",
    "chatgpt-4o-latest",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano-2025-04-14",
    "gpt-4.5-preview",
    "gpt-5-chat-latest",
    "gpt-5.1-chat-latest",
    "ft:gpt-4o-mini-2024-07-18:org::id",
    "GPT-4o",
]
REASONING = [
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano-2025-08-07",
    "gpt-5-pro",
    "gpt-5.1",
    "gpt-5.1-codex",
    "gpt-5.2",
    "gpt-5-codex",
    "codex-mini-latest",
    "o1",
    "o1-mini",
    "o1-preview-2024-09-12",
    "o1-pro",
    "o3",
    "o3-mini",
    "o3-deep-research",
    "o4-mini",
    "o4-mini-2025-04-16",
    "gpt-oss-120b",
    "computer-use-preview",
]


@pytest.mark.parametrize("name", NON_REASONING)
def test_names_of_non_reasoning_models_get_low_effort_and_headroom(name: str) -> None:
    wire, context = out(model=name, max_tokens=10)
    assert (wire["model"], wire["reasoning_effort"], wire["max_tokens"]) == ("step-3.7-flash", "low", 1510)
    assert lost(context) == []


@pytest.mark.parametrize("name", REASONING)
def test_names_of_reasoning_models_get_medium_effort_and_no_headroom(name: str) -> None:
    wire, context = out(model=name, max_completion_tokens=10)
    assert (wire["model"], wire["reasoning_effort"], wire["max_tokens"]) == ("step-3.7-flash", "medium", 10)
    assert lost(context) == []


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("gpt-4o-audio-preview", "step-audio-2"),
        ("gpt-4o-mini-audio-preview-2024-12-17", "step-audio-2"),
        ("gpt-audio", "step-audio-2"),
        ("gpt-4o-mini-tts", "stepaudio-2.5-tts"),
        ("tts-1-hd", "stepaudio-2.5-tts"),
        ("whisper-1", "stepaudio-2.5-asr"),
        ("gpt-4o-transcribe", "stepaudio-2.5-asr"),
        ("gpt-4o-mini-transcribe", "stepaudio-2.5-asr"),
        ("gpt-4o-transcribe-diarize", "stepaudio-2.5-asr"),
        ("gpt-4o-realtime-preview", "stepaudio-2.5-realtime"),
        ("gpt-realtime-mini", "stepaudio-2.5-realtime"),
        ("dall-e-3", "step-image-edit-2"),
        ("gpt-image-1", "step-image-edit-2"),
        ("chatgpt-image-latest", "step-image-edit-2"),
    ],
)
def test_audio_and_image_names_do_not_resolve_to_chat_models(name: str, target: str) -> None:
    assert resolved(name).model_id == target


@pytest.mark.parametrize("name", ["step-99-turbo", "deepseek-chat", "llama3", ""])
def test_unknown_names_are_passed_through(name: str) -> None:
    context = resolved(name)
    assert context.model_id == name
    assert context.changes == []


def test_every_alias_refers_to_a_current_model() -> None:
    for row in default().aliases:
        assert row.model in default().models, row.pattern
    for row in default().retired.values():
        assert row.replacement in default().models
        assert row.id not in default().models


# ---------------------------------------------------------------- StepFun's own names


@pytest.mark.parametrize("name", sorted(default().models))
def test_stepfun_id_is_sent_unchanged(name: str) -> None:
    for settings in ({}, {"model": "step-5-preview"}):
        context = resolved(name, **settings)
        assert context.model_id == name
        assert context.changes == []
        assert headroom(context) == 0


@pytest.mark.parametrize("name", sorted(default().retired))
def test_api_2_3_retired_ids_are_replaced_with_a_warning(name: str) -> None:
    context = resolved(name)
    assert context.model_id == default().retired[name].replacement
    assert lost(context) == ["model"]
    assert default().retired[name].since in context.changes[0].why
    with pytest.raises(RequestRejected, match=name):
        resolved(name, on_unsupported="error")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gpt-4o", {"model": "step-3"}),
        ("gpt-4o", {"model_aliases": {"gpt-4o": "step-3"}}),
        ("mine", {"model_aliases": {"mine": "step-3"}}),
    ],
)
def test_api_2_3_retired_ids_in_settings_are_replaced(name: str, settings: Any) -> None:
    context = resolved(name, **settings)
    assert context.model_id == "step-3.7-flash"
    assert lost(context) == ["model"]


# ---------------------------------------------------------------- the user's own choice


def test_settings_model_replaces_chat_aliases_and_keeps_their_effort_and_headroom() -> None:
    wire, _ = out(settings={"model": "step-5-preview"}, model="gpt-4o", max_tokens=10)
    assert (wire["model"], wire["reasoning_effort"], wire["max_tokens"]) == ("step-5-preview", "low", 1510)
    assert resolved("whisper-1", model="step-5-preview").model_id == "stepaudio-2.5-asr"
    assert resolved("llama3", model="step-5-preview").model_id == "llama3"


def test_user_aliases_take_precedence() -> None:
    aliases = {
        "gpt-4o": "step-5-preview",
        "gpt-*": "step-3.5-flash",
        "llama*": "step-3.7-flash",
        "step-3.5-flash": "x-1",
    }
    for name, target in (
        ("gpt-4o", "step-5-preview"),
        ("gpt-4o-mini", "step-3.5-flash"),
        ("llama3", "step-3.7-flash"),
        ("step-3.5-flash", "x-1"),
        ("o3", "step-router-v1"),
    ):
        assert resolved(name, model_aliases=aliases, model="step-router-v1").model_id == target


def test_user_alias_prefers_the_exact_name() -> None:
    assert user_alias("a", {"*": "x", "a": "y"}) == "y"
    assert user_alias("b", {"*": "x", "a": "y"}) == "x"
    assert user_alias("b", {"[ac]": "x"}) is None
    assert user_alias("b", {}) is None


def test_missing_name_is_the_settings_model_or_none() -> None:
    assert resolved(None).model_id is None
    assert resolved(None, model="step-5-preview").model_id == "step-5-preview"


def test_azure_deployment_name_does_not_select_a_model() -> None:
    for settings, target in (({}, "step-3.7-flash"), ({"model": "step-5-preview"}, "step-5-preview")):
        context = exchange(ENDPOINT, **settings)
        context.client = ClientFacts(deployment="my-deployment")
        assert resolve_model(context, "my-deployment") == target


# ---------------------------------------------------------------- what the input needs (stepfun-api 2.1)


@pytest.mark.parametrize(
    ("name", "settings", "target"),
    [
        ("gpt-4o", {}, "step-3.7-flash"),
        ("gpt-4o", {"model": "step-3.5-flash"}, "step-3.7-flash"),
        ("gpt-4o", {"model": "step-1o-turbo-vision"}, "step-1o-turbo-vision"),
        ("mine", {"model_aliases": {"mine": "step-3.5-flash"}}, "step-3.7-flash"),
        ("step-1o-turbo-vision", {}, "step-1o-turbo-vision"),
    ],
)
def test_api_2_1_image_input_moves_an_alias_to_a_vision_model(name: str, settings: Any, target: str) -> None:
    wire, context = out(settings=settings, model=name, messages=PICTURE)
    assert wire["model"] == target
    if target != name:
        assert ("alias", "model") in [(change.kind, change.parameter) for change in context.changes]


def test_api_2_1_audio_input_moves_an_alias_to_an_audio_model() -> None:
    assert out(model="gpt-4o", messages=SOUND)[0]["model"] == "step-audio-2"


@pytest.mark.parametrize("name", ["step-3.5-flash", "step-3.5-flash-2603", "step-router-v1", "stepaudio-2.5-chat"])
def test_api_2_1_image_input_for_a_named_text_model_is_refused(name: str) -> None:
    with pytest.raises(RequestRejected, match=r"step-3\.7-flash") as caught:
        out(model=name, messages=PICTURE)
    assert (caught.value.code, caught.value.param) == ("model_incompatible", "messages")


def test_api_2_1_input_that_no_model_accepts_is_refused() -> None:
    both = [{"role": "user", "content": [*PICTURE[0]["content"], *SOUND[0]["content"]]}]
    with pytest.raises(RequestRejected, match="StepFun has none"):
        out(model="gpt-4o", messages=both)


def test_unknown_model_accepts_any_input() -> None:
    assert out(model="step-99", messages=PICTURE)[0]["model"] == "step-99"
