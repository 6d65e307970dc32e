"""Rebuild requests and responses of the HTTP library, httpx or httpx2, with a part changed. Imports neither library."""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

_OF_THE_BODY: Final = ("content-length", "content-encoding", "transfer-encoding", "content-type")
_HARMLESS: Final = frozenset(
    {"after", "api-version", "before", "include", "include[]", "limit", "model", "order", "purpose", "stream"}
)
"""Query parameters of OpenAI's API whose values are not secret."""


def http_module(http_client: Any) -> Any:
    """Return the HTTP library of a client, httpx or httpx2: the SDK's choice, or that of an injected client."""
    return http_module_of(cast("type[Any]", type(http_client)))


def http_module_of(client_class: type[Any]) -> Any:
    """Return the HTTP library of a client class."""
    for cls in client_class.__mro__:
        name = cls.__module__.partition(".")[0]
        if name in ("httpx", "httpx2"):
            return sys.modules[name]
    return sys.modules.get("httpx2") or sys.modules["httpx"]


def has_own_http_client(client: Any) -> bool:
    """Return whether an openai client uses an HTTP client that the user created."""
    from openai._base_client import AsyncHttpxClientWrapper, SyncHttpxClientWrapper

    made_by_openai = (SyncHttpxClientWrapper, AsyncHttpxClientWrapper)
    return hasattr(client, "_client") and not isinstance(client._client, made_by_openai)


def rebuild(response: Any, content: bytes, kind: str, status: int | None = None, request: Any = None) -> Any:
    """Return the response with another body, of media type `kind`. Class, headers, extensions and history are kept, as
    are status and request unless given."""
    headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in _OF_THE_BODY]
    rebuilt = type(response)(
        response.status_code if status is None else status,
        headers=[*headers, ("content-type", kind)],
        content=content,
        request=response.request if request is None else request,
        extensions=dict(response.extensions),
        history=list(response.history),
    )
    with contextlib.suppress(RuntimeError):  # set once the original has been read
        rebuilt.elapsed = response.elapsed
    return rebuilt


def with_body(response: Any, body: Any) -> Any:
    """Return the response with an unread body: `body`, a byte stream of its HTTP library."""
    return type(response)(
        response.status_code,
        headers=[(k, v) for k, v in response.headers.multi_items() if k.lower() not in _OF_THE_BODY[:3]],
        stream=body,
        request=response.request,
        extensions=dict(response.extensions),
        history=list(response.history),
    )


def bytes_later(response: Any) -> AsyncIterator[bytes]:
    """Read a response's body asynchronously, decompressed. An unread body that is not compressed needs no decoder."""
    if response.is_stream_consumed or "content-encoding" in response.headers:
        return response.aiter_bytes()
    return response.aiter_raw()


def unread(response: Any, family: Any) -> Any:
    """Return the response with an unread body, as `with_streaming_response` returns it. `family` is the HTTP library of
    the response."""
    body = _body_class(family)(response.content)
    made = body.response = with_body(response, body)
    with contextlib.suppress(RuntimeError):
        made.elapsed = response.elapsed
    return made


def file_response(family: Any, path: Path, kind: str, request: Any) -> Any:
    """Return a response of the HTTP library `family` whose body is a file. The file is read as far as the caller reads
    the body, and may be deleted in between."""
    return _file_response_class(family)(path, kind, request)


_PIECE: Final = 1 << 16  # bytes per read


@lru_cache(maxsize=4)
def _file_response_class(family: Any) -> Any:
    class FileResponse(family.Response):
        """A response that can be read at once, in pieces and more than once, like one in memory."""

        def __init__(self, path: Path, kind: str, request: Any) -> None:
            self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            weakref.finalize(self, os.close, self._file)
            headers = {"content-type": kind, "content-length": str(os.fstat(self._file).st_size)}
            family.Response.__init__(self, 200, headers=headers, stream=family.ByteStream(b""), request=request)

        def _pieces(self, size: int | None) -> Iterator[bytes]:
            place = 0
            while piece := _read_at(self._file, size or _PIECE, place):
                place += len(piece)
                yield piece

        @property
        def content(self) -> bytes:
            return self.read()

        def read(self) -> bytes:
            if not hasattr(self, "_content"):
                self._content = b"".join(self._pieces(1 << 20))
            return self._content

        async def aread(self) -> bytes:
            return self.read()

        def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
            return self._pieces(chunk_size)

        iter_raw = iter_bytes

        async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
            for piece in self._pieces(chunk_size):
                yield piece

        aiter_raw = aiter_bytes

    return FileResponse


def _read_at(file: int, size: int, place: int) -> bytes:
    """Read up to `size` bytes of a file descriptor from a position."""
    if hasattr(os, "pread"):
        return os.pread(file, size, place)
    os.lseek(file, place, os.SEEK_SET)
    return os.read(file, size)


@lru_cache(maxsize=4)
def _body_class(family: Any) -> Any:
    class Body(family.ByteStream):
        """A body in memory, which the response keeps after it has been read in any way."""

        def __init__(self, content: bytes) -> None:
            family.ByteStream.__init__(self, content)
            self.content = content
            self.response: Any = None

        def __iter__(self) -> Iterator[bytes]:
            yield self.content
            self.response._content = self.content

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield self.content
            self.response._content = self.content

    return Body


def redact_request(request: Any) -> Any:
    """Return the request without the user part and query values of its URL, for an error that may be printed or stored;
    the same object if its URL has neither."""
    url = request.url
    if not url.query and not url.userinfo:
        return request
    pairs = url.params.multi_items()
    shown = [(name, value if name in _HARMLESS else "REDACTED") for name, value in pairs]
    if not url.userinfo and shown == pairs:
        return request
    url = url.copy_with(userinfo=b"")
    if pairs:
        url = url.copy_with(params=shown)
    made = type(request)(request.method, url, headers=request.headers, extensions=request.extensions)
    content = getattr(request, "_content", None)
    if content is not None:
        made._content = content
        made.stream = request.stream
    return made
