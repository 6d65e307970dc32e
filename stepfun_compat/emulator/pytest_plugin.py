"""pytest fixtures: the StepFun emulator and clients that call it.

pytest loads this plugin in every run where the package is installed. It imports nothing until a fixture is requested.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stepfun_compat import AsyncOpenAI, OpenAI

    from .server import EmulatorServer


@pytest.fixture(scope="session")
def _stepfun_emulator_session() -> Iterator[EmulatorServer]:
    try:
        for name in ("starlette", "uvicorn"):
            import_module(name)
    except ImportError as error:
        pytest.skip(f"the emulator needs `pip install 'stepfun-compat[emulator]'` ({error.name} is missing)")
    from .server import EmulatorServer

    with EmulatorServer() as server:
        yield server


@pytest.fixture
def stepfun_emulator(_stepfun_emulator_session: EmulatorServer) -> Iterator[EmulatorServer]:
    """An `EmulatorServer` that runs for the whole session and is reset for each test."""
    _stepfun_emulator_session.reset()
    yield _stepfun_emulator_session
    _stepfun_emulator_session.reset()
    if (settled := sys.modules.get("stepfun_compat.contested_memory")) is not None:
        settled.reset_settled_facts()  # the next test may configure the emulator differently


def _options(server: EmulatorServer) -> dict[str, Any]:
    import stepfun_compat

    return {"api_key": server.api_key, "base_url": server.base_url, "settings": stepfun_compat.Settings()}


@pytest.fixture
def stepfun_client(stepfun_emulator: EmulatorServer) -> Iterator[OpenAI]:
    """A `stepfun_compat.OpenAI` that calls the emulator."""
    import stepfun_compat

    with stepfun_compat.OpenAI(**_options(stepfun_emulator)) as client:
        yield client


@pytest.fixture
def async_stepfun_client(stepfun_emulator: EmulatorServer) -> Iterator[AsyncOpenAI]:
    """A `stepfun_compat.AsyncOpenAI` that calls the emulator, for tests under any async plugin.

    This is a synchronous fixture, because each async plugin marks async fixtures differently. Connections close after
    each response, so any event loop can close the client.
    """
    import asyncio

    import stepfun_compat

    options = _options(stepfun_emulator)
    client = stepfun_compat.AsyncOpenAI(**options, default_headers={"Connection": "close"})
    yield client
    loop = asyncio.new_event_loop()
    try:
        with suppress(RuntimeError):  # a stream left open belongs to a closed loop
            loop.run_until_complete(client.close())
    finally:
        loop.close()
