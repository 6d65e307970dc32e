"""Leases and counters on Redis: workers of several machines with a shared folder, and loss of the server."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat import AsyncOpenAI, OpenAI, Settings
from stepfun_compat.batches import disk, engine, workers, workspace
from stepfun_compat.batches.engine import Worker
from stepfun_compat.batches.journal import LEASE_SECONDS, Answer
from stepfun_compat.batches.limiter import Rate, SharedWindow
from stepfun_compat.batches.records import BatchError, tokens_of
from stepfun_compat.batches.redis import answer_files
from stepfun_compat.batches.redis import journal as redis_journal
from stepfun_compat.batches.redis.journal import RedisJournal
from stepfun_compat.batches.sending import Sent
from stepfun_compat.batches.service import BatchService
from stepfun_compat.emulator import EmulatorServer, Fault
from tests.support.batches import ANSWER, Sender, create, jsonl, line, rows_of, settled
from tests.support.redis_server import free_port, redis_server


def created(journal: RedisJournal, count: int) -> str:
    service = BatchService(journal, "s")
    file = service.create_file("in.jsonl", [jsonl(line(i) for i in range(count))])
    fields = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "1h"}
    return service.create(fields)["id"]


def worker(journal: RedisJournal, sender: Any, **options: Any) -> Worker:
    return Worker(journal, sender, SharedWindow(journal.folder, "s", Rate(concurrency=8)), space="s", **options)


def checked_output(journal: RedisJournal, id: str, count: int) -> None:
    record = journal.batch(id)
    assert record
    assert (record.status, record.counts.total, record.counts.completed) == ("completed", count, count)
    assert (record.tokens.input, record.tokens.output) == (3 * count, 2 * count)
    assert record.output_file_id
    file = journal.file(record.output_file_id)
    assert file
    rows = rows_of((journal.folder / file.path).read_text())
    assert [row["custom_id"] for row in rows] == [f"line-{i}" for i in range(count)]


def test_workers_of_two_machines_never_send_the_same_line(redis_url: str, tmp_path: Path) -> None:
    one, two = RedisJournal(tmp_path, redis_url), RedisJournal(tmp_path, redis_url)
    id, sender = created(one, 150), Sender()
    first, second = worker(one, sender), worker(two, sender)

    async def main() -> None:
        await asyncio.gather(first.run(), second.run())

    asyncio.run(main())
    assert set(sender.sent.values()) == {1}
    assert sender.sent.total() == 150
    checked_output(two, id, 150)


def test_the_lines_of_a_dead_machine_are_taken_over_when_their_leases_expire(redis_url: str, tmp_path: Path) -> None:
    dead, journal = RedisJournal(tmp_path, redis_url), RedisJournal(tmp_path, redis_url)
    id, sender = created(journal, 50), Sender()
    service = BatchService(journal, "s")
    now = service.record(id).created_at + 1.0
    asyncio.run(_validated(journal, id))
    dead.add_worker("worker_dead", "another machine", 1, "")
    assert len(dead.claim(id, "worker_dead", 20, now)) == 20
    assert journal.claim(id, "worker_here", 50, now + LEASE_SECONDS - 1)[0].number == 21
    journal.remove_worker("worker_here")
    asyncio.run(worker(journal, sender, clock=lambda: now + LEASE_SECONDS + 1).run())
    assert set(sender.sent.values()) == {1}
    checked_output(journal, id, 50)
    assert dead.finish([Answer(id, 1, False, "late")]) == [], "a late answer does not count again"


async def _validated(journal: RedisJournal, id: str) -> None:
    """Let a worker validate the batch and stop before sending."""

    async def never(path: str, body: Mapping[str, Any]) -> Sent:
        raise AssertionError("nothing is sent")

    run = worker(journal, never)
    run._allowed = lambda wanted: (run.close(), (0, 0.0))[1]  # type: ignore[method-assign]
    await run.run()


def test_uncounted_answers_are_counted_before_a_line_is_sent(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is killed after writing its answers to disk, before the server counts them."""
    killed, journal = RedisJournal(tmp_path, redis_url), RedisJournal(tmp_path, redis_url)
    id = created(journal, 10)
    asyncio.run(_validated(journal, id))
    leases = killed.claim(id, "worker_killed", 4)
    monkeypatch.setattr(killed, "_count", lambda *_: (_ for _ in ()).throw(BatchError("killed")))
    with suppress(BatchError):
        killed.finish([_answer(id, lease.number, lease.custom_id) for lease in leases])
    with next((tmp_path / "answers" / id).iterdir()).open("ab") as file:
        file.write(b"[5, 0, 0.0, 3")  # half of the next answer
    journal.remove_worker("worker_killed")
    sender = Sender()
    asyncio.run(worker(journal, sender).run())
    assert sender.sent == Counter(f"Say {number}" for number in range(4, 10))
    checked_output(journal, id, 10)


def _answer(id: str, number: int, custom_id: str) -> Answer:
    row = {"custom_id": custom_id, "response": {"status_code": 200, "body": ANSWER}, "error": None}
    return Answer(id, number, False, json.dumps(row), tokens_of(ANSWER))


