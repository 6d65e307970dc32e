"""`doctor`: its findings about settings, keys, servers and the conversation store, with their fixes."""

from __future__ import annotations

import json
import socket
from email.utils import formatdate
from pathlib import Path

import pytest

from stepfun_compat.__main__ import main
from stepfun_compat.diagnostics import doctor as diagnosis
from stepfun_compat.emulator import EmulatorConfig, EmulatorServer


def test_doctor_reports_problems_and_fixes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--offline"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  key" in out
    assert "fix: set STEPFUN_API_KEY" in out


def test_doctor_finds_no_problem_with_a_working_account(
    server: EmulatorServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    states = {check["check"]: check["state"] for check in report["checks"]}
    assert states["server"] == states["key"] == states["models"] == "ok"
    assert server.api_key not in json.dumps(report)


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


def test_doctor_checks_the_conversation_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    monkeypatch.setenv("STEPFUN_STATE", f"sqlite:///{tmp_path}/s.db")
    main(["doctor", "--offline", "--json"])
    report = {check["check"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert report["conversation store"]["state"] == "ok"
    assert "conversation state" not in report  # shared by workers
    (tmp_path / "file").touch()
    monkeypatch.setenv("STEPFUN_STATE", f"sqlite:///{tmp_path}/file/s.db")
    assert main(["doctor", "--offline"]) == 1
    assert "check STEPFUN_STATE" in capsys.readouterr().out


def test_doctor_reports_a_wrong_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with EmulatorServer(EmulatorConfig(api_keys=frozenset({"right"}))) as running:
        monkeypatch.setenv("STEPFUN_BASE_URL", running.base_url)
        monkeypatch.setenv("STEPFUN_API_KEY", "wrong")
        assert main(["doctor"]) == 1
    assert "STEPFUN_REGION" in capsys.readouterr().out


def test_doctor_reports_an_invalid_setting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("STEPFUN_PLAN", "gold")
    assert main(["doctor", "--offline"]) == 1
    assert "STEPFUN_PLAN='gold'" in capsys.readouterr().out


def test_doctor_reaches_the_server_without_a_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Corp-Secret: 1")
    with EmulatorServer(EmulatorConfig(api_keys=frozenset({"right"}))) as running:
        monkeypatch.setenv("STEPFUN_BASE_URL", running.base_url.replace("//", "//user:secret@"))
        assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  key" in out
    assert "returns 401 for a request without a key" in out
    assert "secret" not in out


def test_doctor_reports_an_unreachable_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        monkeypatch.setenv("STEPFUN_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        monkeypatch.setenv("STEPFUN_API_KEY", "any")
        assert main(["doctor"]) == 1
    assert "fix: check the network" in capsys.readouterr().out


def test_doctor_lists_settings_with_their_sources(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEPFUN_MODEL", "step-5-preview")
    monkeypatch.setenv("STEPFUN_STATE", "redis://:secret@host")
    main(["doctor", "--offline"])
    out = capsys.readouterr().out
    assert "model: step-5-preview (from STEPFUN_MODEL)" in out
    assert "state: *** (from STEPFUN_STATE)" in out
    assert "secret" not in out


def test_doctor_warns_of_agents_tracing_and_a_wrong_clock(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnosis._clock("Wed, 01 Jan 2020 00:00:00 GMT").state == "warn"
    assert diagnosis._clock(formatdate()).state == "ok"
    assert diagnosis._clock(None).state == "skip"
    monkeypatch.setattr(diagnosis, "_installed", lambda module: True)
    assert main(["doctor", "--json"]) == 0
    checks = {check["check"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["OpenAI Agents tracing"]["fix"] == "set OPENAI_AGENTS_DISABLE_TRACING=1"
    assert checks["clock"]["state"] in ("ok", "skip")  # skip: a server that sends no date
