"""The implementation of the clients' hooks. Nothing here imports `client.py`, and nothing here is public.

This module defines the keys under which the state of a client and of a call is attached to the SDK's objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .context import CallState, ClientContext

CALL: Final = "stepfun_call"
"""The key of a call's state in the SDK's options."""
EXTENSION: Final = "stepfun_compat"
"""The key of a call's state in the extensions of an HTTP request."""
DATA: Final = "stepfun_compat.data"
"""The key of a translated body in the extensions of a response, from which the SDK builds the object."""

BODY: Final = "stepfun_compat.body"
"""Like `DATA`, for a raw response whose reader encodes the body itself (`ClientFamily.encodes_bodies`)."""


def context_of(client: Any) -> ClientContext:
    """Return the context of a client of this package."""
    return client._stepfun


def context_if_any(client: Any) -> ClientContext | None:
    """Return the context of a client; None before its constructor has set one, or where a test has replaced that."""
    attributes: dict[str, Any] = client.__dict__
    return attributes.get("_stepfun")


def call_of(response: Any) -> CallState | None:
    """Return the call behind a response; None if this package did not send it, or it has no request."""
    request = getattr(response, "_request", None)
    return None if request is None else request.extensions.get(EXTENSION)
