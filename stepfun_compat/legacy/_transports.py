"""Send the SDK's requests through the program's own `requests` or `aiohttp` session, if it set one.

This module imports neither library; it uses the session's. It does not import the SDK's HTTP library either: responses
and errors belong to the same library as the request.
"""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

from typing_extensions import Self, override

from .._client.redirects import check_replacement
from ._pairs import Flow, arelay, awaited, method, relay, same, step

_HOP = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_DECODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def _family(request: Any) -> Any:
    """Return the HTTP library of a request."""
    return sys.modules[type(request).__module__.partition(".")[0]]


def _headers(request: Any) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.lower() not in _HOP}


class _Body:
    """A response body: `pieces` from the session, which are sync or async like the session."""

    def __init__(self, pieces: Any, finish: Callable[[], object], failed: Callable[[Exception], None]) -> None:
        self._pieces, self._finish, self._failed = pieces, finish, failed

    def __iter__(self) -> Iterator[bytes]:
        return relay(self._pieces, bytes, self, self._failed)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return arelay(self._pieces, bytes, self, self._failed)

    def close(self) -> None:
        self._finish()

    async def aclose(self) -> None:
        self._finish()


@lru_cache(maxsize=8)
def _body_class(family: Any) -> Any:
    return type("SessionBody", (_Body, family.SyncByteStream, family.AsyncByteStream), {})


def _raise_mapped(request: Any, reading: bool, error: Exception) -> None:
    """Raise the matching error of the request's HTTP library; return for errors that are not network errors."""
    mapped = _mapped(error, request, reading)
    if mapped is not None:
        raise mapped from error


def _mapped(error: Exception, request: Any, reading: bool) -> Exception | None:
    family, names = _family(request), {cls.__name__ for cls in type(error).__mro__}
    connecting = bool(names & {"ConnectTimeout", "ConnectionTimeoutError"})
    if names & {"Timeout", "TimeoutError", "ServerTimeoutError"}:
        return (family.ConnectTimeout if connecting else family.ReadTimeout)(str(error), request=request)
    if names & {"RequestException", "ClientError", "HTTPError"}:
        refused = not reading and bool(names & {"ConnectionError", "ClientConnectorError"})
        return (family.ConnectError if refused else family.ReadError)(str(error), request=request)
    return None


def _checked(request: Any, url: str, headers: Mapping[str, str]) -> Any:
    """Return the request as the session sends it, without credentials that must not be sent to its host."""
    made = _family(request).Request(request.method, url, headers=list(headers.items()))
    check_replacement(request, made)
    return made


class _FinalCheck:
    """Apply the session's own auth, then check the prepared request with the session's headers and cookies."""

    def __init__(self, request: Any, session: Any) -> None:
        self._request, self._session = request, session

    def __call__(self, prepared: Any) -> Any:
        own = self._session.auth
        if own:
            prepared = (own if callable(own) else sys.modules["requests.auth"].HTTPBasicAuth(*own))(prepared)
        made = _checked(self._request, prepared.url, prepared.headers)
        for name in list(prepared.headers):
            if name not in made.headers:
                del prepared.headers[name]
            else:
                prepared.headers[name] = made.headers[name]
        prepared.url = str(made.url)
        return prepared


class _Transport(ABC):
    """Send requests through a session, for the sync or the async client."""

    @abstractmethod
    def _session(self) -> Any:
        """Return the session of this thread or loop."""

    @abstractmethod
    def _arguments(self, session: Any, request: Any, timeout: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return (URL, keyword arguments) for `session.request`, without method, body and redirects."""

    @abstractmethod
    def _response(self, response: Any) -> tuple[int, Any]:
        """Return (status, pieces of the body)."""

    @method
    def handle_request(self, request: Any) -> Flow[Any]:
        """Send one request."""
        session, content = self._session(), (yield step(request, "read"))
        url, arguments = self._arguments(session, request, request.extensions.get("timeout", {}))
        failed = partial(_raise_mapped, request)
        try:
            response = yield same(
                session, "request", request.method, url, data=content or None, allow_redirects=False, **arguments
            )
        except Exception as error:
            failed(False, error)
            raise
        headers = [(k, v) for k, v in response.headers.items() if k.lower() not in _DECODED]
        status, pieces = self._response(response)
        family = _family(request)
        body = _body_class(family)(pieces, response.close, partial(failed, True))
        return family.Response(status, headers=headers, stream=body)

    handle_async_request = awaited(handle_request, name="handle_async_request")

    def close(self) -> None:
        """Do nothing: the session belongs to the program."""
        return

    async def aclose(self) -> None:
        """Do nothing, like `close`."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


class SessionTransport(_Transport):
    """The transport of the sync client. `session` is a `requests.Session` or a function that creates one per thread."""

    def __init__(self, session: Any) -> None:
        self._given = session
        self._own = threading.local()

    @override
    def _session(self) -> Any:
        if hasattr(self._given, "request"):
            return self._given
        make: Callable[[], Any] = self._given
        if not hasattr(self._own, "session"):
            self._own.session = make()
        return self._own.session

    @override
    def _arguments(self, session: Any, request: Any, timeout: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        return str(request.url), {
            "headers": _headers(request),
            "stream": True,
            "auth": _FinalCheck(request, session),
            "timeout": (timeout.get("connect"), timeout.get("read")),
            "proxies": session.proxies,
        }

    @override
    def _response(self, response: Any) -> tuple[int, Any]:
        streamed = "event-stream" in response.headers.get("content-type", "")
        return response.status_code, response.iter_content(512 if streamed else 65536)


class AioSessionTransport(_Transport):
    """The transport of the async client, over an `aiohttp.ClientSession`."""

    def __init__(self, session: Any, proxy: str | None = None) -> None:
        self._given = session
        self._proxy = proxy

    @override
    def _session(self) -> Any:
        return self._given

    @override
    def _arguments(self, session: Any, request: Any, timeout: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        headers = _headers(request)
        added: dict[str, str] = {k: v for k, v in session.headers.items() if k.lower() not in request.headers}
        made = _checked(request, str(request.url), {**headers, **added})
        headers |= {name: "" for name in added if name not in made.headers}  # None would keep the session's value
        limits = sys.modules["aiohttp"].ClientTimeout
        return sys.modules["yarl"].URL(str(request.url), encoded=True), {
            "headers": headers,
            "timeout": limits(total=None, sock_connect=timeout.get("connect"), sock_read=timeout.get("read")),
            "proxy": self._proxy,
        }

    @override
    def _response(self, response: Any) -> tuple[int, Any]:
        return response.status, response.content.iter_any()
