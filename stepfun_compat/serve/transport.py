"""Connections to StepFun, with less work for each request than the HTTP library's own client does.

A request's head and body are sent in one write; the library writes them separately, each with its own system call and event
loop iteration. The connection pool, TLS, HTTP and timeouts are the library's. Works with httpx and httpx2 and imports neither.
"""

from __future__ import annotations

import importlib
import logging
import select
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any, Final, TypeAlias
from urllib.request import getproxies

import openai

from .._client.redirects import signs
from ..http_objects import http_module_of

_NEEDED: Final = (
    "AnyIOBackend",
    "AsyncConnectionPool",
    "AsyncNetworkBackend",
    "AsyncNetworkStream",
    "Request",
    "URL",
)
_RECEIVED: Final = "stepfun_compat.received"
"""The key in a request's extensions for a response to it that the transport has received already."""
_Place: TypeAlias = tuple[bytes, bytes, int | None]
"""Scheme, host and port of a URL."""


def http_client(limits: Any) -> Any:
    """Return openai's HTTP client, over `transport` if it can be used. `limits` are the library's."""
    family = http_module_of(openai.DefaultAsyncHttpxClient)
    own = transport(family, limits)
    base: Any = openai.DefaultAsyncHttpxClient
    return base(limits=limits) if own is None else _client_class(base, family)(own)


def transport(family: Any, limits: Any) -> Any:
    """Return a transport for `AsyncClient` of the HTTP library `family`, or None to use its own: if the environment names a
    proxy, or if this release of the library lacks the classes needed here.
    """
    core = importlib.import_module(family.__name__.replace("httpx", "httpcore"))
    if getproxies() or not all(hasattr(core, name) for name in _NEEDED):
        return None
    return _transport_class(family, core)(limits)


@lru_cache(maxsize=4)
def _client_class(base: Any, family: Any) -> Any:
    log = logging.getLogger(family.__name__)

    class Client(base):
        """openai's HTTP client, which passes a request straight to the transport if nothing else has work with it."""

        def __init__(self, own: Any) -> None:
            base.__init__(self, transport=own)
            self._own = own

        async def send(self, request: Any, *, stream: bool = False, **kwargs: Any) -> Any:
            if not self._is_plain(request, kwargs):
                return await base.send(self, request, stream=stream, **kwargs)
            response: Any = await self._own.handle_async_request(request)
            if 300 <= response.status_code < 400:  # redirects are the library's
                request.extensions[_RECEIVED] = response
                return await base.send(self, request, stream=stream, **kwargs)
            response.request = request
            self.cookies.extract_cookies(response)
            if stream:
                return response
            if "content-encoding" in response.headers:
                try:
                    await response.aread()
                except BaseException:
                    await response.aclose()
                    raise
            else:
                response._content = await response.stream.whole()
                response.is_closed = response.is_stream_consumed = True
            return response

        def _is_plain(self, request: Any, kwargs: dict[str, Any]) -> bool:
            """Whether neither authentication, event hooks nor the library's log have work with this request."""
            return (
                "timeout" in request.extensions
                and not signs(kwargs.get("auth"), request)
                and not any(self.event_hooks.values())
                and not log.isEnabledFor(logging.INFO)
                and not self.is_closed
            )

    return Client


@lru_cache(maxsize=4)
def _transport_class(family: Any, core: Any) -> Any:
    def raise_as_familys(error: BaseException, request: Any) -> None:
        """Raise an error of `core` as the error of `family` with the same name. Return for any other error."""
        for cls in type(error).__mro__:
            if cls.__module__.partition(".")[0] == core.__name__ and hasattr(family, cls.__name__):
                raise getattr(family, cls.__name__)(str(error), request=request) from error

    class Target(core.URL):
        """A URL whose origin is known; `core` computes it for each comparison."""

        origin: Any = None

        def __init__(self, origin: Any, target: bytes) -> None:
            self.scheme, self.host, self.port = origin.scheme, origin.host, origin.port
            self.origin = origin
            self.target = target

    class Sent(core.Request):
        """A request of `core` with the values of one of `family`, whose types need no check."""

        def __init__(self, request: Any, origin: Any) -> None:
            self.method = request.method.encode("ascii")
            self.url = Target(origin, request.url.raw_path)
            self.headers = request.headers.raw
            self.stream = request.stream
            self.extensions = request.extensions

    class Body(family.AsyncByteStream):
        """A response's body."""

        def __init__(self, stream: Any, request: Any) -> None:
            self._stream = stream
            self._request = request

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for part in self._stream:
                    yield part
            except Exception as error:
                raise_as_familys(error, self._request)
                raise

        async def whole(self) -> bytes:
            """Read and close it."""
            try:
                parts = [part async for part in self._stream]
            except Exception as error:
                raise_as_familys(error, self._request)
                raise
            finally:
                await self.aclose()
            return parts[0] if len(parts) == 1 else b"".join(parts)

        async def aclose(self) -> None:
            await self._stream.aclose()

    class Transport(family.AsyncBaseTransport):
        def __init__(self, limits: Any) -> None:
            self._origins: dict[_Place, Any] = {}
            self._pool = core.AsyncConnectionPool(
                ssl_context=family.create_ssl_context(),
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_keepalive_connections,
                keepalive_expiry=limits.keepalive_expiry,
                network_backend=_backend_class(core)(),
            )

        async def handle_async_request(self, request: Any) -> Any:
            received = request.extensions.pop(_RECEIVED, None)
            if received is not None:
                return received
            url = request.url
            place = (url.raw_scheme, url.raw_host, url.port)
            origin = self._origins.get(place)
            if origin is None:
                if url.scheme not in ("http", "https"):
                    raise family.UnsupportedProtocol(f"Request URL has an unsupported protocol '{url.scheme}://'.")
                origin = core.URL(scheme=place[0], host=place[1], port=place[2]).origin
                self._origins[place] = origin
            try:
                answer = await self._pool.handle_async_request(Sent(request, origin))
            except Exception as error:
                raise_as_familys(error, request)
                raise
            return family.Response(
                answer.status,
                headers=answer.headers,
                stream=Body(answer.stream, request),
                extensions=answer.extensions,
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
