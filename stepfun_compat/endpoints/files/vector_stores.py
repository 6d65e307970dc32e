"""`/vector_stores`: translate shapes (stepfun-api 8.2), and wait for files.

StepFun returns only `{id, name}` for a new store, keeps no status per file and has no batches. The store is read again
for its counts, from which the status of a file is derived: while any file of the store is in progress, all are; a file
counts as failed only if every file of the store has failed, since StepFun does not report which one did.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import quote

from typing_extensions import override

from ..base import Flow, PassThroughEndpoint, Send, Sleep, Steps, WireRequest, WireResponse, replace
from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict, UnexpectedBody, as_dict, as_list
from ..parameters import apply_parameter_policy, given, path_segment
from .files import page

_BATCH: Final = "vsfb_"
_DESCRIPTION: Final = 255  # characters (stepfun-api 8.2)
_PAGE: Final = 100
_OPENAI_PAGE: Final = 20
_PARSING: Final = "processed"  # StepFun's word for "still parsing" (stepfun-api 8.1)
_RETRIEVAL: Final = ("retrieval-text", "retrieval-image")
_WAITS: Final = (
    0.2,
    0.5,
    1.0,
    1.0,
    2.0,
    2.0,
    3.0,
    3.0,
    *(5.0,) * 60,
)  # seconds; the call's timeout may end the wait earlier
_MANY: Final = 3  # from this number of files on, one list replaces a request per file


# ---------------------------------------------------------------- objects


def _counts(store: Mapping[str, Any]) -> dict[str, int]:
    given = as_dict(store.get("file_counts")) or {}
    names = ("in_progress", "completed", "failed", "cancelled", "total")
    counts = {name: value if isinstance(value := given.get(name), int) else 0 for name in names}
    counts["total"] = counts["total"] or sum(counts.values())
    return counts


def store_object(data: Json) -> Dict:
    """Translate one store to OpenAI's shape.

    Raises:
        UnexpectedBody: the response is not an object with an id.
    """
    row = as_dict(data)
    if row is None or row.get("id") is None:
        raise UnexpectedBody("the response is not a vector store")
    row["id"] = str(row["id"])
    row["object"] = "vector_store"
    row["file_counts"] = counts = _counts(row)
    if not isinstance(row.get("status"), str):
        row["status"] = "in_progress" if counts["in_progress"] else "completed"
    row.setdefault("created_at", 0)
    row.setdefault("name", "")
    # StepFun does not report these; programs for OpenAI read them unchecked
    row.setdefault("usage_bytes", 0)
    row.setdefault("last_active_at", None)
    row.setdefault("metadata", {})
    return row


def file_status(store: Mapping[str, Any]) -> str:
    """Derive the status of a store's files from its counts."""
    counts = _counts(store)
    if counts["in_progress"]:
        return "in_progress"
    return "failed" if counts["failed"] and counts["failed"] >= counts["total"] else "completed"


def store_file(row: Mapping[str, Any], store_id: str, status: str) -> Dict:
    """Translate one file of a store to OpenAI's shape."""
    out = {key: value for key, value in row.items() if key not in ("metadata", "file_id")}
    described = (as_dict(row.get("metadata")) or {}).get("description")
    out["id"] = str(row.get("id") or row.get("file_id") or "")
    out["object"] = "vector_store.file"
    out["vector_store_id"] = store_id
    out.setdefault("created_at", 0)
    out.setdefault("usage_bytes", 0)
    out["status"] = status
    error = {"code": "server_error", "message": "StepFun reports that the files of this store failed."}
    out["last_error"] = error if status == "failed" else None
    out["attributes"] = {"description": described} if described else {}
    out["chunking_strategy"] = {"type": "other"}
    return out


def _rows(data: Json) -> list[Dict]:
    body = as_dict(data)
    if body is None or not isinstance(body.get("data"), list):
        raise UnexpectedBody("the response has no list")
    return [row for entry in as_list(body["data"]) if (row := as_dict(entry)) is not None]


# ---------------------------------------------------------------- steps that several calls share


def _path(store_id: str, tail: str = "") -> str:
    return f"/vector_stores/{quote(store_id, safe='')}{tail}"


def _get(request: WireRequest, path: str, query: Mapping[str, Any] | None = None) -> WireRequest:
    return replace(request, method="GET", path=path, query=query or {}, json=None, files=None)


