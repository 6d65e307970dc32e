"""Invalid pasted values are reported when a client is created, not by the server's 401 or 404."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, OpenAI, Settings, SettingsError
from stepfun_compat.batches.workspace import rate_of
from tests.support.wire import Wire

QUOTED = ["'very-secret'", '"very-secret"', "very-secret'", "“very-secret”", "`very-secret`"]
BEARER = ["Bearer very-secret", "bearer very-secret", "BEARER: very-secret", "Bearer"]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("STEPFUN_API_KEY", "STEP_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "STEPFUN_MODEL"):
        monkeypatch.delenv(name, raising=False)


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize("client", [OpenAI, AsyncOpenAI, stepfun_compat.AzureOpenAI])
@pytest.mark.parametrize("place", ["STEPFUN_API_KEY", "STEP_API_KEY", "OPENAI_API_KEY", "argument", "settings"])
@pytest.mark.parametrize("key", [*QUOTED, *BEARER])
def test_key_with_quotes_or_bearer_is_refused_on_client_creation(
    client: Any, place: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"base_url": "https://api.stepfun.ai/v1"}
    if client is stepfun_compat.AzureOpenAI:
        given |= {"api_version": "2024-10-21", "azure_ad_token": "x"}
    if place == "OPENAI_API_KEY":
        monkeypatch.setenv("OPENAI_BASE_URL", "https://api.stepfun.ai/v1")
    if place.isupper():
        monkeypatch.setenv(place, key)
    elif place == "argument":
        given["api_key"] = key
    with pytest.raises(SettingsError, match=r"quotes|Bearer|plain letters") as caught:
        client(**given, **({"settings": Settings(api_key=key)} if place == "settings" else {}))
    assert isinstance(caught.value, openai.OpenAIError)
    assert "very-secret" not in str(caught.value)
    assert place in str(caught.value) or place in ("argument", "settings")


def test_unusual_but_valid_keys_are_accepted() -> None:
    for key in ("bearers-key", "a'b", "sk-Bearer", "bearer_key"):
        assert OpenAI(api_key=key).api_key == key
        assert Settings(api_key=key).api_key == key


def test_client_of_another_vendor_accepts_any_key() -> None:
    assert OpenAI(api_key="'x'", base_url="https://gateway.example/v1").api_key == "'x'"


# ---------------------------------------------------------------- models


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4.1-mini", "o3", "gpt-4o-2024-08-06", "whisper-1", "claude-sonnet-4"])
def test_openai_name_is_not_a_stepfun_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for values in ({"model": name}, {"model_aliases": {"fast": name}}):
        with pytest.raises(SettingsError, match="a StepFun model, such as step") as caught:
            Settings(**values)
        assert name in str(caught.value)
    monkeypatch.setenv("STEPFUN_MODEL", name)
    with pytest.raises(SettingsError, match=f"STEPFUN_MODEL='{name}'"):
        OpenAI(api_key="k")


@pytest.mark.parametrize("name", ["stepaudio-2.5-tts", "step-image-edit-2", "stepaudio-2.5-asr"])
def test_model_without_chat_cannot_replace_chat_names(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is for"):
        Settings(model=name)
    assert Settings(model_aliases={"my-voice": name}).model_aliases == {"my-voice": name}


def test_unknown_and_retired_names_and_any_gateway_name_are_accepted() -> None:
    for name in ("step-9-preview", "step-3", "my-deployment"):
        assert Settings(model=name).model == name
    assert Settings(model="gpt-4o", base_url="https://gateway.example/v1").model == "gpt-4o"


# ---------------------------------------------------------------- tiers


@pytest.mark.parametrize("client", [OpenAI, AsyncOpenAI])
def test_tier_missing_from_the_platform_is_refused_on_client_creation(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=r"tier='V5' is not a tier of the global platform: .*V4.*STEPFUN_REGION=cn"):
        client(api_key="k", settings=Settings(tier="V5"))
    for place in ({"base_url": "https://api.stepfun.com/v1"}, {"settings": Settings(tier="V5", region="cn")}):
        made = client(**{"api_key": "k", "settings": Settings(tier="V5"), **place})
        with pytest.raises(SettingsError, match="global platform"):
            made.with_options(base_url="https://api.stepfun.ai/v1", api_key="another")
    monkeypatch.setenv("STEPFUN_TIER", "v5")
    with pytest.raises(SettingsError, match="STEPFUN_TIER='V5'"):
        client(api_key="k")
    monkeypatch.setenv("STEPFUN_BASE_URL", "https://api.stepfun.com/v1")
    assert client(api_key="k").stepfun.settings.tier == "v5"


def test_account_rate_depends_on_the_platform() -> None:
    def rate(url: str, **values: Any) -> tuple[Any, ...]:
        found = rate_of(Settings(**values), url)
        return (found.concurrency, found.rpm, found.tpm)

    world, china = "https://api.stepfun.ai/v1", "https://api.stepfun.com/v1"
    assert rate(world, tier="V1") == (20, 400, 2_000_000)
    assert rate(china, tier="V1") == (100, 1_000, 20_000_000)
    assert rate("http://127.0.0.1:1/v1", tier="V1", region="cn") == (100, 1_000, 20_000_000)
    assert rate("https://api.stepfun.com/step_plan/v1", tier="V1")[0] == 10  # a plan is exempt from the tiers
    assert rate("https://api.stepfun.ai/step_plan/v1")[0] == 8
    with pytest.raises(SettingsError, match="V0, V1, V2, V3, V4"):
        rate(world, tier="V5")


def test_client_with_valid_settings_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_TIER", "V4")
    wire = Wire()
    wire.client().chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    asyncio.run(
        wire.async_client().chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    )
    assert len(wire.requests) == 2
