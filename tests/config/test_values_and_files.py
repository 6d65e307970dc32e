"""Edge cases of settings: unusual values and files, hidden secrets, and the catalog's overlay file."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import logging
import os
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import stepfun_compat
from stepfun_compat import OpenAI, Settings, SettingsError, catalog, explain
from stepfun_compat.settings import SETTINGS

SECRET = "the-secret-0123456789"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(**values: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings(**values)
    return str(caught.value)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", 3),
        ("region", "mars"),
        ("plan", 1),
        ("model_aliases", ["gpt-4o"]),
        ("model_aliases", {"gpt-4o": ""}),
        ("model_aliases", {1: "step-3.7-flash"}),
        ("model_aliases", "{broken"),
        ("reasoning_effort", "huge"),
        ("on_unsupported", True),
        ("token_headroom", 1.5),
        ("token_headroom", True),
        ("web_search", "perhaps"),
        ("web_search", None),
        ("rate_limit_min_wait", "inf"),
        ("rate_limit_min_wait", -1),
        ("base_url", "ftp://gw.example"),
        ("base_url", "http://[broken/v1"),
        ("base_url", "http://gw.example:port/v1"),
        ("base_url", "https://api.openai.com/v1"),
        ("prompt_cache_header", "Authorization"),
        ("catalog_overlay", 3),
    ],
)
def test_invalid_keyword_error_names_it_and_the_allowed_values(name: str, value: Any) -> None:
    message = refused(**{name: value})
    assert message.startswith(f"{name}=")
    assert "it must be" in message


@pytest.mark.parametrize("name", ["api_key", "state"])
def test_secret_of_a_wrong_type_is_not_shown(name: str) -> None:
    assert SECRET not in refused(**{name: SECRET.encode()})


@pytest.mark.parametrize("key", [f"{SECRET}\nX-Evil: 1", f"two {SECRET}", f"“{SECRET}”", f"{SECRET}\x00"])
def test_key_invalid_in_a_header_is_refused_without_showing_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(api_key=key)
    assert "api_key" in message
    assert SECRET not in message
    if "\x00" not in key:
        monkeypatch.setenv("STEPFUN_API_KEY", key)
        message = refused()
        assert "STEPFUN_API_KEY" in message
        assert SECRET not in message


def test_line_end_of_a_pasted_key_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", f" {SECRET}\n")
    assert Settings().api_key == SECRET


def test_password_in_a_url_is_hidden_and_kept() -> None:
    settings = Settings(base_url=f"https://me:{SECRET}@gw.example/v1")
    assert settings.base_url == f"https://me:{SECRET}@gw.example/v1"
    assert SECRET not in repr(settings)
    assert "gw.example" in repr(settings)
    assert SECRET not in refused(base_url=f"ftp://me:{SECRET}@gw.example/v1")
    assert SECRET not in str(explain(settings=settings, model="gpt-4o", messages=[]))


def test_secrets_are_hidden_and_other_settings_shown() -> None:
    shown = repr(
        Settings(api_key=SECRET, state=f"redis://:{SECRET}@host", fallback={"embeddings": f"https://{SECRET}"})
    )
    assert SECRET not in shown
    for name in ("api_key", "state", "fallback"):
        assert f"{name}='***' (argument)" in shown


def test_repr_shows_sources_and_omits_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_PLAN", "step_plan")
    assert (
        repr(Settings(max_corrections=0)) == "Settings(plan='step_plan' (STEPFUN_PLAN), max_corrections=0 (argument))"
    )
    assert set(Settings().sources) == set(SETTINGS)


def test_former_setting_names_work_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="max_reasks is now called max_corrections") as caught:
        settings = Settings(max_reasks=0, region="cn")
    assert [row.filename for row in caught] == [__file__]
    assert settings == Settings(max_corrections=0, region="cn")
    with pytest.warns(DeprecationWarning, match="rescue_tool_calls is now called parse_xml_tool_calls") as caught:
        changed = settings.replace(rescue_tool_calls=True)
    assert [row.filename for row in caught] == [__file__]
    assert (changed.parse_xml_tool_calls, changed.max_corrections, changed.region) == (True, 0, "cn")
    with pytest.warns(DeprecationWarning, match="max_corrections") as caught:
        assert settings.max_reasks == 0  # type: ignore[attr-defined]
    assert [row.filename for row in caught] == [__file__]
    assert settings.source("max_reasks") == "argument"
    assert dataclasses.replace(settings, max_corrections=2).max_corrections == 2
    assert "max_corrections" in inspect.signature(Settings).parameters
    assert Settings(state_on_error="forget").state_on_error == "ignore"  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="no attribute 'max_repeats'"):
        settings.max_repeats  # type: ignore[attr-defined]  # noqa: B018


def test_pickle_of_0_1_0_has_the_current_setting_names() -> None:
    restore, (values, sources) = Settings(max_corrections=0).__reduce__()
    former = {"max_reasks": values.pop("max_corrections"), **values}
    settings = restore(former, {"max_reasks": sources.pop("max_corrections"), **sources})
    assert settings.max_corrections == 0
    assert settings.source("max_corrections") == "argument"


def test_named_file_may_contain_a_former_setting_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("max_reasks = 0\n", encoding="utf-8")
    monkeypatch.setenv("STEPFUN_CONFIG", str(file))
    assert Settings().max_corrections == 0
    file.write_text("max_reasks = 0\nmax-corrections = 2\n", encoding="utf-8")
    assert Settings().max_corrections == 2


def test_pickle_keeps_values_and_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_MODEL", "step-5-preview")
    settings = Settings(api_key=SECRET, model_aliases={"a": "step-3.5-flash"})
    monkeypatch.delenv("STEPFUN_MODEL")
    again = pickle.loads(pickle.dumps(settings))
    assert again == settings
    assert again.source("model") == "STEPFUN_MODEL"
    assert SECRET not in repr(again)


def test_replace_keeps_the_sources_of_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_MODEL", "step-5-preview")
    changed = Settings().replace(region="cn")
    monkeypatch.setenv("STEPFUN_MODEL", "step-3.5-flash")
    assert (changed.model, changed.source("model")) == ("step-5-preview", "STEPFUN_MODEL")
    assert changed.source("region") == "argument"


def test_each_fallback_has_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_FALLBACK_EMBEDDINGS", "https://embed.example/v1")
    monkeypatch.setenv("STEPFUN_FALLBACK_EMBEDDINGS_API_KEY", SECRET)
    settings = Settings()
    assert settings.fallback == {"embeddings": "https://embed.example/v1"}
    assert settings.source("fallback") == "STEPFUN_FALLBACK_*"
    assert Settings(fallback={}).fallback == {}
    monkeypatch.setenv("STEPFUN_FALLBACK_TELEPATHY", "https://mind.example/v1")
    assert "STEPFUN_FALLBACK_TELEPATHY" in refused()
    monkeypatch.delenv("STEPFUN_FALLBACK_TELEPATHY")
    monkeypatch.setenv("STEPFUN_FALLBACK_MODERATIONS", "https://api.stepfun.ai/v1")
    assert "STEPFUN_FALLBACK_MODERATIONS" in refused()
    monkeypatch.delenv("STEPFUN_FALLBACK_MODERATIONS")
    monkeypatch.setenv("STEPFUN_FALLBACK_EMBEDDING", "https://embed.example/v1")
    assert "Did you mean STEPFUN_FALLBACK_EMBEDDINGS?" in refused()


# ---------------------------------------------------------------- files


def test_misspelt_setting_in_pyproject_is_reported(folder: Path) -> None:
    file = folder / "pyproject.toml"
    file.write_text('[tool.stepfun-compat]\nmodell = "step-5-preview"\n', encoding="utf-8")
    assert "'modell' is not a setting" in refused()
    file.write_text("[tool]\nstepfun-compat = 3\n", encoding="utf-8")
    assert "must be a table" in refused()
    file.write_text('[tool.other]\nmodell = "x"\n', encoding="utf-8")
    assert Settings().model is None


def test_stepfun_toml_takes_precedence_over_pyproject(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.stepfun-compat]\nmodel = "from-pyproject"\n', encoding="utf-8")
    assert Settings().model == "from-pyproject"
    (folder / "stepfun.toml").write_text('model = "from-stepfun"\n', encoding="utf-8")
    assert Settings().model == "from-stepfun"


def test_folder_named_like_a_configuration_file_is_reported_or_ignored(folder: Path) -> None:
    (folder / "pyproject.toml").mkdir()
    assert Settings().model is None
    (folder / "stepfun.toml").mkdir()
    assert "stepfun.toml cannot be read" in refused()


def test_empty_value_in_a_file_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "mine.toml"
    file.write_text('state = ""\nmodel = " "\n', encoding="utf-8")
    monkeypatch.setenv("STEPFUN_CONFIG", str(file))
    settings = Settings()
    assert (settings.state, settings.source("state")) == ("memory://", "default")
    assert settings.model is None


def test_named_pyproject_may_set_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "pyproject.toml"
    file.write_text('[tool.stepfun-compat]\napi_key = "mine"\nregion = "cn"\n', encoding="utf-8")
    assert (Settings().api_key, Settings().region) == (None, "global")
    monkeypatch.setenv("STEPFUN_CONFIG", str(file))
    settings = Settings()
    assert (settings.api_key, settings.region) == ("mine", "cn")
    assert settings.source("api_key") == str(file)


@pytest.mark.parametrize("name", sorted(n for n, spec in SETTINGS.items() if spec.trusted_file_only))
def test_discovered_file_cannot_set_urls_and_keys(name: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="stepfun_compat")
    (folder / "stepfun.toml").write_text(f'{name} = "https://evil.example/{name}"\n', encoding="utf-8")
    settings = Settings()
    assert getattr(settings, name) == SETTINGS[name].default
    assert settings.source(name) == "default"
    assert f"'{name}' is ignored" in caplog.text


def test_changed_file_is_read_again(folder: Path) -> None:
    file = folder / "stepfun.toml"
    file.write_text('model = "one"\n', encoding="utf-8")
    assert Settings().model == "one"
    file.write_text('model = "another"\n', encoding="utf-8")
    assert Settings().model == "another"


# ---------------------------------------------------------------- the catalog's overlay

OVERLAY = """
[[models]]
id = "step-6"
kind = "chat"
input = ["text", "image"]
context = 500000
efforts = ["low", "high"]
reasons = true
json_schema = true
usd = { input = 0.5, cached = 0.1, output = 2 }
as_of = 2027-01-05

