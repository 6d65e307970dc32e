"""The interface of endpoints. Each is a pure translation between one OpenAI endpoint and StepFun."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from .context import Json, RequestContext, RequestRejected

if TYPE_CHECKING:
    from ..catalog.schema import ContestedFact
    from .contested import WireError
    from .forms import Part

__all__ = [
    "PLAIN",
    "BatchOperation",
    "Effect",
    "Endpoint",
    "Flow",
    "Json",
    "PassThroughEndpoint",
    "RequestContext",
    "RequestRejected",
    "Send",
    "Sleep",
    "Steps",
    "StoreOperation",
    "StreamTransform",
    "WireRequest",
    "WireResponse",
    "replace",
]


@dataclass(frozen=True)
class WireRequest:
    """One request as plain data.

    `path` is relative to the base URL and starts with a slash. `json` is the body of a JSON request, or the form fields
    of a multipart one, whose `files` are the SDK's.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=lambda: {})
    headers: Mapping[str, str] = field(default_factory=lambda: {})
    json: Json = None
    files: Any = None


@dataclass(frozen=True)
class WireResponse:
    """One response as plain data: parsed JSON if the body is JSON, else text, bytes, or the path of a file of bytes."""

    body: Json | str | bytes | Path
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {})


@dataclass(frozen=True)
class Send:
    """A request to StepFun. The flow gets its `WireResponse`; an error status is raised to the caller instead.

    A `poll` checks whether something is ready and may be repeated. `example` is the body of a response as far as the
    flow reads it, with which `explain` continues without StepFun.
    """

    request: WireRequest
    poll: bool = False
    example: Json | bytes = None


@dataclass(frozen=True)
class Sleep:
    """A pause, within the call's timeout. The flow gets an empty `WireResponse`."""

    seconds: float


@dataclass(frozen=True)
class StoreOperation:
    """An operation on the client's store of conversations.

    The body of the `WireResponse` is the loaded records by key, or None if the store is down and
    `Settings.state_on_error` lets calls continue without it. `append` is (key, field, value), to a list of an existing
    record; `remove` is (key, field, id), from a list of items; `merge` is (key, fields). `load` comes first; all others
    are one atomic operation. The failure of an `optional` operation does not fail the call.
    """

    load: Sequence[str] = ()
    save: Mapping[str, dict[str, Any]] = field(default_factory=lambda: {})
    delete: Sequence[str] = ()
    append: tuple[str, str, Any] | None = None
    remove: tuple[str, str, str] | None = None
    merge: tuple[str, Mapping[str, Any]] | None = None
    optional: bool = False


BatchOperationName = Literal[
    "create", "retrieve", "list", "cancel", "create_file", "retrieve_file", "list_files", "delete_file", "read_file"
]


@dataclass(frozen=True)
class BatchOperation:
    """An operation on the batches of the client's namespace, or on their files.

    The body of the `WireResponse` is OpenAI's object, a list of objects for `list_files`, and bytes or a path for
    `read_file`. `part` is the file of an upload.
    """

    name: BatchOperationName
    id: str = ""
    fields: Mapping[str, Any] = field(default_factory=lambda: {})
    part: Part | None = None


Effect = Send | Sleep | StoreOperation | BatchOperation
"""What a flow yields: it does no I/O and has no clock; the client executes it."""

Flow = Generator[Effect, WireResponse, "WireResponse | WireRequest"]
"""The steps of a call that takes several requests, or none.

Yields effects, receives their responses, and returns the response in OpenAI's shape, or a request for the client to
send as usual, such as that of a stream. The client runs it, so the same generator serves the sync and async clients.
"""

Steps = Generator[Effect, WireResponse, Any]
"""A part of a flow."""


class StreamTransform(Protocol):
    """Translate one stream, chunk by chunk. Stateful, but without I/O. May change the chunks it gets."""

    def feed(self, chunk: Json) -> Sequence[Json]:
        """Translate one decoded event, to any number of events in OpenAI's shape."""
        ...

    def close(self) -> Sequence[Json]:
        """Return the events still pending at the end of the stream (`[DONE]` or end of body)."""
        ...


class Endpoint(Protocol):
    """The translation of one OpenAI endpoint."""

    name: str
    answers_bytes: bool
    """Whether a response is bytes, which the caller reads; only an HTML page or JSON in their place is examined."""
    rewrites_raw: bool
    """Whether the bytes of a raw stream are translated too; otherwise they are StepFun's."""

    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        """Translate OpenAI's request to StepFun's, without mutating it. Raises `RequestRejected` if it must not be sent."""
        ...

    def transform_response(self, data: Json, context: RequestContext) -> Json:
        """Translate StepFun's response to OpenAI's. `data` may be changed in place."""
        ...

    def transform_stream(self, context: RequestContext) -> StreamTransform | None:
        """Return the translation of one stream, None if it needs none."""
        ...

    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        """Return the flow of a call that takes several requests, or none; None if it takes one. `request` is OpenAI's.

        A flow calls `transform_request` and `transform_response` itself.
        """
        ...

    def alternative(
        self, request: WireRequest, error: WireError, context: RequestContext, host: str = ""
    ) -> WireRequest | None:
        """Return the request to send in place of `request`, which StepFun rejected; None if the error is raised to the
        caller. Only a 400 about a contested fact has an alternative."""
        ...

    def safe_form(self, fact: ContestedFact, request: WireRequest, context: RequestContext) -> WireRequest | None:
        """Return StepFun's request with the safe form of a contested fact; None if it has that already."""
        ...


class PassThroughEndpoint:
    """The endpoint that changes nothing, base of all others."""

    name = ""
    rewrites_raw = False
    answers_bytes = False

    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:  # noqa: ARG002 - the protocol's shape
        return request

    def transform_response(self, data: Json, context: RequestContext) -> Json:  # noqa: ARG002
        return data

    def transform_stream(self, context: RequestContext) -> StreamTransform | None:  # noqa: ARG002
        return None

    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:  # noqa: ARG002
        return None

    def alternative(
        self, request: WireRequest, error: WireError, context: RequestContext, host: str = ""
    ) -> WireRequest | None:
        from .contested import alternative

        return alternative(self, request, error, context, host)

    def safe_form(self, fact: ContestedFact, request: WireRequest, context: RequestContext) -> WireRequest | None:
        from .contested import rewrite

        return rewrite(fact, request, context)


PLAIN: Endpoint = PassThroughEndpoint()
"""The endpoint of every path that no other endpoint translates."""


class BrokenOff(Exception):
    """A response that is incomplete; the client raises `APIConnectionError` with `partial`."""

    def __init__(self, message: str, partial: Json) -> None:
        super().__init__(message)
        self.partial = partial


if not TYPE_CHECKING:  # a type checker would accept any name of this module
    from ..former_lookup import former_names_of

    __getattr__ = former_names_of(__name__)