def _read_store(request: WireRequest, store_id: str) -> Steps:
    reply = yield Send(_get(request, _path(store_id)), example={"id": store_id})
    return store_object(reply.body)


def _all_files(request: WireRequest, store_id: str) -> Steps:
    """Read every file of a store, page by page, until a page has nothing new."""
    rows: list[Dict] = []
    seen: set[str] = set()
    query: Dict = {"limit": _PAGE}
    while True:
        reply = yield Send(_get(request, _path(store_id, "/files"), query), example={"data": []})
        fresh = [row for row in _rows(reply.body) if str(row.get("id")) not in seen]
        rows += fresh
        seen.update(str(row.get("id")) for row in fresh)
        if not fresh or not (as_dict(reply.body) or {}).get("has_more"):
            return rows
        query = {"limit": _PAGE, "after": fresh[-1].get("id")}


def _until_ready(request: WireRequest, ids: Sequence[str]) -> Steps:
    """Wait until StepFun has parsed the files: only then can they be added (stepfun-api 8.2).

    Raises:
        RequestRejected: a file was uploaded for another purpose, or is not parsed after several minutes.
    """
    waiting = list(dict.fromkeys(ids))
    for seconds in (*_WAITS, None):
        found = yield from _read_files(request, waiting)
        for id, row in found.items():
            _check_purpose(id, row.get("purpose"))
        waiting = [id for id in waiting if found.get(id, {}).get("status") == _PARSING]
        if not waiting or seconds is None:
            break
        yield Sleep(seconds)
    if waiting:
        raise RequestRejected(
            f"StepFun is still parsing {', '.join(waiting)}. Retry after client.files.wait_for_processing(id).",
            status=409,
            code="file_not_ready",
            param="file_id",
        )


def _read_files(request: WireRequest, ids: Sequence[str]) -> Steps:
    """Read the files' objects, by id: each of them, or the complete list if that takes fewer requests."""
    if len(ids) >= _MANY:
        reply = yield Send(_get(request, "/files"), poll=True, example={"data": []})
        return {str(row.get("id")): row for row in _rows(reply.body) if row.get("id") in ids}
    found: dict[str, Dict] = {}
    for id in ids:
        reply = yield Send(_get(request, f"/files/{quote(id, safe='')}"), poll=True, example={})
        found[id] = as_dict(reply.body) or {}
    return found


def _check_purpose(id: str, purpose: Json) -> None:
    if isinstance(purpose, str) and purpose and purpose not in _RETRIEVAL:
        raise RequestRejected(
            f"file {id!r} was uploaded with purpose={purpose!r}; a vector store takes files uploaded with "
            "purpose='assistants' or 'retrieval-text' (documents) or 'retrieval-image' (pictures). "
            "Upload it again.",
            code="invalid_value",
            param="file_id",
        )


def _entry(file: Mapping[str, Any], context: RequestContext) -> Dict:
    """Translate one file to add: its id, and its description if it has one."""
    id = file.get("file_id")
    if not isinstance(id, str) or not id:
        raise RequestRejected(
            "file_id is missing: it must be the id of an uploaded file.", code="missing_parameter", param="file_id"
        )
    wire: Dict = {"file_id": id}
    attributes = as_dict(file.get("attributes")) or {}
    described = file.get("description", attributes.get("description"))
    if described is not None:
        wire["description"] = _description(described, context)
    lost = {key: value for key, value in attributes.items() if key != "description"}
    if lost:
        context.record_change(
            "drop", "attributes", lost, None, "StepFun stores a description but no attributes", lossy=True
        )
    chunking = as_dict(file.get("chunking_strategy"))
    if chunking and chunking.get("type") not in (None, "auto"):
        context.record_change(
            "drop", "chunking_strategy", chunking, None, "StepFun chooses how to split files", lossy=True
        )
    return wire


def _description(described: Json, context: RequestContext) -> str:
    text = str(described)
    if len(text) > _DESCRIPTION:
        context.record_change(
            "clamp",
            "description",
            described,
            text[:_DESCRIPTION],
            f"StepFun takes {_DESCRIPTION} characters",
            lossy=True,
        )
    return text[:_DESCRIPTION]


