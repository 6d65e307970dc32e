"""The server's connections: uvicorn's, which also end when a request's head does not arrive in time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import h11
import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import ServeApp
from .inbound import new_id
from .rejections import encode, openai_error

HEAD_TIMEOUT: Final = 20.0
"""Seconds from a connection's beginning, or from a request's first byte, to the end of its headers."""
MOST_READ_AHEAD: Final = 64 * 1024
"""Bytes that are read of what follows a request while it is answered."""
STALL_TICKS: Final = 600
"""Ticks of uvicorn's loop, ten a second, between two looks at what callers have not taken yet."""

log = logging.getLogger("stepfun_compat.serve")


class JoiningTransport:
    """A transport that sends the head of a response together with what is written after it in the same step."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._waiting.append(data)
        if data.endswith(b"\r\n\r\n") and data.startswith(b"HTTP/"):
            self._loop.call_soon(self._send)
        else:
            self._send()

    def close(self) -> None:
        """Send what waits, and close."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close without sending what waits."""
        self._waiting.clear()
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + sum(map(len, self._waiting))

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting and not self._transport.is_closing():
            self._transport.write(b"".join(waiting))


class Connection(H11Protocol):
    """One connection, which limits how long a head may take to arrive.

    uvicorn stops reading when more arrives after a request, be it the next request or a stray line break, until the
    response is complete, and then does not see that the caller disconnects. This reads on, up to `MOST_READ_AHEAD` bytes.
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
        """Answer what is no HTTP request with OpenAI's error body, and close the connection."""
        body = encode(openai_error(400, msg))
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
        """Answer a request that offers another protocol, as Java's client does with h2c, without a word in the log."""

    def _read_ahead(self) -> None:
        """Go on reading while a request that has arrived whole is answered, so that a disconnect is seen."""
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
        """Abort the connection if the caller has taken nothing of what waits for it since the last call of this method.

        Closing would wait without end for the caller to take the rest.
        """
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent == self._unsent:
            self.transport.abort()
        self._unsent = unsent


class Server(uvicorn.Server):
    """uvicorn's server, which announces a shutdown to the app at once and drops callers that take nothing."""

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
