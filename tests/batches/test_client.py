"""`client.batches` and the files of batches, as in programs written for OpenAI."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import openai
import pytest

from stepfun_compat import AsyncOpenAI, OpenAI, Settings, stock
from stepfun_compat.emulator import EmulatorServer, Fault
from tests.support.batches import create, jsonl, line, rows_of, settled
from tests.support.wire import Wire


def used(batch: Any) -> Any:
    """The usage of a batch as a dict: older SDKs have no type for it."""
    return batch.to_dict()["usage"]


@pytest.fixture
def server() -> Iterator[EmulatorServer]:
    with EmulatorServer() as server:
        yield server


@pytest.fixture
def settings(server: EmulatorServer, tmp_path: Path) -> Settings:
    return Settings(base_url=server.base_url, api_key=server.api_key, batch_dir=str(tmp_path / "batches"))


@pytest.fixture
def client(settings: Settings) -> Iterator[OpenAI]:
    with OpenAI(settings=settings) as client:
        yield client


def test_openais_batch_example_runs_unchanged(client: OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "batchinput.jsonl"
    path.write_bytes(jsonl(line(i) for i in range(3)))
    with path.open("rb") as opened:
        batch_input_file = client.files.create(file=opened, purpose="batch")
    assert (batch_input_file.purpose, batch_input_file.filename) == ("batch", "batchinput.jsonl")
    batch = client.batches.create(
        input_file_id=batch_input_file.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"description": "nightly eval job"},
    )
    assert (batch.object, batch.status) == ("batch", "validating")
    batch = settled(client, batch.id)
    assert (batch.status, batch.metadata) == ("completed", {"description": "nightly eval job"})
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (3, 3, 0)
    assert batch.created_at <= batch.in_progress_at <= batch.finalizing_at <= batch.completed_at
    assert batch.error_file_id is None
    rows = rows_of(client.files.content(batch.output_file_id).text)
    assert [row["custom_id"] for row in rows] == ["line-0", "line-1", "line-2"]
    for row in rows:
        assert row["id"].startswith("batch_req_")
        assert row["error"] is None
        assert row["response"]["status_code"] == 200
        assert row["response"]["request_id"]
        assert row["response"]["body"]["choices"][0]["message"]["role"] == "assistant"
    assert used(batch)["total_tokens"] == sum(row["response"]["body"]["usage"]["total_tokens"] for row in rows)


@pytest.mark.anyio
async def test_openais_batch_example_runs_unchanged_async(settings: Settings) -> None:
    async with AsyncOpenAI(settings=settings) as client:
        file = await client.files.create(file=io.BytesIO(jsonl(line(i) for i in range(3))), purpose="batch")
        batch = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        with anyio.fail_after(30):
            while batch.status != "completed":
                await anyio.sleep(0.02)
                batch = await client.batches.retrieve(batch.id)
        content = await client.files.content(batch.output_file_id or "")
        assert [row["custom_id"] for row in rows_of(content.text)] == ["line-0", "line-1", "line-2"]
        assert [found.id async for found in client.batches.list()] == [batch.id]
        assert (await client.files.delete(file.id)).deleted


def test_responses_and_completions(client: OpenAI) -> None:
    for url, body in (
        ("/v1/responses", {"model": "gpt-4o", "input": "Say hello"}),
        ("/v1/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "Say hello"}),
    ):
        batch = settled(client, create(client, jsonl([line(0, url=url, body=body)]), endpoint=url).id)
        assert batch.status == "completed"
        (row,) = rows_of(client.files.content(batch.output_file_id).text)
        assert row["response"]["body"]["object"] in ("response", "text_completion")
        assert used(batch)["input_tokens"] > 0


def test_embeddings_use_the_fallback(settings: Settings) -> None:
    with (
        OpenAI(settings=settings) as client,
        pytest.raises(openai.NotFoundError, match="STEPFUN_FALLBACK_EMBEDDINGS"),
    ):
        create(client, jsonl([line(0)]), endpoint="/v1/embeddings")
    with EmulatorServer() as other:
        answer = {"object": "list", "model": "e", "data": [], "usage": {"prompt_tokens": 3, "total_tokens": 3}}
        other.fault(Fault(status=200, body=answer, times=None, path="/embeddings"))
        theirs = stock.OpenAI(api_key="sk-theirs", base_url=other.base_url.replace("127.0.0.1", "localhost"))
        with OpenAI(settings=settings.replace(fallback={"embeddings": theirs})) as client:
            row = line(0, url="/v1/embeddings", body={"model": "e", "input": "x"})
            batch = settled(client, create(client, jsonl([row]), endpoint="/v1/embeddings").id)
            assert batch.status == "completed"
            assert rows_of(client.files.content(batch.output_file_id).text)[0]["response"]["body"] == answer
    assert used(batch)["input_tokens"] == 3


@pytest.fixture
def embedder() -> Iterator[EmulatorServer]:
    """Another provider that serves `/embeddings` on a host that is not StepFun's."""
    with EmulatorServer() as other:
        answer = {
            "object": "list",
            "model": "e",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            "usage": {"prompt_tokens": 3, "total_tokens": 3},
        }
        other.fault(Fault(status=200, body=answer, times=None, path="/embeddings"))
        yield other


