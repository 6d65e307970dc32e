"""Run operations on batches and their files, under the credential they belong to (see `stepfun_compat.batches`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import anyio

from ..endpoints.base import BatchOperation
from ..endpoints.context import RequestRejected
from ..http_objects import has_own_http_client
from .context import CallState, ClientContext

if TYPE_CHECKING:
    from ..batches.background import MakeSender
    from ..batches.records import BatchError
    from ..batches.service import BatchService
    from ..endpoints.forms import Part

_CHUNK = 1 << 20  # bytes per read of an upload
_IN_MEMORY = 1 << 20  # files up to this many bytes are read into memory


def run_batch_operation(
    context: ClientContext,
    call: CallState,
    operation: BatchOperation,
    loop: asyncio.AbstractEventLoop | None = None,
) -> Any:
    """Run an operation, and start the work on open batches. `loop` is the event loop of an async client.

    Returns OpenAI's object, a list of objects, bytes, or the path of a file too large for memory.

    Raises:
        RequestRejected: the operation fails.
    """
    from .. import state
    from ..batches import workspace
    from ..batches.records import BatchError
    from ..batches.service import BatchService

    settings, client = context.settings, context.client
    base_url = str(client._base_url)
    key = call.credential or str(client.api_key)
    space = state.namespace(settings.state_namespace, key, base_url)
    if operation.name == "list_files" and not workspace.has_journal(settings):
        return []
    try:
        if operation.name not in ("create_file", "create") and not workspace.has_journal(settings):
            return _without_journal(operation)
        service = BatchService(workspace.journal_of(settings), space, served=workspace.serves(settings))
        answer = _carried_out(service, operation)
        if operation.name in ("create", "retrieve", "list", "cancel"):
            make_sender = _sender_of(context, key, loop)
            worker = workspace.work_in_background(space, settings, key, base_url, make_sender)
            if operation.name == "retrieve" and worker.error is not None:
                _add_work_error(answer, worker.error)
    except BatchError as error:
        raise _rejected(error) from error
    return answer


def _rejected(error: BatchError) -> RequestRejected:
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    return RequestRejected(error.message, status=error.status, code=error.code, param=error.param, type=kind)


async def run_batch_operation_async(context: ClientContext, call: CallState, operation: BatchOperation) -> Any:
    """Run an operation for the async client, in a thread, since it waits for the disk."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # an async library other than asyncio
        loop = None
    return await anyio.to_thread.run_sync(run_batch_operation, context, call, operation, loop)


def _sender_of(context: ClientContext, key: str, loop: asyncio.AbstractEventLoop | None) -> MakeSender:
    """Return what sends the lines of a batch: a new async client, or the caller's own.

    The caller's own is used if it has an HTTP client or a fallback client that the caller made: an HTTP client belongs
    to one event loop, and a copy would lose the settings of a fallback client.
    """
    from ..batches import sending, workspace

    client, settings = context.client, context.settings
    if has_own_http_client(client) or any(not isinstance(one, str) for one in settings.fallback.values()):
        if not context.is_async:
            return lambda: workspace.callers_sender(sending.ThreadSender(client))
        if loop is not None:
            return lambda: workspace.callers_sender(sending.LoopSender(client, loop))
    base_url = str(client._base_url)
    options: dict[str, Any] = {
        "timeout": client.timeout,
        "default_headers": dict(client._custom_headers),
        "default_query": dict(client._custom_query),
    }
    provider = context.key_provider or key
    return lambda: workspace.own_sender(lambda: workspace.async_client(settings, provider, base_url, **options))


def _add_work_error(answer: Any, error: BatchError) -> None:
    """Add the error that ended the background work to the object of a batch that is still open."""
    from ..batches.records import OPEN, LineError

    if answer["status"] in OPEN:
        errors: Any = answer["errors"] or {"object": "list", "data": []}
        errors["data"].append(LineError(error.code or "worker_failed", error.message).to_json())
        answer["errors"] = errors


def _carried_out(service: BatchService, operation: BatchOperation) -> Any:
    name, id, fields = operation.name, operation.id, operation.fields
    if name == "create_file":
        part = operation.part
        return service.create_file(part.filename if part else "upload", _chunks(part) if part else ())
    if name == "read_file":
        path = service.file_path(id)
        return path.read_bytes() if path.stat().st_size <= _IN_MEMORY else path
    if name == "list_files":
        return service.list_files()
    if name == "create":
        return service.create(fields)
    if name == "list":
        return service.list(after=fields.get("after"), limit=fields.get("limit"))
    by_id = {
        "retrieve": service.retrieve,
        "cancel": service.cancel,
        "retrieve_file": service.retrieve_file,
        "delete_file": service.delete_file,
    }
    return by_id[name](id)


def _without_journal(operation: BatchOperation) -> Any:
    """Answer a read where no journal exists yet, without creating one.

    Raises:
        BatchError: there is no such batch or file.
    """
    from ..batches.records import batch_not_found, file_not_found
    from ..batches.service import page, page_size

    if operation.name == "list":
        count, after = page_size(operation.fields.get("limit")), operation.fields.get("after")
        if after is not None:
            raise batch_not_found(after, "after")
        return page([], count)
    raise (batch_not_found if operation.name in ("retrieve", "cancel") else file_not_found)(operation.id)


def _chunks(part: Part) -> Iterator[bytes]:
    """Yield the content of an upload in chunks, from its start if it is seekable."""
    content = part.content
    if isinstance(content, str | bytes | bytearray) or not hasattr(content, "read"):
        yield part.read()
        return
    seekable = getattr(content, "seekable", None)
    if callable(seekable) and seekable():
        content.seek(0)
    while chunk := content.read(_CHUNK):
        yield chunk.encode() if isinstance(chunk, str) else chunk
