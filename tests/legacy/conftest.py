"""The legacy module in its initial state, restored afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import stepfun_compat
from stepfun_compat import legacy

from .reference_server import ReferenceServer

_STATE = (
    "api_key",
    "api_key_path",
    "organization",
    "api_base",
    "api_type",
    "api_version",
    "proxy",
    "app_info",
    "log",
    "verify_ssl_certs",
    "debug",
    "requestssession",
    "stepfun_settings",
)


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`stepfun_compat.legacy` configured from an empty environment."""
    for name in _STATE:
        monkeypatch.setattr(legacy, name, None)
    monkeypatch.setattr(legacy, "api_base", "https://api.openai.com/v1")
    monkeypatch.setattr(legacy, "api_type", "open_ai")
    monkeypatch.setattr(legacy, "verify_ssl_certs", True)
    monkeypatch.setattr(legacy, "debug", False)
    stepfun_compat.reset_warnings()
    module: ModuleType = legacy
    yield module
    legacy.close()


@pytest.fixture
def server() -> Iterator[ReferenceServer]:
    """A server of another vendor, or of StepFun if set in `STEPFUN_BASE_URL`."""
    with ReferenceServer() as running:
        yield running


@pytest.fixture
def stepfun(openai: Any, server: ReferenceServer, monkeypatch: pytest.MonkeyPatch) -> ReferenceServer:
    """The reference server configured as StepFun, with a key."""
    monkeypatch.setenv("STEPFUN_BASE_URL", server.url)
    monkeypatch.setenv("STEPFUN_API_KEY", "stepfun-key")
    return server
