"""Run the emulator on a socket: in a thread for tests, in the foreground for the command line."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from importlib.util import find_spec
from typing import Any

import uvicorn
from typing_extensions import override
from uvicorn.config import WS_PROTOCOLS

from . import faults
from .app import EmulatorApp
from .config import EmulatorConfig
from .faults import Fault
from .redaction import RedactQueries
from .state import Engine, RecordedRequest

_START_SECONDS = 10.0
_STOP_SECONDS = 10.0


class _Server(uvicorn.Server):
    """A uvicorn server that reports when it listens and stops without delay."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()

    @override
    async def main_loop(self) -> None:
        self.stop_requested = asyncio.Event()
        ticks = 0
        while not self.should_exit:
            ticks += 1
            if await self.on_tick(ticks):
                break
            try:
                await asyncio.wait_for(self.stop_requested.wait(), 0.1)
            except asyncio.TimeoutError:
                continue


class Recorded(list[RecordedRequest]):
    """Recorded requests in order of arrival."""

    @property
    def last(self) -> RecordedRequest:
        """The newest request. Raises LookupError if there is none."""
        if not self:
            raise LookupError("the emulator has received no request yet")
        return self[-1]


class EmulatorServer:
    """The emulator on a local port, in a daemon thread.

        with EmulatorServer() as server:
            client = OpenAI(api_key=server.api_key, base_url=server.base_url)

    `port` 0 selects a free port. `log_level` is uvicorn's; the default logs nothing, not even connections that a fault
    closes. Raises OSError when the port is taken.
    """

    api_key = "emulator-key"

    def __init__(
        self,
        config: EmulatorConfig | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        log_level: str | int = "critical",
    ) -> None:
        self.engine = Engine(config)
        self.host = host
        self._port = port
        self._log_level = log_level
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        if config is not None and config.api_keys:
            self.api_key = min(config.api_keys)

    # -- start and stop ------------------------------------------------------------------------------------------

    def start(self) -> EmulatorServer:
        if self._thread is not None:
            return self
        listener = _listen(self.host, self._port)
        self._port = listener.getsockname()[1]
        server = _Server(_uvicorn_config(self.engine, self.host, self._port, self._log_level))

        def run() -> None:
            try:
                asyncio.run(self._serve(server, listener))
            finally:
                listener.close()
                server.listening.set()

        self._server = server
        self._thread = threading.Thread(target=run, name="stepfun-emulator", daemon=True)
        self._thread.start()
        if not server.listening.wait(_START_SECONDS) or not server.started:
            self.stop()
            raise RuntimeError("the emulator did not start")
        return self

    async def _serve(self, server: _Server, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        await server.serve(sockets=[listener])

    def stop(self) -> None:
        """Release held requests, close every connection and wait for the thread."""
        server, thread, loop = self._server, self._thread, self._loop
        self._server = self._thread = self._loop = None
        if server is None or thread is None:
            return
        self.engine.release()
        server.should_exit = True
        if loop is not None and not loop.is_closed():
            event = getattr(server, "stop_requested", None)
            if event is not None:
                loop.call_soon_threadsafe(event.set)
        thread.join(_STOP_SECONDS)
        if thread.is_alive():
            raise RuntimeError("the emulator did not stop")

    def __enter__(self) -> EmulatorServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- addresses -----------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return self._port

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self._port}"

    @property
    def base_url(self) -> str:
        """The base URL of the standard channel, for an OpenAI client."""
        return f"{self.origin}/v1"

    @property
    def plan_base_url(self) -> str:
        """The base URL of the Step Plan channel."""
        return f"{self.origin}/step_plan/v1"

    # -- requests, scripts and faults ----------------------------------------------------------------------------

    @property
    def config(self) -> EmulatorConfig:
        return self.engine.config

    def configure(self, **changes: Any) -> EmulatorConfig:
        """Change fields of EmulatorConfig until `reset()`."""
        return self.engine.configure(changes)

    @property
    def requests(self) -> Recorded:
        """A copy of the requests recorded so far."""
        return Recorded(self.engine.requests)

    @property
    def last(self) -> RecordedRequest:
        return self.requests.last

    def script(self, *replies: Any) -> None:
        """Queue replies for the next answers, in order. The docstring of the package lists their forms."""
        self.engine.script(*replies)

    def fault(self, kind: str | int | Fault | None = None, **options: Any) -> Fault:
        """Queue a fault: a status, a name ("html", "cut", …) or fields of Fault; `retry_after` in seconds."""
        item = faults.make(kind, **options)
        self.engine.fault(item)
        return item

    def release(self) -> int:
        """Release held and delayed requests and return their number."""
        return self.engine.release()

    def wait_until_held(self, count: int = 1, timeout: float = 5.0) -> bool:
        """Wait until this many requests are held or delayed by faults. Return False after `timeout` seconds."""
        return self.engine.wait_for(lambda: self.engine.held >= count, timeout)

    def wait_for_requests(self, count: int, timeout: float = 5.0) -> bool:
        """Wait until this many requests are recorded. Return False after `timeout` seconds."""
        return self.engine.wait_for(lambda: len(self.engine.requests) >= count, timeout)

    def wait_until_idle(self, timeout: float = 5.0) -> bool:
        """Wait until no metered request is being answered and none is held. Return False after `timeout` seconds."""
        return self.engine.wait_for(lambda: self.engine.active == 0 and self.engine.held == 0, timeout)

    def reset(self) -> None:
        """Reset the configuration, and discard requests, scripts, faults, cache and files."""
        self.engine.reset()


def _listen(host: str, port: int) -> socket.socket:
    """Open a listening socket. Without an explicit IPPROTO_TCP, asyncio does not disable Nagle's delay of 40 ms."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener


def serve(
    config: EmulatorConfig | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    log_level: str = "info",
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve in the foreground until interrupted, with uvicorn's access log. `announce` is called with the base URL once
    the socket is open.

    Raises:
        OSError: if the address is not available.
    """
    with closing(_listen(host, port)) as listener, suppress(KeyboardInterrupt):
        if announce is not None:
            place = f"[{host}]" if ":" in host else host
            announce(f"http://{place}:{listener.getsockname()[1]}/v1")
        _uvicorn_server(config, host, port, log_level).run(sockets=[listener])


def _uvicorn_server(config: EmulatorConfig | None, host: str, port: int, log_level: str) -> uvicorn.Server:
    made = uvicorn.Config(
        EmulatorApp(Engine(config)),
        host=host,
        port=port,
        log_level=log_level,
        lifespan="off",
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        ws=_socket_protocol(),
    )
    for name in ("uvicorn.access", "uvicorn.error"):  # the latter logs WebSocket connections
        logger = logging.getLogger(name)
        if not any(isinstance(each, RedactQueries) for each in logger.filters):
            logger.addFilter(RedactQueries())
    return uvicorn.Server(made)


def _socket_protocol() -> Any:
    """Return uvicorn's WebSocket protocol: if possible, the one without the deprecated part of `websockets`."""
    if find_spec("websockets") is not None and "websockets-sansio" in WS_PROTOCOLS:
        return "websockets-sansio"
    return "auto"


def _uvicorn_config(engine: Engine, host: str, port: int, log_level: str | int) -> uvicorn.Config:
    return uvicorn.Config(
        EmulatorApp(engine),
        host=host,
        port=port,
        log_config=None,
        log_level=log_level,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        loop="asyncio",
        ws=_socket_protocol(),
        timeout_graceful_shutdown=2,
        backlog=2048,
    )
