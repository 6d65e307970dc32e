"""Run operations on the conversation store, under the credential that the records belong to."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Generator, Mapping
from typing import Any

import anyio

from ..endpoints.base import StoreOperation
from ..endpoints.context import RequestRejected
from ..report import log
from . import credentials, responses
from .context import CallState, ClientContext, unsent_options


def run_store_operation(context: ClientContext, call: CallState, operation: StoreOperation) -> Any:
    """Run an operation on the store; None if it fails and is optional, or `state_on_error` is `ignore`.

    Raises:
        RequestRejected: the store fails, or the record is too large for it.
    """
    from .. import state

    settings = context.settings
    space = state.namespace(
        settings.state_namespace, call.credential or str(context.client.api_key), str(context.client._base_url)
    )
    wait = settings.state_timeout if call.timeout is None else min(settings.state_timeout, call.timeout)
    limits = state.Limits(settings.state_ttl, settings.state_max_bytes, settings.state_max_record_bytes, wait)
    try:
        return state.execute(state.open_store(settings.state), space, operation, limits)
    except state.StateError as error:
        place = settings.state.partition("://")[0]
        if settings.state_on_error == "ignore":
            log.warning("the conversation store (%s) failed; continuing without it: %s", place, error)
            return None
        if operation.optional:
            log.warning(
                "the response is returned but not stored, so later calls cannot refer to it: %s (store=False stores "
                "nothing, store=True raises instead)",
                error,
            )
            return None
        if isinstance(error, state.RecordTooLarge):
            raise RequestRejected(
                f"The response was not stored: {error}. Pass store=False, raise STEPFUN_STATE_MAX_RECORD_BYTES or "
                "STEPFUN_STATE_MAX_BYTES, or set STEPFUN_STATE_ON_ERROR=ignore.",
                code="state_record_too_large",
                param="store",
            ) from error
        raise RequestRejected(
            f"The conversation store ({place}) failed: {error}. Check STEPFUN_STATE, or set "
            "STEPFUN_STATE_ON_ERROR=ignore to continue without it.",
            status=503,
            code="state_unavailable",
            type="server_error",
        ) from error


async def run_store_operation_async(context: ClientContext, call: CallState, operation: StoreOperation) -> Any:
    """Run an operation for the async client; one that waits for a disk or a network runs in a thread, which a cancelled
    call does not wait for."""
    from ..state import in_this_process

    if in_this_process(context.settings.state):
        return run_store_operation(context, call, operation)
    return await anyio.to_thread.run_sync(run_store_operation, context, call, operation, **_abandoned_if_cancelled())


@contextlib.contextmanager
def store_errors(context: ClientContext, call: CallState, response: Any) -> Generator[None, None, None]:
    """Turn a failure to store a response into the error of its call."""
    try:
        yield
    except RequestRejected as refusal:
        raise responses.with_partial(call, responses.rejection(context, refusal, response.request)) from None


def needs_credential(context: ClientContext, call: CallState) -> bool:
    """Return whether a store operation must first determine the credential that its request sends."""
    return call.credential is None and context.settings.state_namespace is None


def note_credential(context: ClientContext, call: CallState, options: Any) -> None:
    """Note the credential that a request with these prepared options sends: stored records belong to it."""
    request: Any = context.client._build_request(unsent_options(call, options))
    credentials.sanitize_request(context, request)
    call.credential = credentials.credential_of(request) or str(context.client.api_key)
    call.pinned = request.headers.get("authorization") if context.key_provider is not None else None


@functools.cache
def _abandoned_if_cancelled() -> Mapping[str, Any]:
    """Return the argument that makes anyio abandon a thread whose caller is cancelled; anyio 4.1 renamed it."""
    known = inspect.signature(anyio.to_thread.run_sync).parameters
    return {"abandon_on_cancel" if "abandon_on_cancel" in known else "cancellable": True}
