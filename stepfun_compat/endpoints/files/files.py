"""`/files`: translate purposes and statuses, check limits before the upload, and page the list (stepfun-api 8.1)."""

from __future__ import annotations

import codecs
import dataclasses
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from ...catalog.files import (
    DOCUMENTS,
    MEDIA,
    OPENAI_PURPOSES,
    PICTURES,
    PURPOSE_OF,
    PURPOSES,
    REFUSED_PURPOSES,
    STATUS,
)
from ..audio_containers import sound_format
from ..base import BatchOperation, BatchOperationName, Flow, PassThroughEndpoint, WireRequest, replace
from ..batches import is_local_file, local
from ..context import Json, RequestContext, RequestRejected
from ..forms import Part, file_part
from ..json_values import Dict, UnexpectedBody, as_dict, as_list
from ..parameters import apply_parameter_policy, given, path_segment

_OPENAI_PAGE = 10_000


def file_object(data: Json, requested_purpose: Json = None) -> Dict:
    """Translate one file to OpenAI's shape.

    StepFun's status `processed` means that the file is still being parsed, OpenAI's that it is ready. The purpose is
    `requested_purpose`, or else OpenAI's equivalent of StepFun's, which is kept as `stepfun_purpose`.

    Raises:
        UnexpectedBody: the response is not an object with an id.
    """
    row = as_dict(data)
    if row is None or not isinstance(row.get("id"), str):
        raise UnexpectedBody("the response is not a file")
    row["object"] = "file"
    status = row.get("status")
    row["status"] = STATUS.get(status, status) if isinstance(status, str) and status else "uploaded"
    row.setdefault("bytes", 0)
    row.setdefault("created_at", 0)
    row.setdefault("filename", "")
    purpose = row.get("purpose")
    if isinstance(purpose, str):
        row["stepfun_purpose"] = purpose
        for_picture, other = PURPOSE_OF.get(purpose, (purpose, purpose))
        row["purpose"] = (
            for_picture if os.path.splitext(str(row["filename"]))[1].lower().lstrip(".") in PICTURES else other
        )
    if isinstance(requested_purpose, str) or purpose is None:
        row["purpose"] = requested_purpose
    return row


def stepfun_purpose(purpose: str, part: Part, context: RequestContext) -> str:
    """Translate OpenAI's purpose to StepFun's, by the type of the file.

    Raises:
        RequestRejected: StepFun has no such purpose, does not take this type for it, or the file is too large.
    """
    if purpose in REFUSED_PURPOSES:
        raise RequestRejected(
            f"purpose={purpose!r} is not available: {REFUSED_PURPOSES[purpose]}.", code="invalid_value", param="purpose"
        )
    target = purpose
    if purpose in OPENAI_PURPOSES:
        document, media = OPENAI_PURPOSES[purpose]
        target = media if part.extension in MEDIA else document
        context.record_change("rename", "purpose", purpose, target, "StepFun's purpose for this kind of file")
    row = PURPOSES.get(target)
    if row is None:
        return target  # a purpose that is not in the catalog is sent unchanged
    if part.extension and part.extension not in row.extensions:
        raise _wrong_type(part, target, row.extensions)
    size = part.size
    if size is not None and size > row.max_bytes:
        raise RequestRejected(
            f"{part.filename!r} has {size:,} bytes; StepFun takes up to {row.max_bytes:,} with purpose={target!r}.",
            status=413,
            code="file_too_large",
            param="file",
        )
    return target


def _wrong_type(part: Part, purpose: str, extensions: Collection[str]) -> RequestRejected:
    others = [name for name, other in PURPOSES.items() if part.extension in other.extensions]
    known = part.extension in DOCUMENTS | MEDIA
    advice = f"use purpose={others[0]!r}" if others else f"StepFun takes {', '.join(sorted(DOCUMENTS | MEDIA))}"
    return RequestRejected(
        f"{part.filename!r} cannot be uploaded with purpose={purpose!r}, which takes "
        f"{', '.join(sorted(extensions))}: {advice if known else advice + '; convert or rename it'}.",
        code="invalid_value",
        param="file",
    )


