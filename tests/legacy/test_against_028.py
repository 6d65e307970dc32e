"""Programs see the behaviour of openai 0.28.1, recorded from the real package and compared again on request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat import legacy

from . import compare_with_028
from .compare_with_028 import EXPECTED
from .reference_server import ReferenceServer

RECORDED: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ours() -> Any:
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "STEPFUN_", "STEP_")) or name.lower().endswith("_proxy"):
            patch.delenv(name)
    for name in ("api_key", "api_base"):
        patch.setattr(legacy, name, None)
    with patch.context(), ReferenceServer() as server:
        results = compare_with_028.run(legacy, server)
        legacy.close()
    patch.undo()
    return results


def test_the_same_calls_were_recorded(ours: Any) -> None:
    assert set(ours) == set(RECORDED)
    assert len(ours) > 200


@pytest.mark.parametrize("name", RECORDED)
def test_call_behaves_as_recorded(name: str, ours: Any) -> None:
    assert ours[name]["got"] == RECORDED[name]["got"]
    assert ours[name].get("wire") == RECORDED[name].get("wire")


@pytest.mark.network
@pytest.mark.skipif(
    os.environ.get("STEPFUN_COMPAT_NETWORK_TESTS") != "1", reason="STEPFUN_COMPAT_NETWORK_TESTS=1 runs it"
)
def test_record_matches_the_real_package(tmp_path: Path) -> None:
    if sys.version_info >= (3, 13):
        pytest.skip("openai 0.28.1 is installed on Python 3.10 to 3.12")
    venv.create(tmp_path / "env", with_pip=True)
    python = next(
        p for p in (tmp_path / "env" / "bin" / "python", tmp_path / "env" / "Scripts" / "python.exe") if p.exists()
    )
    install = [str(python), "-m", "pip", "install", "-q", "openai==0.28.1", "numpy"]
    subprocess.run(install, check=True, timeout=600)
    done = subprocess.run([str(python), compare_with_028.__file__], check=True, timeout=300, stdout=subprocess.PIPE)
    assert json.loads(done.stdout) == RECORDED
