"""Migrated programs print the same output as before.

Programs for openai>=1 run with openai itself against a server with OpenAI's responses, are then migrated, and run against
the emulator. The output of programs for openai<1.0 was recorded with openai 0.28.1:

    python -m tests.migrate.rewrite.test_programs PYTHON_WITH_OPENAI_0_28_1
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat.emulator.server import EmulatorServer
from stepfun_compat.migrate.rewrite.rules import RULES

from .program_runner import Runner
from .scripted_openai import ScriptedOpenAI
from .support import migrate

PROGRAMS = Path(__file__).with_name("programs")
RECORDED = PROGRAMS / "printed_by_0.28.1.json"
CALL = {"tool_calls": [{"name": "get_weather", "arguments": '{"city": "Paris"}'}]}
REPLIES: dict[str, list[Any]] = {
    "functions": [CALL, "It is warm."],
    "tools": [CALL, "It is warm."],
    "errors": [{"status": 429}, "After all."],
    "lazy": [{"status": 429}, "After all."],
    "pipeline": [{"status": 429}, "After all.", "A second answer."],
    "retries": [{"status": 429}, "After all.", "A second answer."],
    "handler": [{"status": 429}, "Grüße, 世界.", "A second answer."],
    "parse": ['{"name": "a fair", "people": ["Ann", "Bob"]}'],
}
USUAL = ["Grüße, 世界.", "A second answer."]

OLD = sorted(one.name for one in (PROGRAMS / "old").iterdir())
LEFT_TO_LEGACY = {"errors", "lazy", "names", "package", "script"}
"""Programs that SFC101 cannot translate completely."""
NEW = sorted(one.name for one in (PROGRAMS / "new").iterdir())


@pytest.fixture(scope="module")
def python() -> Iterator[str | Runner]:
    """The interpreter that runs the programs."""
    if not hasattr(os, "fork"):
        yield sys.executable
        return
    with Runner() as runner:
        yield runner


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "STEPFUN_", "STEP_"))}
    return {**kept, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "ignore", "NO_PROXY": "127.0.0.1", **more}


def printed(python: str | Runner, folder: Path, **more: str) -> str:
    """Return the output of a program; a notebook runs cell by cell as in IPython, without its magics."""
    notebook = folder / "main.ipynb"
    if notebook.exists():
        cells = [one for one in json.loads(notebook.read_text("utf-8"))["cells"] if one["cell_type"] == "code"]
        lines = "\n".join("".join(one["source"]) for one in cells).splitlines()
        python_lines = [
            line.removeprefix("%time ") for line in lines if not line.startswith(("%matplotlib", "%load_ext"))
        ]
        (folder / "main.py").write_text("\n".join(python_lines), "utf-8")
    if isinstance(python, Runner):
        answer = python.run(folder, environment(**more))
        assert answer["code"] == 0, answer["err"]
        return str(answer["out"])
    done = subprocess.run(
        [python, "main.py"], cwd=folder, env=environment(**more), capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def original(python: str | Runner, generation: str, name: str, folder: Path) -> str:
    shutil.copytree(PROGRAMS / generation / name, folder)
    with ScriptedOpenAI(REPLIES.get(name, USUAL)) as server:
        variable = "OPENAI_API_BASE" if generation == "old" else "OPENAI_BASE_URL"
        return printed(python, folder, OPENAI_API_KEY="sk-reference", **{variable: server.url})


def after_migration(
    python: str | Runner, generation: str, name: str, folder: Path, server: EmulatorServer, **more: Any
) -> str:
    shutil.copytree(PROGRAMS / generation / name, folder)
    done = migrate(folder, **more)
    assert (done.code, done.left) == (0, []), done.out
    assert migrate(folder, mode="check", **more).code == 0
    return run_on(python, name, folder, server)


def run_on(python: str | Runner, name: str, folder: Path, server: EmulatorServer) -> str:
    for reply in REPLIES.get(name, USUAL):
        if isinstance(reply, dict) and "status" in reply:
            server.fault(reply["status"])
        else:
            server.script(reply)
    return printed(python, folder, STEPFUN_API_KEY=server.api_key, STEPFUN_BASE_URL=server.base_url)


@pytest.mark.parametrize("name", OLD)
def test_program_for_openai_0_prints_the_same_after_migration(
    name: str, tmp_path: Path, stepfun_emulator: EmulatorServer, python: str | Runner
) -> None:
    recorded: dict[str, str] = json.loads(RECORDED.read_text("utf-8"))
    assert after_migration(python, "old", name, tmp_path / "after", stepfun_emulator) == recorded[name]


@pytest.mark.parametrize("name", NEW)
def test_program_for_openai_1_prints_the_same_after_migration(
    name: str, tmp_path: Path, stepfun_emulator: EmulatorServer, python: str | Runner
) -> None:
    before = original(python, "new", name, tmp_path / "before")
    assert before
    assert after_migration(python, "new", name, tmp_path / "after", stepfun_emulator) == before


@pytest.mark.parametrize("name", sorted(set(OLD) - LEFT_TO_LEGACY))
def test_program_for_openai_0_prints_the_same_with_the_client_api(
    name: str, tmp_path: Path, stepfun_emulator: EmulatorServer, python: str | Runner
) -> None:
    recorded: dict[str, str] = json.loads(RECORDED.read_text("utf-8"))
    folder = tmp_path / "after"
    assert after_migration(python, "old", name, folder, stepfun_emulator, select=("SFC101",)) == recorded[name]
    assert not any(
        "legacy" in one.read_text("utf-8") for one in (folder / "main.py", folder / "main.ipynb") if one.exists()
    )


@pytest.mark.parametrize("name", sorted(LEFT_TO_LEGACY))
def test_program_for_openai_0_prints_the_same_with_legacy(
    name: str, tmp_path: Path, stepfun_emulator: EmulatorServer, python: str | Runner
) -> None:
    recorded: dict[str, str] = json.loads(RECORDED.read_text("utf-8"))
    folder = shutil.copytree(PROGRAMS / "old" / name, tmp_path / "after")
    done = migrate(folder, select=[one.id for one in RULES])
    assert done.code == 3, done.out
    assert {one["rule"] for one in done.document["left"]} == {"SFC101"}
    assert run_on(python, name, folder, stepfun_emulator) == recorded[name]


def test_there_are_enough_programs() -> None:
    assert len(OLD) >= 10
    assert len(set(OLD) - LEFT_TO_LEGACY) >= 6
    assert len(NEW) >= 10


@pytest.mark.network
@pytest.mark.skipif(
    os.environ.get("STEPFUN_COMPAT_NETWORK_TESTS") != "1", reason="STEPFUN_COMPAT_NETWORK_TESTS=1 runs it"
)
def test_record_matches_openai_0_28_1(tmp_path: Path) -> None:
    if sys.version_info >= (3, 13):
        pytest.skip("openai 0.28.1 is installed on Python 3.10 to 3.12")
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    subprocess.run([python, "-m", "pip", "install", "-q", "openai==0.28.1"], check=True)
    assert record(python, tmp_path) == json.loads(RECORDED.read_text("utf-8"))


def record(python: str, folder: Path) -> dict[str, str]:
    """Return the output of the programs for openai<1.0, run with an interpreter that has it."""
    return {name: original(python, "old", name, folder / name) for name in OLD}


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        RECORDED.write_text(json.dumps(record(sys.argv[1], Path(folder)), indent=1, ensure_ascii=False) + "\n", "utf-8")
