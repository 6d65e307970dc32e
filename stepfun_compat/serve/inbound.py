"""Read a request: its path in segments, its headers, and its body within limits."""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast
from urllib.parse import parse_qsl, quote, unquote_to_bytes

import anyio

from .rejections import Rejected

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_SINGLE: Final = (b"host", b"authorization", b"x-api-key", b"api-key", b"content-type", b"content-length", b"origin")
_ANTHROPIC_HEADER: Final = "anthropic-version"
_PLAIN_PATH: Final = re.compile(rb"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*")
_BAD_SEGMENT: Final = re.compile(r"[\x00-\x1f\x7f\\]")


class Disconnected(Exception):
    """The caller hung up before the request was complete."""


def new_id() -> str:
    """Make an id for a request."""
    return f"req_{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Inbound:
    """`segments` is the path below the mount point and without a leading `v1`, decoded; `headers` has lower-case names."""

    method: str
    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    client: str
    id: str = field(default_factory=new_id)
    prefix: str = ""
    """The part of the caller's path before `segments`."""

    @property
    def path(self) -> str:
        """The path for the client: every segment quoted."""
        return "/" + "/".join([_quoted(segment) for segment in self.segments])

    @property
    def sent_path(self) -> str:
        """The path as the caller sent it, for an error."""
        return self.prefix + self.path

    @property
    def shown(self) -> str:
        """The path for a log line: resource names without ids."""
        return "/" + "/".join(segment if _is_word(segment) else "*" for segment in self.segments[:6])

    @property
    def is_anthropic(self) -> bool:
        """Whether the request and its response use Anthropic's API."""
        return self.segments[:1] == ("messages",) or _ANTHROPIC_HEADER in self.headers


_WORDS: Final = frozenset(
    [
        "audio",
        "batches",
        "cancel",
        "chat",
        "complete",
        "completions",
        "content",
        "conversations",
        "count_tokens",
        "edits",
        "embeddings",
        "file_batches",
        "files",
        "generations",
        "healthz",
        "images",
        "input_items",
        "input_tokens",
        "items",
        "messages",
        "metrics",
        "models",
        "moderations",
        "parts",
        "readyz",
        "responses",
        "search",
        "speech",
        "transcriptions",
        "translations",
        "uploads",
        "variations",
        "vector_stores",
        "voices",
    ]
)


def _is_word(segment: str) -> bool:
    return segment in _WORDS


def _quoted(segment: str) -> str:
    return segment if segment.isascii() and segment.isalnum() else quote(segment, safe="")


def read_head(scope: Scope, max_header_bytes: int, max_headers: int) -> Inbound:
    """Read a request's first line and headers.

    Raises:
        Rejected: they are too large or ambiguous, or the path is invalid.
    """
    raw: list[tuple[bytes, bytes]] = scope["headers"]
    if len(raw) > max_headers or sum([len(name) + len(value) for name, value in raw]) > max_header_bytes:
        raise Rejected(431, "The request's headers are too large.")
    names = [name.lower() for name, _ in raw]
    if len(set(names)) < len(names) and any(names.count(name) > 1 for name in _SINGLE):
        raise Rejected(400, "A header that may occur only once occurs twice.")
    if b"transfer-encoding" in names and b"content-length" in names:
        raise Rejected(400, "A request cannot have both Content-Length and Transfer-Encoding.")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, (_, value) in zip(names, raw, strict=True)}
    query_string: bytes = scope.get("query_string", b"")
    query = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True) if query_string else ()
    client = scope.get("client") or ("", 0)
    segments = _segments(scope)
    versions = _leading_versions(segments)
    return Inbound(
        method=str(scope["method"]).upper(),
        segments=segments[versions:],
        query=tuple(query),
        headers=headers,
        client=str(client[0]),
        prefix="/v1" * versions,
    )


