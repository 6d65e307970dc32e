"""An emulator configured in the environment, as a user's account would be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stepfun_compat.emulator import EmulatorConfig, EmulatorServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorServer]:
    """A running emulator set in `STEPFUN_BASE_URL` and `STEPFUN_API_KEY`."""
    with EmulatorServer(EmulatorConfig()) as running:
        monkeypatch.setenv("STEPFUN_BASE_URL", running.base_url)
        monkeypatch.setenv("STEPFUN_API_KEY", running.api_key)
        yield running
