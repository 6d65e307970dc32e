"""Any input to any endpoint leaves the caller's data unchanged, and every refusal has a message."""

from __future__ import annotations

import copy
from typing import Any

import pytest

pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import strategies as st

from stepfun_compat.catalog import default
from stepfun_compat.endpoints import routing as table
from stepfun_compat.endpoints.base import WireRequest, WireResponse
from stepfun_compat.endpoints.context import RequestContext, RequestRejected
from stepfun_compat.endpoints.files.files import kind_of_content, page
from stepfun_compat.endpoints.json_values import UnexpectedBody
from stepfun_compat.settings import Settings
from tests.support.properties import examples

ROWS = sorted({row.name for row in default().all_parameters if row.endpoint != "chat.completions"})
PATHS = [
    ("POST", "/completions"),
    ("POST", "/responses/input_tokens"),
    ("GET", "/models"),
    ("GET", "/models/x"),
    ("POST", "/files"),
    ("GET", "/files"),
    ("GET", "/files/x"),
    ("DELETE", "/files/x"),
    ("POST", "/uploads"),
    ("POST", "/uploads/x/parts"),
    ("POST", "/uploads/x/complete"),
    ("POST", "/images/generations"),
    ("POST", "/images/edits"),
    ("POST", "/images/variations"),
    ("POST", "/audio/speech"),
    ("POST", "/audio/transcriptions"),
    ("POST", "/audio/voices"),
    ("POST", "/vector_stores"),
    ("GET", "/vector_stores"),
    ("GET", "/vector_stores/1"),
    ("POST", "/vector_stores/1/files"),
    ("GET", "/vector_stores/1/files"),
    ("GET", "/vector_stores/1/files/x"),
    ("POST", "/vector_stores/1/file_batches"),
    ("GET", "/vector_stores/1/file_batches/x"),
    ("GET", "/vector_stores/1/file_batches/x/files"),
    ("POST", "/embeddings"),
]
WORDS = st.sampled_from(
    [
        "gpt-4o",
        "tts-1",
        "whisper-1",
        "dall-e-3",
        "gpt-image-1",
        "alloy",
        "auto",
        "1024x1024",
        "x",
        "",
        "url",
        "sse",
        "json",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2000) | st.floats(allow_nan=False) | WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "file_id"]), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [*ROWS, "prompt", "file_ids", "files", "file_id", "image", "mask", "url", "part_ids", "md5", "stream", "attributes"]
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=6)
CONTENTS = st.binary(max_size=40) | st.sampled_from([b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WAVE", b"%PDF", b"text"])
FILES = st.lists(
    st.tuples(
        st.sampled_from(["file", "image", "image[]", "mask", "data"]),
        CONTENTS | st.tuples(st.sampled_from(["a.wav", "a.pdf", "a.png", "a", ""]), CONTENTS),
    ),
    max_size=2,
)
ANSWERS = st.sampled_from(["", "<html>", b"", b"bytes", None, [], {}]) | st.fixed_dictionaries(
    {},
    optional={"id": VALUES, "data": VALUES, "status": VALUES, "error": VALUES, "file_counts": VALUES, "text": VALUES},
)


@pytest.mark.parametrize("place", PATHS, ids=lambda place: " ".join(place))
@examples(6)
@given(
    body=BODIES, files=FILES, answer=ANSWERS, query=st.dictionaries(st.sampled_from(["limit", "after", "order"]), WORDS)
)
def test_any_request_and_any_response(
    place: tuple[str, str], body: dict[str, Any], files: list[Any], answer: Any, query: dict[str, str]
) -> None:
    method, path = place
    endpoint = table.find(method, path)
    assert endpoint is not None
    request = WireRequest(method, path, query=query, json=body if method == "POST" else None, files=files or None)
    before = copy.deepcopy(request)
    context = RequestContext(endpoint.name, Settings(on_unsupported="ignore"), default())
    try:
        script = endpoint.script(request, context)
        if script is None:
            endpoint.transform_request(request, context)
            endpoint.transform_response(copy.deepcopy(answer), context)
        else:
            next(script)
            for _ in range(5):  # a script that polls a file would run for minutes
                script.send(WireResponse(copy.deepcopy(answer)))
    except (RequestRejected, UnexpectedBody, StopIteration):
        pass
    assert request == before


@given(CONTENTS)
def test_any_content_has_a_file_type_or_none(content: bytes) -> None:
    assert kind_of_content(content) in (
        None,
        "pdf",
        "png",
        "txt",
        "html",
        "xml",
        "wav",
        "mp3",
        "ogg",
        "flac",
        "mp4",
        "webm",
        "gif",
        "jpg",
        "webp",
    )


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12, unique=True),
    st.integers(1, 5),
    st.booleans(),
)
def test_pages_contain_each_row_once(times: list[tuple[int, int]], limit: int, ascending: bool) -> None:
    rows = [{"id": f"file-{i}-{j}", "created_at": i} for i, j in times]
    query: dict[str, Any] = {"limit": limit, "order": "asc" if ascending else "desc"}
    seen: list[str] = []
    while True:
        cut = page(rows, query, 100)
        seen += [row["id"] for row in cut["data"]]
        if not cut["has_more"]:
            break
        query["after"] = cut["last_id"]
    assert sorted(seen) == sorted(row["id"] for row in rows)
    created = [next(row["created_at"] for row in rows if row["id"] == id) for id in seen]
    assert created == sorted(created, reverse=not ascending)
