"""Build requests to StepFun from earlier ones.

The SDK and the HTTP library build headers, URL and query of each request anew. A request of this server that differs from an
earlier one of the same client in nothing but its JSON body is a copy of that one with another body.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, cast

import openai

_MOST: Final = 64
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
"""How the SDK encodes a body; the first request of each kind proves it."""


@dataclass(frozen=True)
class _Template:
    """A request as the SDK built it. `of` is its class, `stream_of` that of its body; `security` says which of the client's
    keys it carries."""

    of: Any
    stream_of: Any
    method: str
    url: Any
    headers: Any
    encoding: str
    timeout: dict[str, Any]
    security: Any


class RequestTemplates:
    """The requests that one client has sent. The client's attributes must not change, except for its key."""

    def __init__(self) -> None:
        self._known: dict[Hashable, _Template] = {}

    def build(self, build: Callable[..., Any], client: Any, options: Any, **kwargs: Any) -> Any:
        """Return a request for the SDK's options; `build` is the SDK's own `_build_request`."""
        kind = _kind(client, options, kwargs)
        if kind is None:
            return build(options, **kwargs)
        try:
            body = _encode(options.json_data).encode()
        except (TypeError, ValueError, RecursionError):  # the SDK raises what it raises
            return build(options, **kwargs)
        known = self._known.get(kind)
        if known is not None and known.security == getattr(options, "security", None):
            return _filled(known, body)
        request: Any = build(options, **kwargs)
        template = _template(request, body, options)
        if template is not None:
            if len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[kind] = template
        return request


def _kind(client: Any, options: Any, kwargs: dict[str, Any]) -> Hashable | None:
    """What a request with a JSON body shares with those that have the same head; None for any other request."""
    headers: Any = options.headers
    if (
        not isinstance(options.json_data, dict)
        or not isinstance(headers, dict)
        or options.extra_json is not None
        or getattr(options, "content", None) is not None
        or options.files
        or options.params
        or kwargs.get("retries_taken")
        or not isinstance(options.timeout, openai.NotGiven)
        or client._client.cookies
    ):
        return None
    return (options.method, options.url, client.api_key, *cast("dict[str, Any]", headers).items())


def _template(request: Any, body: bytes, options: Any) -> _Template | None:
    """The template of a request, None for one whose body is not encoded as here, or not all there is to it."""
    headers = request.headers
    if (
        request.content != body
        or headers.get("content-length") != str(len(body))
        or "idempotency-key" in headers
        or set(request.extensions) != {"timeout"}
    ):
        return None
    return _Template(
        of=type(request),
        stream_of=type(request.stream),
        method=request.method,
        url=request.url,
        headers=headers.copy(),
        encoding=headers.encoding,
        timeout=dict(request.extensions["timeout"]),
        security=getattr(options, "security", None),
    )


def _filled(template: _Template, body: bytes) -> Any:
    """The template's request with another body."""
    request = template.of(
        template.method,
        template.url,
        headers=template.headers,
        stream=template.stream_of(body),
        extensions={"timeout": dict(template.timeout)},
    )
    request.headers.encoding = template.encoding
    request.headers["Content-Length"] = str(len(body))  # in the library's case
    request.read()
    return request
