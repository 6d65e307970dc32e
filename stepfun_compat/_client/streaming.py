"""Streams in OpenAI's shape: subclasses of openai's own, which translate each event."""

from __future__ import annotations

import json
import logging
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import anyio
import openai
from typing_extensions import override

from .. import errors
from ..endpoints.base import BrokenOff, StoreOperation
from ..endpoints.context import RequestRejected
from ..endpoints.json_values import UnexpectedBody
from ..endpoints.sse import error_in, error_named
from ..fast_path.sse_frames import Frames
from . import EXTENSION, context_of, conversation_store, responses

if TYPE_CHECKING:
    from ..endpoints.base import StreamTransform
    from .context import CallState

log = logging.getLogger("stepfun_compat")
_T = TypeVar("_T")


_DRAINS = int(openai.__version__.split(".")[0]) < 3  # later SDKs close the connection of a sync stream
_DRAIN = 0.1  # seconds to wait for the end of a body after its last event, so that the connection can be reused

_DICT: Any = dict
_FINAL = frozenset(
    {"response.completed", "response.failed", "response.incomplete", "speech.audio.done", "transcript.text.done"}
)
"""The types of events that end a stream, whether or not `[DONE]` follows."""


def transport_error(error: BaseException, response: Any) -> Exception | None:
    """Return the `openai` exception for a connection that broke while a stream was read; None for any other error.

    Recognized by class name, because the HTTP library is the SDK's choice and is never imported here. SDKs before 3
    raise such errors unchanged.
    """
    if isinstance(error, ssl.SSLError | anyio.EndOfStream):
        return openai.APIConnectionError(request=response.request)
    names = {cls.__name__ for cls in type(error).__mro__ if cls.__module__.partition(".")[0] in _HTTP_FAMILIES}
    if "TimeoutException" in names:
        return openai.APITimeoutError(request=response.request)
    if names & {"RequestError", "StreamError"}:
        return openai.APIConnectionError(request=response.request)
    return None


def broken_off(problem: BrokenOff, request: Any) -> openai.APIConnectionError:
    """Return the `openai` exception for a response that ended early, with what was received in `partial`."""
    error: Any = openai.APIConnectionError(message=str(problem), request=request)
    error.partial = problem.partial
    return error


_HTTP_FAMILIES = frozenset({"httpx", "httpx2", "httpcore", "httpcore2"})


@lru_cache(maxsize=16)
def _members(cast_to: Any) -> Mapping[str, Any]:
    """Return the event classes of a union by their `type`; empty for a single class."""
    found: dict[str, Any] = {}
    if hasattr(cast_to, "__metadata__"):
        cast_to = cast_to.__origin__
    for member in getattr(cast_to, "__args__", ()):
        field = getattr(member, "model_fields", {}).get("type")
        for name in getattr(getattr(field, "annotation", None), "__args__", ()):
            found.setdefault(name, member)
    return found


_GUESSES = tuple(map(int, openai.__version__.split(".")[:2])) < (1, 70)
"""Whether the SDK chooses the class of an event by validation alone, which fails on any field unknown to it."""


def _event_class(cast_to: Any, data: Any) -> Any:
    """Return the class of one event by its `type`; `cast_to` if that is not a union or does not contain the type."""
    kind = cast("dict[str, Any]", data).get("type") if isinstance(data, dict) else None
    return _members(cast_to).get(str(kind), cast_to)


