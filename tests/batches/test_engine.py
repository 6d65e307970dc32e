"""The worker on a journal, with a scripted sender: counters, disk errors, costs, completion windows."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat.batches import disk, engine
from stepfun_compat.batches.engine import Worker
from stepfun_compat.batches.journal import LEASE_SECONDS, Journal
from stepfun_compat.batches.limiter import Rate, SharedWindow
from stepfun_compat.batches.records import BatchError, Tokens
from stepfun_compat.batches.redis.journal import RedisJournal
from stepfun_compat.batches.sending import Sent
from stepfun_compat.batches.service import BatchService
from stepfun_compat.batches.sqlite_journal import SqliteJournal
from tests.support.batches import ANSWER, Sender, jsonl, line, rows_of


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["sqlite", "redis"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    if request.param == "redis":
        return RedisJournal(tmp_path / "batches", request.getfixturevalue("redis_url"))
    return SqliteJournal(tmp_path / "batches")


@pytest.fixture
def sqlite(tmp_path: Path) -> SqliteJournal:
    return SqliteJournal(tmp_path / "batches")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def created(journal: Journal, count: int, clock: Callable[[], float], **options: Any) -> str:
    service = BatchService(journal, "s", clock=clock)
    file = service.create_file("in.jsonl", [jsonl(line(i) for i in range(count))])
    fields = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "1h"}
    return service.create(fields, **options)["id"]


def worker(journal: Journal, sender: Any, clock: Callable[[], float], **options: Any) -> Worker:
    window = SharedWindow(journal.folder, "s", Rate(concurrency=8))
    return Worker(journal, sender, window, clock=clock, space="s", **options)


def output(journal: Journal, id: str) -> list[str]:
    record = journal.batch(id)
    assert record
    assert record.output_file_id
    file = journal.file(record.output_file_id)
    assert file
    return [row["custom_id"] for row in rows_of((journal.folder / file.path).read_text())]


def test_the_cost_limit_stops_the_batch_and_resume_continues_it(journal: Journal, clock: Clock) -> None:
    id, sender = created(journal, 100, clock, max_cost=10.0), Sender()
    one: Callable[[str | None, Tokens], float] = lambda model, tokens: 1.0  # noqa: E731
    asyncio.run(worker(journal, sender, clock, price=one).run())
    record = journal.batch(id)
    assert record
    assert record.status == "in_progress"
    assert record.stopped == "The cost limit of 10 is reached. Raise it with --max-cost."
    assert 10 <= record.cost <= 10 + 8, "at most the cost of the requests in flight"
    service = BatchService(journal, "s", clock=clock)
    service.resume(id)
    asyncio.run(worker(journal, sender, clock, price=one).run())
    assert service.record(id).stopped, "a limit already reached stops it again immediately"
    service.resume(id, max_cost=1000.0)
    asyncio.run(worker(journal, sender, clock, price=one).run())
    assert service.record(id).status == "completed"
    assert service.record(id).cost == 100
    assert set(sender.sent.values()) == {1}


def test_an_expired_batch_keeps_finished_lines(journal: Journal, clock: Clock) -> None:
    def pass_time(sent: int) -> None:
        clock.now += 3601 if sent == 20 else 0

    id, sender = created(journal, 100, clock), Sender(pass_time)
    asyncio.run(worker(journal, sender, clock).run())
    record = journal.batch(id)
    assert record
    assert (record.status, record.counts.pending) == ("expired", 0)
    assert record.counts.completed == sender.sent.total() < 100
    assert len(output(journal, id)) == record.counts.completed
    assert record.error_file_id
    errors = [json.loads(text) for text in journal.answers(id, failed=True)]
    assert {row["error"]["code"] for row in errors} == {"batch_expired"}
    assert len(errors) == record.counts.failed


@pytest.mark.parametrize("ending", ["cancelled", "expired"])
def test_the_end_of_a_batch_waits_for_the_requests_of_other_workers(
    journal: Journal, clock: Clock, ending: str
) -> None:
    """A request another worker has sent is billed, so its response counts although the batch ends."""
    id = created(journal, 40, clock)
    service = BatchService(journal, "s", clock=clock)
    calls: list[str] = []

    async def main() -> None:
        held, go = asyncio.Event(), asyncio.Event()

        async def slow(path: str, body: Mapping[str, Any]) -> Sent:
            calls.append(path)
            held.set()
            await go.wait()
            return Sent(200, "r", json.dumps(ANSWER))

        first = asyncio.ensure_future(worker(journal, slow, clock).run())
        await held.wait()
        if ending == "cancelled":
            service.cancel(id)
        else:
            clock.now += 3601
            journal.renew(journal.workers()[0].id, clock.now)  # as the worker's heartbeat does
        second = asyncio.ensure_future(worker(journal, Sender(), clock).run())
        await asyncio.sleep(0.3)
        assert service.record(id).status in ("cancelling", "in_progress")
        go.set()
        await asyncio.gather(first, second)

    asyncio.run(main())
    record = service.record(id)
    assert record.status == ending
    assert record.counts.completed == len(calls) >= 8
    assert record.counts.failed == 40 - len(calls)


def limit_pages(journal: SqliteJournal, more: int | None) -> None:
    """Simulate a disk that is full once the journal has grown by `more` pages; None ends the simulation."""
    with journal._open() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {1 << 30 if more is None else pages + more}")


def test_a_full_disk_raises_and_loses_no_answer(
    sqlite: SqliteJournal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ANSWER_PADDING, "size", 3000)
    id = created(sqlite, 200, clock)
    reserve = sqlite.folder / "reserve"
    sender = Sender(lambda sent: limit_pages(sqlite, 2) if sent == 20 else None)
    release = disk.Reserve.release

    def released(self: disk.Reserve) -> None:
        assert reserve.stat().st_size == disk.RESERVE_BYTES
        release(self)
        limit_pages(sqlite, 200)  # the size of the reserve

    monkeypatch.setattr(disk.Reserve, "release", released)
    with pytest.raises(BatchError, match=r"disk of .* is full.*stepfun-compat batch resume") as full:
        asyncio.run(worker(sqlite, Padded(sender), clock).run())
    assert (full.value.code, full.value.status) == ("disk_full", 507)
    record = sqlite.batch(id)
    assert record
    assert record.status == "in_progress"
    assert record.counts.completed == sender.sent.total() < 200, "every billed response is kept"
    limit_pages(sqlite, None)
    asyncio.run(worker(sqlite, sender, clock).run())
    assert set(sender.sent.values()) == {1}
    assert output(sqlite, id) == [f"line-{i}" for i in range(200)]
    assert reserve.exists()


class ANSWER_PADDING:
    size = 0


class Padded:
    """Returns large responses."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    async def __call__(self, path: str, body: Mapping[str, Any]) -> Sent:
        sent = await self.sender(path, body)
        return Sent(sent.status, sent.request_id, json.dumps({**ANSWER, "padding": "x" * ANSWER_PADDING.size}))