_SIGNATURES = (
    (b"%PDF", "pdf"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
)
_ZIPPED = ((b"word/", "docx"), (b"ppt/", "pptx"), (b"xl/", "xlsx"))


def kind_of_content(head: bytes) -> str | None:
    """Return the extension for the first bytes of a file; None if the type is unknown."""
    for signature, extension in _SIGNATURES:
        if head.startswith(signature):
            return extension
    if head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(b"PK"):
        return next((extension for name, extension in _ZIPPED if name in head), None)
    return sound_format(head) or _kind_of_text(head)


def _kind_of_text(head: bytes) -> str | None:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be incomplete
    except UnicodeDecodeError:
        return None
    start = text.lstrip("\ufeff \t\r\n").lower()
    if "\0" in text or not text:
        return None
    return "html" if start.startswith(("<!doctype html", "<html")) else "xml" if start.startswith("<?xml") else "txt"


def named(part: Part, context: RequestContext) -> Part:
    """Add an extension to a name without one: the SDK names bytes `upload`, and StepFun goes by the extension."""
    kind = None if part.extension else kind_of_content(part.head())
    if kind is None or kind not in DOCUMENTS | MEDIA:
        return part
    name = f"{part.filename}.{kind}"
    context.record_change("repair", "file", part.filename, name, "StepFun derives the type of a file from its name")
    return dataclasses.replace(part, filename=name)


def _of_local_file(name: BatchOperationName, request: WireRequest) -> Flow | None:
    """Return the flow of a call on a local file of a batch; None for StepFun's files."""
    id = path_segment(request, 1)
    return local(BatchOperation(name, id)) if is_local_file(id) else None


@dataclass(slots=True)
class FileState:
    """The purpose of the request, which the response repeats."""

    purpose: Json = None


class CreateFile(PassThroughEndpoint):
    """Upload a file."""

    name = "files.create"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        fields = given(request)
        if fields.get("purpose") != "batch":
            return None
        if "batches" in context.settings.fallback:
            raise RequestRejected(
                "purpose='batch' is not available: Settings.fallback sends batches to another provider, which needs "
                "the file. Upload it with that provider's client.",
                code="invalid_value",
                param="purpose",
            )
        for name in sorted(fields.keys() - {"purpose"}):
            context.record_change(
                "drop", name, fields[name], None, "batch files stay on this machine until they are deleted"
            )
        part = file_part(request.files)
        if part is None:
            raise RequestRejected(
                "Missing required parameter: 'file'.", code="missing_required_parameter", param="file"
            )
        return local(BatchOperation("create_file", part=part))

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        fields = given(request)
        wire: Dict = {}
        apply_parameter_policy(fields, wire, context, self.name, ("purpose",))
        purpose = fields.get("purpose")
        part = file_part(request.files)
        files = request.files
        if part is not None and part.size and (renamed := named(part, context)) is not part:
            part = renamed
            files = [("file", part.as_upload())]
        context.state(FileState).purpose = purpose
        if isinstance(purpose, str):
            typed = part or Part("file", str(fields.get("url") or "").partition("?")[0], b"")
            wire["purpose"] = stepfun_purpose(purpose, typed, context)
        if "url" in fields and part is not None and not part.size:
            files = None  # StepFun fetches the file itself; the SDK requires a `file` argument
        return replace(request, json=wire, files=files)

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        return file_object(data, context.state(FileState).purpose)


class RetrieveFile(PassThroughEndpoint):
    """Retrieve one file object."""

    name = "files.retrieve"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        return _of_local_file("retrieve_file", request)

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        return file_object(data)


class DeleteFile(PassThroughEndpoint):
    """Delete a file."""

    name = "files.delete"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        return _of_local_file("delete_file", request)

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        row = as_dict(data)
        if row is None:
            raise UnexpectedBody("the response is not a deletion")
        row["object"] = "file"
        row.setdefault("deleted", True)
        return row


class FileContent(PassThroughEndpoint):
    """Return the extracted text of a `file-extract` file; StepFun does not return the original (stepfun-api 8.1)."""

    name = "files.content"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        return _of_local_file("read_file", request)


@dataclass(slots=True)
class FileListState:
    """The caller's paging, which StepFun does not support, and the local files of batches."""

    query: Dict = field(default_factory=dict[str, Any])
    local_files: Sequence[Dict] = ()


class ListFiles(PassThroughEndpoint):
    """List all files. `limit`, `order`, `after` and `purpose` are applied here.

    StepFun documents no parameters and no `has_more`, without which the SDK never stops paging (stepfun-api 8.1).
    """

    name = "files.list"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        purpose = request.query.get("purpose")
        return self._merged(request, context) if purpose in (None, "batch", "batch_output") else None

    def _merged(self, request: WireRequest, context: RequestContext) -> Flow:
        """Merge StepFun's files with the local files of batches."""
        rows = as_list((yield BatchOperation("list_files")).body)
        context.state(FileListState).local_files = [row for row in map(as_dict, rows) if row is not None]
        return self.transform_request(request, context)

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        ours = {key: request.query[key] for key in ("limit", "order", "after", "purpose") if key in request.query}
        context.state(FileListState).query = ours
        return replace(request, query={k: v for k, v in request.query.items() if k not in ours})

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        body = as_dict(data)
        if body is None or not isinstance(body.get("data"), list):
            raise UnexpectedBody("the response has no list of files")
        rows = [*(file_object(row) for row in as_list(body["data"])), *context.state(FileListState).local_files]
        query = context.state(FileListState).query
        purpose = query.get("purpose")
        if isinstance(purpose, str):
            rows = [row for row in rows if purpose in (row["purpose"], row.get("stepfun_purpose"))]
        return {**body, **page(rows, query, _OPENAI_PAGE)}


def page(rows: Sequence[Dict], query: Dict, default_limit: int) -> Dict:
    """Return one page of a complete list: `order` by time, `after` or `before` an id, at most `limit` rows."""
    newest_first = query.get("order", "desc") != "asc"
    ordered = sorted(rows, key=_place, reverse=newest_first)
    ids = [row["id"] for row in ordered]
    after, before = query.get("after"), query.get("before")
    start = ids.index(after) + 1 if after in ids else len(ids) if after else 0
    end = ids.index(before) if before in ids else len(ids)
    ordered = ordered[start:end]
    limit = _limit(query.get("limit"), default_limit)
    shown = ordered[:limit]
    return {
        "object": "list",
        "data": shown,
        "has_more": len(ordered) > len(shown),
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


def _place(row: Dict) -> tuple[float, str]:
    """Return the sort key: the time, then the id, so that pages of several responses fit together."""
    created = row.get("created_at")
    return (created if isinstance(created, int | float) else 0), str(row["id"])


def _limit(value: Any, default: int) -> int:
    try:
        limit = int(value)
    except (TypeError, ValueError):
        return default
    return limit if limit > 0 else default
