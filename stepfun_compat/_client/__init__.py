"""What the clients' hooks call. Nothing here imports `client.py`, and nothing here is public.

This module says where the state of a client and of a call is attached to the SDK's objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .context import CallState, ClientContext

CALL: Final = "stepfun_call"
"""The key in the SDK's options under which the state of a call travels."""
EXTENSION: Final = "stepfun_compat"
"""The same in an HTTP request's extensions."""
DATA: Final = "stepfun_compat.data"
"""The key in a response's extensions under which its translated body travels to where the SDK builds the object."""

BODY: Final = "stepfun_compat.body"
"""The same for a raw response whose reader encodes the body itself (`ClientFamily.encodes_bodies`)."""


def context_of(client: Any) -> ClientContext:
    """The context of one of our clients."""
    return client._stepfun


def context_if_any(client: Any) -> ClientContext | None:
    """The same, None while openai's constructor has not been reached, or where a test has replaced it."""
    attributes: dict[str, Any] = client.__dict__
    return attributes.get("_stepfun")


def call_of(response: Any) -> CallState | None:
    """The call behind a response; None for one that is not ours, or was made without a request."""
    request = getattr(response, "_request", None)
    return None if request is None else request.extensions.get(EXTENSION)
