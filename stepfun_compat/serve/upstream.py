"""Call the client: a request of OpenAI's API in, the client's response as bytes out.

The client returns raw responses with bodies already in OpenAI's shape; nothing is translated here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

import anyio
import openai
from openai._models import FinalRequestOptions

from .._client import BODY
from .._client.streaming import transport_error
from ..endpoints.json_values import json_bytes
from ..http_objects import bytes_later
from .inbound import Inbound
from .rejections import openai_error

RAW: Final = "X-Stainless-Raw-Response"
_RELAYED: Final = (
    "content-type",
    "content-disposition",
    "retry-after",
    "retry-after-ms",
    "x-request-id",
    "openai-processing-ms",
)
_RELAYED_PREFIX: Final = "x-ratelimit-"
_TEXT_FORMATS: Final = ("text", "srt", "vtt")

Form = Literal["json", "text", "bytes", "stream"]


@dataclass
class Answer:
    """A response: whole (`content`) or in pieces (`pieces`). `close` releases the connection to StepFun."""

    status: int
    headers: dict[str, str]
    content: bytes | None = None
    pieces: AsyncIterator[bytes] | None = None
    response: Any = None
    close: Callable[[], Any] | None = None

    async def aclose(self) -> None:
        """Release the connection to StepFun, even when cancelled."""
        if self.close is not None:
            with anyio.move_on_after(1.0, shield=True), suppress(Exception):
                await self.close()


@dataclass(frozen=True)
class Outgoing:
    """One request for the client. `body` is JSON, or the fields of a form with `files`."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=lambda: {})
    body: dict[str, Any] | None = None
    files: list[tuple[str, Any]] | None = None

    @property
    def form(self) -> Form:
        """How the response is read, as the SDK's own methods read it."""
        body = self.body or {}
        if self.path == "/audio/speech" or (self.path.startswith("/files/") and self.path.endswith("/content")):
            return "bytes"
        if body.get("stream") is True or (self.method == "GET" and self.query.get("stream") == "true"):
            return "stream"
        if (
            self.path in ("/audio/transcriptions", "/audio/translations")
            and body.get("response_format") in _TEXT_FORMATS
        ):
            return "text"
        return "json"


def outgoing(inbound: Inbound, body: dict[str, Any] | None, files: list[tuple[str, Any]] | None = None) -> Outgoing:
    """Return the client's request for a caller's, without its headers and without keys in its query."""
    query: dict[str, Any] = {}
    for name, value in inbound.query:
        if name.lower() in ("api-version", "api_key", "api-key", "key", "token", "access_token"):
            continue
        known = query.get(name)
        query[name] = (
            value if known is None else [*(cast("list[str]", known) if isinstance(known, list) else [known]), value]
        )
    method = "GET" if inbound.method == "HEAD" else inbound.method  # the response to HEAD sends only the head
    return Outgoing(method, inbound.path, query, body, files)


async def send(client: openai.AsyncOpenAI, request: Outgoing) -> Answer:
    """Send a request through the client.

    Raises:
        openai.OpenAIError: as the client raises it for a Python program.
    """
    form = request.form
    headers = {RAW: "true" if form in ("json", "text") else "stream"}
    if request.files is not None:
        headers["Content-Type"] = "multipart/form-data"
    if form == "bytes":
        headers["Accept"] = "application/octet-stream"
    options: dict[str, Any] = {**_DEFAULTS, "headers": headers}
    if request.query:
        options["params"] = dict(request.query)
    arguments: dict[str, Any] = {"cast_to": _CASTS[form], "options": options}
    if request.method in ("POST", "PUT", "PATCH"):
        arguments.update(body=request.body, files=request.files)
    elif request.method == "DELETE" and request.body is not None:
        arguments["body"] = request.body
    if form == "stream":
        arguments.update(stream=True, stream_cls=openai.AsyncStream[object])
    raw: Any = await getattr(client, request.method.lower())(request.path, **arguments)
    response: Any = raw.http_response
    if BODY in response.extensions:
        shown = {**_headers(response), "content-type": "application/json"}
        return Answer(response.status_code, shown, content=json_bytes(response.extensions[BODY]))
    if form in ("json", "text"):
        raw.parse()  # raises for an unusable body, as it does for a Python program
        return Answer(response.status_code, _headers(response), content=response.content)
    return Answer(
        response.status_code,
        _headers(response),
        pieces=bytes_later(response),
        response=response,
        close=response.aclose,
    )


