"""The responses, parameters and errors of openai<1.0, and their counterparts in the client API, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field of a response. `shape` is None for plain values: strings, numbers, lists of numbers.

    An `optional` field may be missing on the wire; the client then has None. A `nullable` field may be null on the
    wire, so a test for its presence differs from a test for None. `attribute` is its name in the client, if that is not
    the key.
    """

    shape: Shape | None = None
    optional: bool = False
    nullable: bool = False
    attribute: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """An object in a response. With `may_be_empty`, openai<1.0 may have `{}` here, which is falsy."""

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
    """A method of openai<1.0, the client method that replaces it, and the parameters of both.

    `positional` are the names of parameters that may be passed by position. `renamed` maps parameters to their names in
    the client. `dropped` parameters have no effect in openai<1.0, except on a status that it handles itself.
    """

    method: str
    answer: Object
    parameters: frozenset[str]
    chunk: Object | None = None
    positional: tuple[str, ...] = ()
    required: tuple[frozenset[str], ...] = ()
    renamed: Mapping[str, str] = field(default_factory=lambda: {})
    dropped: frozenset[str] = frozenset()
    choices: Mapping[str, Mapping[str, Object | None]] = field(default_factory=lambda: {})
    """Parameters that determine the response: for each allowed constant its shape, or None for `answer`."""


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
_CHAT: Final = Object("response", {**_HEAD, "choices": Field(Listing(_CHOICE)), "usage": Field(_USAGE)})
_DELTA: Final = Object("delta", {"role": _OPTIONAL, "content": _OPTIONAL}, may_be_empty=True)
_CHUNK_CHOICE: Final = Object("choice", {"index": _PLAIN, "delta": Field(_DELTA), "finish_reason": _NULLABLE})
_CHUNK: Final = Object("chunk", {**_HEAD, "choices": Field(Listing(_CHUNK_CHOICE))})

_TEXT_CHOICE: Final = Object("choice", {"text": _PLAIN, "index": _PLAIN, "finish_reason": _NULLABLE})
_TEXT: Final = Object("response", {**_HEAD, "choices": Field(Listing(_TEXT_CHOICE)), "usage": Field(_USAGE)})
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

_MODEL: Final = (frozenset({"model", "engine"}),)
_RENAMED: Final = {"engine": "model", "request_timeout": "timeout"}
_DROPPED: Final = frozenset({"timeout"})

_EMBEDDINGS: Final = Object(
    "response",
    {
        "object": _PLAIN,
        "model": _PLAIN,
        "data": Field(Listing(Object("embedding", dict.fromkeys(("object", "index", "embedding"), _PLAIN)))),
        "usage": Field(Object("usage", dict.fromkeys(("prompt_tokens", "total_tokens"), _PLAIN))),
    },
)


def _images(fields: Mapping[str, Field]) -> Object:
    return Object("response", {"created": _PLAIN, "data": Field(Listing(Object("image", fields)))})


_IMAGES: Final = _images({"url": _PLAIN})
_FLAGS: Final = {name: Field(attribute=re.sub(r"\W", "_", name)) for name in (
    "hate", "hate/threatening", "self-harm", "sexual", "sexual/minors", "violence", "violence/graphic"
)}  # fmt: skip
_VERDICTS: Final = Object("result", {"flagged": _PLAIN, "categories": Field(Object("list of categories", _FLAGS))})
_MODERATION: Final = Object("response", {"id": _PLAIN, "model": _PLAIN, "results": Field(Listing(_VERDICTS))})
_KNOWN_MODERATIONS: Final = {"text-moderation-stable": None, "text-moderation-latest": None}
_TRANSCRIPTION: Final = Object("response", {"text": _PLAIN})
_ONE_MODEL: Final = Object("model", dict.fromkeys(("id", "object", "owned_by"), _PLAIN))
_MODELS: Final = Object("response", {"object": _PLAIN, "data": Field(Listing(_ONE_MODEL))})


def _audio(method: str, *more: str) -> Endpoint:
    return Endpoint(
        method,
        _TRANSCRIPTION,
        frozenset({"model", "file", "prompt", "temperature", "response_format", *more}),
        positional=("model", "file"),
        required=(frozenset({"model"}), frozenset({"file"})),
        choices={"response_format": {"json": None}},
    )


ENDPOINTS: Final[Mapping[str, Mapping[str, Endpoint]]] = {
    "ChatCompletion": {
        "create": Endpoint(
            "chat.completions.create",
            _CHAT,
            _SAMPLING | {"messages", "functions", "function_call"},
            _CHUNK,
            required=_MODEL,
            renamed=_RENAMED,
            dropped=_DROPPED,
        )
    },
    "Completion": {
        "create": Endpoint(
            "completions.create",
            _TEXT,
            _SAMPLING | {"prompt", "suffix", "echo", "best_of"},
            _TEXT_CHUNK,
            required=_MODEL,
            renamed=_RENAMED,
            dropped=_DROPPED,
        )
    },
    "Embedding": {
        "create": Endpoint(
            "embeddings.create",
            _EMBEDDINGS,
            frozenset({"model", "input", "user"}),
            required=(*_MODEL, frozenset({"input"})),
            renamed=_RENAMED,
            dropped=_DROPPED,
        )
    },
    "Image": {
        "create": Endpoint(
            "images.generate",
            _IMAGES,
            frozenset({"prompt", "n", "size", "user", "model", "quality", "style", "response_format"}),
            required=(frozenset({"prompt"}),),
            choices={"response_format": {"url": None, "b64_json": _images({"b64_json": _PLAIN})}},
        )
    },
    "Moderation": {
        "create": Endpoint(
            "moderations.create",
            _MODERATION,
            frozenset({"input", "model"}),
            positional=("input", "model"),
            required=(frozenset({"input"}),),
            choices={"model": _KNOWN_MODERATIONS},
        )
    },
    "Audio": {
        "transcribe": _audio("audio.transcriptions.create", "language"),
        "translate": _audio("audio.translations.create"),
    },
    "Model": {"list": Endpoint("models.list", _MODELS, frozenset())},
}
"""The translated methods; an `a` before the name makes them asynchronous. Uses of other response fields are refused."""

OTHER_RESOURCES: Final = frozenset({"Customer", "Deployment", "Edit", "Engine", "File", "FineTune", "FineTuningJob"})

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
    "APIError": "in the client API, APIError is the base class of all request errors",
    "ServiceUnavailableError": "the client API raises InternalServerError for every status from 500",
    "TryAgain": "the client API raises ConflictError where openai<1.0 repeats the request itself",
    "InvalidAPIType": "the client API has no such error",
    "SignatureVerificationError": "the client API has no such error",
}

WITH_STATUS: Final = frozenset({"RateLimitError", "AuthenticationError", "PermissionError", "InvalidRequestError"})
"""Errors with an HTTP status: `http_status` becomes `status_code`."""
