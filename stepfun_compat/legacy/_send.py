"""Send one request through the client and return the raw response."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

import openai

from . import _failures as failures
from . import error, util
from ._headers import Headers
from ._pairs import Flow, awaited, method, relayed, same, step

MAX_CONNECTION_RETRIES: Final = 2
_RAW: Final = {"X-Stainless-Raw-Response": "true"}
_FORM: Final = {"Content-Type": "multipart/form-data"}


@dataclass(frozen=True)
class Call:
    """A request as plain data. `path` is relative to the base URL; `body` is JSON, or the form fields with `files`."""

    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: Any
    files: Any
    timeout: Any
    stream: bool

    @property
    def cast_to(self) -> Any:
        """The type to which the client parses the response, because not every response is JSON."""
        if self.path.endswith("/content") or self.path == "/audio/speech":
            return bytes
        return str if self.path.startswith("/audio/") else object

    def arguments(self, asynchronous: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of the client's `get`, `post`, … for this call."""
        headers = {**self.headers, **_RAW, **(_FORM if self.files else {})}
        options: dict[str, Any] = {"headers": headers, "timeout": self.timeout}
        if self.query:
            options["params"] = dict(self.query)
        kwargs: dict[str, Any] = {"cast_to": self.cast_to, "options": options}
        if self.stream:
            kwargs |= {"stream": True, "stream_cls": (openai.AsyncStream if asynchronous else openai.Stream)[object]}
        if self.method != "get" and self.body is not None:
            kwargs["body"] = self.body
        if self.files:
            kwargs["files"] = self.files
        return (self.path,), kwargs


@dataclass
class Answer:
    """A response with a complete body or `chunks`, and the common attributes of an HTTP library's response."""

    status_code: int
    headers: Headers
    content: bytes = b""
    chunks: Any = None
    problem: openai.APIStatusError | None = None
    body: Any = field(default=None, repr=False)
    message: Any = None

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    @property
    def status(self) -> int:
        """The `status_code`, as in aiohttp."""
        return self.status_code

    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.content)

    async def read(self) -> bytes:
        """Return the body, as in aiohttp."""
        return self.content

    def iter_lines(self) -> Iterator[bytes]:
        """Yield the lines of the body; for a stream, one event per chunk."""
        if self.chunks is None:
            yield from self.content.splitlines()
            return
        for chunk in self.chunks:
            yield b"data: " + json.dumps(chunk).encode()
        yield b"data: [DONE]"

    def close(self) -> None:
        """Close a stream before its end."""
        if self.chunks is not None and hasattr(self.chunks, "close"):
            self.chunks.close()

    release = close


def form(params: Any, files: Any) -> tuple[Any, Any]:
    """Return (fields, files) of a multipart request. Files without a name become fields; open files are read."""
    if not files:
        return params, None
    fields: dict[str, Any] = {k: v for k, v in cast("dict[str, Any]", params or {}).items() if v is not None}
    sent: list[tuple[str, Any]] = []
    pairs: Any = cast("Mapping[str, Any]", files).items() if isinstance(files, Mapping) else files
    for name, value in cast("Sequence[tuple[str, Any]]", pairs):
        if not isinstance(value, tuple):
            filename = getattr(value, "name", None)
            sent.append((name, (filename if isinstance(filename, str) else name, _content(value))))
            continue
        entry = cast("tuple[Any, ...]", value)
        if entry[0] is None:
            if entry[1] is not None:
                fields[name] = entry[1]
        else:
            sent.append((name, (entry[0], _content(entry[1]), *entry[2:])))
    return fields, sent


def _content(file: Any) -> bytes:
    """Return the rest of an open file, or any other value as bytes."""
    if isinstance(file, io.TextIOBase):
        return file.read().encode(getattr(file, "encoding", None) or "utf-8")
    data: Any = file.read() if hasattr(file, "read") else file
    return data.encode() if isinstance(data, str) else bytes(data)


