from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from stepfun_compat.emulator import EmulatorConfig, EmulatorServer
from tests.support.serve import STEPFUN_KEY, Served, serving


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
    """The session's server, reset for one test."""
    with _served.fresh():
        yield _served