def test_a_server_that_restarts_empty_causes_no_duplicate_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "KEEP_TRYING", 0.0)
    port, folder = free_port(), tmp_path / "batches"
    with redis_server(tmp_path, port=port) as (url, process):
        journal = RedisJournal(folder, url)
        id, other = created(journal, 60), created(journal, 1)
        BatchService(journal, "s").cancel(other)

        def kill(sent: int) -> None:
            if sent == 30:
                process.kill()
                process.wait()

        sender = Sender(kill)
        with pytest.raises(BatchError, match=r"Redis server of STEPFUN_STATE.*failed.*batch resume") as gone:
            asyncio.run(worker(journal, sender, only=id).run())
        assert (gone.value.code, gone.value.status) == ("redis_failed", 503)
        assert "stored in the folder and will be counted" in caplog.text
    paid = sender.sent.total()
    assert 30 <= paid < 60
    monkeypatch.setattr(redis_journal, "LEASE_SECONDS", 0.2)
    with redis_server(tmp_path, port=port) as (url, _):
        again = RedisJournal(folder, url)
        assert "lost 2 batches" in caplog.text
        record = again.batch(id)
        assert record
        assert record.counts.completed == paid, "every billed response is kept"
        assert again.claim(id, "worker_here", 5) == [], "another machine may have the rest in flight"
        asyncio.run(worker(again, sender).run())
        assert set(sender.sent.values()) == {1}
        checked_output(again, id, 60)
        cancelled = again.batch(other)
        assert cancelled
        assert cancelled.status == "cancelled"
        assert [batch.id for batch in again.batches("s") or ()] == [other, id]


