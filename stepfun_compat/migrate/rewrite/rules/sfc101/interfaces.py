"""The responses and parameters of openai<1.0 and their counterparts in the client API: data, no logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field of a response. `shape` is None for plain values: strings, numbers, lists of numbers.

    An `optional` field may be missing on the wire; the client API has None instead. A `nullable` field may be null on
    the wire, so testing its presence differs from testing it for None.
    """

    shape: Shape | None = None
    optional: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """An object in a response. `may_be_empty`: openai<1.0 may have `{}` here, which is falsy."""

    name: str
    fields: Mapping[str, Field] = field(default_factory=lambda: {})
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of objects."""

    of: Object


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of response chunks, to iterate."""

    of: Object
    is_async: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """A coroutine that returns a response, to await."""

    of: Object | Stream


Shape = Object | Listing | Stream | Pending


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A resource class of openai<1.0: the client method that replaces `create`, its parameters and response."""

    method: str
    answer: Object
    parameters: frozenset[str]
    chunk: Object | None = None


_PLAIN: Final = Field()
_NULLABLE: Final = Field(nullable=True)
_OPTIONAL: Final = Field(optional=True)

_HEAD: Final = {"id": _PLAIN, "object": _PLAIN, "created": _PLAIN, "model": _PLAIN}
_USAGE: Final = Object("usage", dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), _PLAIN))
_FUNCTION_CALL: Final = Object("function_call", {"name": _PLAIN, "arguments": _PLAIN})
MESSAGE: Final = Object(
    "message",
    {"role": _PLAIN, "content": _NULLABLE, "function_call": Field(_FUNCTION_CALL, optional=True)},
)
_CHOICE: Final = Object("choice", {"index": _PLAIN, "message": Field(MESSAGE), "finish_reason": _PLAIN})
_CHAT: Final = Object("answer", {**_HEAD, "choices": Field(Listing(_CHOICE)), "usage": Field(_USAGE)})
_DELTA: Final = Object("delta", {"role": _OPTIONAL, "content": _OPTIONAL}, may_be_empty=True)
_CHUNK_CHOICE: Final = Object("choice", {"index": _PLAIN, "delta": Field(_DELTA), "finish_reason": _NULLABLE})
_CHUNK: Final = Object("chunk", {**_HEAD, "choices": Field(Listing(_CHUNK_CHOICE))})

_TEXT_CHOICE: Final = Object("choice", {"text": _PLAIN, "index": _PLAIN, "finish_reason": _NULLABLE})
_TEXT: Final = Object("answer", {**_HEAD, "choices": Field(Listing(_TEXT_CHOICE)), "usage": Field(_USAGE)})
_TEXT_CHUNK: Final = Object("chunk", {**_HEAD, "choices": Field(Listing(_TEXT_CHOICE))})

_SAMPLING: Final = frozenset(
    [
        "model",
        "stream",
        "temperature",
        "top_p",
        "n",
        "stop",
        "max_tokens",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "user",
    ]
)

ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "ChatCompletion": Endpoint(
        "chat.completions.create", _CHAT, _SAMPLING | {"messages", "functions", "function_call"}, _CHUNK
    ),
    "Completion": Endpoint(
        "completions.create", _TEXT, _SAMPLING | {"prompt", "suffix", "echo", "best_of"}, _TEXT_CHUNK
    ),
}
"""The translated resources. A file that uses any other field of their responses is left alone."""

OTHER_RESOURCES: Final = frozenset(
    [
        "Audio",
        "Customer",
        "Deployment",
        "Edit",
        "Embedding",
        "Engine",
        "File",
        "FineTune",
        "FineTuningJob",
        "Image",
        "Model",
        "Moderation",
    ]
)

RENAMED: Final[Mapping[str, str]] = {"engine": "model", "request_timeout": "timeout"}
"""Parameters of `create` with another name in the client API."""

ERRORS: Final[Mapping[str, tuple[str, ...]]] = {
    "OpenAIError": ("OpenAIError",),
    "RateLimitError": ("RateLimitError",),
    "AuthenticationError": ("AuthenticationError",),
    "PermissionError": ("PermissionDeniedError",),
    "InvalidRequestError": ("BadRequestError", "NotFoundError"),
    "Timeout": ("APITimeoutError",),
    "APIConnectionError": ("APIConnectionError",),
}
"""The error classes with exact replacements. In the client API a timeout is also a connection error."""

NO_ERRORS: Final[Mapping[str, str]] = {
    "APIError": "in the client API APIError is the base of every error of a request",
    "ServiceUnavailableError": "the client API has InternalServerError for every status from 500",
    "TryAgain": "the client API has ConflictError for it, which openai<1.0 handled itself",
    "InvalidAPIType": "the client API has no such error",
    "SignatureVerificationError": "the client API has no such error",
}

WITH_STATUS: Final = frozenset({"RateLimitError", "AuthenticationError", "PermissionError", "InvalidRequestError"})
"""Errors for an HTTP status: their `http_status` becomes `status_code`."""