def _has_lone_surrogate(data: Any) -> bool:
    """Return whether a string in some JSON has a lone surrogate, which UTF-8 cannot encode."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return True
    return False


class Reader:
    """The code that sync and async streams share: decode an event, translate it, build the caller's objects, and report
    how the stream ended."""

    __slots__ = (
        "began",
        "call",
        "cast_to",
        "client",
        "context",
        "fast",
        "frames",
        "make",
        "over",
        "parse",
        "reads_chunks",
        "response",
        "transform",
        "translate",
    )

    def __init__(self, stream: Any) -> None:
        self.response: Any = stream.response
        self.client: Any = stream._client
        self.cast_to: Any = stream._cast_to
        self.context = context_of(stream._client)
        self.call: CallState = self.response.request.extensions[EXTENSION]
        transform = self.call.endpoint.transform_stream(self.call.request_context)
        assert transform is not None
        self.transform: StreamTransform = transform
        self.translate: Callable[[Any], Sequence[Any]] = transform.feed
        self.began = False
        self.over = False
        self.reads_chunks = bool(getattr(transform, "reads_chunks", False))
        self.frames = Frames()
        self.make: Callable[[Any], Any] = self.build
        self.fast = self.call.request_context.settings.fast_path and self._use_fast_path(stream)

    def _use_fast_path(self, stream: Any) -> bool:
        """Use the fast path if it builds the same objects as the SDK. Returns whether it does."""
        from ..fast_path import eligibility

        builder = eligibility.builder_for(stream, self.call.endpoint.name, self.build, self._class_of)
        if builder is None:
            return False
        self.make = builder
        self.parse: Callable[[bytes], Any] = eligibility.parse
        return True

    def _class_of(self, row: Any) -> Any:
        return _event_class(self.cast_to, row)

    def build(self, row: Any) -> Any:
        """Build the object for a row as the SDK does."""
        cast_to = _event_class(self.cast_to, row) if _GUESSES else self.cast_to
        return self.client._process_response_data(data=row, cast_to=cast_to, response=self.response)

    def read(self, data: bytes) -> Iterator[Any]:
        """Yield the results for some bytes of the body, as `feed` does; `over` is True after the last.

        Once `frames` needs the SDK's decoder, that decoder reads the rest.
        """
        parse, rows, make = self.parse, self.rows, self.make
        made: list[Any] = []
        for payload in self.frames.feed(data):
            try:
                event = parse(payload)
            except ValueError:  # `[DONE]`, or an event that the standard parser has to check
                text = (b"data:" + payload).decode("utf-8")[5:].removeprefix(" ")
                yield from self.feed(text)
                make = self.make
                if self.over:
                    return
            else:
                found = rows(event)
                for row in found:
                    made.append(row if type(row) is StoreOperation else make(row))
                event = found = row = None  # hold no reference while the caller works
                while made:
                    yield made.pop(0)
                if self.over:
                    return

    def as_event(self, body: bytes) -> bytes:
        """Return as an event the complete body of a server that sent one JSON object, usually an error.

        Raises:
            openai.APIResponseValidationError: the body is not JSON.
        """
        try:
            return b"data: " + json.dumps(json.loads(body)).encode() + b"\n\n"
        except (ValueError, RecursionError) as error:
            shown = body.decode("utf-8", "replace")
            message = f"Expected a stream of events but received {shown[:200]!r}"
            raise openai.APIResponseValidationError(response=self.response, body=shown, message=message) from error

    def feed(self, text: str, name: str | None = None) -> Iterator[Any]:
        """Yield the caller's objects for the data and name of one event, and the store operations that precede them.

        Raises:
            openai.APIError: the event is named `error`.
            openai.APIResponseValidationError: the event is not JSON.
        """
        if text.startswith("[DONE]"):
            self.over = True
            return
        if name == "error" and self.reads_chunks:
            for row in self.rows({"error": error_named(text)}):
                yield row if type(row) is StoreOperation else self.make(row)
            return
        try:
            event: Any = json.loads(text)
            if self.fast and "\\u" in text and _has_lone_surrogate(event):
                self.make = self.build
        except ValueError as error:
            raise openai.APIResponseValidationError(
                response=self.response, body=text, message=f"A stream event is not JSON: {text[:200]!r}"
            ) from error
        for row in self.rows(event):
            yield row if type(row) is StoreOperation else self.make(row)

    def rows(self, event: Any) -> Sequence[Any]:
        """Translate one event of StepFun's into rows in OpenAI's shape.

        Raises:
            openai.APIError: the event contains an error object.
            openai.APIResponseValidationError: the event is not what the endpoint streams.
        """
        self.began = True
        reads_chunks = self.reads_chunks
        if isinstance(event, _DICT) and ("error" in event or (reads_chunks and not event.get("choices"))):
            event = self._checked(event)
        try:
            rows = self.translate(event)
        except UnexpectedBody as problem:
            raise openai.APIResponseValidationError(
                response=self.response, body=cast("object", event), message=str(problem)
            ) from problem
        except RequestRejected as refusal:
            raise responses.rejection(self.context, refusal, self.response.request) from None
        if reads_chunks:
            return rows
        if rows:
            last = rows[-1]
            self.over = isinstance(last, _DICT) and last.get("type") in _FINAL
        return rows

    def _checked(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return an event that may contain an error object, with that under `error`.

        Raises:
            openai.APIError: the event contains one, and the endpoint does not handle errors itself.
        """
        error: Any = event.get("error") or (error_in(event) if self.reads_chunks else None)
        if not error:
            return event
        if not self.call.endpoint_reads_errors:
            raise errors.from_stream(error, request=self.response.request, response=self.response)
        return {**event, "error": error}

    def close(self) -> Iterator[Any]:
        """Yield what remains at the end of the body or at `[DONE]`, and report the changes."""
        if not self.began:
            self._nothing_came()
        try:
            out = self.transform.close()
        except RequestRejected as refusal:
            raise responses.rejection(self.context, refusal, self.response.request) from None
        except BrokenOff as problem:
            raise broken_off(problem, self.response.request) from None
        if getattr(self.transform, "truncated", False):
            log.warning("%s stream ended without a finish reason", self.call.request_context.endpoint)
        responses.stream_done(self.context, self.call, self.transform)
        for row in out:
            yield row if type(row) is StoreOperation else self.make(row)

    def keep(self, operation: StoreOperation) -> None:
        """Run a store operation before the event that announces its result.

        Raises:
            openai.InternalServerError: the store fails.
        """
        try:
            conversation_store.run_store_operation(self.context, self.call, operation)
        except RequestRejected as refusal:
            error = responses.rejection(self.context, refusal, self.response.request)
            raise responses.with_partial(self.call, error) from None

    async def keep_later(self, operation: StoreOperation) -> None:
        """Run a store operation, like `keep`, for async streams."""
        try:
            await conversation_store.run_store_operation_async(self.context, self.call, operation)
        except RequestRejected as refusal:
            error = responses.rejection(self.context, refusal, self.response.request)
            raise responses.with_partial(self.call, error) from None

    def _nothing_came(self) -> None:
        """Raise for a 200 whose body is not an event stream, such as an HTML page or a bare error object."""
        kind = str(self.response.headers.get("content-type", "")).partition(";")[0].strip().lower()
        if kind in ("", "text/event-stream"):
            return
        raise openai.APIResponseValidationError(
            response=self.response,
            body=None,
            message=f"Expected a stream of events but received {kind or 'no content type'}.",
        )


