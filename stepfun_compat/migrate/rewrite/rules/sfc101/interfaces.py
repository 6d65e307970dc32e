"""What openai<1.0 returns and takes, and what takes its place in the client API: data, no logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field of an answer. `shape` is None for plain values: strings, numbers, lists of numbers.

    An `optional` field may be missing on the wire, where the client has None. What may be null on the wire is
    `nullable`: a test for its presence means something else than one for None.
    """

    shape: Shape | None = None
    optional: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """An object of an answer; `may_be_empty` says that openai<1.0 has `{}` there, which is false."""

    name: str
    fields: Mapping[str, Field] = field(default_factory=lambda: {})
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of objects."""

    of: Object


@dataclass(frozen=True, slots=True)
class Stream:
    """What is iterated for the chunks of an answer."""

    of: Object
    is_async: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """What is awaited for an answer."""

    of: Object | Stream


Shape = Object | Listing | Stream | Pending


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A resource class of openai<1.0: the method of the client that takes the place of `create`, and what it takes."""

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
"""The resources that are translated. What they return beyond these fields is refused where it is used."""

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
"""The error classes whose place others take exactly, a timeout being a connection error in the client API."""

NO_ERRORS: Final[Mapping[str, str]] = {
    "APIError": "in the client API APIError is the base of every error of a request",
    "ServiceUnavailableError": "the client API has InternalServerError for every status from 500",
    "TryAgain": "the client API has ConflictError for it, which openai<1.0 handled itself",
    "InvalidAPIType": "the client API has no such error",
    "SignatureVerificationError": "the client API has no such error",
}

WITH_STATUS: Final = frozenset({"RateLimitError", "AuthenticationError", "PermissionError", "InvalidRequestError"})
"""Errors that a status stands for: their `http_status` is `status_code`."""
