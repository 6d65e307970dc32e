from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from stepfun_compat.emulator import EmulatorConfig, EmulatorServer

from .support import STEPFUN_KEY, Served, serving


@pytest.fixture(scope="session")
def _served() -> Iterator[Served]:
    patch = pytest.MonkeyPatch()
    import os

    for name in list(os.environ):
        if name.startswith(("OPENAI_", "STEPFUN_", "STEP_")) or name.lower().endswith("_proxy"):
            patch.delenv(name)
    with (
        patch.context(),
        EmulatorServer(EmulatorConfig(api_keys=frozenset({STEPFUN_KEY}))) as emulator,
        serving(emulator, metrics=True) as served,
    ):
        yield served
    patch.undo()


@pytest.fixture
def served(_served: Served) -> Iterator[Served]:
    """A server that runs for the whole session, in front of an emulator as new for each test."""
    _served.emulator.reset()
    yield _served
    _served.close()
    _served.emulator.reset()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip this folder with openai before 2, with which it is not known to work."""
    if int(openai.__version__.partition(".")[0]) < 2:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="not known to work with openai before 2"))
