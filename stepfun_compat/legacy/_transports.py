"""The program's own `requests` or `aiohttp` session, where it gave one, carrying the SDK's requests.

Neither library is imported here: the session brings its own. Nor is the SDK's: requests and responses are of the
family of the request that comes in.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from .._client.redirects import look_once_more

_HOP = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_DECODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def _family(request: Any) -> Any:
    """The HTTP library a request belongs to."""
    return sys.modules[type(request).__module__.partition(".")[0]]


def _headers(request: Any) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.lower() not in _HOP}


@lru_cache(maxsize=8)
def _stream_class(family: Any, asynchronous: bool) -> Any:
    """A body of this family that reads from `source` and closes with `finish`."""

    def start(self: Any, source: Any, finish: Any) -> None:
        self.source, self.finish = source, finish

    def read(self: Any) -> Any:
        return self.source

    def close(self: Any) -> None:
        self.finish()

    async def aclose(self: Any) -> None:
        self.finish()

    base: Any = family.AsyncByteStream if asynchronous else family.SyncByteStream
    members: dict[str, Any] = (
        {"__aiter__": read, "aclose": aclose} if asynchronous else {"__iter__": read, "close": close}
    )
    return type("SessionBody", (base,), {"__init__": start, **members})


def _mapped(error: Exception, request: Any, reading: bool) -> Exception | None:
    """The same failure in the words of the request's family; None for what is no failure of the network."""
    family, names = _family(request), {cls.__name__ for cls in type(error).__mro__}
    connecting = bool(names & {"ConnectTimeout", "ConnectionTimeoutError"})
    if names & {"Timeout", "TimeoutError", "ServerTimeoutError"}:
        return (family.ConnectTimeout if connecting else family.ReadTimeout)(str(error), request=request)
    if names & {"RequestException", "ClientError", "HTTPError"}:
        refused = not reading and bool(names & {"ConnectionError", "ClientConnectorError"})
        return (family.ConnectError if refused else family.ReadError)(str(error), request=request)
    return None


def _looked_at(request: Any, url: str, headers: Mapping[str, str]) -> Any:
    """The request as the session is about to send it, less what must not go where it goes."""
    made = _family(request).Request(request.method, url, headers=list(headers.items()))
    look_once_more(request, made)
    return made


class _LastLook:
    """Signs as the session would, and then looks at what it has put together with its own headers and cookies."""

    def __init__(self, request: Any, session: Any) -> None:
        self._request, self._session = request, session

    def __call__(self, prepared: Any) -> Any:
        own = self._session.auth
        if own:
            prepared = (own if callable(own) else sys.modules["requests.auth"].HTTPBasicAuth(*own))(prepared)
        made = _looked_at(self._request, prepared.url, prepared.headers)
        for name in list(prepared.headers):
            if name not in made.headers:
                del prepared.headers[name]
            else:
                prepared.headers[name] = made.headers[name]
        prepared.url = str(made.url)
        return prepared


class SessionTransport:
    """For the sync client. `session` is a `requests.Session`, or makes one for each thread."""

    def __init__(self, session: Any) -> None:
        self._given = session
        self._own = threading.local()

    def __enter__(self) -> SessionTransport:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def close(self) -> None:
        """Nothing: the session is the program's."""

    def _session(self) -> Any:
        if hasattr(self._given, "request"):
            return self._given
        make: Callable[[], Any] = self._given
        if not hasattr(self._own, "session"):
            self._own.session = make()
        return self._own.session

    def handle_request(self, request: Any) -> Any:
        """Send one request."""
        timeout = request.extensions.get("timeout", {})
        session = self._session()
        try:
            response = session.request(
                request.method,
                str(request.url),
                headers=_headers(request),
                data=request.read() or None,
                stream=True,
                allow_redirects=False,
                auth=_LastLook(request, session),
                timeout=(timeout.get("connect"), timeout.get("read")),
                proxies=session.proxies,
            )
        except Exception as error:
            mapped = _mapped(error, request, False)
            if mapped is None:
                raise
            raise mapped from error
        headers = [(k, v) for k, v in response.headers.items() if k.lower() not in _DECODED]
        body = _stream_class(_family(request), False)(self._read(response, request), response.close)
        return _family(request).Response(response.status_code, headers=headers, stream=body)

    def _read(self, response: Any, request: Any) -> Iterator[bytes]:
        streamed = "event-stream" in response.headers.get("content-type", "")
        try:
            yield from response.iter_content(512 if streamed else 65536)
        except Exception as error:
            mapped = _mapped(error, request, True)
            if mapped is None:
                raise
            raise mapped from error


class AioSessionTransport:
    """For the async client, over an `aiohttp.ClientSession`."""

    def __init__(self, session: Any, proxy: str | None = None) -> None:
        self._session = session
        self._proxy = proxy

    async def __aenter__(self) -> AioSessionTransport:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def aclose(self) -> None:
        """Nothing: the session is the program's."""

    async def handle_async_request(self, request: Any) -> Any:
        """Send one request."""
        timeout = request.extensions.get("timeout", {})
        limits = sys.modules["aiohttp"].ClientTimeout(
            total=None, sock_connect=timeout.get("connect"), sock_read=timeout.get("read")
        )
        headers = _headers(request)
        added: dict[str, str] = {k: v for k, v in self._session.headers.items() if k.lower() not in request.headers}
        made = _looked_at(request, str(request.url), {**headers, **added})
        headers |= {name: "" for name in added if name not in made.headers}  # None would keep the session's own
        try:
            response = await self._session.request(
                request.method,
                sys.modules["yarl"].URL(str(request.url), encoded=True),
                headers=headers,
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=limits,
                proxy=self._proxy,
            )
        except Exception as error:
            mapped = _mapped(error, request, False)
            if mapped is None:
                raise
            raise mapped from error
        headers = [(k, v) for k, v in response.headers.items() if k.lower() not in _DECODED]
        body = _stream_class(_family(request), True)(self._read(response, request), response.close)
        return _family(request).Response(response.status, headers=headers, stream=body)

    async def _read(self, response: Any, request: Any) -> AsyncIterator[bytes]:
        try:
            async for piece in response.content.iter_any():
                yield piece
        except Exception as error:
            mapped = _mapped(error, request, True)
            if mapped is None:
                raise
            raise mapped from error