def test_permanently_full_disk_stops_the_worker_and_its_lines_are_resent(
    sqlite: SqliteJournal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "KEEP_TRYING", 0.0)
    id = created(sqlite, 50, clock)
    with pytest.raises(BatchError, match="is full"):
        asyncio.run(worker(sqlite, Sender(lambda sent: limit_pages(sqlite, 0)), clock).run())
    limit_pages(sqlite, None)
    clock.now += LEASE_SECONDS + 1
    sender = Sender()
    asyncio.run(worker(sqlite, sender, clock).run())
    record = sqlite.batch(id)
    assert record
    assert record.counts.completed == 50


def test_a_read_only_folder_raises_with_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "batches"
    SqliteJournal(folder)
    connect = sqlite3.connect

    def read_only(path: Path, **options: Any) -> sqlite3.Connection:
        return connect(f"file:{path}?mode=ro", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    journal = SqliteJournal(folder)
    with pytest.raises(BatchError, match=r"not writable.*STEPFUN_BATCH_DIR"):
        created(journal, 1, Clock())


def test_a_path_that_is_not_a_folder_raises_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BatchError, match="STEPFUN_BATCH_DIR"):
        SqliteJournal(tmp_path / "file" / "batches")


@pytest.mark.parametrize("at", [0, 4096])
def test_a_damaged_journal_raises_with_the_fix(sqlite: SqliteJournal, clock: Clock, at: int) -> None:
    created(sqlite, 200, clock)
    with sqlite._open() as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = db.execute("PRAGMA page_count").fetchone()[0]
    content = bytearray(sqlite.path.read_bytes())
    content[at : at + 4096 * (1 if at == 0 else pages)] = b"\x5a" * 4096 * (1 if at == 0 else pages - 1)
    copy = sqlite.folder.with_name("copy")
    copy.mkdir()
    (copy / "journal.db").write_bytes(content)
    with pytest.raises(BatchError, match=r"damaged.*Move the file away.*\.recover") as damaged:
        SqliteJournal(copy).batches(None)
    assert damaged.value.code == "journal_damaged"
    assert (copy / "journal.db").read_bytes() == bytes(content), "unchanged"


