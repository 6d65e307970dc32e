"""The server's connections: uvicorn's, which also end when a request's head does not arrive in time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import ServeApp

HEAD_TIMEOUT: Final = 20.0
"""Seconds from a connection's beginning, or from a request's first byte, to the end of its headers."""

log = logging.getLogger("stepfun_compat.serve")


class Connection(H11Protocol):
    """One connection. uvicorn waits without end for the rest of a head."""

    _head_timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._expect_head()

    @override
    def data_received(self, data: bytes) -> None:
        before: Any = self.cycle  # None until the first request
        super().data_received(data)
        if self.cycle is not before:
            self._forget_head()
        elif before is None or before.response_complete:
            self._expect_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self._late)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's server, which tells the app at once that it is to stop."""

    def __init__(self, config: uvicorn.Config, served: ServeApp) -> None:
        super().__init__(config)
        self._served = served

    @override
    def handle_exit(self, sig: int, frame: Any) -> None:
        self._served.draining = True
        super().handle_exit(sig, frame)


def config(app: Any, host: str, port: int, grace: float, **more: Any) -> uvicorn.Config:
    """uvicorn's configuration for this server."""
    values: dict[str, Any] = {
        "http": Connection,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "h11_max_incomplete_event_size": 64 * 1024,
        "timeout_keep_alive": 65,
        "timeout_graceful_shutdown": max(1, round(grace)),
        "backlog": 2048,
        "log_config": None,
    }
    return uvicorn.Config(app, host=host, port=port, **{**values, **more})
