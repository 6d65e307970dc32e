"""Vector stores: StepFun's shapes are mapped to OpenAI's (stepfun-api 8.2), and polling ends."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stepfun_compat.endpoints.base import Sleep, WireRequest
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.files import vector_stores as vs
from stepfun_compat.endpoints.json_values import UnexpectedBody
from tests.support.exchange import drive, exchange, lost


class Service:
    """StepFun with one store; files become ready after `looks` requests, the store after `counts` runs out."""

    def __init__(self, *, looks: int = 0, purpose: str = "retrieval-text", counts: list[dict[str, int]] | None = None):
        self.looks, self.purpose = looks, purpose
        self.counts = counts or [{"in_progress": 0, "completed": 2, "failed": 0, "cancelled": 0, "total": 2}]
        self.files: list[str] = []
        self.sent: list[tuple[str, str]] = []

    def __call__(self, request: WireRequest | Sleep) -> Any:
        if isinstance(request, Sleep):
            self.sent.append(("sleep", str(request.seconds)))
            return None
        self.sent.append((request.method, request.path))
        if request.path.startswith("/files"):
            status = "processed" if self.looks > 0 else "success"
            self.looks -= 1
            if request.path == "/files":
                return {"data": [{"id": f"file-{i}", "status": status, "purpose": self.purpose} for i in range(9)]}
            return {"id": request.path.rsplit("/", 1)[1], "status": status, "purpose": self.purpose}
        if request.method == "POST" and request.path == "/vector_stores":
            return {"id": "1679", "name": request.json["name"]}
        if request.method == "POST":
            self.files += [row["file_id"] for row in request.json["files"]]
            return {"files": request.json["files"]}
        if request.path.endswith("/files"):
            after = request.query.get("after")
            start = self.files.index(after) + 1 if after else 0
            limit = int(request.query.get("limit", 20))
            rows = [
                {"id": id, "object": "vector_store.file", "created_at": i, "vector_store_id": "1679"}
                for i, id in enumerate(self.files)
            ][start : start + limit]
            return {"object": "list", "data": rows, "has_more": start + limit < len(self.files)}
        counts = self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]
        return {
            "id": "1679",
            "object": "vector_store",
            "created_at": 5,
            "name": "n",
            "type": "text",
            "file_counts": counts,
        }


def counts(in_progress: int = 0, completed: int = 0, failed: int = 0) -> dict[str, int]:
    total = in_progress + completed + failed
    return {"in_progress": in_progress, "completed": completed, "failed": failed, "cancelled": 0, "total": total}


# ---------------------------------------------------------------- stores


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("docs", "docs"),
        ("My Docs (v2)", "My_Docs_v2"),
        ("_x", "x"),
        ("知识库", r"store_[0-9a-f]{8}"),
        (None, r"store_[0-9a-f]{12}"),
    ],
)
def test_store_name_is_made_valid_for_stepfun(name: str | None, sent: str):
    body = {} if name is None else {"name": name}
    _, steps = drive(vs.CreateStore(), WireRequest("POST", "/vector_stores", json=body), Service())
    assert re.fullmatch(sent, steps[0].json["name"])
    assert steps[0].json["type"] == "text"


def test_created_store_is_retrieved():
    context = exchange(vs.CreateStore())
    request = WireRequest(
        "POST", "/vector_stores", json={"name": "a", "metadata": {"k": "v"}, "expires_after": {"days": 1}}
    )
    service = Service()
    reply, _ = drive(vs.CreateStore(), request, service, context)
    assert service.sent == [("POST", "/vector_stores"), ("GET", "/vector_stores/1679")]
    store = reply.body
    assert (store["id"], store["status"], store["file_counts"]["total"]) == ("1679", "completed", 2)
    assert (store["usage_bytes"], store["metadata"], store["last_active_at"]) == (0, {}, None)
    assert lost(context) == ["expires_after"]


def test_store_is_created_after_its_files_are_parsed():
    service = Service(looks=2)
    request = WireRequest("POST", "/vector_stores", json={"name": "a", "file_ids": ["file-1"]})
    drive(vs.CreateStore(), request, service)
    assert service.sent == [
        ("GET", "/files/file-1"),
        ("sleep", "0.2"),
        ("GET", "/files/file-1"),
        ("sleep", "0.5"),
        ("GET", "/files/file-1"),
        ("POST", "/vector_stores"),
        ("POST", "/vector_stores/1679/files"),
        ("GET", "/vector_stores/1679"),
    ]


def test_store_with_unfinished_files_is_in_progress():
    row = vs.RetrieveStore().transform_response(
        {"id": 1679, "file_counts": counts(in_progress=1)}, exchange(vs.RetrieveStore())
    )
    assert (row["id"], row["status"]) == ("1679", "in_progress")
    bare = vs.RetrieveStore().transform_response({"id": "1"}, exchange(vs.RetrieveStore()))
    assert (bare["status"], bare["file_counts"]) == ("completed", counts())


def test_store_list_has_openais_shape():
    data = vs.ListStores().transform_response({"data": [{"id": "1", "name": "a"}]}, exchange(vs.ListStores()))
    assert (data["object"], data["has_more"], data["data"][0]["object"]) == ("list", False, "vector_store")
    paged = vs.ListStores().transform_response(
        {"data": [], "has_more": True, "first_id": "1"}, exchange(vs.ListStores())
    )
    assert paged["has_more"] is True


# ---------------------------------------------------------------- files


def add(**body: Any) -> WireRequest:
    return WireRequest("POST", "/vector_stores/1679/files", json={"file_id": "file-1", **body})


def test_file_is_added_in_stepfuns_shape_and_returned_in_openais():
    context = exchange(vs.AddFile())
    request = add(attributes={"description": "d" * 300, "year": 2026}, chunking_strategy={"type": "static"})
    reply, steps = drive(vs.AddFile(), request, Service(), context)
    assert steps[-1].json == {"files": [{"file_id": "file-1", "description": "d" * 255}]}
    row = reply.body
    assert (row["id"], row["object"], row["vector_store_id"], row["status"]) == (
        "file-1",
        "vector_store.file",
        "1679",
        "in_progress",
    )
    assert row["created_at"] > 0
    assert sorted(lost(context)) == ["attributes", "chunking_strategy", "description"]


def test_file_with_another_purpose_is_refused_with_advice():
    with pytest.raises(RequestRejected, match="purpose='assistants'") as refused:
        drive(vs.AddFile(), add(), Service(purpose="file-extract"))
    assert refused.value.param == "file_id"


def test_file_that_never_becomes_ready_raises():
    service = Service(looks=10_000)
    with pytest.raises(RequestRejected, match="wait_for_processing") as refused:
        drive(vs.AddFile(), add(), service)
    assert refused.value.status == 409
    assert 60 < len(service.sent) < 200


def test_create_and_poll_ends():
    """Poll as the SDK's create_and_poll does: create, then retrieve until the status is final."""
    service = Service(counts=[counts(in_progress=1), counts(in_progress=1), counts(completed=1)])
    drive(vs.AddFile(), add(), service)
    statuses: list[str] = []
    for _ in range(3):
        reply, _ = drive(vs.RetrieveFile(), WireRequest("GET", "/vector_stores/1679/files/file-1"), service)
        statuses.append(reply.body["status"])
    assert statuses == ["in_progress", "in_progress", "completed"]


