"""Batches through the server: a stock client's `client.batches`, run by the server process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.support.batches import create, jsonl, line, rows_of, settled
from tests.support.serve import OTHER_TOKEN, Served, serving


@pytest.fixture
def batching(served: Served, tmp_path: Path) -> Iterator[Served]:
    with serving(served.emulator, settings={"batch_dir": str(tmp_path)}) as server:
        yield server


def test_batch_runs_to_completion(batching: Served) -> None:
    client = batching.client()
    batch = create(client, jsonl(line(number) for number in range(5)))
    assert batch.object == "batch"
    done = settled(client, batch.id)
    assert (done.status, done.request_counts.completed) == ("completed", 5)
    rows = rows_of(client.files.content(done.output_file_id).text)
    assert {row["custom_id"] for row in rows} == {f"line-{number}" for number in range(5)}
    assert all(row["response"]["body"]["object"] == "chat.completion" for row in rows)
    assert batch.id in [row.id for row in client.batches.list()]


def test_batches_are_visible_only_to_their_caller(batching: Served) -> None:
    client = batching.client()
    batch = settled(client, create(client, jsonl([line(1)])).id)
    other = batching.client(OTHER_TOKEN)
    assert batch.id not in [row.id for row in other.batches.list()]
    for call in (
        lambda: other.batches.retrieve(batch.id),
        lambda: other.batches.cancel(batch.id),
        lambda: other.files.content(batch.output_file_id),
        lambda: other.files.content(batch.input_file_id),
    ):
        with pytest.raises(openai.NotFoundError):
            call()


def test_batch_errors_are_openais(batching: Served) -> None:
    client = batching.client()
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_unknown")
    with pytest.raises(openai.BadRequestError):
        create(client, jsonl([line(1)]), endpoint="/v1/nothing")
