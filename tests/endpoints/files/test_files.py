"""Files: purposes, limits checked before the upload, mapped statuses, lists that end (stepfun-api 8.1)."""

from __future__ import annotations

import io
from typing import Any

import pytest

from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.files import files
from stepfun_compat.endpoints.forms import file_parts
from stepfun_compat.endpoints.json_values import UnexpectedBody
from tests.support.exchange import exchange, lost


def upload(name: str, purpose: str, content: Any = b"x", **more: Any) -> WireRequest:
    return WireRequest("POST", "/files", json={"purpose": purpose, **more}, files=[("file", (name, content))])


@pytest.mark.parametrize(
    ("name", "purpose", "sent"),
    [
        ("a.pdf", "user_data", "file-extract"),
        ("a.png", "user_data", "storage"),
        ("a.txt", "assistants", "retrieval-text"),
        ("a.JPG", "assistants", "storage"),
        ("a.webp", "vision", "storage"),
        ("a.pdf", "file-extract", "file-extract"),
        ("a.png", "retrieval-image", "retrieval-image"),
        ("a.txt", "something-new", "something-new"),
    ],
)
def test_purpose_is_mapped_by_file_type(name: str, purpose: str, sent: str):
    request = upload(name, purpose)
    wire = files.CreateFile().transform_request(request, exchange(files.CreateFile()))
    assert wire.json == {"purpose": sent}
    assert wire.files is request.files
    assert request.json == {"purpose": purpose}


@pytest.mark.parametrize(
    ("name", "purpose", "param", "words"),
    [
        ("a.jsonl", "fine-tune", "purpose", "no fine-tuning"),
        ("a.jsonl", "evals", "purpose", "no evals"),
        ("a.zip", "user_data", "file", "pdf"),
        ("a.png", "file-extract", "file", "purpose='retrieval-image'"),
        ("a.gif", "retrieval-image", "file", "purpose='storage'"),
        ("a.pdf", "storage", "file", "purpose='file-extract'"),
    ],
)
def test_unsupported_files_are_refused_before_the_upload(name: str, purpose: str, param: str, words: str):
    with pytest.raises(RequestRejected, match=words) as refused:
        files.CreateFile().transform_request(upload(name, purpose), exchange(files.CreateFile()))
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("content", "name", "purpose"),
    [
        (b"%PDF-1.7 ...", "upload.pdf", "file-extract"),
        (b"plain words, caf\xc3", "upload.txt", "file-extract"),  # cut within a character
        ("\u8336".encode(), "upload.txt", "file-extract"),
        (b"  <!DOCTYPE html><p>", "upload.html", "file-extract"),
        (b"<?xml version='1.0'?>", "upload.xml", "file-extract"),
        (b"PK\3\4....[Content_Types].xml....word/document.xml", "upload.docx", "file-extract"),
        (b"\x89PNG\r\n", "upload.png", "storage"),
        (b"\xff\xd8\xff\xe0", "upload.jpg", "storage"),
        (b"RIFF....WEBP", "upload.webp", "storage"),
        (b"RIFF....WAVE", "upload.wav", "storage"),
        (b"ID3\4", "upload.mp3", "storage"),
        (b"\0\0\0 ftypisom", "upload.mp4", "storage"),
    ],
)
@pytest.mark.parametrize("form", ["bytes", "open file"])
def test_unnamed_file_gets_an_extension_from_its_content(content: bytes, name: str, purpose: str, form: str):
    """The SDK names bare bytes `upload`, and StepFun tells file types by extension (stepfun-api 8.1)."""
    given: Any = content if form == "bytes" else io.BytesIO(content)
    request = WireRequest("POST", "/files", json={"purpose": "user_data"}, files=[("file", given)])
    context = exchange(files.CreateFile())
    wire = files.CreateFile().transform_request(request, context)
    assert (wire.files, wire.json) == ([("file", (name, given))], {"purpose": purpose})
    assert request.files == [("file", given)]
    assert [(c.kind, c.after) for c in context.changes if c.parameter == "file"] == [("repair", name)]
    if form == "open file":
        assert given.tell() == 0