_DEFAULTS: Final[Mapping[str, Any]] = {
    name: field.default
    for name, field in FinalRequestOptions.model_fields.items()
    if not field.is_required()
    and field.default_factory is None
    and name not in ("content", "extra_json", "files", "headers", "json_data", "params")
}
"""The defaults of the SDK's options: it makes a deep copy of each that is not passed, for every request."""
_CASTS: Final[Mapping[Form, Any]] = {
    "json": object,
    "text": str,
    "bytes": openai.HttpxBinaryResponseContent,
    "stream": object,
}


def _headers(response: Any) -> dict[str, str]:
    return {
        name: value for name, value in response.headers.items() if name in _RELAYED or name.startswith(_RELAYED_PREFIX)
    }


@dataclass(frozen=True)
class Failure:
    """An exception of the client as a response. `body` is OpenAI's error body, `raw` the bytes the client received."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=lambda: {})
    raw: bytes | None = None

    @property
    def message(self) -> str:
        """The error's text."""
        return str(self.body["error"].get("message") or "")

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        return json_bytes(self.body) if self.raw is None else self.raw


def failure(error: Exception, secrets: tuple[str, ...] = ()) -> Failure:
    """Return the response for an exception. `secrets` are removed from its text."""
    made = _failure(error)
    text = json.dumps(made.body, ensure_ascii=False)
    raw = (made.raw or b"").decode("utf-8", "replace")
    if any(secret in text or secret in raw for secret in secrets):
        for secret in secrets:
            text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "[redacted]")
        made = Failure(made.status, json.loads(text), made.headers)
    return made


def stream_failure(error: Exception, answer: Answer, secrets: tuple[str, ...]) -> Failure:
    """Return the error for an exception in the middle of a stream, which may come from the HTTP library."""
    known = error if isinstance(error, openai.OpenAIError) else transport_error(error, answer.response) or error
    return failure(known, secrets)


def _failure(error: Exception) -> Failure:
    if isinstance(error, openai.APIStatusError):
        return _status_failure(error)
    if isinstance(error, openai.APITimeoutError):
        return Failure(504, openai_error(504, "The model's provider did not respond in time.", "upstream_timeout"))
    if isinstance(error, openai.APIConnectionError):
        return Failure(502, openai_error(502, "The connection to the model's provider failed.", "upstream_unreachable"))
    if isinstance(error, openai.APIResponseValidationError):
        return Failure(502, openai_error(502, f"StepFun's response is not usable: {error.message}", "upstream_invalid"))
    if isinstance(error, openai.APIError):
        return Failure(500, _error_body(500, error))
    if isinstance(error, openai.OpenAIError):
        return Failure(500, openai_error(500, str(error)))
    return Failure(500, openai_error(500, "The server had an error while processing your request.", "internal_error"))


def _status_failure(error: openai.APIStatusError) -> Failure:
    """Return an error response: its own bytes if they have OpenAI's format, else a body made from the exception."""
    response: Any = error.response
    headers = {k: v for k, v in _headers(response).items() if k != "content-type"}
    body: Any = None
    with suppress(Exception):
        body = response.json()
        if isinstance(body["error"], dict):
            return Failure(error.status_code, body, headers, response.content)
    return Failure(error.status_code, _error_body(error.status_code, error), headers)


def _error_body(status: int, error: openai.APIError) -> dict[str, Any]:
    """Return an error body with the attributes of an exception and the fields of its own body."""
    made = openai_error(status, error.message, error.code, error.param)
    details: Any = error.body
    if isinstance(details, Mapping):
        made["error"].update(cast("Mapping[str, Any]", details))
    return made
