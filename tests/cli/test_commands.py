"""The commands, in process over the emulator, and once as the installed program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from stepfun_compat import probing
from stepfun_compat.__main__ import main
from stepfun_compat.emulator import EmulatorConfig, EmulatorServer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorServer]:
    with EmulatorServer(EmulatorConfig()) as running:
        monkeypatch.setenv("STEPFUN_BASE_URL", running.base_url)
        monkeypatch.setenv("STEPFUN_API_KEY", running.api_key)
        yield running


def test_models_lists_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "step-3.7-flash" in out
    assert "\x1b" not in out
    assert main(["models", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"id", "efforts", "as_of", "source"} <= rows[0].keys()


def test_models_live_compares(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--live"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("step-3.7-flash "))
    assert line.endswith("yes")


def test_explain_from_file_and_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"model": "gpt-4o", "messages": [], "max_tokens": 9}), encoding="utf-8")
    assert main(["explain", str(file)]) == 0
    assert "step-3.7-flash" in capsys.readouterr().out
    assert main(["explain", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["body"]["max_tokens"] > 9
    file.write_text(json.dumps({"model": "gpt-4o", "messages": [], "tool_choice": "required"}), encoding="utf-8")
    assert main(["explain", str(file)]) == 1
    assert "refused" in capsys.readouterr().out
    file.write_text("[]", encoding="utf-8")
    assert main(["explain", str(file)]) == 2
    assert main(["explain", str(tmp_path / "nothing.json")]) == 2


def test_doctor_says_what_is_wrong_and_how_to_mend_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--offline"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  key" in out
    assert "mend: set STEPFUN_API_KEY" in out


def test_doctor_is_content_with_a_working_account(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"]
    states = {check["check"]: check["state"] for check in told["checks"]}
    assert states["server"] == states["key"] == states["models"] == "ok"
    assert server.api_key not in json.dumps(told)


def test_doctor_refuses_openais_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", "sk-proj-0123456789abcdef")
    assert main(["doctor", "--offline"]) == 1
    out = capsys.readouterr().out
    assert "never sent to StepFun" in out
    assert "0123456789abcdef" not in out


def test_doctor_warns_of_memory_state_under_workers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    main(["doctor", "--offline"])
    assert "STEPFUN_STATE" in capsys.readouterr().out


def test_doctor_names_a_wrong_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with EmulatorServer(EmulatorConfig(api_keys=frozenset({"right"}))) as running:
        monkeypatch.setenv("STEPFUN_BASE_URL", running.base_url)
        monkeypatch.setenv("STEPFUN_API_KEY", "wrong")
        assert main(["doctor"]) == 1
    assert "STEPFUN_REGION" in capsys.readouterr().out


def test_doctor_names_a_bad_setting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("STEPFUN_PLAN", "gold")
    assert main(["doctor", "--offline"]) == 1
    assert "STEPFUN_PLAN='gold'" in capsys.readouterr().out


def test_every_probe_gets_an_answer(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--json"]) == 0
    results: list[Any] = json.loads(capsys.readouterr().out)
    assert [result["name"] for result in results] == [check.name for check in probing.CHECKS]
    assert not any(result["failed"] for result in results)
    answers = {result["name"]: result["answer"] for result in results}
    assert "none still called a tool" in answers["tool_choice"]


def test_probe_list_and_unknown_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--list"]) == 0
    assert "11.12" in capsys.readouterr().out
    assert main(["probe", "nothing"]) == 2


def test_demo_runs_every_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    assert "| chat.completions gpt-4o -> step-3.7-flash" in out
    assert "6 unmodified programs ran" in out


def test_unknown_words_are_usage_errors() -> None:
    assert main(["nonsense"]) == 2
    assert main(["demo", "nonsense"]) == 2
    assert main(["emulate", "--shape", "z"]) == 2


@pytest.mark.parametrize("command", ["run", "demo", "doctor", "models", "explain", "emulate", "probe"])
def test_help_has_examples(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stepfun_compat", command, "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "xamples" in done.stdout