def test_file_of_unknown_content_keeps_its_name():
    for content in (b"", b"\0\1\2\3" * 9, b"PK\3\4 some other archive"):
        wire = files.CreateFile().transform_request(
            upload("noextension", "user_data", content), exchange(files.CreateFile())
        )
        assert wire.files == [("file", ("noextension", content))]
        assert wire.json == {"purpose": "file-extract"}


class Sparse(io.RawIOBase):
    """An open file that reports any size without content."""

    def __init__(self, size: int) -> None:
        self.end, self.at, self.name = size, 0, "big.pdf"

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset if whence == 0 else self.end + offset
        return self.at


def test_sizes_are_checked_without_reading():
    limit = 64 * 1024 * 1024
    big = Sparse(limit + 1)
    request = WireRequest("POST", "/files", json={"purpose": "user_data"}, files=[("file", big)])
    with pytest.raises(RequestRejected, match="67,108,864") as refused:
        files.CreateFile().transform_request(request, exchange(files.CreateFile()))
    assert (refused.value.status, refused.value.code) == (413, "file_too_large")
    assert big.at == 0
    fits = WireRequest("POST", "/files", json={"purpose": "user_data"}, files=[("file", Sparse(limit))])
    files.CreateFile().transform_request(fits, exchange(files.CreateFile()))


def test_expires_after_is_reported_as_dropped():
    context = exchange(files.CreateFile())
    request = upload("a.pdf", "user_data", expires_after={"anchor": "created_at", "seconds": 3600})
    assert files.CreateFile().transform_request(request, context).json == {"purpose": "file-extract"}
    assert lost(context) == ["expires_after"]


def test_stepfun_fetches_a_url_itself():
    request = upload("upload", "user_data", b"", url="https://example.com/a/report.pdf?x=1")
    wire = files.CreateFile().transform_request(request, exchange(files.CreateFile()))
    assert wire.json == {"purpose": "file-extract", "url": "https://example.com/a/report.pdf?x=1"}
    assert wire.files is None


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("processed", "uploaded"), ("success", "processed"), ("failed", "error"), (None, "uploaded"), ("", "uploaded")],
)
def test_status_is_mapped(theirs: str | None, ours: str):
    row = {"id": "file-1", "status": theirs, "purpose": "file-extract", "bytes": 3, "filename": "a", "created_at": 1}
    assert files.RetrieveFile().transform_response(dict(row), exchange(files.RetrieveFile()))["status"] == ours
    assert files.CreateFile().transform_response(dict(row), exchange(files.CreateFile()))["status"] == ours
    assert files.CreateFile().transform_response({"id": "file-1"}, exchange(files.CreateFile()))["status"] == "uploaded"


def listed(count: int = 5) -> dict[str, Any]:
    rows = [
        {"id": f"file-{i}", "created_at": i, "status": "success", "purpose": "storage" if i % 2 else "file-extract"}
        for i in range(count)
    ]
    return {"object": "list", "data": rows}


def pages(query: dict[str, Any], count: int = 5) -> list[list[str]]:
    """Page as the SDK does: request with `after` while `has_more` is true."""
    out: list[list[str]] = []
    while True:
        context = exchange(files.ListFiles())
        wire = files.ListFiles().transform_request(WireRequest("GET", "/files", query=query), context)
        assert wire.query == {}
        page = files.ListFiles().transform_response(listed(count), context)
        out.append([row["id"] for row in page["data"]])
        if not page["has_more"]:
            return out
        query = {**query, "after": page["last_id"]}


def test_list_ends_and_is_newest_first():
    assert pages({}) == [["file-4", "file-3", "file-2", "file-1", "file-0"]]
    assert pages({}, count=0) == [[]]


def test_limit_order_after_and_purpose_are_applied_locally():
    assert pages({"limit": 2}) == [["file-4", "file-3"], ["file-2", "file-1"], ["file-0"]]
    assert pages({"order": "asc", "limit": 3}) == [["file-0", "file-1", "file-2"], ["file-3", "file-4"]]
    assert pages({"purpose": "storage"}) == [["file-3", "file-1"]]
    assert pages({"purpose": "user_data"}) == [["file-4", "file-3", "file-2", "file-1", "file-0"]]
    assert pages({"after": "file-1"}) == [["file-0"]]
    assert pages({"after": "gone"}) == [[]]


