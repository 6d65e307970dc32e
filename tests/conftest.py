"""Fixtures for every test: one async backend, deterministic hypothesis, an environment without keys."""

from __future__ import annotations

import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.fork_server import ForkServer

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    # a shell's background jobs ignore it, and so would the programs that tests start and interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)

try:
    from hypothesis import HealthCheck, settings

    from tests.support.properties import DEPTH
except ImportError:  # the suite runs without it, except for the property tests
    pass
else:
    settings.register_profile(
        "suite",
        max_examples=50 * DEPTH,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("suite")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the machine's keys, hosts, proxies and batches from every test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / f"data-{uuid.uuid4().hex}"))
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "STEPFUN_", "STEP_", "AZURE_OPENAI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def nothing_settled() -> Iterator[None]:
    """Reset the settled facts before each test."""
    yield
    if "stepfun_compat.contested_memory" in sys.modules:
        sys.modules["stepfun_compat.contested_memory"].reset_settled_facts()


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServer]:
    """Runs programs in forks of a process that has imported openai, with a StepFun key."""
    from tests.support.fork_server import ForkServer

    foreign = ("OPENAI_", "STEPFUN_", "STEP_", "AZURE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    with ForkServer({**kept, "STEPFUN_API_KEY": "run-key"}) as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server for the suite; tests that need it are skipped if redis-server is not installed."""
    from tests.support.redis_server import redis_server

    with redis_server(tmp_path_factory.mktemp("redis")) as (url, _):
        yield url