[[models]]
id = "step-3.5-flash"
efforts = { low = "low", high = "high" }

[[models]]
id = "step-3"
kind = "chat"

[[aliases]]
pattern = "gpt-4o*"
model = "step-6"
effort = "medium"
headroom = 7

[[retired]]
id = "step-1o-turbo-vision"
replacement = "step-6"
since = "2027-01-01"
source = "a notice"

[[parameters]]
endpoint = "chat.completions"
name = "seed"
state = "supports"
action = "send"
"""


def written(folder: Path, text: str = OVERLAY) -> Path:
    file = folder / "rows.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_overlay_adds_changes_and_retires_rows(folder: Path) -> None:
    path = written(folder)
    rows = catalog.load_overlay(path)
    shipped = catalog.default()
    new = rows.models["step-6"]
    assert new.input == {"text", "image"}
    assert new.as_of == "2027-01-05"
    assert new.source == str(path)
    assert new.usd == catalog.Price(0.5, 0.1, 2.0)
    assert new.efforts == {
        "none": "low",
        "minimal": "low",
        "low": "low",
        "medium": "high",
        "high": "high",
        "xhigh": "high",
        "max": "high",
    }
    corrected = rows.models["step-3.5-flash"]
    assert corrected.efforts == {"low": "low", "high": "high"}
    assert corrected.cny == shipped.models["step-3.5-flash"].cny
    assert corrected.source == str(path)
    assert "step-3" in rows.models
    assert "step-3" not in rows.retired
    assert rows.retired["step-1o-turbo-vision"].replacement == "step-6"
    assert "step-1o-turbo-vision" not in rows.models
    assert rows.alias("gpt-4o-2024-08-06") == rows.aliases[0]
    assert rows.alias("o3") == shipped.alias("o3")
    assert rows.parameters("chat.completions")["seed"].state == "supports"
    assert len(rows.all_parameters) == len(shipped.all_parameters)
    assert "step-6" not in shipped.models
    assert shipped.parameters("chat.completions")["seed"].state == "unknown"


def test_overlay_sends_a_dropped_parameter_to_the_models_its_row_names(folder: Path) -> None:
    row = "[[parameters]]\nendpoint = 'chat.completions'\nname = 'seed'\nmodels = ['step-3.5-*']\n"
    settings = Settings(catalog_overlay=str(written(folder, row)))
    for model, sent in (("step-3.5-flash", 7), ("step-3.7-flash", None)):
        body: Any = explain(model=model, seed=7, messages=[], settings=settings).body
        assert body.get("seed") == sent
    row = row.replace("seed", "verbosity")
    settings = Settings(catalog_overlay=str(written(folder, row)), responses_route="chat")
    for model, sent in (("step-3.5-flash", "low"), ("step-3.7-flash", None)):
        explained = explain("responses", model=model, input="x", text={"verbosity": "low"}, settings=settings)
        body = explained.body
        assert body.get("verbosity") == sent
        assert any("verbosity" in change.parameter for change in explained.changes) is (sent is None)


def test_effort_levels_from_a_list_match_the_shipped_rows(folder: Path) -> None:
    text = ""
    shipped = catalog.default().models
    for name in ("step-3.7-flash", "step-3.5-flash-2603"):
        levels = ", ".join(f'"{level}"' for level in dict.fromkeys(shipped[name].efforts.values()))
        text += f'[[models]]\nid = "{name}"\nefforts = [{levels}]\n'
    rows = catalog.load_overlay(written(folder, text))
    for name in ("step-3.7-flash", "step-3.5-flash-2603"):
        assert rows.models[name].efforts == shipped[name].efforts


def test_overlay_alias_takes_precedence_over_a_shipped_exact_name(folder: Path) -> None:
    rows = catalog.load_overlay(written(folder, '[[aliases]]\npattern = "gpt-*"\nmodel = "step-5-preview"\n'))
    for name in ("gpt-4", "gpt-4o", "gpt-4-0613"):
        alias = rows.alias(name)
        assert alias is not None
        assert alias.model == "step-5-preview"


def test_overlay_applies_to_the_translation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_CATALOG", str(written(folder)))
    explained = explain(model="gpt-4o", messages=[{"role": "user", "content": "x"}], max_tokens=10, seed=3)
    assert explained.body["model"] == "step-6"
    assert explained.body["reasoning_effort"] == "high"
    assert explained.body["max_tokens"] == 17
    assert explained.body["seed"] == 3
    assert "step-6" in explain(model="step-1o-turbo-vision", messages=[]).body["model"]


def test_overlay_is_set_by_keyword_environment_or_named_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(folder)
    assert catalog.for_settings(Settings()) is catalog.default()
    assert Settings(catalog_overlay=path).catalog_overlay == str(path)  # type: ignore[arg-type]
    assert Settings(catalog_overlay="rows.toml").catalog_overlay == str(path)
    (folder / "stepfun.toml").write_text('catalog_overlay = "rows.toml"\n', encoding="utf-8")
    assert Settings().catalog_overlay is None
    monkeypatch.setenv("STEPFUN_CONFIG", str(folder / "stepfun.toml"))
    monkeypatch.chdir("/")
    settings = Settings()
    assert settings.catalog_overlay == str(path)
    assert "step-6" in catalog.for_settings(settings).models
    monkeypatch.delenv("STEPFUN_CONFIG")
    monkeypatch.setenv("STEPFUN_CATALOG", str(path))
    assert Settings().source("catalog_overlay") == "STEPFUN_CATALOG"
    assert pickle.loads(pickle.dumps(settings)).catalog_overlay == str(path)


def test_overlay_is_read_once_and_again_when_it_changes(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(folder)
    settings = Settings(catalog_overlay=str(path))
    first = catalog.for_settings(settings)
    assert catalog.for_settings(settings) is first
    assert catalog.load_overlay(path) is first
    path.write_text(OVERLAY.replace("500000", "600000") + "\n", encoding="utf-8")
    assert catalog.for_settings(settings).models["step-6"].context == 600_000
    path.write_text("[[models]", encoding="utf-8")
    caplog.set_level(logging.WARNING, logger="stepfun_compat")
    for _ in range(3):
        assert catalog.for_settings(settings).models["step-6"].context == 600_000
    assert len(caplog.records) == 1
    assert "rows.toml is not valid TOML" in caplog.text
    path.write_text(OVERLAY, encoding="utf-8")
    assert catalog.for_settings(settings).models["step-6"].context == 500_000
    os.unlink(path)
    assert catalog.for_settings(settings).models["step-6"].context == 500_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[models]", "is not valid TOML"),
        ("[[modles]]\nid = 'x'", "'modles'"),
        ("models = 3", "[[models]]"),
        ("models = [3]", "[[models]]"),
        ("[[models]]\nkind = 'chat'", "models[0]: a row of [[models]] needs id"),
        (
            "[[models]]\nid = 'new'",
            "models[0]: 'new' is not in the catalog, and a new row of [[models]] needs kind (kind is one of chat, ",
        ),
        ("[[models]]\nid = 'new'\nkind = 'oracle'", "models[0].kind='oracle'"),
        ("[[models]]\nid = ''\nkind = 'chat'", "models[0].id=''"),
        ("[[models]]\nid = 'step-3.7-flash'\ncontext = -1", "models[0].context=-1"),
        ("[[models]]\nid = 'step-3.7-flash'\nreasons = 'yes'", "models[0].reasons='yes'"),
        ("[[models]]\nid = 'step-3.7-flash'\ninput = 'text'", "models[0].input='text'"),
        ("[[models]]\nid = 'step-3.7-flash'\nefforts = ['huge']", "models[0].efforts=['huge']"),
        ("[[models]]\nid = 'step-3.7-flash'\nefforts = {huge = 'low'}", "models[0].efforts"),
        ("[[models]]\nid = 'step-3.7-flash'\nefforts = 1", "models[0].efforts=1"),
        ("[[models]]\nid = 'step-3.7-flash'\nusd = {input = 1}", "models[0].usd"),
        ("[[models]]\nid = 'step-3.7-flash'\nusd = 3", "models[0].usd=3"),
        ("[[models]]\nid = 'step-3.7-flash'\ncolour = 'red'", "'colour'"),
        ("[[models]]\nid = 3\nkind = 'chat'", "models[0].id=3"),
        ("[[aliases]]\npattern = 'x'\nmodel = 'nowhere'", "aliases[0].model='nowhere'"),
        ("[[aliases]]\npattern = 'x'\nmodel = 'step-3.7-flash'\neffort = 'huge'", "aliases[0].effort='huge'"),
        ("[[retired]]\nid = 'x'\nreplacement = 'nowhere'\nsince = '2027-01-01'", "retired[0].replacement='nowhere'"),
        ("[[retired]]\nid = 'x'\nreplacement = 'step-3.7-flash'", "a new row of [[retired]] needs since."),
        (
            "[[retired]]\nid = 'n'\nreplacement = 'step-3.7-flash'\nsince = '2027-01-01'\n[[models]]\nid = 'n'\nkind = 'chat'",
            "retired='n'",
        ),
        (
            "[[parameters]]\nendpoint = 'chat.completions'\nname = 'seed'\nstate = 'maybe'",
            "parameters[0].state='maybe'",
        ),
        (
            "[[parameters]]\nendpoint = 'chat.completions'\nname = 'x'\nstate = 'supports'",
            "a new row of [[parameters]] needs action.",
        ),
        (
            "[[parameters]]\nendpoint = 'chat.completions'\nname = 'seed'\nmodels = 'step-3'",
            "parameters[0].models='step-3'",
        ),
    ],
)
def test_invalid_overlay_error_names_file_row_field_and_allowed_values(
    text: str, expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(folder, text)
    monkeypatch.setenv("STEPFUN_CATALOG", str(path))
    message = refused()
    assert message.startswith("STEPFUN_CATALOG: ")
    assert str(path) in message
    assert expected in message
    with pytest.raises(SettingsError):
        catalog.load_overlay(path)


def test_missing_overlay_is_reported_on_creation_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_CATALOG", "nothing.toml")
    with pytest.raises(SettingsError, match=r"STEPFUN_CATALOG: .*nothing\.toml cannot be read"):
        OpenAI(api_key="k")


# ---------------------------------------------------------------- special files, and unbounded values


DEEP = {
    "arrays": "model = " + "[" * 5000 + "]" * 5000,
    "tables": "model = " + "{a = " * 3000 + "1" + "}" * 3000,
    "dotted": ".".join("a" * 200_000) + " = 1",
    "header": "[" + ".".join("a" * 200_000) + "]",
    "thirty": "model = " + "[" * 30 + "]" * 30,
}


@pytest.mark.parametrize("variable", ["STEPFUN_CONFIG", "STEPFUN_CATALOG"])
@pytest.mark.parametrize("shape", DEEP)
def test_deeply_nested_file_is_a_clear_error(
    variable: str, shape: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "deep.toml"
    file.write_text(DEEP[shape], encoding="utf-8")
    monkeypatch.setenv(variable, str(file))
    assert "nested more than" in refused()


@pytest.mark.parametrize("variable", ["STEPFUN_CONFIG", "STEPFUN_CATALOG"])
def test_special_and_huge_files_are_clear_errors(variable: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "huge").write_bytes(b"# nothing\n" * 200_000)
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    for place, reason in (
        (folder / "pipe", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        (folder, "cannot be read"),
        (folder / "huge", "larger than"),
        (folder / "binary", "not valid TOML"),
        (folder / "missing", "cannot be read"),
        ("~nobody-of-that-name/x", "cannot be read"),
    ):
        monkeypatch.setenv(variable, str(place))
        assert reason in refused()


def test_pipe_in_the_working_directory_is_a_clear_error(folder: Path) -> None:
    os.mkfifo(folder / "pyproject.toml")
    assert Settings().model is None  # pyproject.toml may belong to another tool
    os.mkfifo(folder / "stepfun.toml")
    assert "not a regular file" in refused()


def test_discovered_file_cannot_set_costs_or_behaviour(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "stepfun.toml").write_text(
        "max_corrections = 9\nparse_xml_tool_calls = true\ntoken_headroom = 900000\nrate_limit_min_wait = 500\n",
        encoding="utf-8",
    )
    settings = Settings()
    assert settings == Settings(
        max_corrections=1, parse_xml_tool_calls=False, token_headroom=None, rate_limit_min_wait=0
    )
    for name in ("max_corrections", "parse_xml_tool_calls", "token_headroom", "rate_limit_min_wait"):
        assert f"'{name}' is ignored" in caplog.text


@pytest.mark.parametrize(
    "name",
    [
        "token_headroom",
        "max_corrections",
        "rate_limit_min_wait",
        "state_ttl",
        "state_max_bytes",
        "state_max_record_bytes",
        "state_timeout",
    ],
)
def test_out_of_range_number_error_names_the_bounds(name: str) -> None:
    for value in (-1, 10**30, 1e300, float("nan"), float("inf"), "1e309", True, "abc", "9" * 5000, [[1]]):
        with pytest.raises(SettingsError, match=r" from [\d.]+ to \d+") as caught:
            Settings(**{name: value})
        assert len(str(caught.value)) < 500
    least = float(re.search(r" from ([\d.]+) to ", str(caught.value))[1])  # type: ignore[index]
    Settings(**{name: least if name in ("rate_limit_min_wait", "state_ttl", "state_timeout") else int(least)})
    if least > 0:
        with pytest.raises(SettingsError):
            Settings(**{name: 0})


@pytest.mark.parametrize("cls", [stepfun_compat.OpenAI, stepfun_compat.AsyncOpenAI, stepfun_compat.AzureOpenAI])
def test_settings_as_a_dict_are_a_clear_error(cls: Any) -> None:
    with pytest.raises(
        SettingsError, match=r"settings= must be a stepfun_compat.Settings, not dict; write settings=Set"
    ):
        cls(api_key="k", settings={"model": "step-3.7-flash"})
    with pytest.raises(SettingsError, match="not str"):
        stepfun_compat.explain(settings="x")  # type: ignore[arg-type]


def test_redis_without_its_package_is_refused_at_construction(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("redis", "redis://", "sqlite", "memory"):
        monkeypatch.setenv("STEPFUN_STATE", url)
        assert "STEPFUN_STATE" in refused()
    monkeypatch.delitem(sys.modules, "redis", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    monkeypatch.setenv("STEPFUN_STATE", "redis://localhost:6379/0")
    assert "pip install 'stepfun_compat[redis]'" in refused()
