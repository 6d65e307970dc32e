"""Raw streams: a caller who reads the bytes without the SDK's parser gets OpenAI's events.

Programs relay them to browsers unchanged. `Settings.raw="wire"` leaves chat streams as StepFun sent them. Events of
Responses are always translated, since they may have been sent as chat, and a complete response must be stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from types import SimpleNamespace
from typing import Any

import openai
from typing_extensions import override

from ..endpoints.base import StoreOperation
from ..endpoints.json_values import compact_json
from ..http_objects import bytes_later, with_body
from .streaming import Reader, after, first_bytes, first_bytes_later


class _Rows(Reader):
    """Read rows as plain data, without building objects."""

    __slots__ = ("names_events",)

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.names_events: bool = self.call.endpoint.name.startswith("responses")
        """Whether each event has an `event:` line, as in Responses but not in chat."""

    @override
    def _use_fast_path(self, stream: Any) -> bool:
        return False

    @override
    def build(self, row: Any) -> Any:
        return row

    @override
    def rows(self, event: Any) -> Sequence[Any]:
        if self.names_events:
            return super().rows(event)
        try:
            return super().rows(event)
        except openai.APIResponseValidationError:
            raise
        except openai.APIError as error:  # relayed as OpenAI sends it; the parser of the stream raises it
            return ({"error": error.body},)

    def frame(self, row: Any) -> bytes:
        """Encode one row as a server-sent event."""
        name = f"event: {row['type']}\n" if self.names_events else ""
        return f"{name}data: {compact_json(row)}\n\n".encode("utf-8", "surrogatepass")

    def end(self) -> bytes:
        """Encode the end of the stream, if StepFun sent one."""
        return b"data: [DONE]\n\n" if self.over and not self.names_events else b""


def translated(client: Any, response: Any, family: Any, *, later: bool) -> Any:
    """Return the same response with OpenAI's events as its body. `family` is the HTTP library of the response; `later`
    is True if it is read asynchronously."""
    reader = _Rows(SimpleNamespace(response=response, _client=client, _cast_to=object))
    reader.call.request_context.events_translated = True  # a parser of the new response finds OpenAI's events
    body = _bodies(family)[later](reader)
    made = body.made = with_body(response, body)
    return made


@lru_cache(maxsize=4)
def _bodies(family: Any) -> tuple[Any, Any]:
    """Return the sync and the async body class for an HTTP library."""

    class Body(family.SyncByteStream):
        def __init__(self, reader: _Rows) -> None:
            self.reader = reader
            self.made: Any = None

        def __iter__(self) -> Iterator[bytes]:
            reader = self.reader
            decoder: Any = reader.client._make_sse_decoder()
            body: Iterator[bytes] = reader.response.iter_bytes()
            for event in decoder.iter_bytes(chain((first_bytes(reader, body),), body)):
                yield from self._rows(reader.feed(event.data, event.event))
                if reader.over:
                    break
            yield from self._rows(reader.close())
            if end := reader.end():
                yield end

        def _rows(self, rows: Iterator[Any]) -> Iterator[bytes]:
            for row in rows:
                if type(row) is StoreOperation:
                    self.reader.keep(row)
                else:
                    yield self.reader.frame(row)

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
            body: AsyncIterator[bytes] = bytes_later(reader.response)
            async for event in decoder.aiter_bytes(after(await first_bytes_later(reader, body), body)):
                for row in reader.feed(event.data, event.event):
                    if type(row) is StoreOperation:
                        await reader.keep_later(row)
                    else:
                        yield reader.frame(row)
                if reader.over:
                    break
            for row in reader.close():
                if type(row) is StoreOperation:
                    await reader.keep_later(row)
                else:
                    yield reader.frame(row)
            if end := reader.end():
                yield end

        async def aclose(self) -> None:
            await self.reader.response.aclose()
            with contextlib.suppress(RuntimeError):
                self.made.elapsed = self.reader.response.elapsed

    return Body, AsyncBody
