"""Frameworks that can bypass the openai package are routed through it while openai's names are rebound."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat.launch import is_patched, patch, unpatch
from tests.support.launch import run

DECIDES = """
import os

def behind_a_gateway():
    return os.getenv("OPENAI_BASE_URL"), os.getenv("ANTHROPIC_BASE_URL"), os.path.sep
"""
OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def dspy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with the module in which DSPy decides whether to use its own HTTP client."""
    assert importlib.util.find_spec("dspy") is None
    for folder in (tmp_path / "dspy", tmp_path / "dspy" / "clients"):
        folder.mkdir()
        (folder / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "dspy" / "clients" / "backend_selection.py").write_text(DECIDES, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    assert not is_patched()
    yield tmp_path
    unpatch()
    for name in [name for name in sys.modules if name.partition(".")[0] == "dspy"]:
        del sys.modules[name]


def selection() -> Any:
    return importlib.import_module("dspy.clients.backend_selection")


@pytest.mark.usefixtures("dspy")
def test_dspy_loaded_after_patching_gets_openais_base_url() -> None:
    patch()
    assert selection().behind_a_gateway() == (OPENAI, None, "/")
    unpatch()
    assert selection().behind_a_gateway() == (None, None, "/")
    assert selection().os is importlib.import_module("os")


@pytest.mark.usefixtures("dspy")
def test_dspy_loaded_before_patching_gets_openais_base_url() -> None:
    assert selection().behind_a_gateway()[0] is None
    patch()
    assert selection().behind_a_gateway()[0] == OPENAI


@pytest.mark.usefixtures("dspy")
def test_dspy_loaded_after_unpatching_is_unchanged() -> None:
    patch()
    spec = importlib.util.find_spec("dspy.clients.backend_selection")
    unpatch()
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.behind_a_gateway()[0] is None
    assert selection().behind_a_gateway()[0] is None


@pytest.mark.usefixtures("dspy")
def test_base_url_set_by_the_user_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:11434/v1")
    patch()
    assert selection().behind_a_gateway()[0] == "http://localhost:11434/v1"


@pytest.mark.usefixtures("dspy")
def test_patching_imports_no_framework() -> None:
    patch()
    assert not [name for name in sys.modules if name.partition(".")[0] == "dspy"]


def test_hooks_work_in_children_that_import_the_framework_first(dspy: Path) -> None:
    code = "import dspy.clients.backend_selection as s; print(s.behind_a_gateway()[0])"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], cwd={str(dspy)!r})"
    seen = run(["-c", child], dspy)
    assert seen.stdout.strip() == OPENAI, seen.stderr


def test_find_spec_in_children_does_not_import_openai(tmp_path: Path) -> None:
    code = (
        "import importlib.util, sys; print(importlib.util.find_spec('openai') is not None, 'openai' in sys.modules); "
        "import openai; print(openai.OpenAI.__module__, type(openai.__loader__).__name__)"
    )
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    seen = run(["-c", child], tmp_path)
    assert seen.stdout.split("\n")[:2] == ["True False", "stepfun_compat.client SourceFileLoader"], seen.stderr
