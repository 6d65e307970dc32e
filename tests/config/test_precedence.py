"""Settings: keyword over environment over file over default; validated, frozen, and with hidden secrets."""

from __future__ import annotations

import dataclasses
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat import OpenAI, Settings, SettingsError
from stepfun_compat.credentials.urls import normalise_base_url
from stepfun_compat.settings import SETTINGS

GOOD: dict[str, tuple[str, Any]] = {
    "STEPFUN_API_KEY": ("a-key", "a-key"),
    "STEPFUN_BASE_URL": ("https://gw.example/v1/", "https://gw.example/v1"),
    "STEPFUN_REGION": ("CN", "cn"),
    "STEPFUN_PLAN": ("step_plan", "step_plan"),
    "STEPFUN_MODEL": ("step-5-preview", "step-5-preview"),
    "STEPFUN_MODEL_ALIASES": (
        "gpt-4o=step-3.5-flash, o3*=step-5-preview",
        {"gpt-4o": "step-3.5-flash", "o3*": "step-5-preview"},
    ),
    "STEPFUN_REASONING_EFFORT": ("high", "high"),
    "STEPFUN_ON_UNSUPPORTED": ("error", "error"),
    "STEPFUN_SHOW_REASONING": ("never", "never"),
    "STEPFUN_RAW": ("wire", "wire"),
    "STEPFUN_PROMPT_CACHE_KEY": ("team", "team"),
    "STEPFUN_PROMPT_CACHE_HEADER": ("", ""),
    "STEPFUN_TOKEN_HEADROOM": ("0", 0),
    "STEPFUN_OPENAI_SAMPLING_DEFAULTS": ("1", True),
    "STEPFUN_ECHO_REQUESTED_MODEL": ("true", True),
    "STEPFUN_REPLAY_REASONING": ("cache", "cache"),
    "STEPFUN_MAX_CORRECTIONS": ("0", 0),
    "STEPFUN_WEB_SEARCH": ("off", False),
    "STEPFUN_PARSE_XML_TOOL_CALLS": ("yes", True),
    "STEPFUN_RATE_LIMIT_MIN_WAIT": ("6", 6.0),
    "STEPFUN_STREAM_IDLE_TIMEOUT": ("120", 120.0),
    "STEPFUN_RESPONSES_ROUTE": ("chat", "chat"),
    "STEPFUN_STATE": ("sqlite:///x.db", "sqlite:///x.db"),
    "STEPFUN_STATE_NAMESPACE": ("ns", "ns"),
    "STEPFUN_STATE_ON_ERROR": ("forget", "ignore"),
    "STEPFUN_STATE_TTL": ("3600", 3600.0),
    "STEPFUN_STATE_TIMEOUT": ("2.5", 2.5),
    "STEPFUN_STATE_MAX_BYTES": ("1000000", 1000000),
    "STEPFUN_STATE_MAX_RECORD_BYTES": ("1000", 1000),
    "STEPFUN_IMAGE_SIZE_ORDER": ("width_first", "width_first"),
    "STEPFUN_LIST_OPENAI_MODELS": ("no", False),
    "STEPFUN_BATCH_DIR": ("/srv/batches", "/srv/batches"),
    "STEPFUN_BATCH_CONCURRENCY": ("12", 12),
    "STEPFUN_TIER": ("V1", "v1"),
    "STEPFUN_FAST_PATH": ("0", False),
}
FORMER = {"STEPFUN_MAX_REASKS": "max_corrections", "STEPFUN_RESCUE_TOOL_CALLS": "parse_xml_tool_calls"}
BAD = {
    "STEPFUN_BASE_URL": "gw.example",
    "STEPFUN_REGION": "mars",
    "STEPFUN_PLAN": "gold",
    "STEPFUN_MODEL_ALIASES": "gpt-4o",
    "STEPFUN_REASONING_EFFORT": "huge",
    "STEPFUN_ON_UNSUPPORTED": "shout",
    "STEPFUN_SHOW_REASONING": "sometimes",
    "STEPFUN_RAW": "cooked",
    "STEPFUN_PROMPT_CACHE_HEADER": "no spaces",
    "STEPFUN_TOKEN_HEADROOM": "-1",
    "STEPFUN_OPENAI_SAMPLING_DEFAULTS": "maybe",
    "STEPFUN_MAX_CORRECTIONS": "many",
    "STEPFUN_RATE_LIMIT_MIN_WAIT": "nan",
    "STEPFUN_STREAM_IDLE_TIMEOUT": "0",
    "STEPFUN_RESPONSES_ROUTE": "pigeon",
    "STEPFUN_STATE_ON_ERROR": "shrug",
    "STEPFUN_STATE_TTL": "soon",
    "STEPFUN_STATE_TIMEOUT": "-1",
    "STEPFUN_STATE_MAX_BYTES": "much",
    "STEPFUN_IMAGE_SIZE_ORDER": "sideways",
    "STEPFUN_LIST_OPENAI_MODELS": "some",
    "STEPFUN_BATCH_CONCURRENCY": "0",
    "STEPFUN_TIER": "V9",
    "STEPFUN_FAST_PATH": "quick",
}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def name_of(variable: str) -> str:
    return next(name for name, spec in SETTINGS.items() if variable in spec.env)