class StepfunStream(openai.Stream[_T], Generic[_T]):
    """`openai.Stream` over StepFun's events."""

    @override
    def __stream__(self) -> Iterator[_T]:
        response: Any = self.response
        reader = Reader(self)
        handed: list[Any] = []  # leaves no reference to a yielded object, since many streams wait at that point
        try:
            for items in self._steps(reader):
                for item in items:
                    if type(item) is StoreOperation:
                        reader.keep(item)
                    else:
                        handed.append(item)
                        item = None
                        yield handed.pop()
        except openai.OpenAIError as error:
            errors.redact(error)
            raise
        except Exception as error:
            mapped = transport_error(error, response)
            if mapped is None:
                raise
            mapped.__cause__ = error
            raise errors.redact(mapped) from error
        finally:
            response.close()

    def _steps(self, reader: Reader) -> Iterator[Iterator[Any]]:
        """Yield the results per read or event, then those at the end; exhaust each iterator before the next."""
        own = reader.fast or _is_stock(self)
        body: Any = self.response.iter_bytes() if own else self._iter_events()
        if own:
            body = chain((first_bytes(reader, body),), body)
        for data in body if reader.fast else ():
            yield reader.read(data)
            if reader.over or reader.frames.needs_sdk_decoder:
                break
        if not reader.over:
            events: Any = self._decoder.iter_bytes(chain((reader.frames.rest,), body)) if own else body
            for event in events:
                yield reader.feed(event.data, event.event)
                if reader.over:
                    break
        yield reader.close()
        if reader.over and _DRAINS:
            _drain(self.response, body)


