"""The commands, in process against the emulator, and once as the installed program."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stepfun_compat.__main__ import main
from stepfun_compat.emulator import EmulatorServer

ROOT = Path(__file__).parents[2]


def test_models_lists_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "step-3.7-flash" in out
    assert "\x1b" not in out
    assert main(["models", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"id", "efforts", "as_of", "source"} <= rows[0].keys()


def test_models_live_compares_with_the_catalog(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_demo_runs_every_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    assert "| chat.completions gpt-4o -> step-3.7-flash" in out
    assert "|   messages[0].role=developer was sent as system" in out
    assert "(4 requests)" in out
    assert "6 unmodified programs ran" in out


@pytest.mark.parametrize("name", ["typer", "rich"])
def test_without_the_extra_a_command_names_the_package_to_install(name: str) -> None:
    code = (
        f"import sys; sys.modules[{name!r}] = None\n"
        "from stepfun_compat.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
        )

    done = ask("doctor")
    assert done.returncode == 2
    assert done.stderr == f"stepfun-compat: this command needs {name}: pip install 'stepfun-compat[cli]'\n"
    assert ask("run", "-c", "print('runs')").stdout == "runs\n"


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("Usage: stepfun-compat")


def test_unknown_arguments_are_usage_errors() -> None:
    assert main(["nonsense"]) == 2
    assert main(["demo", "nonsense"]) == 2
    assert main(["emulate", "--shape", "z"]) == 2


@pytest.mark.parametrize(
    "command", ["run", "demo", "doctor", "models", "explain", "emulate", "probe", "speak", "upload"]
)
def test_help_has_examples(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main([command, "--help"]) == 0
    assert "xamples" in capsys.readouterr().out


def test_version_prints_both_versions(capsys: pytest.CaptureFixture[str]) -> None:
    import openai

    import stepfun_compat

    assert main(["--version"]) == 0
    said = capsys.readouterr().out
    assert stepfun_compat.__stepfun_version__ in said
    assert openai.__version__ in said


def test_models_shows_rows_of_the_users_catalog_file(
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


def test_emulate_reports_a_port_it_cannot_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["emulate", "--port", str(port)]) == 1
    assert f"port {port}" in capsys.readouterr().err
    assert main(["emulate", "--port", "99999"]) == 2
    assert "65535" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_emulate_prints_the_chosen_port_and_exits_with_0_at_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "stepfun_compat", "emulate", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.readline()
        process.send_signal(number)
        assert process.wait(60) == 0
    assert "http://127.0.0.1:" in printed
    assert "http://127.0.0.1:0/" not in printed


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a separate terminal")
def test_terminal_tables_do_not_truncate_names() -> None:
    terminal, theirs = os.openpty()
    program = """
import os
from stepfun_compat.__main__ import main
for columns in ("60", "80", "200"):
    os.environ["COLUMNS"] = columns
    assert main(["models"]) == 0
    print("end of", columns, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    received = b""
    with contextlib.suppress(OSError):  # Linux raises it when the other side has closed
        while piece := os.read(terminal, 65536):
            received += piece
    os.close(terminal)
    assert process.wait() == 0
    shown = re.split(r"end of \d+", received.decode())
    assert len(shown) == 4
    for columns, text in zip((60, 80, 200), shown, strict=False):
        assert "…" not in text
        assert "step-3.5-flash-2603" in text
        assert "stepaudio-3-realtime-preview" in text
        assert ("┃" in text) is (columns == 200)
