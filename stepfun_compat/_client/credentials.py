"""Which credentials a client's requests and connections carry; the decisions are the guard's."""

from __future__ import annotations

from typing import Any

from ..credentials.keys import looks_like_openai_key
from . import EXTENSION
from .context import CallState, ClientContext, given


def safe_auth_headers(context: ClientContext, headers: dict[str, str]) -> dict[str, str]:
    """openai's `auth_headers`, less a key of OpenAI's."""
    value = headers.get("Authorization")
    return headers if value is None else {**headers, "Authorization": context.guard.safe_authorization(value)}


def safe_default_headers(context: ClientContext, headers: dict[str, Any]) -> dict[str, Any]:
    """openai's `default_headers`, less what means something at OpenAI only (stepfun-api 1), and less a key of OpenAI's."""
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
    """Options in which newer SDKs have put what a callable key gave; WebSocket connections send them as they are."""
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
    """The last look before a request leaves: which key to which host, whatever set them."""
    context.guard.sanitize_request(
        request, (context.settings.api_key, context.client.api_key if context.target.ours else None)
    )
    call: CallState | None = request.extensions.get(EXTENSION)
    if call is not None and call.credential is None:
        call.credential = credential_of(request)


def look_at_hop(context: ClientContext, request: Any, came_from: Any = None) -> None:
    """The last look at a request that is sent after the SDK's hooks: signed by the HTTP client, or redirected."""
    if came_from is None:
        sanitize_request(context, request)
        return
    ours = (context.settings.api_key, context.client.api_key if context.target.ours else None)
    theirs = () if context.target.ours else (context.client.api_key,)
    context.guard.sanitize_redirect(request, came_from, ours, theirs)


def credential_of(request: Any) -> str | None:
    """The key a request sends, without its scheme; None for a request without one."""
    headers: dict[bytes, bytes] = {name.lower(): value for name, value in request.headers.raw}
    value = (headers.get(b"authorization") or headers.get(b"api-key") or b"").decode("latin-1")
    scheme, _, key = value.partition(" ")
    return (key.strip() if scheme.lower() == "bearer" else value) or None
