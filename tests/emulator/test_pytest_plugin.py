"""The pytest fixtures in a user's test suite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

pytest_plugins = ["stepfun_compat.emulator.pytest_plugin"]


def test_client_uses_the_emulator(stepfun_client, stepfun_emulator):
    stepfun_emulator.script("scripted")
    made = stepfun_client.chat.completions.create(model="step-3.7-flash", messages=[{"role": "user", "content": "x"}])
    assert made.choices[0].message.content == "scripted"
    assert len(stepfun_emulator.requests) == 1


@pytest.mark.anyio
async def test_async_client_uses_the_emulator(async_stepfun_client, stepfun_emulator):
    assert stepfun_emulator.requests == []
    made = await async_stepfun_client.chat.completions.create(
        model="step-3.7-flash", messages=[{"role": "user", "content": "x"}]
    )
    assert made.choices[0].message.content == "x"


@pytest.mark.parametrize("profile", ["june", "open"])
def test_settled_facts_are_reset_between_tests(stepfun_client, stepfun_emulator, profile):
    stepfun_emulator.configure(profile=profile)
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "title": "X"}}}
    stepfun_client.chat.completions.create(
        model="step-3.7-flash", messages=[{"role": "user", "content": "x"}], response_format=form
    )
    assert len(stepfun_client.stepfun.settled) == (profile == "june")


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"
"""

BARE = """
import sys

sys.modules["uvicorn"] = None
pytest_plugins = ["stepfun_compat.emulator.pytest_plugin"]


def test_skipped(stepfun_emulator):
    raise AssertionError
"""


def run(folder: Path, text: str) -> str:
    file = folder / "test_suite.py"
    file.write_text(text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rs",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        str(file),
    ]
    if "stepfun_compat.emulator.pytest_plugin" in _entry_points():
        file.write_text(text.replace('pytest_plugins = ["stepfun_compat.emulator.pytest_plugin"]\n', ""))
    paths = [path for path in sys.path if path]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(paths), "PATH": ""},
        check=False,
    )
    return done.stdout + done.stderr


def _entry_points() -> set[str]:
    from importlib.metadata import entry_points

    return {item.value for item in entry_points(group="pytest11")}


def test_fixtures_work_in_another_suite(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="the emulator needs uvicorn")
    output = run(tmp_path, SUITE)
    assert "4 passed" in output, output


def test_without_the_extra_the_fixture_skips_with_advice(tmp_path: Path) -> None:
    output = run(tmp_path, BARE)
    assert "1 skipped" in output
    assert "stepfun-compat[emulator]" in output