def _leading_versions(segments: tuple[str, ...]) -> int:
    """Count the leading `v1` segments of a path, at most two: OpenAI's SDKs leave `v1` to the base URL, and Anthropic's
    add it to a base URL that may already have it.
    """
    if segments[:1] != ("v1",):
        return 0
    return 2 if segments[1:2] == ("v1",) else 1


def names_anthropic(scope: Scope) -> bool:
    """Whether a request with an unreadable head uses Anthropic's API."""
    path = _path_below_root(scope).removeprefix(b"/v1")
    return path.startswith(b"/messages") or any(
        name.lower() == _ANTHROPIC_HEADER.encode() for name, _ in cast("list[tuple[bytes, bytes]]", scope["headers"])
    )


def _segments(scope: Scope) -> tuple[str, ...]:
    """Split the path into segments before decoding it, so that `%2F` or `%2e%2e` cannot change the path.

    Raises:
        Rejected: a segment is not UTF-8, or empty, relative or unprintable.
    """
    path = _path_below_root(scope).removeprefix(b"/").removesuffix(b"/")
    if _PLAIN_PATH.fullmatch(path):
        return tuple(path.decode().split("/"))
    parts = path.split(b"/") if path else []
    try:
        segments = tuple(unquote_to_bytes(part).decode() for part in parts)
    except UnicodeDecodeError:
        raise Rejected(400, "The path is not valid UTF-8.") from None
    if any(segment in ("", ".", "..") or _BAD_SEGMENT.search(segment) for segment in segments):
        raise Rejected(400, "The path is not valid: it has an empty, relative or unprintable segment.")
    return segments


def _path_below_root(scope: Scope) -> bytes:
    """The encoded path below the app's mount point."""
    raw = scope.get("raw_path")
    path = cast("bytes", raw) if raw else quote(str(scope["path"])).encode()
    path = path.partition(b"?")[0]
    root_path = str(scope.get("root_path", ""))
    if not root_path:
        return path
    root = quote(root_path.rstrip("/")).encode()
    return path[len(root) :] if root and (path == root or path.startswith(root + b"/")) else path


def check_encoding(inbound: Inbound) -> None:
    """Refuse a compressed body.

    Raises:
        Rejected: the request has a `Content-Encoding`.
    """
    encoding = inbound.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Rejected(
            415,
            "Compressed request bodies are not supported. Send the body without Content-Encoding.",
            headers={"accept-encoding": "identity"},
        )


async def read_body(receive: Receive, limit: int, timeout: float, declared: str | None) -> bytes:
    """Read the whole body.

    Raises:
        Rejected: it is larger than `limit`, or takes longer than `timeout` to arrive.
        Disconnected: the caller hung up.
    """
    if declared is not None and declared.isdecimal() and int(declared) > limit:
        raise too_large(limit)
    parts: list[bytes] = []
    size = 0
    with anyio.move_on_after(timeout):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise too_large(limit)
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)
    raise Rejected(408, f"The request's body did not arrive within {timeout:g} seconds.", close=True)


def too_large(limit: int) -> Rejected:
    """The error for a body above the limit."""
    return Rejected(
        413, f"The request's body is larger than the {limit:,} bytes this server accepts (--max-body).", close=True
    )


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("the number is too large for JSON")
    return number


_HALF_PAIR: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(body: bytes) -> dict[str, Any] | None:
    """Return the body's JSON object, None for an empty body.

    Raises:
        Rejected: it is not a JSON object.
    """
    if not body.strip():
        return None
    try:
        data: Any = json.loads(body.decode(), parse_constant=_constant, parse_float=_finite)
        if _HALF_PAIR.search(body):
            json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # UnicodeError is a ValueError
        raise Rejected(
            400,
            "We could not parse the JSON body of your request. It must be one JSON object in UTF-8.",
        ) from None
    if not isinstance(data, dict):
        raise Rejected(400, "The body of a request must be one JSON object.")
    return cast("dict[str, Any]", data)
