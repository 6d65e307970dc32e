"""Files and vector stores: `processed` means not ready, and lists have no `has_more` (stepfun-api 8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .. import contested
from ..config import EmulatorConfig
from ..json_values import Object, as_list, as_object, as_text, is_array, is_object
from ..model import extraction
from . import errors
from .answers import Answer, json_body, text_body
from .calls import Call, Endpoint
from .errors import ApiError
from .multipart import Upload

_MEGABYTE = 1024 * 1024
_DOCUMENTS = frozenset(["txt", "md", "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "csv", "html", "htm", "xml"])
_MEDIA = frozenset(["mp4", "mov", "mkv", "jpg", "jpeg", "png", "webp", "gif", "mp3", "wav"])
_KINDS: Mapping[str, tuple[frozenset[str], int]] = {
    "file-extract": (_DOCUMENTS, 64 * _MEGABYTE),
    "retrieval-text": (_DOCUMENTS, 64 * _MEGABYTE),
    "retrieval-image": (frozenset({"jpg", "jpeg", "png"}), 64 * _MEGABYTE),
    "storage": (_MEDIA, 128 * _MEGABYTE),
}
_MAX_FILES = 1000
_STORE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
_MAX_DESCRIPTION = 255


def _not_found(what: str, identity: str) -> ApiError:
    """Return the error for an unknown id. Its status is not documented; clients expect 404."""
    return ApiError(404, f"{what} {identity} not found", "request_params_invalid")


# -- files -------------------------------------------------------------------------------------------------------


def _files(call: Call) -> dict[str, Any]:
    return call.engine.table("files")


def _find(call: Call) -> Object:
    stored = _files(call).get(call.path["file"])
    if stored is None:
        raise _not_found("file", call.path["file"])
    return as_object(stored)


def _described(stored: Object) -> Object:
    """Return a file. Each read advances its parsing by one step, from `processed` (not ready) to `success`."""
    status = "success" if stored["looks"] >= stored["polls"] else "processed"
    stored["looks"] += 1
    return {**_base(stored), "status": status}


def _base(stored: Object) -> Object:
    return {key: stored[key] for key in ("id", "object", "bytes", "created_at", "filename", "purpose")}


def upload(call: Call) -> Answer:
    """Store an uploaded file, or a generated one for a `url`. The response has no status."""
    form = {name: values[-1] for name, values in call.request.form.items()} or as_object(call.request.json)
    if call.config.strict:
        errors.check_known([*form, *call.request.files], ("purpose", "file", "url"))
    purpose = as_text(form.get("purpose"))
    if purpose not in _KINDS:
        raise errors.invalid_param("purpose", ", ".join(_KINDS))
    contested.check_purpose(purpose, call.config)
    file = _sent_file(call.request.files.get("file", []), as_text(form.get("url")))
    _check_kind_and_size(file, purpose, call.config)
    if len(_files(call)) >= _MAX_FILES:
        raise errors.invalid(f"too many files, at most {_MAX_FILES}")
    stored: Object = {
        "id": f"file-{call.engine.new_id(24)}",
        "object": "file",
        "bytes": len(file.content),
        "created_at": call.engine.now(),
        "filename": file.filename,
        "purpose": purpose,
        "text": extraction.extract(file.filename, file.content) if purpose != "storage" else "",
        "content": file.content,
        "looks": 0,
        "polls": 0 if purpose == "storage" else call.config.parse_polls,
    }
    _files(call)[stored["id"]] = stored
    return json_body(_base(stored))


def _sent_file(sent: list[Upload], url: str) -> Upload:
    """Return the uploaded file, or a generated one for a URL."""
    if sent:
        return sent[0]
    if not url:
        raise errors.invalid_param("file", "not empty")
    return Upload(url.partition("?")[0].rpartition("/")[2], "text/plain", f"content of {url}".encode())


def _check_kind_and_size(file: Upload, purpose: str, config: EmulatorConfig) -> None:
    kinds, limit = _KINDS[purpose]
    # If storage is the only purpose, it accepts documents as well.
    taken = kinds | _DOCUMENTS if config.refused("purposes") else kinds
    if file.filename.rpartition(".")[2].lower() not in taken:
        raise errors.invalid_param("file", f"for {purpose}: {', '.join(sorted(kinds))}")
    if len(file.content) > limit:
        raise errors.invalid(f"file is larger than {limit // _MEGABYTE} MB")


def list_files(call: Call) -> Answer:
    """Return all files, without `has_more` or a cursor; `after` is ignored."""
    purpose = call.request.query.get("purpose")
    rows = [as_object(item) for item in _files(call).values()]
    data = [_described(item) for item in rows if purpose in (None, item["purpose"])]
    return json_body({"object": "list", "data": data})


def retrieve_file(call: Call) -> Answer:
    return json_body(_described(_find(call)))


def delete_file(call: Call) -> Answer:
    stored = _find(call)
    del _files(call)[stored["id"]]
    return json_body({"id": stored["id"], "object": "file", "deleted": True})


def file_content(call: Call) -> Answer:
    """Return the text extracted from the file."""
    stored = _find(call)
    if stored["purpose"] != "file-extract":
        raise errors.invalid("only files with purpose file-extract have content")
    if stored["looks"] < stored["polls"]:
        raise errors.invalid("file is still being parsed")
    return text_body(stored["text"])


# -- vector stores -----------------------------------------------------------------------------------------------


def _stores(call: Call) -> dict[str, Any]:
    return call.engine.table("vector_stores")


def _store(call: Call) -> Object:
    stored = _stores(call).get(call.path["store"])
    if stored is None:
        raise _not_found("vector store", call.path["store"])
    return as_object(stored)


def _store_object(stored: Object) -> Object:
    count, waiting = len(stored["files"]), len(stored["waiting"])
    counts = {"in_progress": waiting, "completed": count - waiting, "failed": 0, "cancelled": 0, "total": count}
    return {
        "id": stored["id"],
        "object": "vector_store",
        "created_at": stored["created_at"],
        "name": stored["name"],
        "type": stored["type"],
        "file_counts": counts,
    }


def create_store(call: Call) -> Answer:
    """Create a store. The response has only its id and name."""
    body = call.object()
    if call.config.strict:
        for name in body:
            if name not in ("name", "type"):
                raise errors.unknown_param(name)
    name = as_text(body.get("name"))
    if _STORE_NAME.fullmatch(name) is None:
        raise errors.invalid_param("name", "letters, digits and _, not starting with _")
    kind = body.get("type", "text")
    if kind not in ("text", "image"):
        raise errors.invalid_param("type", "text, image")
    identity = str(int(call.engine.new_id(14), 16))[:18].ljust(18, "0")
    _stores(call)[identity] = {
        "id": identity,
        "created_at": call.engine.now(),
        "name": name,
        "type": kind,
        "files": [],
        "waiting": {},
    }
    return json_body({"id": identity, "name": name})


def list_stores(call: Call) -> Answer:
    return json_body(_page(call, [_store_object(as_object(item)) for item in _stores(call).values()]))


def _page(call: Call, rows: list[Object]) -> Object:
    """Return the page of rows that `limit` (1 to 100, default 20), `order`, `before` and `after` select."""
    query = call.request.query
    limit = query.get("limit", "20")
    if not limit.isdigit() or not 1 <= int(limit) <= 100:
        raise errors.invalid_param("limit", "[1,100]")
    if query.get("order", "desc") not in ("asc", "desc"):
        raise errors.invalid_param("order", "asc, desc")
    if query.get("order", "desc") == "desc":
        rows = rows[::-1]
    ids = [row["id"] for row in rows]
    if query.get("after") in ids:
        rows = rows[ids.index(query["after"]) + 1 :]
    elif query.get("before") in ids:
        rows = rows[: ids.index(query["before"])]
    page = rows[: int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else "",
        "last_id": page[-1]["id"] if page else "",
        "has_more": len(rows) > len(page),
    }


def retrieve_store(call: Call) -> Answer:
    """Return a store. Each read advances the indexing of new files by one step."""
    stored = _store(call)
    answer = json_body(_store_object(stored))
    stored["waiting"] = {file: looks - 1 for file, looks in stored["waiting"].items() if looks > 1}
    return answer


def delete_store(call: Call) -> Answer:
    stored = _store(call)
    del _stores(call)[stored["id"]]
    return json_body({"id": stored["id"], "object": "vector_store.deleted", "deleted": True})


def add_files(call: Call) -> Answer:
    """Add the files listed in `files`. OpenAI's single `file_id` is refused."""
    stored = _store(call)
    body = call.object()
    wanted = body.get("files")
    if not is_array(wanted) or not wanted or not all(is_object(item) for item in wanted):
        raise errors.invalid_param("files", "[{file_id, description}]")
    if call.config.strict:
        errors.check_known(body, ("files",))
    return json_body({"files": [_add_file(call, stored, as_object(item)) for item in wanted]})