def given(other: EmulatorServer) -> dict[str, Any]:
    """Arguments of a fallback client with its own settings."""
    url = other.base_url.replace("127.0.0.1", "localhost")
    return {"api_key": "sk-theirs", "base_url": url, "default_query": {"api-version": "1"}, "organization": "org-1"}


EMBEDDING = line(0, url="/v1/embeddings", body={"model": "e", "input": "x"})


def test_lines_of_a_fallback_client_are_sent_with_that_client(settings: Settings, embedder: EmulatorServer) -> None:
    settings = settings.replace(fallback={"embeddings": stock.OpenAI(**given(embedder))})
    with OpenAI(settings=settings) as client:
        assert settled(client, create(client, jsonl([EMBEDDING]), endpoint="/v1/embeddings").id).status == "completed"
    request = embedder.requests[-1]
    assert (request.query, request.headers["openai-organization"]) == ({"api-version": "1"}, "org-1")


@pytest.mark.anyio
async def test_lines_of_an_async_fallback_client_are_sent_in_its_event_loop(
    settings: Settings, embedder: EmulatorServer
) -> None:
    async with (
        stock.AsyncOpenAI(**given(embedder)) as theirs,
        AsyncOpenAI(settings=settings.replace(fallback={"embeddings": theirs})) as client,
    ):
        await client.embeddings.create(model="e", input="x")  # leaves a connection of this loop in the pool
        file = await client.files.create(file=jsonl([EMBEDDING]), purpose="batch")
        batch = await client.batches.create(input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h")
        with anyio.fail_after(30):
            while batch.status != "completed":
                await anyio.sleep(0.02)
                batch = await client.batches.retrieve(batch.id)
        assert batch.request_counts.completed == 1
    assert [request.query for request in embedder.requests] == [{"api-version": "1"}] * 2


@pytest.mark.parametrize(
    ("content", "code", "number"),
    [
        (b"not json\n", "invalid_json_line", 1),
        (b"[1]\n", "invalid_json_line", 1),
        (b"\n \n", "empty_file", None),
        (jsonl([line(1), line(1)]), "duplicate_custom_id", 2),
        (jsonl([line(1), line(2, url="/v1/responses")]), "mismatched_url", 2),
        (jsonl([line(1, method="GET")]), "invalid_method", 1),
        (jsonl([{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions"}]), "missing_required_parameter", 1),
        (jsonl([line(1, body="x")]), "invalid_type", 1),
    ],
)
def test_an_invalid_file_fails_the_batch_and_sends_nothing(
    client: OpenAI, server: EmulatorServer, content: bytes, code: str, number: int | None
) -> None:
    batch = settled(client, create(client, content).id)
    assert (batch.status, batch.request_counts.total) == ("failed", 0)
    assert [(error.code, error.line) for error in batch.errors.data] == [(code, number)]
    assert batch.errors.data[0].message
    assert batch.failed_at is not None
    assert not server.requests


def test_a_file_with_more_lines_than_openai_allows_fails(client: OpenAI, server: EmulatorServer) -> None:
    row = b'{"custom_id":"%d","method":"POST","url":"/v1/chat/completions","body":{}}\n'
    batch = settled(client, create(client, b"".join(row % i for i in range(50_001))).id)
    assert batch.status == "failed"
    assert batch.errors.data[0].code == "too_many_requests_in_file"
    assert not server.requests


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"endpoint": "/v1/images"}, "endpoint"),
        ({"completion_window": "soon"}, "completion_window"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
    ],
)
def test_invalid_parameters_raise(client: OpenAI, changes: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        create(client, jsonl([line(1)]), **changes)
    assert refused.value.param == param


def test_missing_batches_and_files_raise_not_found(client: OpenAI) -> None:
    for use in (
        lambda: client.batches.retrieve("batch_none"),
        lambda: client.batches.cancel("batch_none"),
        lambda: client.files.retrieve("file-batch_none"),
        lambda: client.files.content("file-batch_none"),
        lambda: client.files.delete("file-batch_none"),
        lambda: client.batches.create(
            input_file_id="file-batch_none", endpoint="/v1/chat/completions", completion_window="24h"
        ),
    ):
        with pytest.raises(openai.NotFoundError):
            use()


def test_reading_creates_no_journal(client: OpenAI, settings: Settings) -> None:
    assert client.batches.list().data == []
    assert client.files.list().data == []
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_none")
    assert settings.batch_dir is not None
    assert not Path(settings.batch_dir).exists()


def test_batches_are_listed_in_pages_newest_first(client: OpenAI) -> None:
    ids = [create(client, jsonl([line(i)])).id for i in range(5)]
    page = client.batches.list(limit=2)
    assert [batch.id for batch in page.data] == ids[:2:-1]
    assert page.has_more
    assert [batch.id for batch in client.batches.list(limit=2)] == ids[::-1]
    assert [batch.id for batch in client.batches.list(after=ids[1]).data] == [ids[0]]
    with pytest.raises(openai.BadRequestError):
        client.batches.list(limit=101)
    for id in ids:
        settled(client, id)


def test_batch_files_and_stepfun_files_are_listed_together(client: OpenAI) -> None:
    theirs = client.files.create(file=("a.txt", b"text"), purpose="user_data")
    ours = client.files.create(file=("input.jsonl", jsonl([line(1)])), purpose="batch")
    assert {file.id for file in client.files.list()} == {theirs.id, ours.id}
    assert [file.id for file in client.files.list(purpose="batch")] == [ours.id]
    assert [file.id for file in client.files.list(purpose="user_data")] == [theirs.id]
    assert client.files.retrieve(ours.id).bytes == len(jsonl([line(1)]))
    assert client.files.content(ours.id).read() == jsonl([line(1)])


def test_batches_are_separate_for_each_key(client: OpenAI, settings: Settings) -> None:
    batch = settled(client, create(client, jsonl([line(1)])).id)
    with OpenAI(settings=settings.replace(api_key="other-key")) as other:
        assert other.batches.list().data == []
        with pytest.raises(openai.NotFoundError):
            other.batches.retrieve(batch.id)
        with pytest.raises(openai.NotFoundError):
            other.files.content(batch.output_file_id)


def test_cancel_keeps_finished_lines(client: OpenAI, server: EmulatorServer) -> None:
    server.fault(Fault(hold=True, times=5))
    batch = create(client, jsonl(line(i) for i in range(20)))
    assert server.wait_until_held(5, timeout=20)
    cancelled = client.batches.cancel(batch.id)
    assert cancelled.status == "cancelling"
    assert cancelled.cancelling_at is not None
    server.release()
    batch = settled(client, batch.id)
    assert batch.status == "cancelled"
    counts = batch.request_counts
    assert counts.total == counts.completed + counts.failed == 20
    errors = rows_of(client.files.content(batch.error_file_id).text)
    assert {row["error"]["code"] for row in errors} == {"batch_cancelled"}
    assert client.batches.cancel(batch.id).status == "cancelled"


def test_finished_batch_cannot_be_cancelled(client: OpenAI) -> None:
    batch = settled(client, create(client, jsonl([line(1)])).id)
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)


def test_every_line_is_once_in_the_output_or_error_file_despite_faults(client: OpenAI, server: EmulatorServer) -> None:
    for fault in (Fault(status=503, times=3), Fault(disconnect=True, times=3), Fault(cut_after=20, times=2)):
        server.fault(fault)
    rows = [line(i) for i in range(60)]
    rows[7]["body"] = {"model": "gpt-4o", "messages": "poison"}
    rows[9]["body"]["stream"] = True
    batch = settled(client, create(client, jsonl(rows)).id, seconds=60)
    assert batch.status == "completed"
    done = [row["custom_id"] for row in rows_of(client.files.content(batch.output_file_id).text)]
    failed = rows_of(client.files.content(batch.error_file_id).text)
    assert [row["custom_id"] for row in failed] == ["line-7", "line-9"]
    assert {row["response"]["status_code"] for row in failed} == {400}
    assert sorted([*done, "line-7", "line-9"]) == sorted(row["custom_id"] for row in rows)


def test_a_429_slows_the_batch_down_and_loses_no_line(client: OpenAI, server: EmulatorServer) -> None:
    server.fault(Fault(status=429, times=4))
    batch = settled(client, create(client, jsonl(line(i) for i in range(20))).id)
    assert (batch.status, batch.request_counts.completed) == ("completed", 20)


@pytest.mark.parametrize(("status", "word"), [(401, "key"), (402, "balance")])
def test_a_rejected_key_or_an_empty_account_stops_the_batch(
    client: OpenAI, server: EmulatorServer, status: int, word: str
) -> None:
    server.fault(Fault(status=status, times=None))
    batch = create(client, jsonl(line(i) for i in range(30)))
    stopped = settled_with_errors(client, batch.id)
    assert stopped.status == "in_progress"
    assert word in stopped.errors.data[0].message
    assert f"stepfun-compat batch resume {batch.id}" in stopped.errors.data[0].message
    assert stopped.request_counts.failed == 0
    assert len(server.requests) <= 10


def settled_with_errors(client: OpenAI, id: str) -> Any:
    from threading import Event

    for _ in range(500):
        batch = client.batches.retrieve(id)
        if batch.errors:
            return batch
        Event().wait(0.02)
    raise AssertionError(f"{id} did not stop")


def test_batches_can_be_routed_to_another_provider() -> None:
    theirs = Wire({"id": "b", "object": "batch"})
    other = stock.OpenAI(api_key="sk-theirs", http_client=httpx.Client(transport=httpx.MockTransport(theirs)))
    client = Wire().client(settings=Settings(fallback={"batches": other}))
    assert client.batches.retrieve("b").id == "b"
    with pytest.raises(openai.BadRequestError, match="provider"):
        client.files.create(file=("a.jsonl", b"{}"), purpose="batch")


def test_raw_responses_have_openais_format(client: OpenAI) -> None:
    batch = settled(client, create(client, jsonl([line(1)])).id)
    raw = client.batches.with_raw_response.retrieve(batch.id)
    assert json.loads(raw.content)["object"] == "batch"
    assert raw.parse().id == batch.id


@pytest.mark.parametrize("journal", [False, True])
def test_not_found_errors_are_the_same_with_and_without_a_journal(client: OpenAI, journal: bool) -> None:
    if journal:
        client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    with pytest.raises(openai.NotFoundError, match="No batch found with id 'batch_0'") as missing:
        client.batches.retrieve("batch_0")
    assert missing.value.param == "batch_id"
    with pytest.raises(openai.NotFoundError, match="No such File object: file-batch_0") as missing:
        client.files.retrieve("file-batch_0")
    assert missing.value.param == "id"
    with pytest.raises(openai.NotFoundError, match="batch_0") as missing:
        client.batches.list(after="batch_0")
    assert missing.value.param == "after"
    with pytest.raises(openai.BadRequestError, match="Use 1 to 100"):
        client.batches.list(limit=0)


def test_a_file_removed_from_the_folder_is_not_found(client: OpenAI, tmp_path: Path) -> None:
    file = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    (tmp_path / "batches" / "files" / f"{file.id}.jsonl").unlink()
    with pytest.raises(openai.NotFoundError, match=file.id):
        client.files.content(file.id)