@pytest.mark.parametrize("variable", GOOD)
def test_variable_is_read(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = GOOD[variable]
    monkeypatch.setenv(variable, text)
    settings = Settings()
    assert getattr(settings, name_of(variable)) == value
    assert settings.source(name_of(variable)) == variable


def test_every_variable_is_tested_here() -> None:
    assert {v for spec in SETTINGS.values() for v in spec.env} == {*GOOD, *FORMER, "STEP_API_KEY"} | {
        v for spec in SETTINGS.values() for v in spec.env if v == "STEPFUN_CATALOG"
    }


@pytest.mark.parametrize("variable", FORMER)
def test_former_variable_is_read_and_the_current_one_takes_precedence(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = FORMER[variable]
    monkeypatch.setenv(variable, "0" if name == "max_corrections" else "1")
    settings = Settings()
    assert settings.source(name) == variable
    assert getattr(settings, name) != SETTINGS[name].default
    present = SETTINGS[name].env[0]
    monkeypatch.setenv(present, "1" if name == "max_corrections" else "0")
    assert Settings().source(name) == present
    assert getattr(Settings(), name) == SETTINGS[name].default


@pytest.mark.parametrize("variable", BAD)
def test_invalid_value_error_names_variable_value_and_allowed_values(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, BAD[variable])
    with pytest.raises(SettingsError) as caught:
        Settings()
    assert f"{variable}={BAD[variable]!r}" in str(caught.value)
    assert "it must be" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_empty_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in GOOD:
        if variable != "STEPFUN_PROMPT_CACHE_HEADER":
            monkeypatch.setenv(variable, "  ")
    assert all(source == "default" for source in Settings().sources.values())


def test_keyword_beats_environment_beats_file_beats_default(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings().on_unsupported == "log"
    (empty_folder / "stepfun.toml").write_text('on_unsupported = "ignore"\nmodel = "from-file"\n', encoding="utf-8")
    assert Settings().on_unsupported == "ignore"
    assert Settings().source("on_unsupported") == "stepfun.toml"
    monkeypatch.setenv("STEPFUN_ON_UNSUPPORTED", "error")
    assert Settings().on_unsupported == "error"
    assert Settings(on_unsupported="warn").on_unsupported == "warn"
    assert Settings(on_unsupported="warn").source("on_unsupported") == "argument"
    assert Settings().model == "from-file"


def test_aliases_may_be_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_MODEL_ALIASES", '{"a*": "b"}')
    assert Settings().model_aliases == {"a*": "b"}
    monkeypatch.setenv("STEPFUN_MODEL_ALIASES", '{"a*": 1}')
    with pytest.raises(SettingsError, match="STEPFUN_MODEL_ALIASES"):
        Settings()


def test_discovered_file_cannot_redirect_data(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    text = 'api_key = "evil"\nbase_url = "https://evil.example/v1"\nstate = "redis://evil"\nprompt_cache_header = "X-Evil"\nmodel = "step-5-preview"\n'
    (empty_folder / "stepfun.toml").write_text(text, encoding="utf-8")
    settings = Settings()
    assert (settings.api_key, settings.base_url, settings.state) == (None, None, "memory://")
    assert settings.prompt_cache_header == "X-Session-Id"
    assert settings.model == "step-5-preview"
    assert "'base_url' is ignored" in caplog.text
    monkeypatch.setenv("STEPFUN_CONFIG", str(empty_folder / "stepfun.toml"))
    named = Settings()
    assert (named.api_key, named.base_url) == ("evil", "https://evil.example/v1")


def test_pyproject_table_is_read(empty_folder: Path) -> None:
    (empty_folder / "pyproject.toml").write_text(
        '[tool.stepfun-compat]\nreasoning-effort = "low"\n[tool.stepfun-compat.model_aliases]\nx = "step-3.5-flash"\n',
        encoding="utf-8",
    )
    settings = Settings()
    assert settings.reasoning_effort == "low"
    assert settings.model_aliases == {"x": "step-3.5-flash"}
    assert settings.source("reasoning_effort") == "pyproject.toml"


def test_invalid_pyproject_of_another_tool_is_ignored(empty_folder: Path) -> None:
    (empty_folder / "pyproject.toml").write_text("[broken", encoding="utf-8")
    assert Settings().model is None


def test_broken_and_unknown_files_are_reported(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = empty_folder / "stepfun.toml"
    file.write_text("[broken", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"stepfun\.toml"):
        Settings()
    file.write_text("colour = 'red'", encoding="utf-8")
    with pytest.raises(SettingsError, match="'colour' is not a setting"):
        Settings()
    file.write_text("web_search = 'x'", encoding="utf-8")
    with pytest.raises(SettingsError, match="web_search='x'"):
        Settings()
    monkeypatch.setenv("STEPFUN_CONFIG", str(empty_folder / "nothing.toml"))
    with pytest.raises(SettingsError, match="STEPFUN_CONFIG"):
        Settings()


def test_settings_are_frozen_printable_and_picklable() -> None:
    settings = Settings(api_key="the-secret", model="step-5-preview", model_aliases={"a": "b"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.model = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.model_aliases["c"] = "d"  # type: ignore[index]
    assert "the-secret" not in repr(settings) + str(settings) + f"{settings}"
    assert "model='step-5-preview' (argument)" in repr(settings)
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert settings.replace(model="y").model == "y"
    assert settings.replace(model="y").api_key == "the-secret"


@pytest.mark.parametrize(
    ("region", "plan", "url"),
    [
        ("global", "standard", "https://api.stepfun.ai/v1/"),
        ("global", "step_plan", "https://api.stepfun.ai/step_plan/v1/"),
        ("cn", "standard", "https://api.stepfun.com/v1/"),
        ("cn", "step_plan", "https://api.stepfun.com/step_plan/v1/"),
    ],
)
def test_api_1_region_and_plan_select_the_url(region: Any, plan: Any, url: str) -> None:
    assert str(OpenAI(settings=Settings(region=region, plan=plan, api_key="k")).base_url) == url


@pytest.mark.parametrize(
    ("pasted", "tidy"),
    [
        ("https://api.stepfun.com", "https://api.stepfun.com/v1"),
        ("https://api.stepfun.com/v1/", "https://api.stepfun.com/v1"),
        ("https://api.stepfun.com/v1/v1", "https://api.stepfun.com/v1"),
        ("https://api.stepfun.ai/v1/chat/completions", "https://api.stepfun.ai/v1"),
        ("https://api.stepfun.ai/step_plan/v1/messages", "https://api.stepfun.ai/step_plan/v1"),
        ("https://api.stepfun.ai/step_plan", "https://api.stepfun.ai/step_plan/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("https://gw.example/stepfun", "https://gw.example/stepfun"),
        ("https://gw.example/stepfun/v1/responses", "https://gw.example/stepfun/v1"),
    ],
)
def test_api_1_pasted_urls_are_normalized(pasted: str, tidy: str) -> None:
    assert normalise_base_url(pasted) == tidy
    assert normalise_base_url(tidy) == tidy


def test_base_url_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    def url(**kwargs: Any) -> str:
        return str(OpenAI(api_key="k", **kwargs).base_url)

    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example/v1")
    assert url() == "https://api.stepfun.ai/v1/"
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.stepfun.com/v1")
    assert url() == "https://api.stepfun.com/v1/"
    monkeypatch.setenv("STEPFUN_BASE_URL", "https://gw.example/v1")
    assert url() == "https://gw.example/v1/"
    assert url(base_url="https://api.openai.com/v1") == "https://gw.example/v1/"
    assert url(base_url="https://api.stepfun.ai/step_plan/v1") == "https://api.stepfun.ai/step_plan/v1/"