def _add_file(call: Call, stored: Object, item: Object) -> Object:
    """Add one file to a store and return its entry in the response."""
    file = as_object(_files(call).get(as_text(item.get("file_id"))))
    if file.get("purpose") != f"retrieval-{stored['type']}":
        raise errors.invalid(f"file {item.get('file_id')} not found with purpose retrieval-{stored['type']}")
    if file["looks"] < file["polls"]:
        raise errors.invalid(f"file {file['id']} is not ready")
    description = as_text(item.get("description"))
    if (stored["type"] == "image" and not description) or len(description) > _MAX_DESCRIPTION:
        raise errors.invalid_param("description", f"1 to {_MAX_DESCRIPTION} characters")
    row: Object = {
        "id": file["id"],
        "object": "vector_store.file",
        "created_at": call.engine.now(),
        "vector_store_id": stored["id"],
        "metadata": {"description": description},
    }
    stored["files"] = [entry for entry in stored["files"] if entry["id"] != file["id"]] + [row]
    if call.config.index_polls:
        stored["waiting"][file["id"]] = call.config.index_polls
    return {"file_id": file["id"], "metadata": {"description": description}}


def list_store_files(call: Call) -> Answer:
    return json_body(_page(call, [as_object(item) for item in as_list(_store(call)["files"])]))


def remove_file(call: Call) -> Answer:
    stored = _store(call)
    kept = [item for item in stored["files"] if item["id"] != call.path["file"]]
    if len(kept) == len(stored["files"]):
        raise _not_found("file", call.path["file"])
    stored["files"] = kept
    stored["waiting"].pop(call.path["file"], None)
    return json_body({"id": call.path["file"], "object": "vector_store.file.deleted", "deleted": True})


ENDPOINTS = (
    Endpoint("POST", "/files", upload),
    Endpoint("GET", "/files", list_files),
    Endpoint("GET", "/files/{file}", retrieve_file),
    Endpoint("DELETE", "/files/{file}", delete_file),
    Endpoint("GET", "/files/{file}/content", file_content),
    Endpoint("POST", "/vector_stores", create_store),
    Endpoint("GET", "/vector_stores", list_stores),
    Endpoint("GET", "/vector_stores/{store}", retrieve_store),
    Endpoint("DELETE", "/vector_stores/{store}", delete_store),
    Endpoint("POST", "/vector_stores/{store}/files", add_files),
    Endpoint("GET", "/vector_stores/{store}/files", list_store_files),
    Endpoint("DELETE", "/vector_stores/{store}/files/{file}", remove_file),
)