class AsyncStepfunStream(openai.AsyncStream[_T], Generic[_T]):
    """`openai.AsyncStream` over StepFun's events."""

    @override
    async def __stream__(self) -> AsyncIterator[_T]:
        response: Any = self.response
        reader = Reader(self)
        handed: list[Any] = []  # leaves no reference to a yielded object, since many streams wait at that point
        try:
            async for items in self._steps(reader):
                for item in items:
                    if type(item) is StoreOperation:
                        await reader.keep_later(item)
                    else:
                        handed.append(item)
                        item = None
                        yield handed.pop()
        except openai.OpenAIError as error:
            errors.redact(error)
            raise
        except Exception as error:
            mapped = transport_error(error, response)
            if mapped is None:
                raise
            mapped.__cause__ = error
            raise errors.redact(mapped) from error
        finally:
            await response.aclose()

    async def _steps(self, reader: Reader) -> AsyncIterator[Iterator[Any]]:
        """Yield the results per read or event, then those at the end; exhaust each iterator before the next."""
        own = reader.fast or _is_stock(self)
        body: Any = self.response.aiter_bytes() if own else self._iter_events()
        first = await first_bytes_later(reader, body) if own else b""
        if reader.fast:
            yield reader.read(first)
            if not (reader.over or reader.frames.needs_sdk_decoder):
                async for data in body:
                    yield reader.read(data)
                    if reader.over or reader.frames.needs_sdk_decoder:
                        break
        if not reader.over:
            decoder: Any = self._decoder
            events = decoder.aiter_bytes(after(reader.frames.rest if reader.fast else first, body)) if own else body
            async for event in events:
                yield reader.feed(event.data, event.event)
                if reader.over:
                    break
        yield reader.close()
        if reader.over:
            await _drain_later(self.response, body)


def first_bytes(reader: Reader, body: Iterator[bytes]) -> bytes:
    """Read the first bytes of a body; read a JSON object in place of a stream completely and return it as an event.

    Raises:
        openai.APIResponseValidationError: the body begins like an object but is not valid JSON.
    """
    first = next(body, b"")
    while first.isspace():
        first = next(body, b"")
    return reader.as_event(b"".join((first, *body))) if first.lstrip()[:1] == b"{" else first


async def first_bytes_later(reader: Reader, body: AsyncIterator[bytes]) -> bytes:
    """Read the first bytes of a body, like `first_bytes`, for async streams."""
    first = await anext(body, b"")
    while first.isspace():
        first = await anext(body, b"")
    if first.lstrip()[:1] != b"{":
        return first
    return reader.as_event(b"".join([first, *[data async for data in body]]))


def _is_stock(stream: Any) -> bool:
    """Return whether the stream reads its events with the SDK's own methods; replaced methods must be called."""
    code: Any = getattr(getattr(stream.__class__, "_iter_events", None), "__code__", None)
    own = getattr(code, "co_filename", "") == sys.modules["openai._streaming"].__file__
    return own and "_iter_events" not in vars(stream)


def _drain(response: Any, body: Iterator[Any]) -> None:
    """Read the rest of a body after its last event, for at most `_DRAIN` seconds and whatever it contains."""
    connection: Any = response.extensions.get("network_stream")
    if response.is_closed or connection is None or response.http_version != "HTTP/1.1":
        return
    deadline, read = time.monotonic() + _DRAIN, connection.read

    def bounded(max_bytes: int, timeout: float | None = None) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return read(max_bytes, left if timeout is None else min(timeout, left))

    try:
        connection.read = bounded
        for _ in body:
            if time.monotonic() >= deadline:
                break
    except Exception as error:  # the response is complete, and the connection is closed in any case
        log.debug("the connection of a finished stream broke: %r", error)
    finally:
        cast("dict[str, Any]", vars(connection)).pop("read", None)


async def _drain_later(response: Any, body: AsyncIterator[Any]) -> None:
    """Read the rest of a body, like `_drain`, for async streams."""
    if response.is_closed or response.http_version != "HTTP/1.1":
        return
    try:
        with anyio.move_on_after(_DRAIN):
            async for _ in body:
                await anyio.sleep(0)  # the deadline also applies to a body in memory
    except Exception as error:
        log.debug("the connection of a finished stream broke: %r", error)


async def after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield some bytes before the rest of a body."""
    yield first
    async for data in rest:
        yield data