def test_file_in_a_store_whose_files_all_failed_is_failed():
    service = Service(counts=[counts(failed=1)])
    drive(vs.AddFile(), add(), service)
    reply, _ = drive(vs.RetrieveFile(), WireRequest("GET", "/vector_stores/1679/files/file-1"), service)
    assert reply.body["status"] == "failed"
    assert reply.body["last_error"]["code"] == "server_error"


def test_missing_file_is_not_found():
    with pytest.raises(RequestRejected) as refused:
        drive(vs.RetrieveFile(), WireRequest("GET", "/vector_stores/1679/files/file-7"), Service())
    assert (refused.value.status, refused.value.param) == (404, "file_id")


def test_file_is_found_on_a_later_page():
    service = Service()
    service.files = [f"file-{i}" for i in range(250)]
    reply, _ = drive(vs.RetrieveFile(), WireRequest("GET", "/vector_stores/1679/files/file-240"), service)
    assert reply.body["id"] == "file-240"
    assert len(service.sent) == 4


def test_repeating_list_page_ends_the_search():
    def stuck(request: WireRequest) -> Any:
        if request.path.endswith("/files"):
            return {"data": [{"id": "file-1"}], "has_more": True}
        return {"id": "1679", "file_counts": counts(completed=1)}

    with pytest.raises(RequestRejected):
        drive(vs.RetrieveFile(), WireRequest("GET", "/vector_stores/1679/files/nope"), stuck)
    page, _ = drive(vs.ListFiles(), WireRequest("GET", "/vector_stores/1679/files", query={"after": "file-1"}), stuck)
    assert page.body["has_more"] is False


