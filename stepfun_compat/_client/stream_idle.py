"""`stream_idle_timeout`: end a stream whose server stops sending without closing the connection (stepfun-api 13.10)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Any

import anyio
import openai

from ..endpoints.base import WireRequest
from ..http_objects import redact_request


def limit_silence(response: Any, seconds: float, family: Any, *, later: bool) -> None:
    """End the response's body with `openai.APITimeoutError` after this many seconds without a byte, however it is read.
    `family` is the HTTP library of the response; `later` is True if it is read asynchronously."""
    limit_reads(response.request, seconds)
    response.stream = _streams(family)[later](response.stream, response.request, seconds)


def limit_step(wire: WireRequest | None, request: Any, seconds: float) -> None:
    """Apply the same limit to an event stream that a script reads to its end."""
    if wire is not None and wire.path.endswith("/sse"):
        limit_reads(request, seconds)


def limit_reads(request: Any, seconds: float) -> None:
    """Limit each read of the response to this request. The transport reads the timeout when it starts on the body."""
    timeouts: dict[str, Any] = dict(request.extensions.get("timeout") or {})
    given = timeouts.get("read")
    timeouts["read"] = seconds if given is None else min(seconds, given)
    request.extensions["timeout"] = timeouts


def _is_timeout(error: Exception) -> bool:
    return any(cls.__name__ == "TimeoutException" for cls in type(error).__mro__)


@lru_cache(maxsize=4)
def _streams(family: Any) -> tuple[Any, Any]:
    """Return the sync and the async body class for an HTTP library."""

    class Stream(family.SyncByteStream):
        def __init__(self, inner: Any, request: Any, seconds: float) -> None:
            self.inner, self.request, self.seconds = inner, request, seconds

        def __iter__(self) -> Iterator[bytes]:
            try:
                yield from self.inner
            except Exception as error:
                if not _is_timeout(error):
                    raise
                raise openai.APITimeoutError(request=redact_request(self.request)) from error

        def close(self) -> None:
            self.inner.close()

    class AsyncStream(family.AsyncByteStream):
        def __init__(self, inner: Any, request: Any, seconds: float) -> None:
            self.inner, self.request, self.seconds = inner, request, seconds

        async def __aiter__(self) -> AsyncIterator[bytes]:
            body = aiter(self.inner)
            while True:
                try:
                    with anyio.fail_after(self.seconds):  # for transports that have read their timeouts earlier
                        data = await anext(body)
                except StopAsyncIteration:
                    return
                except Exception as error:
                    if not isinstance(error, TimeoutError) and not _is_timeout(error):
                        raise
                    raise openai.APITimeoutError(request=redact_request(self.request)) from error
                yield data

        async def aclose(self) -> None:
            await self.inner.aclose()

    return Stream, AsyncStream