def test_other_query_parameters_are_sent():
    request = WireRequest("GET", "/files", query={"limit": 1, "trace": "7"})
    assert files.ListFiles().transform_request(request, exchange(files.ListFiles())).query == {"trace": "7"}
    assert request.query == {"limit": 1, "trace": "7"}


def test_missing_deletion_fields_are_filled():
    assert files.DeleteFile().transform_response({"id": "f"}, exchange(files.DeleteFile())) == {
        "id": "f",
        "object": "file",
        "deleted": True,
    }


@pytest.mark.parametrize("endpoint", [files.CreateFile(), files.RetrieveFile(), files.ListFiles(), files.DeleteFile()])
def test_unexpected_body_is_refused(endpoint: Any):
    with pytest.raises(UnexpectedBody):
        endpoint.transform_response("<html>", exchange(endpoint))


def test_files_are_accepted_in_every_form_of_the_sdk(tmp_path: Any):
    path = tmp_path / "on disk.txt"
    path.write_bytes(b"12345")
    with path.open("rb") as file:
        parts = file_parts([("file", file), ("a", b"12"), ("b", ("c.txt", "é", "text/plain")), ("d", (None, b""))])
        assert [(p.field, p.filename, p.size, p.mime) for p in parts] == [
            ("file", "on disk.txt", 5, None),
            ("a", "upload", 2, None),
            ("b", "c.txt", 2, "text/plain"),
            ("d", "upload", 0, None),
        ]
        file.read()
        assert parts[0].read() == b"12345"
    assert parts[2].read() == "é".encode()
    assert file_parts({"file": b"1"})[0].field == "file"
    assert file_parts(None) == []


def test_pages_do_not_overlap_for_files_of_one_second():
    """StepFun guarantees no order, and each page comes from a separate response."""
    rows = [{"id": f"file-{i}", "created_at": 7} for i in (2, 0, 3, 1)]
    newest = files.page(rows, {}, 10)["data"]
    assert [row["id"] for row in newest] == ["file-3", "file-2", "file-1", "file-0"]
    assert files.page(rows[::-1], {"order": "asc"}, 10)["data"] == newest[::-1]
    assert [row["id"] for row in files.page(rows[::-1], {"after": "file-2", "limit": 1}, 10)["data"]] == ["file-1"]


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("a.pdf", "retrieval-text", "assistants"),
        ("a.png", "retrieval-image", "assistants"),
        ("a.pdf", "file-extract", "user_data"),
        ("a.PNG", "storage", "vision"),
        ("a.mp4", "storage", "user_data"),
        ("a.pdf", "something-new", "something-new"),
    ],
)
def test_files_are_listed_by_openai_and_stepfun_purposes(name: str, theirs: str, ours: str):
    row = {"id": "file-1", "created_at": 1, "filename": name, "purpose": theirs}
    made = files.file_object(dict(row))
    assert (made["purpose"], made["stepfun_purpose"]) == (ours, theirs)
    for wanted, found in ((ours, 1), (theirs, 1), ("batch", 0)):
        context = exchange(files.ListFiles())
        files.ListFiles().transform_request(WireRequest("GET", "/files", query={"purpose": wanted}), context)
        assert len(files.ListFiles().transform_response({"data": [dict(row)]}, context)["data"]) == found


@pytest.mark.parametrize("asked", ["assistants", "vision", "file-extract"])
def test_upload_returns_the_requested_purpose(asked: str):
    context = exchange(files.CreateFile())
    sent = files.CreateFile().transform_request(upload("a.png" if asked != "file-extract" else "a.txt", asked), context)
    made = files.CreateFile().transform_response({"id": "file-1", "purpose": sent.json["purpose"]}, context)
    assert made["purpose"] == asked
    assert made["stepfun_purpose"] == sent.json["purpose"]
    assert files.CreateFile().transform_response({"id": "file-1"}, context)["purpose"] == asked
