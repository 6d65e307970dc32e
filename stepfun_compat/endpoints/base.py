"""What an endpoint is: the pure translation between one OpenAI endpoint and StepFun."""

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
    """One request as plain data. `path` is relative to the base URL and starts with a slash; `json` is the body of a
    JSON request, or the form fields of a multipart one, whose `files` are the SDK's own and travel untouched."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=lambda: {})
    headers: Mapping[str, str] = field(default_factory=lambda: {})
    json: Json = None
    files: Any = None


@dataclass(frozen=True)
class WireResponse:
    """One answer as plain data: parsed JSON where the body is JSON, else text, bytes, or the path of a file of bytes."""

    body: Json | str | bytes | Path
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {})


@dataclass(frozen=True)
class Send:
    """A request to StepFun, whose `Reply` comes back. An error status never does: it is raised to the caller.

    A `poll` asks whether something is ready and may be repeated. `example` is the body of a reply as far as the script
    reads it: `explain` goes on with it in place of StepFun. Without one, what follows depends on StepFun's answer.
    """

    request: WireRequest
    poll: bool = False
    example: Json = None


@dataclass(frozen=True)
class Sleep:
    """A pause, within the call's deadline. An empty `Reply` comes back."""

    seconds: float


@dataclass(frozen=True)
class StoreOperation:
    """An operation on the client's store of conversations. The body of its `Reply` is the records that were loaded, by
    key, or None where the store is down and `Settings.state_on_error` lets calls go on without it.

    `append` is (key, field, value): to a list in a record that is there. `remove` is (key, field, id): from a list of
    items. `merge` is (key, fields). Several may stand together: what is loaded is loaded first, the rest is done at
    once, all of it or nothing. An `optional` operation that fails costs no answer.
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
    """A call on the batches of the client's namespace, or on their files. The body of its `Reply` is OpenAI's object,
    a list of objects for `list_files`, and bytes or a path for `read_file`. `part` is the file of an upload."""

    name: BatchOperationName
    id: str = ""
    fields: Mapping[str, Any] = field(default_factory=lambda: {})
    part: Part | None = None


Effect = Send | Sleep | StoreOperation | BatchOperation
"""What a script yields: it does no I/O and knows no clock, the client carries it out."""

Flow = Generator[Effect, WireResponse, "WireResponse | WireRequest"]
"""Several requests, or none, for one call. Yields effects one after another, is sent their replies, and returns the one
answer in OpenAI's shape, or the one request that is to be sent in the ordinary way, which streams are.
The client drives it, so the same generator serves the sync and the async client."""

Steps = Generator[Effect, WireResponse, Any]
"""A part of a script."""


class StreamTransform(Protocol):
    """Translates one stream, chunk by chunk. Stateful, but pure: no I/O, and what it is fed is its own to change."""

    def feed(self, chunk: Json) -> Sequence[Json]:
        """One decoded event from StepFun in; zero or more in OpenAI's shape out."""
        ...

    def close(self) -> Sequence[Json]:
        """The stream has ended as it should (`[DONE]` or end of body): what is still owed to the caller."""
        ...


class Endpoint(Protocol):
    """One OpenAI endpoint on StepFun."""

    name: str
    answers_bytes: bool
    """Whether an answer is bytes for the caller to read when he likes; only a page or an object in its place is looked at."""
    rewrites_raw: bool
    """Whether the bytes of a raw stream are translated, too; elsewhere they stay as on the wire."""

    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        """OpenAI's request -> StepFun's. Never mutates; raises `RequestRejected` for what must not be sent."""
        ...

    def transform_response(self, data: Json, context: RequestContext) -> Json:
        """StepFun's answer -> OpenAI's. `data` is freshly parsed and may be changed in place."""
        ...

    def transform_stream(self, context: RequestContext) -> StreamTransform | None:
        """A translator for one streamed answer; None hands the stream on as it is."""
        ...

    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        """For a call that needs several requests, or none; `request` is OpenAI's. None: the one request suffices.

        A script does its own translating: `transform_request` and `transform_response` are not called around it.
        """
        ...

    def alternative(
        self, request: WireRequest, error: WireError, context: RequestContext, host: str = ""
    ) -> WireRequest | None:
        """The request to send in place of `request`, StepFun's, which a server refused; None where the refusal is the
        caller's. Only a 400 that speaks of a contested fact has one."""
        ...

    def safe_form(self, fact: ContestedFact, request: WireRequest, context: RequestContext) -> WireRequest | None:
        """StepFun's request with what is contested in its safe form; None where it has that already."""
        ...


class PassThroughEndpoint:
    """The endpoint that changes nothing; the others say only where they differ."""

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
"""The one that stands for every path that no other endpoint translates."""


class BrokenOff(Exception):
    """An answer that ended before its end; the client raises `APIConnectionError` with `partial`."""

    def __init__(self, message: str, partial: Json) -> None:
        super().__init__(message)
        self.partial = partial
