"""The commands, in process over the emulator, and once as the installed program."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from stepfun_compat.__main__ import main
from stepfun_compat.diagnostics import doctor as diagnosis
from stepfun_compat.diagnostics import probes as probing
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
    lines = capsys.readouterr().out.splitlines()
    block = lines[lines.index("step-3.7-flash") : lines.index("step-3.5-flash")]
    assert block[-1].endswith("live: yes")


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
    assert "fix: set STEPFUN_API_KEY" in out


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


def test_doctor_tries_the_conversation_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    monkeypatch.setenv("STEPFUN_STATE", f"sqlite:///{tmp_path}/s.db")
    main(["doctor", "--offline", "--json"])
    told = {check["check"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert told["conversation store"]["state"] == "ok"
    assert "conversation state" not in told  # workers share it
    (tmp_path / "file").touch()
    monkeypatch.setenv("STEPFUN_STATE", f"sqlite:///{tmp_path}/file/s.db")
    assert main(["doctor", "--offline"]) == 1
    assert "check STEPFUN_STATE" in capsys.readouterr().out


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


def test_doctor_reaches_the_server_without_a_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Corp-Secret: 1")
    with EmulatorServer(EmulatorConfig(api_keys=frozenset({"right"}))) as running:
        monkeypatch.setenv("STEPFUN_BASE_URL", running.base_url.replace("//", "//user:secret@"))
        assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  key" in out
    assert "answers 401 to a request without a key" in out
    assert "secret" not in out


def test_doctor_says_that_a_server_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        monkeypatch.setenv("STEPFUN_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        monkeypatch.setenv("STEPFUN_API_KEY", "any")
        assert main(["doctor"]) == 1
    assert "fix: check the network" in capsys.readouterr().out


def test_doctor_tells_settings_with_their_sources(
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


def test_probe_sends_nothing_of_openais(server: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-mine")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Corp-Secret: 1")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-mine")
    with probing.client() as client:
        told = json.dumps({name: str(value) for name, value in client.default_headers.items()})
        assert getattr(client, "admin_api_key", None) is None
    assert "mine" not in told
    assert "Corp" not in told


def test_a_probe_survives_an_answer_it_does_not_know(server: EmulatorServer) -> None:
    def strange(client: Any, model: str) -> str:
        return {}["choices"]

    result = probing.run(probing.Check("x", "?", "11.1", "-", "-", strange), None, "m")
    assert not result.failed
    assert "not on record" in result.answer


def test_every_probe_gets_an_answer(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--json", "--yes"]) == 0
    results: list[Any] = json.loads(capsys.readouterr().out)
    assert [result["name"] for result in results] == [check.name for check in probing.CHECKS if not check.dear]
    assert not any(result["failed"] for result in results)
    answers = {result["name"]: result["answer"] for result in results}
    assert "none still called a tool" in answers["tool_choice"]
    assert '{"a"' in answers["json_schema"]
    assert "without it accepted" in answers["reasoning_replay"]
    assert "768x1360 came as 1360x768" in answers["image_size"]
    assert "61 images rejected with 400" in answers["many_images"]
    assert "its instruction too rejected with 400" in answers["speech"]
    assert "high: 2001 characters" in answers["default_effort"]
    assert answers["stop_in_reasoning"].startswith(("stop does not end", "no text came after"))
    assert not [answer for answer in answers.values() if "not on record" in answer]


def test_a_dear_probe_is_put_only_by_its_name(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.configure(context_window=500)
    assert main(["probe", "overflow"]) == 0
    assert capsys.readouterr().out.startswith("overflow: rejected with 400")


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\5P\0\0\3\0", "1360x768"),
        (b"\xff\xd8\xff\xe0\0\4ab\xff\xc0\0\x11\x08\3\0\5P..", "1360x768"),
        (b"something else", "of an unknown size"),
    ],
)
def test_the_size_of_a_picture(data: bytes, size: str) -> None:
    from stepfun_compat.diagnostics.probes.others import picture_size

    assert picture_size(data) == size


def test_a_refused_probe_is_an_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with EmulatorServer(EmulatorConfig(strict=True)) as running:
        monkeypatch.setenv("STEPFUN_BASE_URL", running.base_url)
        monkeypatch.setenv("STEPFUN_API_KEY", running.api_key)
        assert main(["probe", "seed"]) == 0
    assert capsys.readouterr().out == "seed: rejected with 400: Request param: seed is not supported\n"


def test_a_probe_without_a_server_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("STEPFUN_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        monkeypatch.setenv("STEPFUN_API_KEY", "any")
        assert main(["probe", "seed"]) == 1
    assert "seed: failed: " in capsys.readouterr().out


def test_probe_list_and_unknown_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--list"]) == 0
    out = capsys.readouterr().out
    assert "Is tool_choice honoured?" in out
    assert "how long a prefix stays cached" in out
    assert "11.12" not in out  # the list speaks for itself
    assert main(["probe", "nothing"]) == 2


def test_demo_runs_every_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    assert "| chat.completions gpt-4o -> step-3.7-flash" in out
    assert "|   messages[0].role=developer was sent as system" in out
    assert "(4 requests)" in out
    assert "6 unmodified programs ran" in out


@pytest.mark.parametrize("name", ["typer", "rich"])
def test_without_the_extra_a_command_says_what_to_install(name: str) -> None:
    code = (
        f"import sys; sys.modules[{name!r}] = None\n"
        "from stepfun_compat.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    done = ask("doctor")
    assert done.returncode == 2
    assert done.stderr == f"stepfun-compat: this command needs {name}: pip install 'stepfun-compat[cli]'\n"
    assert ask("run", "-c", "print('runs')").stdout == "runs\n"


def test_no_words_at_all_give_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("Usage: stepfun-compat")


def test_unknown_words_are_usage_errors() -> None:
    assert main(["nonsense"]) == 2
    assert main(["demo", "nonsense"]) == 2
    assert main(["emulate", "--shape", "z"]) == 2


@pytest.mark.parametrize(
    "command", ["run", "demo", "doctor", "models", "explain", "emulate", "probe", "speak", "upload"]
)
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


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import openai

    import stepfun_compat

    assert main(["--version"]) == 0
    said = capsys.readouterr().out
    assert stepfun_compat.__stepfun_version__ in said
    assert openai.__version__ in said


def test_models_shows_the_users_own_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "catalog.toml"
    file.write_text('[[models]]\nid = "step-9-own"\nkind = "chat"\n', encoding="utf-8")
    monkeypatch.setenv("STEPFUN_CATALOG", str(file))
    assert main(["models"]) == 0
    assert "step-9-own" in capsys.readouterr().out
    monkeypatch.setenv("STEPFUN_CATALOG", str(tmp_path / "missing.toml"))
    assert main(["models"]) == 2
    assert "STEPFUN_CATALOG" in capsys.readouterr().err


def test_emulate_says_where_it_cannot_listen(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["emulate", "--port", str(port)]) == 1
    assert f"port {port}" in capsys.readouterr().err
    assert main(["emulate", "--port", "99999"]) == 2
    assert "65535" in capsys.readouterr().err


def test_emulate_tells_the_port_it_found() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "stepfun_compat", "emulate", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.terminate()
    assert "http://127.0.0.1:" in said
    assert "http://127.0.0.1:0/" not in said


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal of its own")
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_table_on_a_terminal_cuts_no_name(columns: int) -> None:
    terminal, theirs = os.openpty()
    program = [sys.executable, "-m", "stepfun_compat", "models"]
    process = subprocess.Popen(program, stdout=theirs, env={**os.environ, "COLUMNS": str(columns), "TERM": "xterm"})
    os.close(theirs)
    told = b""
    with contextlib.suppress(OSError):  # how Linux says that the other side is gone
        while piece := os.read(terminal, 65536):
            told += piece
    os.close(terminal)
    assert process.wait() == 0
    said = told.decode()
    assert "…" not in said
    assert "step-3.5-flash-2603" in said
    assert "stepaudio-3-realtime-preview" in said
    assert ("┃" in said) is (columns == 200)
