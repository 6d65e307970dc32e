"""Apply a client's credential guard to its headers, requests and redirects."""

from __future__ import annotations

from typing import Any

from ..credentials.keys import looks_like_openai_key
from . import EXTENSION
from .context import CallState, ClientContext, given


def safe_auth_headers(context: ClientContext, headers: dict[str, str]) -> dict[str, str]:
    """Return openai's `auth_headers` without an OpenAI key."""
    value = headers.get("Authorization")
    return headers if value is None else {**headers, "Authorization": context.guard.safe_authorization(value)}


def safe_default_headers(context: ClientContext, headers: dict[str, Any]) -> dict[str, Any]:
    """Return openai's `default_headers` without OpenAI keys and headers that only apply to OpenAI (stepfun-api 1)."""
    safe: dict[str, Any] = {}
    foreign = context.guard.headers_to_strip(str(context.client._base_url))
    together = "\n".join([value for value in headers.values() if isinstance(value, str)])
    holds_key = looks_like_openai_key(together)
    for name, value in headers.items():
        if name.lower() in foreign:
            continue
        if holds_key and isinstance(value, str) and looks_like_openai_key(value):
            if name.lower() != "authorization":
                continue
            value = context.guard.safe_authorization(value, (context.client.api_key,))
        safe[name] = value
    return safe


def signed_options(context: ClientContext, options: Any) -> Any:
    """Return options with a safe Authorization header: newer SDKs put the result of a callable key there, and WebSocket
    connections send it unchanged."""
    headers: Any = given(options.headers)
    if not headers or not context.targets_stepfun():
        return options
    safe = {
        name: context.guard.safe_authorization(value)
        if name.lower() == "authorization" and isinstance(value, str)
        else value
        for name, value in headers.items()
    }
    if safe != headers:
        options = options.model_copy()
        options.headers = safe
    return options


def sanitize_request(context: ClientContext, request: Any) -> None:
    """Remove keys that the request's host must not receive. The last step before the request is sent."""
    context.guard.sanitize_request(
        request, (context.settings.api_key, context.client.api_key if context.target.ours else None)
    )
    call: CallState | None = request.extensions.get(EXTENSION)
    if call is not None and call.credential is None:
        call.credential = credential_of(request)


def look_at_hop(context: ClientContext, request: Any, came_from: Any = None) -> None:
    """Sanitize a request sent after the SDK's hooks: signed by the HTTP client, or a redirect of `came_from`."""
    if came_from is None:
        sanitize_request(context, request)
        return
    ours = (context.settings.api_key, context.client.api_key if context.target.ours else None)
    theirs = () if context.target.ours else (context.client.api_key,)
    context.guard.sanitize_redirect(request, came_from, ours, theirs)


def credential_of(request: Any) -> str | None:
    """Return the key that a request sends, without its scheme; None if it sends none."""
    headers: dict[bytes, bytes] = {name.lower(): value for name, value in request.headers.raw}
    value = (headers.get(b"authorization") or headers.get(b"api-key") or b"").decode("latin-1")
    scheme, _, key = value.partition(" ")
    return (key.strip() if scheme.lower() == "bearer" else value) or None
