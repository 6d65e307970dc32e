"""Files, vector stores and the retrieval tool on the wire (stepfun-api 8.1, 8.2, 3.4)."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Callable
from typing import Any

import openai
import pytest


def error_of(response: Any, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.text
    return response.json()["error"]


@pytest.fixture
def upload(http: Any) -> Callable[..., Any]:
    def post(name: str = "a.txt", content: bytes = b"hello", purpose: str = "file-extract", **form: str) -> Any:
        return http.post("/v1/files", data={"purpose": purpose, **form}, files={"file": (name, content)})

    return post


def test_upload_response_has_no_status(upload: Any) -> None:
    data = upload().json()
    assert data["id"].startswith("file-")
    assert {key: data[key] for key in ("object", "bytes", "filename", "purpose")} == {
        "object": "file",
        "bytes": 5,
        "filename": "a.txt",
        "purpose": "file-extract",
    }
    assert "status" not in data


def test_processed_means_not_ready_and_success_means_ready(upload: Any, http: Any, server: Any) -> None:
    server.configure(parse_polls=2)
    identity = upload().json()["id"]
    states = [http.get(f"/v1/files/{identity}").json()["status"] for _ in range(4)]
    assert states == ["processed", "processed", "success", "success"]
    stored = upload("a.png", b"x", "storage").json()["id"]
    assert http.get(f"/v1/files/{stored}").json()["status"] == "success"


def test_content_is_the_extracted_text_once_parsed(upload: Any, http: Any) -> None:
    identity = upload("a.html", b"<p>Hello &amp; <b>bye</b></p><script>x</script>").json()["id"]
    assert "still being parsed" in error_of(http.get(f"/v1/files/{identity}/content"))["message"]
    http.get(f"/v1/files/{identity}")
    response = http.get(f"/v1/files/{identity}/content")
    assert response.text.split() == ["Hello", "&", "bye"]
    assert response.headers["content-type"].startswith("text/plain")
    stored = upload("a.png", b"x", "storage").json()["id"]
    assert http.get(f"/v1/files/{stored}/content").status_code == 400


def test_text_of_office_documents_and_pdfs_is_extracted(upload: Any, http: Any, server: Any) -> None:
    server.configure(parse_polls=0)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("word/document.xml", "<w:p><w:t>from word</w:t></w:p>")
    for name, content, text in (
        ("a.docx", archive.getvalue(), "from word"),
        ("a.docx", b"not a zip", ""),
        ("a.pdf", b"%PDF-1.4 BT (from \\(pdf\\)) Tj ET", "from (pdf)"),
        ("a.doc", b"\x00\x01old word\x00", "old word"),
    ):
        identity = upload(name, content).json()["id"]
        assert http.get(f"/v1/files/{identity}/content").text == text


@pytest.mark.parametrize("purpose", ["assistants", "user_data", "vision", "batch", "fine-tune", "evals", ""])
def test_openai_purposes_are_refused(upload: Any, purpose: str) -> None:
    assert "purpose" in error_of(upload(purpose=purpose))["message"]


def test_file_types_depend_on_the_purpose(upload: Any, server: Any) -> None:
    assert error_of(upload("a.exe"))
    assert error_of(upload("a.png", purpose="file-extract"))
    assert error_of(upload("a.txt", purpose="storage"))
    assert upload("a.png", purpose="retrieval-image").status_code == 200
    assert upload("a.txt", expires_after="x").status_code == 200
    server.configure(strict=True)
    assert error_of(upload("a.txt", expires_after="x"))


def test_too_large_files_are_refused(upload: Any) -> None:
    assert "64 MB" in error_of(upload("a.txt", b"x" * (64 * 1024 * 1024 + 1)))["message"]


def test_url_may_replace_the_file(http: Any) -> None:
    body = {"purpose": (None, "file-extract"), "url": (None, "https://example.com/doc.pdf?x=1")}
    assert http.post("/v1/files", files=body).json()["filename"] == "doc.pdf"


def test_list_has_no_end_marker(upload: Any, http: Any, server: Any) -> None:
    first, second = upload().json()["id"], upload("b.png", b"x", "storage").json()["id"]
    data = http.get("/v1/files", params={"after": second, "limit": 1}).json()
    assert set(data) == {"object", "data"}
    assert [item["id"] for item in data["data"]] == [first, second]
    assert len(http.get("/v1/files", params={"purpose": "storage"}).json()["data"]) == 1
    with openai.OpenAI(api_key=server.api_key, base_url=server.base_url) as client:
        assert len(list(itertools.islice(client.files.list(), 7))) == 7


def test_file_can_be_deleted(upload: Any, http: Any) -> None:
    identity = upload().json()["id"]
    assert http.delete(f"/v1/files/{identity}").json() == {"id": identity, "object": "file", "deleted": True}
    assert error_of(http.get(f"/v1/files/{identity}"), 404)
    assert error_of(http.delete(f"/v1/files/{identity}"), 404)


def test_stored_images_can_be_used_in_chat(upload: Any, chat: Any) -> None:
    identity = upload("a.png", b"x", "storage").json()["id"]

    def look(url: str) -> Any:
        return chat([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])

    assert look(f"stepfile://{identity}").status_code == 200
    assert look("stepfile://file-none").status_code == 400


# -- vector stores -------------------------------------------------------------------------------------------------


@pytest.fixture
def ready(upload: Any, http: Any) -> str:
    identity = upload("kb.txt", b"The moon is 384400 km away.", "retrieval-text").json()["id"]
    http.get(f"/v1/files/{identity}")
    return identity


def test_create_returns_only_id_and_name(http: Any) -> None:
    made = http.post("/v1/vector_stores", json={"name": "kb_1"}).json()
    assert set(made) == {"id", "name"}
    assert made["id"].isdigit()
    store = http.get(f"/v1/vector_stores/{made['id']}").json()
    assert (store["object"], store["type"], store["file_counts"]["total"]) == ("vector_store", "text", 0)
    assert not {"status", "usage_bytes", "last_active_at"} & set(store)


@pytest.mark.parametrize("name", ["", None, "_x", "a b", "a-b", "知识"])
def test_store_names_are_restricted(http: Any, name: Any) -> None:
    assert "name" in error_of(http.post("/v1/vector_stores", json={"name": name}))["message"]


def test_stores_are_listed_in_pages(http: Any) -> None:
    ids = [http.post("/v1/vector_stores", json={"name": f"kb{number}"}).json()["id"] for number in range(3)]
    page = http.get("/v1/vector_stores", params={"limit": 2}).json()
    assert [item["id"] for item in page["data"]] == ids[:0:-1]
    assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[2], ids[1], True)
    rest = http.get("/v1/vector_stores", params={"after": page["last_id"]}).json()
    assert ([item["id"] for item in rest["data"]], rest["has_more"]) == ([ids[0]], False)
    before = http.get("/v1/vector_stores", params={"before": ids[2], "order": "asc"}).json()
    assert [item["id"] for item in before["data"]] == ids[:2]
    assert http.get("/v1/vector_stores", params={"limit": 101}).status_code == 400


def test_files_are_added_as_a_list(http: Any, ready: str, upload: Any) -> None:
    store = http.post("/v1/vector_stores", json={"name": "kb"}).json()["id"]
    path = f"/v1/vector_stores/{store}/files"
    assert "files" in error_of(http.post(path, json={"file_id": ready}))["message"]
    added = http.post(path, json={"files": [{"file_id": ready, "description": "moon"}]}).json()
    assert added == {"files": [{"file_id": ready, "metadata": {"description": "moon"}}]}
    (row,) = http.get(path).json()["data"]
    assert (row["object"], row["vector_store_id"]) == ("vector_store.file", store)
    assert "status" not in row
    for done in (0, 1):  # the files have no status of their own: only the store counts them
        counts = http.get(f"/v1/vector_stores/{store}").json()["file_counts"]
        assert (counts["in_progress"], counts["completed"], counts["total"]) == (1 - done, done, 1)
    fresh = upload("new.txt", b"x", "retrieval-text").json()["id"]
    assert "not ready" in error_of(http.post(path, json={"files": [{"file_id": fresh}]}))["message"]
    other = upload("new.txt", b"x", "file-extract").json()["id"]
    assert error_of(http.post(path, json={"files": [{"file_id": other}]}))
    deleted = http.delete(f"{path}/{ready}").json()
    assert deleted == {"id": ready, "object": "vector_store.file.deleted", "deleted": True}
    assert http.delete(f"{path}/{ready}").status_code == 404


def test_image_stores_need_descriptions(http: Any, upload: Any) -> None:
    store = http.post("/v1/vector_stores", json={"name": "kb", "type": "image"}).json()["id"]
    picture = upload("a.png", b"x", "retrieval-image").json()["id"]
    http.get(f"/v1/files/{picture}")
    path = f"/v1/vector_stores/{store}/files"
    assert "description" in error_of(http.post(path, json={"files": [{"file_id": picture}]}))["message"]
    assert http.post(path, json={"files": [{"file_id": picture, "description": "a"}]}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ""), ("POST", "/search"), ("POST", "/file_batches"), ("GET", "/files/file-1"), ("POST", "/files/file-1")],
)
def test_unsupported_store_operations_are_404(http: Any, method: str, path: str) -> None:
    store = http.post("/v1/vector_stores", json={"name": "kb"}).json()["id"]
    assert http.request(method, f"/v1/vector_stores/{store}{path}", json={}).text == "404 page not found"


def test_store_can_be_deleted(http: Any) -> None:
    store = http.post("/v1/vector_stores", json={"name": "kb"}).json()["id"]
    assert http.delete(f"/v1/vector_stores/{store}").json()["object"] == "vector_store.deleted"
    assert http.get(f"/v1/vector_stores/{store}").status_code == 404


def test_retrieval_answers_from_the_store(http: Any, chat: Any, ready: str) -> None:
    store = http.post("/v1/vector_stores", json={"name": "kb"}).json()["id"]
    http.post(f"/v1/vector_stores/{store}/files", json={"files": [{"file_id": ready}]})

    def ask(**options: str) -> Any:
        function = {"name": "kb", "description": "moon facts", "options": {"vector_store_id": store, **options}}
        return chat("How far is the moon?", tools=[{"type": "retrieval", "function": function}]).json()["choices"][0]

    choice = ask()
    assert "384400 km" in choice["message"]["content"]
    assert "tool_calls" not in choice["message"]
    assert ask(prompt_template="[{{knowledge}}]")["message"]["content"] == "[The moon is 384400 km away.]"