def _received(raw: Any, call: Call, ours: bool) -> tuple[Answer, bool]:
    """Return (the response, whether its body is a stream)."""
    response: Any = raw.http_response
    headers = Headers.of(response.headers)
    util.log_info(
        "response from the API",
        path=call.path,
        response_code=response.status_code,
        processing_ms=headers.get("OpenAI-Processing-Ms"),
        request_id=headers.get("X-Request-Id"),
    )
    answer = Answer(response.status_code, headers)
    kind = headers.get("content-type", "")
    return answer, call.stream and ("text/event-stream" in kind or (ours and "json" not in kind))


def _refused(problem: openai.APIStatusError) -> Answer:
    body, message = failures.status_body(problem)
    response: Any = problem.response
    headers = Headers.of(response.headers)
    return Answer(problem.status_code, headers, response.content, problem=problem, body=body, message=message)


def _reader(response: Any) -> Callable[[Any], Any]:
    return lambda data: _chunk(data, response)


def _chunk(data: Any, response: Any) -> Any:
    """Return a chunk as sent by the server: older SDKs wrap chunks of named events."""
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    if set(fields) != {"data", "event"}:
        return cast("Any", data)
    inner: Any = fields["data"]
    if isinstance(inner, dict) and cast("dict[str, Any]", inner).get("error"):
        text, headers = json.dumps(inner, ensure_ascii=False), Headers.of(response.headers)
        raise failures.from_answer(text, response.status_code, inner, headers, stream_error=True)
    return cast("Any", inner)


def _raise(problem: Exception, response: Any = None) -> None:
    mapped = failures.from_sdk(problem, response)
    if mapped is None:
        return
    mapped.partial = getattr(problem, "partial", None)
    raise mapped from problem


# ---------------------------------------------------------------- sending


@method
def send(client: Any, call: Call) -> Flow[Answer]:
    """Send a call. An error status is returned as a response; without a response, an error is raised.

    Raises:
        OpenAIError: Timeout, APIConnectionError, or APIError for a body that cannot be read.
    """
    args, kwargs = call.arguments(isinstance(client, openai.AsyncOpenAI))
    for left in range(MAX_CONNECTION_RETRIES, -1, -1):
        try:
            raw = yield same(client, call.method, *args, **kwargs)
            answer, streamed = _received(raw, call, client.stepfun.active)
            if streamed:
                response = raw.http_response
                answer.chunks = yield relayed(
                    raw.parse(), _reader(response), response, partial(_raise, response=response)
                )
            else:
                answer.content = yield step(raw.http_response, "read")
            return answer
        except openai.APIStatusError as problem:
            return _refused(problem)
        except Exception as problem:
            if left and failures.never_connected(problem):
                continue
            _raise(problem)
            raise
    raise AssertionError("unreachable")


asend = awaited(send)


# ---------------------------------------------------------------- interpreting responses


def interpret(answer: Answer) -> Any:
    """Return the parsed body of a response; a string for plain text, None for an empty body.

    Raises:
        OpenAIError: an error status, or the body cannot be parsed.
    """
    rbody, rcode, headers = answer.text, answer.status_code, answer.headers
    if rcode == 204:
        return None
    try:
        if rcode == 503:
            raise error.ServiceUnavailableError(
                "The server is overloaded or not ready yet.", rbody, rcode, headers=headers
            )
        data: Any = answer.body
        if data is None and "text/plain" in headers.get("Content-Type", ""):
            data = rbody
        elif data is None:
            try:
                data = json.loads(rbody)
            except ValueError:
                raise failures.unreadable(rbody, rcode, headers) from None
        if not 200 <= rcode < 300:
            raise failures.from_answer(rbody, rcode, data, headers, message=answer.message)
    except error.OpenAIError as found:
        if answer.problem is not None:
            found.partial = getattr(answer.problem, "partial", None)
            raise found from answer.problem
        raise
    return data