def _add(request: WireRequest, store_id: str, entries: Sequence[Dict], context: RequestContext) -> Steps:
    yield from _until_ready(request, [row["file_id"] for row in entries])
    context.record_change("reshape", "files", f"{len(entries)} files", "a list", "StepFun takes a list of files")
    wire = replace(request, method="POST", path=_path(store_id, "/files"), query={}, json={"files": list(entries)})
    return (yield Send(wire, example={}))


# ---------------------------------------------------------------- stores


def store_name(name: Json, context: RequestContext) -> str:
    """Return a name StepFun accepts (letters, digits, underscores, no leading underscore); a random one if there is none."""
    if not isinstance(name, str) or not name:
        made = f"store_{uuid.uuid4().hex[:12]}"
        context.record_change("inject", "name", None, made, "StepFun requires a name")
        return made
    sent = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    if not sent:
        sent = "store_" + format(zlib.crc32(name.encode("utf-8", "surrogatepass")), "08x")
    if sent != name:
        context.record_change("rename", "name", name, sent, "StepFun's names have letters, digits and underscores only")
    return sent


class CreateStore(PassThroughEndpoint):
    """Create a store and add its files."""

    name = "vector_stores.create"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        return self._create(request, context)

    def _create(self, request: WireRequest, context: RequestContext) -> Flow:
        fields = given(request)
        wire: Dict = {"name": store_name(fields.get("name"), context)}
        apply_parameter_policy(fields, wire, context, self.name, ("name", "file_ids"))
        wire.setdefault("type", "text")
        entries = [_entry({"file_id": id}, context) for id in as_list(fields.get("file_ids"))]
        if entries:
            yield from _until_ready(request, [row["file_id"] for row in entries])
        reply = yield Send(replace(request, json=wire), example={"id": "VECTOR_STORE_ID"})
        context.partial = created = store_object(reply.body)
        if entries:
            yield Send(replace(request, path=_path(created["id"], "/files"), json={"files": entries}), example={})
        store = yield from _read_store(request, created["id"])
        return WireResponse(store, reply.status, reply.headers)


class RetrieveStore(PassThroughEndpoint):
    """Retrieve a store."""

    name = "vector_stores.retrieve"

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        return store_object(data)


class ListStores(PassThroughEndpoint):
    """List stores, page by page."""

    name = "vector_stores.list"

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        rows = [store_object(row) for row in _rows(data)]
        body = {**(as_dict(data) or {}), "object": "list", "data": rows}
        body.setdefault("has_more", False)
        return body


# ---------------------------------------------------------------- files of a store


class AddFile(PassThroughEndpoint):
    """Add a file to a store."""

    name = "vector_stores.files.create"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        return self._add(request, context)

    def _add(self, request: WireRequest, context: RequestContext) -> Flow:
        store_id = path_segment(request, 1)
        entry = _entry(given(request), context)
        reply = yield from _add(request, store_id, [entry], context)
        row = store_file({"id": entry["file_id"], "created_at": int(time.time())}, store_id, "in_progress")
        return WireResponse(row, reply.status, reply.headers)


class RetrieveFile(PassThroughEndpoint):
    """Retrieve a file of a store from the list: StepFun has no endpoint for it."""

    name = "vector_stores.files.retrieve"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        return self._find(request)

    def _find(self, request: WireRequest) -> Flow:
        store_id, file_id = path_segment(request, 1), path_segment(request, 3)
        store = yield from _read_store(request, store_id)
        rows = yield from _all_files(request, store_id)
        found = next((row for row in rows if row.get("id") == file_id), None)
        if found is None:
            raise RequestRejected(
                f"No file {file_id!r} in the vector store {store_id!r}.", status=404, code="not_found", param="file_id"
            )
        return WireResponse(store_file(found, store_id, file_status(store)))


def _filtered(rows: Iterable[Dict], query: Mapping[str, Any]) -> list[Dict]:
    wanted = query.get("filter")
    return [row for row in rows if wanted is None or row["status"] == wanted]


