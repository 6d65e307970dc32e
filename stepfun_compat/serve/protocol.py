"""The server's connections: uvicorn's, plus a time limit for the head of a request."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import h11
import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..endpoints.json_values import json_bytes
from .app import ServeApp
from .inbound import new_id
from .rejections import openai_error

HEAD_TIMEOUT: Final = 20.0
"""The time limit in seconds from the start of a connection, or a request's first byte, to the end of its headers."""
MOST_READ_AHEAD: Final = 64 * 1024
"""The number of bytes read after a request while its response is in progress."""
STALL_TICKS: Final = 600
"""Ticks of uvicorn's loop, ten a second, between two checks for callers that do not read."""

log = logging.getLogger("stepfun_compat.serve")


class JoiningTransport:
    """A transport that sends a response's head together with the data written after it in the same step."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if data.startswith(b"HTTP/") and data.endswith(b"\r\n\r\n"):
            self._waiting.append(data)
            self._loop.call_soon(self._send)
        elif self._waiting:
            self._waiting.append(data)
            self._send()
        elif not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Send pending data, then close."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close without sending pending data."""
        self._waiting.clear()
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + sum(map(len, self._waiting))

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting and not self._transport.is_closing():
            self._transport.write(b"".join(waiting))


class Connection(H11Protocol):
    """One connection, with a time limit for receiving a request's head.

    If data arrives after a request (the next request or a stray line break), uvicorn stops reading until the response
    is complete and so misses a disconnect. This class keeps reading, up to `MOST_READ_AHEAD` bytes.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _unsent = 0

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(JoiningTransport(transport, self.loop))  # pyright: ignore[reportArgumentType]
        self._expect_head()

    @override
    def data_received(self, data: bytes) -> None:
        before: Any = self.cycle  # None until the first request
        super().data_received(data)
        if self.cycle is not before:
            self._forget_head()
        elif before is None or before.response_complete:
            self._expect_head()
        if self.flow.read_paused:
            self._read_ahead()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    @override
    def send_400_response(self, msg: str) -> None:
        """Respond to an invalid HTTP request with OpenAI's error body, and close the connection."""
        body = json_bytes(openai_error(400, msg))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", new_id().encode()),
            (b"connection", b"close"),
        ]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @override
    def _unsupported_upgrade_warning(self) -> None:
        """Ignore an offer of another protocol without logging it: Java's client offers h2c."""

    def _read_ahead(self) -> None:
        """Keep reading while the response to a complete request is in progress, to detect a disconnect."""
        if not self.cycle.more_body and len(self.conn.trailing_data[0]) <= MOST_READ_AHEAD:
            self.flow.resume_reading()

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self._close_late)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def drop_if_stalled(self) -> None:
        """Abort the connection if the caller has read none of its pending data since the last call of this method.

        Closing would wait forever for the caller to read the rest.
        """
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent == self._unsent:
            self.transport.abort()
        self._unsent = unsent


class Server(uvicorn.Server):
    """uvicorn's server, which also notifies the app of a shutdown at once and drops callers that do not read."""

    def __init__(self, config: uvicorn.Config, served: ServeApp) -> None:
        super().__init__(config)
        self._served = served

    @override
    def handle_exit(self, sig: int, frame: Any) -> None:
        self._served.draining = True
        super().handle_exit(sig, frame)

    @override
    async def on_tick(self, counter: int) -> bool:
        if counter % STALL_TICKS == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.drop_if_stalled()
        return await super().on_tick(counter)


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
