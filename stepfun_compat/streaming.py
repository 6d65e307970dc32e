"""Streams in OpenAI's shape: openai's own classes, with each event translated on its way to the caller."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import openai
from typing_extensions import override

from . import errors
from .endpoints.base import Request
from .endpoints.chat_response import UnexpectedBody
from .exchange import Refusal

if TYPE_CHECKING:
    from .call import Call
    from .endpoints.base import StreamTransform

log = logging.getLogger("stepfun_compat")
_T = TypeVar("_T")

EXTENSION = "stepfun_compat"
"""The key in a request's extensions under which the record of the call travels."""

_DRAINS = int(openai.__version__.split(".")[0]) < 3  # what the SDK itself does after [DONE] to keep the connection


def transport_error(error: BaseException, response: Any) -> Exception | None:
    """The `openai` exception for a connection that broke while a stream was read, None for any other error.

    Told by class names, because the HTTP library is the SDK's choice and is never imported here. SDKs before 3 let
    such errors out as they are.
    """
    names = {cls.__name__ for cls in type(error).__mro__ if cls.__module__.partition(".")[0] in _HTTP_FAMILIES}
    if "TimeoutException" in names:
        return openai.APITimeoutError(request=response.request)
    if names & {"RequestError", "StreamError"}:
        return openai.APIConnectionError(request=response.request)
    return None


_HTTP_FAMILIES = frozenset({"httpx", "httpx2", "httpcore", "httpcore2"})


@lru_cache(maxsize=16)
def _members(cast_to: Any) -> Mapping[str, Any]:
    """The event classes of a union by the `type` each stands for; empty for a single class."""
    found: dict[str, Any] = {}
    if hasattr(cast_to, "__metadata__"):
        cast_to = cast_to.__origin__
    for member in getattr(cast_to, "__args__", ()):
        field = getattr(member, "model_fields", {}).get("type")
        for name in getattr(getattr(field, "annotation", None), "__args__", ()):
            found.setdefault(name, member)
    return found


def _event_class(cast_to: Any, data: Any) -> Any:
    """The class of one event. Told by its `type`: SDKs before 1.70 guess by validation, which any field unknown to
    them leads astray, and validation against fifty classes is slow."""
    kind = cast("dict[str, Any]", data).get("type") if isinstance(data, dict) else None
    return _members(cast_to).get(str(kind), cast_to)


class _Reader:
    """What sync and async streams do alike: decode one event, translate it, and say how the stream ended."""

    def __init__(self, call: Call, response: Any, client: Any) -> None:
        self.call = call
        self.response = response
        self.client = client
        transform = call.endpoint.transform_stream(call.x)
        assert transform is not None
        self.transform: StreamTransform = transform
        self.events = 0

    def feed(self, event: Any) -> list[Any]:
        """One server-sent event in, the chunks for the caller out.

        Raises:
            openai.APIError: the event carries an error object.
            openai.APIResponseValidationError: the event is not JSON.
        """
        self.events += 1
        try:
            data: Any = json.loads(event.data)
        except ValueError as error:
            raise openai.APIResponseValidationError(
                response=self.response, body=event.data, message=f"A stream event is not JSON: {event.data[:200]!r}"
            ) from error
        body: Mapping[str, Any] = cast("Mapping[str, Any]", data) if isinstance(data, Mapping) else {}
        if body.get("error") and not self.call.endpoint_reads_errors:
            raise errors.from_stream(body["error"], request=self.response.request, response=self.response)
        try:
            return list(self.transform.feed(data))
        except UnexpectedBody as error:
            raise openai.APIResponseValidationError(
                response=self.response, body=cast("object", data), message=str(error)
            ) from error
        except Refusal as refusal:
            raise self.client._stepfun_refused(refusal, self.response.request) from None

    def close(self) -> list[Any]:
        """The end of the body or `[DONE]`: what is still owed, and what must be said."""
        if self.events == 0:
            self._nothing_came()
        try:
            out = list(self.transform.close())
        except Refusal as refusal:
            raise self.client._stepfun_refused(refusal, self.response.request) from None
        if getattr(self.transform, "truncated", False):
            log.warning("%s stream ended without a finish reason", self.call.x.endpoint)
        self.client._stepfun_stream_done(self.call, self.transform)
        return out

    def keep(self, operation: Request) -> None:
        """Carry out an operation on the store before the event that promises it.

        Raises:
            openai.InternalServerError: the store is down.
        """
        try:
            self.client._stepfun_keep(self.call, operation)
        except Refusal as refusal:
            error = self.client._stepfun_refused(refusal, self.response.request)
            raise self.client._stepfun_partial(self.call, error) from None

    async def keep_later(self, operation: Request) -> None:
        """The same for async streams."""
        try:
            await self.client._stepfun_keep_later(self.call, operation)
        except Refusal as refusal:
            error = self.client._stepfun_refused(refusal, self.response.request)
            raise self.client._stepfun_partial(self.call, error) from None

    def _nothing_came(self) -> None:
        """A 200 whose body is no event stream at all, such as an HTML page or a bare error object."""
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
        reader = _Reader(response.request.extensions[EXTENSION], response, self._client)
        build: Any = self._client._process_response_data
        cast_to: Any = self._cast_to
        iterator = self._iter_events()
        try:
            for event in iterator:
                if event.data.startswith("[DONE]"):
                    break
                for data in reader.feed(event):
                    if isinstance(data, Request):
                        reader.keep(data)
                        continue
                    yield build(data=data, cast_to=_event_class(cast_to, data), response=response)
            for data in reader.close():
                if isinstance(data, Request):
                    reader.keep(data)
                    continue
                yield build(data=data, cast_to=_event_class(cast_to, data), response=response)
            if _DRAINS:
                for _ in iterator:
                    pass
        except openai.OpenAIError:
            raise
        except Exception as error:
            mapped = transport_error(error, response)
            if mapped is None:
                raise
            raise mapped from error
        finally:
            response.close()


class AsyncStepfunStream(openai.AsyncStream[_T], Generic[_T]):
    """`openai.AsyncStream` over StepFun's events."""

    @override
    async def __stream__(self) -> AsyncIterator[_T]:
        response: Any = self.response
        reader = _Reader(response.request.extensions[EXTENSION], response, self._client)
        build: Any = self._client._process_response_data
        cast_to: Any = self._cast_to
        iterator = self._iter_events()
        try:
            async for event in iterator:
                if event.data.startswith("[DONE]"):
                    break
                for data in reader.feed(event):
                    if isinstance(data, Request):
                        await reader.keep_later(data)
                        continue
                    yield build(data=data, cast_to=_event_class(cast_to, data), response=response)
            for data in reader.close():
                if isinstance(data, Request):
                    await reader.keep_later(data)
                    continue
                yield build(data=data, cast_to=_event_class(cast_to, data), response=response)
            async for _ in iterator:
                pass  # read to the end, so that the connection can be used again
        except openai.OpenAIError:
            raise
        except Exception as error:
            mapped = transport_error(error, response)
            if mapped is None:
                raise
            raise mapped from error
        finally:
            await response.aclose()
