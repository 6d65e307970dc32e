"""A server on loopback in front of the emulator, and a plain way to call it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import pytest

from stepfun_compat import OpenAI, Settings, stock
from stepfun_compat.emulator import EmulatorConfig, EmulatorServer
from stepfun_compat.serve import app
from stepfun_compat.serve.app import ServeApp
from stepfun_compat.serve.protocol import Server, config

TOKEN = "test-token-0001"
OTHER_TOKEN = "test-token-0002"
STEPFUN_KEY = "stepfun-key-that-nobody-may-see"
LOOPS: Any = [
    "asyncio",
    pytest.param("uvloop", marks=pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed")),
]
"""The event loops of uvicorn; uvloop if installed."""


@dataclass
class Served:
    """A running server. `base_url` is for OpenAI's SDKs, `origin` for Anthropic's."""

    app: ServeApp
    server: Server
    emulator: EmulatorServer
    port: int
    token: str = TOKEN
    thread: threading.Thread | None = None
    opened: list[Any] = field(default_factory=list)

    def client(self, token: str = TOKEN) -> Any:
        """A stock `openai.OpenAI` that calls this server, closed at the end of the test."""
        return self._kept(stock.OpenAI(api_key=token, base_url=self.base_url, max_retries=0))

    def in_process(self) -> Any:
        """Our client, connected directly to the emulator."""
        settings = Settings(api_key=self.emulator.api_key, base_url=self.emulator.base_url)
        return self._kept(OpenAI(settings=settings, max_retries=0))

    def _kept(self, client: Any) -> Any:
        self.opened.append(client)
        return client

    def close(self) -> None:
        """Close the clients a test has opened."""
        while self.opened:
            self.opened.pop().close()

    @contextmanager
    def fresh(self) -> Iterator[Served]:
        """Reset the emulator for one test, and close the clients the test opens."""
        self.emulator.reset()
        yield self
        self.close()
        self.emulator.reset()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    def raw(self, data: bytes, timeout: float = 20.0) -> bytes:
        """Send bytes, read until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(data)
            parts: list[bytes] = []
            while True:
                part = connection.recv(65536)
                if not part:
                    return b"".join(parts)
                parts.append(part)

    @contextmanager
    def opened_request(self, method: str, path: str, body: Any, token: str | None = None) -> Iterator[socket.socket]:
        """Send a request and yield the connection with its response unread."""
        content = json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token or self.token}\r\n"
            f"content-length: {len(content)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(head.encode() + content)
            yield connection

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request on a new connection: (status, headers, body). A header of None is omitted."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        rows: dict[str, str | None] = {
            "host": f"127.0.0.1:{self.port}",
            "authorization": f"Bearer {self.token}",
            "connection": "close",
            "content-length": str(len(content)),
            **(headers or {}),
        }
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in rows.items() if v is not None)
        answer = self.raw(head.encode("latin-1") + b"\r\n" + content)
        first, _, rest = answer.partition(b"\r\n")
        top, _, payload = rest.partition(b"\r\n\r\n")
        found = {
            k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in top.decode("latin-1").split("\r\n"))
        }
        if found.get("transfer-encoding") == "chunked":
            payload = _unchunked(payload)
        return int(first.split()[1]), found, payload


def _unchunked(data: bytes) -> bytes:
    out = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        out, data = out + data[:length], data[length + 2 :]
        if not length:
            break
    return out


@contextmanager
def serving(
    emulator: EmulatorServer | None = None,
    settings: Mapping[str, Any] | None = None,
    grace: float = 1.0,
    loop: str = "auto",
    **options: Any,
) -> Iterator[Served]:
    """Run a server for a test. `loop` is uvicorn's event loop; `options` are those of `ServeOptions`."""
    own = emulator is None
    emulator = emulator or EmulatorServer(EmulatorConfig(api_keys=frozenset({STEPFUN_KEY}))).start()
    made = app(
        Settings(**{"api_key": emulator.api_key, "base_url": emulator.base_url, **(settings or {})}),
        **{"tokens": (TOKEN, OTHER_TOKEN), **options},
    )
    server = Server(config(made, "127.0.0.1", 0, grace, log_level="critical", loop=loop), made)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        thread.join(0.01)
    assert server.started
    served = Served(made, server, emulator, server.servers[0].sockets[0].getsockname()[1], thread=thread)
    try:
        yield served
    finally:
        served.close()
        emulator.release()
        server.should_exit = True
        thread.join(20)
        if own:
            emulator.stop()
