"""Connections to StepFun that send a request's head and body in one write.

The HTTP library writes the head and the body separately, each with its own system call and event loop iteration. TLS,
timeouts and the connection pool are the library's. Works with httpx and httpx2 and imports neither.
"""

from __future__ import annotations

import importlib
import select
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final
from urllib.request import getproxies

_NEEDED: Final = ("AnyIOBackend", "AsyncConnectionPool", "AsyncNetworkBackend", "AsyncNetworkStream")


def transport(family: Any, limits: Any) -> Any:
    """Return a transport for `AsyncClient` of the HTTP library `family`, or None to use its own: if the environment names a
    proxy, or if this release of the library lacks the classes needed here.
    """
    core = importlib.import_module(family.__name__.replace("httpx", "httpcore"))
    if getproxies() or not all(hasattr(core, name) for name in _NEEDED):
        return None
    return _transport_class(family, core)(limits)


@lru_cache(maxsize=4)
def _transport_class(family: Any, core: Any) -> Any:
    @contextmanager
    def errors_of_family() -> Generator[None, None, None]:
        """Raise errors of `core` as the errors of `family` with the same names."""
        try:
            yield
        except Exception as error:
            for cls in type(error).__mro__:
                if cls.__module__.partition(".")[0] == core.__name__ and hasattr(family, cls.__name__):
                    raise getattr(family, cls.__name__)(str(error)) from error
            raise

    class Body(family.AsyncByteStream):
        """A response's body, piece by piece."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            with errors_of_family():
                async for part in self._stream:
                    yield part

        async def aclose(self) -> None:
            await self._stream.aclose()

    class Transport(family.AsyncBaseTransport):
        def __init__(self, limits: Any) -> None:
            self._pool = core.AsyncConnectionPool(
                ssl_context=family.create_ssl_context(),
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_keepalive_connections,
                keepalive_expiry=limits.keepalive_expiry,
                network_backend=_backend_class(core)(),
            )

        async def handle_async_request(self, request: Any) -> Any:
            url = request.url
            sent = core.Request(
                method=request.method,
                url=core.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
            with errors_of_family():
                answer = await self._pool.handle_async_request(sent)
            return family.Response(
                answer.status, headers=answer.headers, stream=Body(answer.stream), extensions=answer.extensions
            )

        async def aclose(self) -> None:
            await self._pool.aclose()

    return Transport


@lru_cache(maxsize=4)
def _backend_class(core: Any) -> Any:
    class Stream(core.AsyncNetworkStream):
        """A stream of `core` that holds a request's head until the first piece of the body, or until the end of a request without a body."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream
            self._socket = stream.get_extra_info("socket")
            self._head = b""

        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            if self._head:
                await self.write(b"", timeout)
            return await self._stream.read(max_bytes, timeout)

        async def write(self, buffer: bytes, timeout: float | None = None) -> None:
            held, self._head = self._head, b""
            if not held and buffer.endswith(b"\r\n\r\n") and buffer.partition(b"\r\n")[0].endswith(b" HTTP/1.1"):
                self._head = buffer
            elif held or buffer:
                await self._stream.write(held + buffer if held else buffer, timeout)

        async def aclose(self) -> None:
            await self._stream.aclose()

        async def start_tls(
            self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
        ) -> Any:
            return Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

        def get_extra_info(self, info: str) -> Any:
            if info == "is_readable" and self._socket is not None and hasattr(select, "poll"):
                return _is_readable(self._socket.fileno())
            return self._stream.get_extra_info(info)

    class Backend(core.AnyIOBackend):
        """The backend of `core` for asyncio, with `Stream` around its streams."""

        async def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
            connect: Any = core.AnyIOBackend.connect_tcp
            return Stream(await connect(self, *args, **kwargs))

    return Backend


def _is_readable(file: int) -> bool:
    """Whether an idle connection's socket has something to read, which means that the server has closed the connection."""
    if file < 0:
        return True
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(0))