def test_worker_sends_no_line_twice_after_the_server_loses_its_data(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is emptied while a worker is running: its data is restored from disk."""
    monkeypatch.setattr(redis_journal, "LEASE_SECONDS", 2.0)
    monkeypatch.setattr(engine, "LEASE_SECONDS", 0.3)  # the worker renews its leases after a third of this time
    journal = RedisJournal(tmp_path, redis_url)

    def empty(sent: int) -> None:
        if sent == 40:
            journal._redis.delete(*journal._redis.keys(f"{journal._prefix}*"))  # in one command, like a restart

    id, sender = created(journal, 80), Sender(empty)
    asyncio.run(worker(journal, sender).run())
    assert set(sender.sent.values()) == {1}
    checked_output(journal, id, 80)


def test_free_lines_wait_one_lease_after_a_server_restart(redis_url: str, tmp_path: Path) -> None:
    """The server may have restored a snapshot older than the leases of other machines."""
    journal = RedisJournal(tmp_path, redis_url)
    id = created(journal, 5)
    asyncio.run(_validated(journal, id))
    journal._redis.set(journal._key("server"), "the run before")
    assert journal.claim(id, "worker_here", 5) == []
    now = journal._redis.time()[0]
    assert len(journal.claim(id, "worker_here", 5, now + LEASE_SECONDS + 1)) == 5


def test_a_full_shared_disk_raises_and_loses_no_answer(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = RedisJournal(tmp_path, redis_url)
    id, write_all, full = created(journal, 60), answer_files._write_all, False
    found = asyncio.Event()

    class Patient(Sender):
        """Answers the last lines once the worker has seen that the disk is full."""

        async def __call__(self, path: str, body: Mapping[str, Any]) -> Sent:
            if self.sent.total() >= 40:
                await found.wait()
            return await super().__call__(path, body)

    def write(descriptor: int, data: bytes) -> None:
        if full:
            write_all(descriptor, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        write_all(descriptor, data)

    def fill(sent: int) -> None:
        nonlocal full
        full = full or sent == 20

    def release(self: disk.Reserve) -> None:
        nonlocal full
        full = False
        found.set()

    monkeypatch.setattr(answer_files, "_write_all", write)
    monkeypatch.setattr(disk.Reserve, "release", release)
    sender = Patient(fill)
    with pytest.raises(BatchError, match=r"disk of .* is full") as error:
        asyncio.run(worker(journal, sender).run())
    assert error.value.code == "disk_full"
    record = journal.batch(id)
    assert record
    assert record.counts.completed == sender.sent.total() < 60, "every billed response is kept"
    sender.after = lambda _: None
    asyncio.run(worker(journal, sender).run())
    assert set(sender.sent.values()) == {1}
    checked_output(journal, id, 60)


def test_failed_lines_are_resent_and_a_silent_worker_is_dropped(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = RedisJournal(tmp_path, redis_url)
    id = created(journal, 6)
    asyncio.run(_validated(journal, id))
    journal.finish([Answer(id, 3, True, '{"error": 1}')])
    sender = Sender()
    asyncio.run(worker(journal, sender).run())
    service = BatchService(journal, "s")
    assert service.record(id).counts.failed == 1
    assert list(journal.answers(id, failed=True)) == ['{"error": 1}']
    assert service.retry_failed(id) == 1
    asyncio.run(worker(journal, sender).run())
    checked_output(journal, id, 6)
    monkeypatch.setattr(redis_journal, "LEASE_SECONDS", -1.0)
    journal.add_worker("worker_silent", "another machine", 1, "", "s")
    assert not workers.has_standing_worker(journal, "s")


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    return Settings(state=redis_url, batch_dir=str(tmp_path / "shared"))


def test_a_batch_created_on_one_machine_is_visible_on_another(
    settings: Settings, redis_url: str, tmp_path: Path
) -> None:
    with (
        EmulatorServer() as server,
        OpenAI(api_key=server.api_key, base_url=server.base_url, settings=settings) as client,
    ):
        assert not client.batches.list().data
        batch = create(client, jsonl(line(i) for i in range(20)), metadata={"a": "b"})
        done = settled(client, batch.id)
        assert (done.status, done.request_counts.completed) == ("completed", 20)
        (tmp_path / "mounted elsewhere").symlink_to(tmp_path / "shared")
        elsewhere = settings.replace(batch_dir=str(tmp_path / "mounted elsewhere"))
        with OpenAI(api_key=server.api_key, base_url=server.base_url, settings=elsewhere) as other:
            assert other.batches.retrieve(batch.id).metadata == {"a": "b"}
            assert [one.id for one in other.batches.list()] == [batch.id]
            assert len(other.files.content(done.output_file_id or "").text.splitlines()) == 20
        assert len(server.requests) == 20


@pytest.mark.anyio
async def test_a_batch_on_redis_async(settings: Settings) -> None:
    with EmulatorServer() as server:
        async with AsyncOpenAI(api_key=server.api_key, base_url=server.base_url, settings=settings) as client:
            upload = await client.files.create(file=("in.jsonl", jsonl(line(i) for i in range(5))), purpose="batch")
            batch = await client.batches.create(
                input_file_id=upload.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
            while batch.status != "completed":
                await asyncio.sleep(0.02)
                batch = await client.batches.retrieve(batch.id)
            assert batch.request_counts
            assert batch.request_counts.completed == 5
            assert len((await client.files.content(batch.output_file_id or "")).text.splitlines()) == 5


def answer_rows(folder: Path) -> list[bytes]:
    """The complete rows of the answer files."""
    rows = [
        row for file in (folder / "answers").rglob("*.jsonl") for row in file.read_bytes().splitlines(keepends=True)
    ]
    return [row.rstrip() for row in rows if row.endswith(b"\n")]


def test_a_running_worker_takes_over_the_lines_of_a_killed_one(redis_url: str, tmp_path: Path) -> None:
    """Run two command-line workers on one folder and server, and kill one."""
    count = 120
    (tmp_path / "in.jsonl").write_bytes(jsonl(line(i) for i in range(count)))
    with EmulatorServer() as server:
        server.fault(Fault(delay=0.02, times=None))
        environment = {
            **os.environ,
            "STEPFUN_BASE_URL": server.base_url,
            "STEPFUN_API_KEY": server.api_key,
            "STEPFUN_STATE": redis_url,
            "STEPFUN_BATCH_DIR": str(tmp_path / "shared"),
        }
        command = [sys.executable, "-m", "stepfun_compat", "batch"]
        root = Path(__file__).parents[2]
        made = subprocess.run(
            [*command, "create", str(tmp_path / "in.jsonl")],
            env=environment,
            cwd=root,
            text=True,
            capture_output=True,
            check=True,
        )
        resume = [*command, "resume", made.stdout.strip()]
        with (
            subprocess.Popen(resume, env=environment, cwd=root, stdout=subprocess.DEVNULL) as killed,
            subprocess.Popen(resume, env=environment, cwd=root, stdout=subprocess.PIPE, text=True) as other,
        ):
            server.wait_for_requests(30, timeout=120)
            killed.kill()
            killed.wait()
            kept = {json.loads(row.partition(b"\t")[2])["custom_id"] for row in answer_rows(tmp_path / "shared")}
            output, _ = other.communicate(timeout=240)
        sent = Counter(request.json["messages"][-1]["content"] for request in server.requests)
    assert other.returncode == 0
    assert f"{count} answered, 0 failed, 0 open" in output
    assert len(sent) == count
    again = {content.replace("Say ", "line-") for content, times in sent.items() if times > 1}
    assert kept
    assert not again & kept, "a response on disk is not requested again"


def test_separate_folders_have_separate_batches(redis_url: str, tmp_path: Path) -> None:
    one, two = RedisJournal(tmp_path / "one", redis_url), RedisJournal(tmp_path / "two", redis_url)
    id = created(one, 1)
    assert two.batch(id) is None
    assert two.open_batches() == []
    assert two.file("../../etc/passwd") is None


def test_an_unresponsive_server_raises_with_the_fix(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    settings = Settings(state=f"redis://127.0.0.1:{free_port()}/0", batch_dir=str(tmp_path))
    with pytest.raises(BatchError, match=r"leases and counters of batches, failed.*batch resume"):
        workspace.journal_of(settings)
