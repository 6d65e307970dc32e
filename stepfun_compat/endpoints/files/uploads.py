"""`/uploads`: keep the parts in this process and send them as one file; StepFun accepts no parts (stepfun-api 8.1)."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from typing_extensions import override

from ...catalog.files import PURPOSES
from ..base import Flow, PassThroughEndpoint, Send, Sleep, WireRequest, WireResponse, replace
from ..context import RequestContext, RequestRejected
from ..forms import Part, file_parts
from ..json_values import Dict, as_list
from ..parameters import given, headers_for, path_segment
from .files import file_object, named, stepfun_purpose

_MOST_UPLOADS: Final = 16
_LIFETIME: Final = 3600  # seconds, as at OpenAI


@dataclass
class _Pending:
    """One upload that is not complete."""

    id: str
    filename: str
    mime: str | None
    purpose: str
    bytes: int
    created_at: int
    parts: dict[str, bytes] = field(default_factory=lambda: {})

    def record(self, status: str, file: Dict | None = None) -> Dict:
        """Return the upload in OpenAI's shape."""
        return {
            "id": self.id,
            "object": "upload",
            "bytes": self.bytes,
            "created_at": self.created_at,
            "expires_at": self.created_at + _LIFETIME,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": status,
            "file": file,
        }


class PendingUploads:
    """The pending uploads of this process: at most sixteen, each for up to an hour. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, _Pending] = OrderedDict()

    def add(self, row: _Pending) -> None:
        """Add an upload; the oldest are removed if there are too many."""
        with self._lock:
            now = time.time()
            for id in [id for id, old in self._rows.items() if now > old.created_at + _LIFETIME]:
                del self._rows[id]
            while len(self._rows) >= _MOST_UPLOADS:
                self._rows.popitem(last=False)
            self._rows[row.id] = row

    def get(self, id: str) -> _Pending:
        """Return a pending upload.

        Raises:
            RequestRejected: there is none with this id.
        """
        with self._lock:
            row = self._rows.get(id)
        if row is None:
            raise RequestRejected(
                f"No upload {id!r} is pending in this process: it is complete, cancelled or over an hour old.",
                status=404,
                code="not_found",
                param="upload_id",
            )
        return row

    def put_part(self, id: str, data: bytes) -> str:
        """Add a part. Returns its id.

        Raises:
            RequestRejected: there is no such upload, or the parts exceed its declared size.
        """
        row = self.get(id)
        with self._lock:
            if sum(map(len, row.parts.values())) + len(data) > row.bytes:
                raise RequestRejected(
                    f"The parts exceed the {row.bytes:,} bytes this upload declared.",
                    code="invalid_value",
                    param="data",
                )
            name = f"part_{uuid.uuid4().hex}"
            row.parts[name] = data
            return name

    def remove(self, id: str) -> None:
        """Remove an upload."""
        with self._lock:
            self._rows.pop(id, None)

    def copy(self) -> PendingUploads:
        """Return a copy, for a call that must not change the uploads."""
        made = PendingUploads()
        with self._lock:
            made._rows.update((id, replace(row, parts={**row.parts})) for id, row in self._rows.items())
        return made


PENDING: Final = PendingUploads()


def _uploads(context: RequestContext) -> PendingUploads:
    """Return the uploads of this process; a copy for a call that is only explained."""
    return PENDING.copy() if context.client.dry_run else PENDING


class CreateUpload(PassThroughEndpoint):
    """Create an upload; nothing is sent."""

    name = "uploads.create"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        fields = given(request)
        size, filename, purpose = fields.get("bytes"), str(fields.get("filename") or "upload"), fields.get("purpose")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise RequestRejected(f"bytes={size!r} is not a number of bytes.", code="invalid_value", param="bytes")
        target = stepfun_purpose(str(purpose), Part("file", filename, b""), context)
        row = PURPOSES.get(target)
        if row is not None and size > row.max_bytes:
            raise RequestRejected(
                f"bytes={size:,} is too large: StepFun takes a file in one request, up to {row.max_bytes:,} bytes with "
                f"purpose={target!r}. Split the file.",
                status=413,
                code="file_too_large",
                param="bytes",
            )
        if "expires_after" in fields:
            context.record_change(
                "drop", "expires_after", fields["expires_after"], None, "StepFun does not document it", lossy=True
            )
        mime = fields.get("mime_type")
        pending = _Pending(
            id=f"upload_{uuid.uuid4().hex}",
            filename=filename,
            mime=mime if isinstance(mime, str) else None,
            purpose=str(purpose),
            bytes=size,
            created_at=int(time.time()),
        )
        _uploads(context).add(pending)
        return _answered(pending.record("pending"))


def _answered(body: Dict) -> Flow:
    """Return a response without sending a request."""
    return WireResponse(body)
    yield Sleep(0)  # pragma: no cover - makes this a generator


class AddPart(PassThroughEndpoint):
    """Add a part, in memory."""

    name = "uploads.parts.create"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        id = path_segment(request, 1)
        parts = [part for part in file_parts(request.files) if part.field == "data"]
        if not parts:
            raise RequestRejected(
                "data is missing: it must be the bytes of the part.", code="missing_parameter", param="data"
            )
        name = _uploads(context).put_part(id, parts[0].read())
        body = {"id": name, "object": "upload.part", "created_at": int(time.time()), "upload_id": id}
        return _answered(body)


class CompleteUpload(PassThroughEndpoint):
    """Send the parts as one file."""

    name = "uploads.complete"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        return self._send(request, context)

    def _send(self, request: WireRequest, context: RequestContext) -> Flow:
        fields = given(request)
        uploads = _uploads(context)
        pending = uploads.get(path_segment(request, 1))
        names: list[Any] = as_list(fields.get("part_ids"))
        missing = [name for name in names if name not in pending.parts]
        if missing or not names:
            raise RequestRejected(
                f"part_ids must name parts of this upload, not {', '.join(map(str, missing)) or 'an empty list'}.",
                code="invalid_value",
                param="part_ids",
            )
        content = b"".join(pending.parts[name] for name in names)
        if len(content) != pending.bytes:
            raise RequestRejected(
                f"The parts have {len(content):,} bytes, but the upload declared {pending.bytes:,}.",
                code="invalid_value",
                param="part_ids",
            )
        md5 = fields.get("md5")
        if isinstance(md5, str) and hashlib.md5(content, usedforsecurity=False).hexdigest() != md5.lower():
            raise RequestRejected("md5 does not match the parts.", code="invalid_value", param="md5")
        part = named(Part("file", pending.filename, content, pending.mime), context)
        context.record_change("route", "path", request.path, "/files", "StepFun takes a file in one request")
        reply = yield Send(
            replace(
                request,
                path="/files",
                json={"purpose": stepfun_purpose(pending.purpose, part, context)},
                files=[("file", part.as_upload())],
                headers=headers_for(request, content_type="multipart/form-data"),
            )
        )
        uploads.remove(pending.id)
        return WireResponse(
            pending.record("completed", file_object(reply.body, pending.purpose)), reply.status, reply.headers
        )


class CancelUpload(PassThroughEndpoint):
    """Discard the parts; nothing is sent."""

    name = "uploads.cancel"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        uploads = _uploads(context)
        pending = uploads.get(path_segment(request, 1))
        uploads.remove(pending.id)
        return _answered(pending.record("cancelled"))
