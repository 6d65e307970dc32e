"""The counters of batches match their rows after any sequence of create, work, kill, resume, cancel and retry."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st

from stepfun_compat.batches import engine
from stepfun_compat.batches.engine import Worker
from stepfun_compat.batches.journal import Journal
from stepfun_compat.batches.limiter import Rate, SharedWindow
from stepfun_compat.batches.records import BatchError
from stepfun_compat.batches.redis.journal import RedisJournal
from stepfun_compat.batches.sending import Sent
from stepfun_compat.batches.service import BatchService
from stepfun_compat.batches.sqlite_journal import SqliteJournal
from tests.support.batches import jsonl, line
from tests.support.properties import examples


class MortalJournal(SqliteJournal):
    """A journal whose process can be killed: it then writes nothing, not even that it unregisters."""

    dead = False

    @contextmanager
    def _write(self) -> Generator[sqlite3.Connection, None, None]:
        if self.dead:
            raise BatchError("killed")
        with super()._write() as db:
            yield db


class MortalRedisJournal(RedisJournal):
    """A journal on Redis whose process can be killed."""

    dead = False

    def _script(self, script: str, batch: str, *values: Any) -> Any:
        if self.dead:
            raise BatchError("killed")
        return super()._script(script, batch, *values)


class World:
    """One journal, with everything sent and stored so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_000_000.0
        self.ids: list[str] = []
        self.finished: dict[str, set[int]] = {}
        self.sent: Counter[tuple[str, int]] = Counter()

    def service(self) -> BatchService:
        return BatchService(self.journal(), "s", clock=lambda: self.now)

    def create(self, lines: int) -> None:
        service = self.service()
        rows = [line(i) for i in range(lines)]
        for row in rows[::5]:
            row["body"]["stream"] = True  # an error line
        for row in rows:
            row["body"]["batch"] = len(self.ids)
        file = service.create_file("in.jsonl", [jsonl(rows)])
        fields = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "1h"}
        self.ids.append(service.create(fields)["id"])

    def work(self, answers: int | None) -> None:
        """Process all lines, or be killed after `answers` answers."""
        asyncio.run(self._work(answers))

    async def _work(self, answers: int | None) -> None:
        journal = self.mortal()
        window = SharedWindow(self.folder, "s", Rate(concurrency=4))
        killed = asyncio.Event()

        async def sender(path: str, body: Mapping[str, Any]) -> Sent:
            nonlocal answers
            key = self.ids[body["batch"]], int(body["messages"][0]["content"].split()[1])
            assert key[1] + 1 not in self.finished[key[0]], "a finished line is sent again"
            if answers is not None:
                answers -= 1
                if answers < 0:
                    journal.dead = True
                    killed.set()
                    await asyncio.Event().wait()
            self.sent[key] += 1
            await asyncio.sleep(0)
            return Sent(200, "r", json.dumps({"model": "m", "usage": {"prompt_tokens": 1}}))

        self.finished = {id: self.done(id) for id in self.ids}
        run = asyncio.ensure_future(Worker(journal, sender, window, clock=lambda: self.now, space="s").run())
        dead = asyncio.ensure_future(killed.wait())
        await asyncio.wait((run, dead), return_when=asyncio.FIRST_COMPLETED)
        dead.cancel()
        if killed.is_set():
            run.cancel()
        with suppress(asyncio.CancelledError, BatchError):
            await run

    def journal(self) -> Journal:
        return SqliteJournal(self.folder)

    def mortal(self) -> MortalJournal | MortalRedisJournal:
        return MortalJournal(self.folder)

    def rows(self, query: str, *values: Any) -> list[Any]:
        with SqliteJournal(self.folder)._open() as db:
            return db.execute(query, values).fetchall()

    def done(self, id: str) -> set[int]:
        """The answered lines."""
        return {row[0] for row in self.rows("SELECT number FROM line WHERE batch = ? AND state >= 2", id)}

    def states(self, id: str) -> Counter[int]:
        """How many lines are pending (0), leased (1), completed (2) and failed (3)."""
        return Counter(row[0] for row in self.rows("SELECT state FROM line WHERE batch = ?", id))

    def check(self) -> None:
        """Check that the counters match the rows and that every finished line has exactly one answer."""
        for id in self.ids:
            counts, states, journal = self.service().record(id).counts, self.states(id), self.journal()
            assert counts.total == states.total()
            assert counts.completed == states[2] == len(list(journal.answers(id, failed=False)))
            assert counts.failed == states[3] == len(list(journal.answers(id, failed=True)))
            assert counts.pending == states[0] + states[1] == counts.total - counts.completed - counts.failed
            assert self.finished.get(id, set()) <= self.done(id)

    def end(self) -> None:
        self.work(None)
        for id in self.ids:
            record = self.service().record(id)
            assert record.status in ("completed", "cancelled", "expired")
            assert record.counts.pending == 0
            for file, count in (
                (record.output_file_id, record.counts.completed),
                (record.error_file_id, record.counts.failed),
            ):
                assert (file is None) == (count == 0)
                if file is not None:
                    stored = self.journal().file(file)
                    assert stored
                    assert len((self.folder / stored.path).read_bytes().splitlines()) == count


class RedisWorld(World):
    """A world with a journal on Redis."""

    url = ""

    def journal(self) -> RedisJournal:
        return RedisJournal(self.folder, self.url)

    def mortal(self) -> MortalRedisJournal:
        return MortalRedisJournal(self.folder, self.url)

    def done(self, id: str) -> set[int]:
        journal = self.journal()
        return {int(number) for number in journal._redis.hkeys(journal._key("done", id))}

    def states(self, id: str) -> Counter[int]:
        journal = self.journal()
        redis, key = journal._redis, journal._key
        done = Counter(redis.hvals(key("done", id)))
        free = redis.zcard(key("free", id)) + redis.zcard(key("later", id))
        return Counter({0: free, 1: redis.hlen(key("owner", id)), 2: done["0"], 3: done["1"]})


STEPS = st.one_of(
    st.tuples(st.just("create"), st.integers(1, 12)),
    st.tuples(st.just("kill"), st.integers(0, 8)),
    st.tuples(st.just("work"), st.just(0)),
    st.tuples(st.just("cancel"), st.integers(0, 3)),
    st.tuples(st.just("resume"), st.integers(0, 3)),
    st.tuples(st.just("retry"), st.integers(0, 3)),
    st.tuples(st.just("expire"), st.just(0)),
)


@examples(6)
@given(st.lists(STEPS, min_size=3, max_size=8))
def test_counters_match_the_rows(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_steps(World(Path(folder)), steps)


def test_counters_match_the_rows_on_redis(redis_url: str) -> None:
    @examples(10)
    @given(st.lists(STEPS, min_size=3, max_size=8))
    def balance(steps: list[tuple[str, int]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            world = RedisWorld(Path(folder))
            world.url = redis_url
            run_steps(world, steps)

    balance()


def run_steps(world: World, steps: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "KEEP_TRYING", 0.0)
        patch.setattr(engine, "_AGAIN", 0.001)
        world.create(6)
        for name, number in steps:
            id = world.ids[number % len(world.ids)]
            if name == "create":
                world.create(number)
            elif name == "kill":
                world.work(number)
            elif name == "work":
                world.work(None)
            elif name == "expire":
                world.now += 3601
            else:
                if name == "retry":
                    world.finished.pop(id, None)
                service = world.service()
                with suppress(BatchError):  # not allowed in this state
                    {"cancel": service.cancel, "resume": service.resume}.get(name, service.retry_failed)(id)
            world.check()
        world.end()
        world.check()
