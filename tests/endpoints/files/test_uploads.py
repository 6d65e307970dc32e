"""Uploads: parts are kept locally and sent as one file on completion (stepfun-api 8.1)."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest

from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.files import uploads
from tests.support.exchange import drive, exchange, lost


def create(size: int = 6, name: str = "a.pdf", **fields: Any) -> dict[str, Any]:
    body = {"bytes": size, "filename": name, "mime_type": "application/pdf", "purpose": "user_data", **fields}
    return drive(uploads.CreateUpload(), WireRequest("POST", "/uploads", json=body), [])[0].body


def put(id: str, data: Any) -> str:
    request = WireRequest("POST", f"/uploads/{id}/parts", json={}, files=[("data", data)])
    body = drive(uploads.AddPart(), request, [])[0].body
    assert (body["object"], body["upload_id"]) == ("upload.part", id)
    return body["id"]


def complete(id: str, parts: list[str], **fields: Any) -> Any:
    headers = {"X-Mine": "1"}
    request = WireRequest("POST", f"/uploads/{id}/complete", headers=headers, json={"part_ids": parts, **fields})
    answer = {"id": "file-1", "status": "processed", "bytes": 6, "filename": "a.pdf", "purpose": "file-extract"}
    return drive(uploads.CompleteUpload(), request, [answer])


def test_parts_become_one_file_in_the_requested_order():
    upload = create()
    assert (upload["object"], upload["status"], upload["file"]) == ("upload", "pending", None)
    second, first = put(upload["id"], b"def"), put(upload["id"], io.BytesIO(b"abc"))
    reply, sent = complete(upload["id"], [first, second], md5=hashlib.md5(b"abcdef").hexdigest())
    assert len(sent) == 1
    assert sent[0].path == "/files"
    assert sent[0].json == {"purpose": "file-extract"}
    assert sent[0].files == [("file", ("a.pdf", b"abcdef", "application/pdf"))]
    assert sent[0].headers == {"X-Mine": "1", "Content-Type": "multipart/form-data"}
    assert (reply.body["status"], reply.body["purpose"]) == ("completed", "user_data")
    assert reply.body["file"]["status"] == "uploaded"
    with pytest.raises(RequestRejected, match="is pending"):
        complete(upload["id"], [first])


def test_failed_completion_can_be_retried():
    upload = create(3)
    part = put(upload["id"], b"abc")
    script = uploads.CompleteUpload().script(
        WireRequest("POST", f"/uploads/{upload['id']}/complete", json={"part_ids": [part]}),
        exchange(uploads.CompleteUpload()),
    )
    assert script is not None
    next(script)
    script.close()  # as when the request fails
    assert complete(upload["id"], [part])[0].body["status"] == "completed"


@pytest.mark.parametrize(
    ("parts", "fields", "words"),
    [
        ([b"abc"], {}, "3 bytes"),
        ([b"abcdef"], {"md5": "0" * 32}, "md5"),
        ([b"abcdef"], {"part_ids": ["part_x"]}, "part_x"),
        ([b"abcdef"], {"part_ids": []}, "empty list"),
    ],
)
def test_mismatched_parts_are_refused_before_the_network(parts: list[bytes], fields: dict[str, Any], words: str):
    upload = create()
    ids = [put(upload["id"], part) for part in parts]
    with pytest.raises(RequestRejected, match=words):
        complete(upload["id"], fields.pop("part_ids", ids), **fields)


def test_more_bytes_than_announced_are_refused():
    upload = create(3)
    put(upload["id"], b"ab")
    with pytest.raises(RequestRejected, match="declared"):
        put(upload["id"], b"cd")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"size": 65 * 1024 * 1024}, "bytes"),
        ({"size": -1}, "bytes"),
        ({"purpose": "batch"}, "purpose"),
        ({"name": "a.zip"}, "file"),
    ],
)
def test_files_stepfun_cannot_store_are_refused_on_creation(fields: dict[str, Any], param: str):
    with pytest.raises(RequestRejected) as refused:
        create(**fields)
    assert refused.value.param == param


def test_cancelled_upload_is_not_found():
    upload = create()
    body = drive(uploads.CancelUpload(), WireRequest("POST", f"/uploads/{upload['id']}/cancel"), [])[0].body
    assert body["status"] == "cancelled"
    with pytest.raises(RequestRejected) as refused:
        put(upload["id"], b"x")
    assert (refused.value.status, refused.value.code) == (404, "not_found")


def test_memory_is_bounded():
    rows = uploads.PendingUploads()
    made = [uploads._Pending(f"u{i}", "a", None, "user_data", 1, 2**31) for i in range(40)]
    for row in made:
        rows.add(row)
    assert rows.get("u39") is made[39]
    with pytest.raises(RequestRejected):
        rows.get("u0")
    rows.add(uploads._Pending("old", "a", None, "user_data", 1, 0))
    rows.add(uploads._Pending("new", "a", None, "user_data", 1, 2**31))
    with pytest.raises(RequestRejected):
        rows.get("old")


def test_expires_after_is_reported_and_part_data_is_required():
    context = exchange(uploads.CreateUpload())
    body = {"bytes": 1, "filename": "a.txt", "purpose": "user_data", "expires_after": {"seconds": 3600}}
    uploads.CreateUpload().script(WireRequest("POST", "/uploads", json=body), context)
    assert lost(context) == ["expires_after"]
    with pytest.raises(RequestRejected, match="data is missing"):
        uploads.AddPart().script(WireRequest("POST", "/uploads/u/parts", json={}), exchange(uploads.AddPart()))