def test_store_files_are_listed():
    service = Service()
    service.files = ["file-1", "file-2", "file-3"]
    request = WireRequest("GET", "/vector_stores/1679/files", query={"limit": 2, "filter": "completed"})
    reply, steps = drive(vs.ListFiles(), request, service)
    assert steps[0].query == {"limit": 2}
    assert [(row["id"], row["status"]) for row in reply.body["data"]] == [
        ("file-1", "completed"),
        ("file-2", "completed"),
    ]
    assert (reply.body["has_more"], reply.body["last_id"]) == (True, "file-2")
    none, _ = drive(
        vs.ListFiles(), WireRequest("GET", "/vector_stores/1679/files", query={"filter": "failed"}), service
    )
    assert none.body["data"] == []


# ---------------------------------------------------------------- batches


def test_file_batch_is_one_request_and_its_id_encodes_its_files():
    service = Service(counts=[counts(in_progress=4), counts(in_progress=1, completed=3), counts(completed=3, failed=1)])
    ids = [f"file-{i}" for i in range(4)]
    context = exchange(vs.AddBatch())
    reply, steps = drive(
        vs.AddBatch(), WireRequest("POST", "/vector_stores/1679/file_batches", json={"file_ids": ids}), service, context
    )
    assert [step.path for step in steps] == ["/files", "/vector_stores/1679/files", "/vector_stores/1679"]
    assert steps[1].json == {"files": [{"file_id": id} for id in ids]}
    batch = reply.body
    assert vs.batch_files(batch["id"]) == ids
    assert (batch["object"], batch["status"], batch["file_counts"]["in_progress"]) == (
        "vector_store.file_batch",
        "in_progress",
        4,
    )
    path = f"/vector_stores/1679/file_batches/{batch['id']}"
    second, _ = drive(vs.RetrieveBatch(), WireRequest("GET", path), service)
    assert second.body["file_counts"] == counts(in_progress=1, completed=3)
    third, _ = drive(vs.RetrieveBatch(), WireRequest("GET", path), service)
    assert (third.body["status"], third.body["file_counts"]) == ("completed", counts(completed=3, failed=1))
    listed, _ = drive(
        vs.ListBatchFiles(), WireRequest("GET", path + "/files", query={"limit": 3, "order": "asc"}), service
    )
    assert [row["id"] for row in listed.body["data"]] == ids[:3]
    assert listed.body["has_more"] is True


def test_file_batch_accepts_files_with_attributes():
    request = WireRequest(
        "POST",
        "/vector_stores/1679/file_batches",
        json={"files": [{"file_id": "file-1", "attributes": {"description": "one"}}, {"file_id": "file-2"}]},
    )
    service = Service(counts=[counts(failed=2)])
    reply, steps = drive(vs.AddBatch(), request, service)
    assert steps[-2].json == {"files": [{"file_id": "file-1", "description": "one"}, {"file_id": "file-2"}]}
    assert reply.body["status"] == "failed"


@pytest.mark.parametrize("id", ["vsfb_xyz", "nonsense", "vsfb_", "vsfb_eJw"])
def test_unknown_batch_is_refused_before_the_network(id: str):
    for endpoint, tail in ((vs.RetrieveBatch(), ""), (vs.ListBatchFiles(), "/files")):
        with pytest.raises(RequestRejected) as refused:
            endpoint.script(WireRequest("GET", f"/vector_stores/1/file_batches/{id}{tail}"), exchange(endpoint))
        assert refused.value.status == 404


def test_empty_batch_and_file_without_id_are_refused():
    with pytest.raises(RequestRejected, match="file_ids"):
        drive(vs.AddBatch(), WireRequest("POST", "/vector_stores/1/file_batches", json={"file_ids": []}), Service())
    with pytest.raises(RequestRejected, match="file_id is missing"):
        drive(vs.AddFile(), WireRequest("POST", "/vector_stores/1/files", json={}), Service())


def test_invalid_store_is_refused():
    for body in (None, {}, []):
        with pytest.raises(UnexpectedBody):
            vs.RetrieveStore().transform_response(body, exchange(vs.RetrieveStore()))
        with pytest.raises(UnexpectedBody):
            vs.ListStores().transform_response(body, exchange(vs.ListStores()))