def test_a_damaged_window_is_recreated(journal: Journal, clock: Clock) -> None:
    (journal.folder / "rates.db").write_bytes(b"no database" * 1000)
    id = created(journal, 3, clock)
    asyncio.run(worker(journal, Sender(), clock).run())
    assert output(journal, id) == ["line-0", "line-1", "line-2"]


def test_a_missing_input_file_stops_the_batch(journal: Journal, clock: Clock) -> None:
    id = created(journal, 3, clock)
    asyncio.run(worker(journal, Sender(), clock, only="none").run())
    record = journal.batch(id)
    assert record
    file = journal.file(record.input_file_id)
    assert file
    (journal.folder / file.path).unlink()
    asyncio.run(worker(journal, Sender(), clock).run())
    record = journal.batch(id)
    assert record
    assert record.status == "failed"
    assert record.errors[0].code == "file_not_found"


def test_an_exception_in_the_callers_code_does_not_retry_a_line_forever(
    journal: Journal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepfun_compat.batches.sending._RETRY_FIRST", 0.0)
    id, calls = created(journal, 2, clock), Counter[str]()

    async def broken(path: str, body: Mapping[str, Any]) -> Sent:
        calls[body["messages"][0]["content"]] += 1
        raise ValueError("the key function is wrong")

    asyncio.run(worker(journal, broken, clock).run())
    assert set(calls.values()) == {8}
    assert [json.loads(text)["error"]["message"] for text in journal.answers(id, failed=True)] == [
        "ValueError: the key function is wrong"
    ] * 2


def test_live_rows_are_readable_while_the_batch_runs(journal: Journal, clock: Clock) -> None:
    seen = 0

    async def half_way(path: str, body: Mapping[str, Any]) -> Sent:
        """Answer the second half once rows of the first are readable."""
        nonlocal seen
        while int(body["messages"][0]["content"].split()[-1]) >= 50 and not seen:
            files = list((journal.folder / "files").glob("*_output.live.jsonl"))
            seen = sum(len(rows_of(file.read_text())) for file in files)
            await asyncio.sleep(0)
        return Sent(200, "r", json.dumps(ANSWER))

    async def main() -> None:
        await asyncio.wait_for(worker(journal, half_way, clock).run(), 60)

    id = created(journal, 100, clock)
    asyncio.run(main())
    assert 0 < seen <= 50
    assert not list((journal.folder / "files").glob("*.live.jsonl"))
    assert not list((journal.folder / "files").glob("*.part"))
    assert len(output(journal, id)) == 100
    assert [number for number, _ in journal.latest(id, limit=3)] == [98, 99, 100]


def test_lone_surrogate_in_a_response_is_kept(journal: Journal, clock: Clock) -> None:
    id = created(journal, 1, clock)

    async def odd(path: str, body: Mapping[str, Any]) -> Sent:
        return Sent(200, "r", '{"text": "\\ud83d"}')

    asyncio.run(worker(journal, odd, clock).run())
    assert output(journal, id) == ["line-0"]


def test_one_worker_at_a_time_validates_a_batch(journal: Journal, clock: Clock) -> None:
    id = created(journal, 30, clock)
    assert journal.keep(id, "another", "validating", clock.now)
    sender = Sender()

    async def main() -> None:
        run = asyncio.ensure_future(worker(journal, sender, clock).run())
        await asyncio.sleep(0.2)
        assert not sender.sent
        journal.release_batch(id, "another")
        await run

    asyncio.run(main())
    assert sender.sent.total() == 30


def test_long_requests_stay_counted_in_the_window(
    journal: Journal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_IDLE", 0.01)
    created(journal, 40, clock)
    calls: list[str] = []

    async def main() -> None:
        go = asyncio.Event()

        async def slow(path: str, body: Mapping[str, Any]) -> Sent:
            calls.append(path)
            await go.wait()
            return Sent(200, "r", json.dumps(ANSWER))

        run = asyncio.ensure_future(worker(journal, slow, clock).run())
        while len(calls) < 8:
            await asyncio.sleep(0.01)
        for _ in range(4):
            clock.now += LEASE_SECONDS * 0.6
            await asyncio.sleep(0.15)
        assert len(calls) == 8, "the window allows eight concurrent requests"
        go.set()
        await run

    asyncio.run(main())
    assert len(calls) == 40