class ListFiles(PassThroughEndpoint):
    """List the files of a store. `filter` is applied here, to StepFun's page."""

    name = "vector_stores.files.list"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        return self._list(request)

    def _list(self, request: WireRequest) -> Flow:
        store_id = path_segment(request, 1)
        query = {key: value for key, value in request.query.items() if key != "filter"}
        reply = yield Send(replace(request, query=query), example={"data": []})
        given = _rows(reply.body)
        store = yield from _read_store(request, store_id)
        status = file_status(store)
        rows = [store_file(row, store_id, status) for row in given]
        last = rows[-1]["id"] if rows else None
        body = {**(as_dict(reply.body) or {}), "object": "list", "data": _filtered(rows, request.query)}
        more = bool(body.get("has_more")) and last is not None and last != request.query.get("after")
        body.update(has_more=more, first_id=rows[0]["id"] if rows else None, last_id=last)
        return WireResponse(body, reply.status, reply.headers)


# ---------------------------------------------------------------- batches


def batch_id(file_ids: Sequence[str]) -> str:
    """Make a batch id that encodes the ids of its files: nothing else stores the batch."""
    packed = zlib.compress(json.dumps(list(file_ids), separators=(",", ":")).encode(), 9)
    return _BATCH + base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def batch_files(id: str) -> list[str]:
    """Return the ids of the files in a batch's id.

    Raises:
        RequestRejected: `batch_id` did not make this id.
    """
    packed = id.removeprefix(_BATCH)
    try:
        names: Any = json.loads(zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))))
    except (binascii.Error, zlib.error, ValueError):
        names = None
    if not id.startswith(_BATCH) or not isinstance(names, list):
        raise RequestRejected(f"No file batch {id!r}.", status=404, code="not_found", param="batch_id")
    return [str(name) for name in cast("list[Any]", names)]


def batch_object(id: str, store: Mapping[str, Any]) -> Dict:
    """Build a batch in OpenAI's shape from the counts of its store."""
    total = len(batch_files(id))
    counts = _counts(store)
    in_progress = min(counts["in_progress"], total)
    failed = min(counts["failed"], total - in_progress)
    status = "in_progress" if in_progress else "failed" if total and failed == total else "completed"
    return {
        "id": id,
        "object": "vector_store.file_batch",
        "created_at": store.get("created_at", 0),
        "vector_store_id": str(store.get("id")),
        "status": status,
        "file_counts": {
            "in_progress": in_progress,
            "completed": total - in_progress - failed,
            "failed": failed,
            "cancelled": 0,
            "total": total,
        },
    }


class AddBatch(PassThroughEndpoint):
    """Add several files to a store, in one request."""

    name = "vector_stores.file_batches.create"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        return self._add(request, context)

    def _add(self, request: WireRequest, context: RequestContext) -> Flow:
        fields = given(request)
        shared = {key: fields[key] for key in ("attributes", "chunking_strategy") if key in fields}
        listed = [as_dict(row) or {} for row in as_list(fields.get("files"))]
        listed += [{**shared, "file_id": id} for id in as_list(fields.get("file_ids"))]
        if not listed:
            raise RequestRejected(
                "file_ids is empty: it must list ids of uploaded files.", code="invalid_value", param="file_ids"
            )
        entries = [_entry(row, context) for row in listed]
        store_id = path_segment(request, 1)
        reply = yield from _add(request, store_id, entries, context)
        store = yield from _read_store(request, store_id)
        return WireResponse(
            batch_object(batch_id([row["file_id"] for row in entries]), store), reply.status, reply.headers
        )


class RetrieveBatch(PassThroughEndpoint):
    """Retrieve a batch from its id and its store's counts."""

    name = "vector_stores.file_batches.retrieve"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        batch_files(path_segment(request, 3))  # an unknown id is rejected before any request
        return self._read(request)

    def _read(self, request: WireRequest) -> Flow:
        store = yield from _read_store(request, path_segment(request, 1))
        return WireResponse(batch_object(path_segment(request, 3), store))


class ListBatchFiles(PassThroughEndpoint):
    """List the files of a batch."""

    name = "vector_stores.file_batches.list_files"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        batch_files(path_segment(request, 3))
        return self._list(request)

    def _list(self, request: WireRequest) -> Flow:
        store_id, wanted = path_segment(request, 1), set(batch_files(path_segment(request, 3)))
        store = yield from _read_store(request, store_id)
        rows = yield from _all_files(request, store_id)
        status = file_status(store)
        own = [store_file(row, store_id, status) for row in rows if row.get("id") in wanted]
        return WireResponse(page(_filtered(own, request.query), dict(request.query), _OPENAI_PAGE))
