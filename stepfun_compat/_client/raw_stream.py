"""Raw streams of Responses: the bytes a caller reads by himself are OpenAI's events, translated and kept like any other.

Chat's raw bytes stay as on the wire. Those of Responses may have travelled over chat, and an answer whose end was read
must be in the store; so the body is translated before it is known whether bytes, lines or events are read from it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from typing_extensions import override

from ..endpoints.base import StoreOperation
from .streaming import Reader

_OF_THE_OLD_BODY = ("content-length", "content-encoding", "transfer-encoding")


class _Rows(Reader):
    """Reads rows as plain data, for which no object is built."""

    @override
    def _shorten(self, stream: Any) -> bool:
        return False

    @override
    def build(self, row: Any) -> Any:
        return row


def _told(row: Any) -> bytes:
    return f"event: {row['type']}\ndata: {json.dumps(row)}\n\n".encode()


def translated(client: Any, response: Any, family: Any, *, later: bool) -> Any:
    """The same response with OpenAI's events as its body. `family` is the HTTP library the response is of; `later` says
    that it is read asynchronously."""
    reader = _Rows(SimpleNamespace(response=response, _client=client, _cast_to=object))
    reader.call.x.events_translated = True  # who parses what is made here finds OpenAI's events already
    body = _bodies(family)[later](reader)
    headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in _OF_THE_OLD_BODY]
    made = type(response)(
        response.status_code,
        headers=headers,
        stream=body,
        request=response.request,
        extensions=dict(response.extensions),
        history=list(response.history),
    )
    body.made = made
    return made


@lru_cache(maxsize=4)
def _bodies(family: Any) -> tuple[Any, Any]:
    """(a sync, an async) body, as the HTTP library wants them made."""

    class Body(family.SyncByteStream):
        def __init__(self, reader: _Rows) -> None:
            self.reader = reader
            self.made: Any = None

        def __iter__(self) -> Iterator[bytes]:
            reader = self.reader
            decoder: Any = reader.client._make_sse_decoder()
            for event in decoder.iter_bytes(reader.response.iter_bytes()):
                yield from self._rows(reader.feed(event.data))
                if reader.over:
                    break
            yield from self._rows(reader.close())

        def _rows(self, rows: Iterator[Any]) -> Iterator[bytes]:
            for row in rows:
                if type(row) is StoreOperation:
                    self.reader.keep(row)
                else:
                    yield _told(row)

        def close(self) -> None:
            self.reader.response.close()
            with contextlib.suppress(RuntimeError):
                self.made.elapsed = self.reader.response.elapsed

    class AsyncBody(family.AsyncByteStream):
        def __init__(self, reader: _Rows) -> None:
            self.reader = reader
            self.made: Any = None

        async def __aiter__(self) -> AsyncIterator[bytes]:
            reader = self.reader
            decoder: Any = reader.client._make_sse_decoder()
            async for event in decoder.aiter_bytes(reader.response.aiter_bytes()):
                async for data in self._rows(reader.feed(event.data)):
                    yield data
                if reader.over:
                    break
            async for data in self._rows(reader.close()):
                yield data

        async def _rows(self, rows: Iterator[Any]) -> AsyncIterator[bytes]:
            for row in rows:
                if type(row) is StoreOperation:
                    await self.reader.keep_later(row)
                else:
                    yield _told(row)

        async def aclose(self) -> None:
            await self.reader.response.aclose()
            with contextlib.suppress(RuntimeError):
                self.made.elapsed = self.reader.response.elapsed

    return Body, AsyncBody
