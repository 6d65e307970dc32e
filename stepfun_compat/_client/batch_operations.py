"""Operations on batches and their files, under the credential whose they are; the work itself is `stepfun_compat.batches`."""

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

_CHUNK = 1 << 20  # bytes of an upload read at once
_IN_MEMORY = 1 << 20  # bytes up to which a file is read at once


def run_batch_operation(
    context: ClientContext,
    call: CallState,
    operation: BatchOperation,
    loop: asyncio.AbstractEventLoop | None = None,
) -> Any:
    """Carry out an operation: OpenAI's object, a list of them, or bytes. Starts the work on open batches.
    `loop` is the event loop of an async client.

    Raises:
        RequestRejected: it cannot be carried out.
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
    """The same for the async client: in a thread, since it waits for a disk."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # another async library
        loop = None
    return await anyio.to_thread.run_sync(run_batch_operation, context, call, operation, loop)


def _sender_of(context: ClientContext, key: str, loop: asyncio.AbstractEventLoop | None) -> MakeSender:
    """What sends the lines: the caller's client where it holds a client object that the caller made, else a new async client.

    An HTTP client belongs to one event loop, and a fallback client has settings that no copy would keep.
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
    """Add the error that ended the work to the object of a batch that is still open."""
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
        BatchError: as with a journal that has no such batch or file.
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
    """The content of an upload in pieces, from its beginning where it can be read from there."""
    content = part.content
    if isinstance(content, str | bytes | bytearray) or not hasattr(content, "read"):
        yield part.read()
        return
    seekable = getattr(content, "seekable", None)
    if callable(seekable) and seekable():
        content.seek(0)
    while chunk := content.read(_CHUNK):
        yield chunk.encode() if isinstance(chunk, str) else chunk
