"""The journal of several machines: leases and counters on a Redis server, everything else in a shared folder.

The folder holds the records of batches (`batches/`), their input and result files (`files/`) and the answers
(`answers/`). No two machines write to the same file, so a network file system works. Answers are on disk before the
server counts them. Answers the server has not counted, because it or the worker died, are counted before a line is
leased; data the server has lost is restored from the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Final

from ...report import log
from ..disk import Reserve, disk_errors
from ..journal import LEASE_SECONDS, Answer, Lease, WorkerRow
from ..records import (
    OPEN,
    BatchError,
    BatchRecord,
    Counts,
    Status,
    StoredFile,
    Tokens,
    dump_record,
    load_record,
    new_id,
)
from ..validation import InputLine, Validation
from . import scripts
from .answer_files import AnswerFiles, Place, PlacedAnswer
from .server import RedisServer

_CHUNK: Final = 1000  # lines or answers per command
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")  # valid file names in the folder


class RedisJournal:
    """Open or create the journal in `folder`, with leases and counters on the Redis server at `url`.

    Raises:
        BatchError: the folder is not writable, the server is unavailable, or the package redis is missing.
    """

    uncounted: ClassVar[str] = "they are stored in the folder and will be counted when the server is available"

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.reserve = Reserve(folder)
        self._server = RedisServer(
            url,
            holds="the leases and counters of batches",
            remedy="Answers are stored in the batch folder. Continue with `stepfun-compat batch resume` when it is up.",
        )
        self._redis: Any = self._server.client
        self._lock = threading.Lock()
        self._answers = AnswerFiles(folder / "answers")
        self._placed: dict[int, tuple[Answer, PlacedAnswer]] = {}
        """Uncounted answers that are on disk, by object identity."""
        self._workers: dict[str, WorkerRow] = {}
        self._scripts: dict[str, Any] = {}
        self._lease_lock = threading.Lock()
        self._held: dict[str, dict[str, set[int]]] = {}
        """Worker of this process -> batch -> its lines, in case the server loses them."""
        with self.guarded():
            for name in ("", "files", "batches", "answers"):
                (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._prefix = f"stepfun_compat:batches:{{{_id_of(folder)}}}:"
        if (folder / "journal.db").exists():
            log.warning(
                "%s is the journal of this machine's batches; they do not continue while STEPFUN_STATE is a Redis URL.",
                folder / "journal.db",
            )
        self._restore_if_lost()

    # ------------------------------------------------------------ batches

    def add_batch(self, space: str, record: BatchRecord) -> None:
        """Store a new batch."""
        self._restore_if_lost()
        with self._server.errors():
            sequence: int = self._redis.incr(self._key("sequence"))
        saved = {"space": space, "sequence": sequence, "status": record.status, "record": dump_record(record)}
        self._save(f"batches/{record.id}.json", saved)
        self._insert(record.id, saved)

    def batch(self, id: str, space: str | None = None) -> BatchRecord | None:
        """The batch, or None if it does not exist or belongs to another namespace."""
        row = self._row(id)
        return None if not row or space not in (None, row["space"]) else _load(row)

    def status(self, id: str) -> Status | None:
        """The status of one batch."""
        with self._server.errors():
            return self._redis.hget(self._key("batch", id), "status")

    def space_of(self, id: str) -> str:
        """The namespace a batch belongs to."""
        return self._row(id).get("space", "")

    def batches(self, space: str | None, *, after: str | None = None, limit: int = 20) -> list[BatchRecord] | None:
        """Batches, newest first; None if `after` names none of them."""
        self._restore_if_lost()
        index, bound = self._index(space), "+inf"
        with self._server.errors():
            if after is not None:
                sequence = self._redis.zscore(index, after)
                if sequence is None:
                    return None
                bound = f"({sequence:.0f}"
            return self._records(self._redis.zrevrangebyscore(index, bound, "-inf", 0, limit))

    def open_batches(self, space: str | None = None) -> list[BatchRecord]:
        """Batches that are not in a final state, oldest first."""
        found = self._open_ids()
        if not found and self._restore_if_lost():
            found = self._open_ids()
        with self._server.errors():
            return self._records(found, space)

    def update(self, id: str, expected: Sequence[Status] | None = None, **fields: Any) -> BatchRecord | None:
        """Change fields of a batch atomically. Does nothing and returns None if its status is not in `expected`."""
        while True:
            row = self._row(id)
            record = _load(row) if row else None
            if record is None or (expected is not None and record.status not in expected):
                return None
            for name, value in fields.items():
                setattr(record, name, value)
            text = dump_record(record)
            if not self._script(scripts.UPDATE, id, row["record"], row["status"], text, record.status):
                continue
            self._save(f"batches/{id}.json", {**_index_of(row), "status": record.status, "record": text})
            with self._server.errors():
                if record.is_open:
                    self._redis.zadd(self._key("open"), {id: int(row["sequence"])})
                else:
                    self._redis.zrem(self._key("open"), id)
                    with self._lock:
                        self._answers.close(id)
            return record

    # ------------------------------------------------------------ lines

    def add_lines(self, batch: str, lines: Iterable[InputLine]) -> int:
        """Store the lines of a batch in validation, replacing those of an earlier attempt. Returns how many."""
        self.drop_lines(batch)
        total = 0
        places: dict[int, str] = {}

        def flush() -> None:
            if not places:
                return
            with self._server.errors(), self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(self._key("lines", batch), mapping=places)
                pipe.zadd(self._key("free", batch), {str(number): number for number in places})
                pipe.execute()
            places.clear()

        for line in lines:
            places[line.number] = json.dumps((line.custom_id, line.offset, line.length))
            total += 1
            if len(places) >= _CHUNK:
                flush()
        flush()
        with self._server.errors():
            self._redis.hset(self._key("batch", batch), "total", total)
        return total

    def drop_lines(self, batch: str) -> None:
        """Delete the lines of a batch that failed validation."""
        with self._server.errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(*(self._key(name, batch) for name in ("lines", "free", "later", "leased", "owner", "attempts")))
            pipe.hset(self._key("batch", batch), "total", 0)
            pipe.execute()

    def claim(self, batch: str, owner: str, limit: int, now: float | None = None) -> list[Lease]:
        """Lease up to `limit` unleased lines, in file order. Lines of `owner` are not leased to it again, even if their
        lease expired while the machine was suspended."""
        now = time.time() if now is None else now
        run = self._settled_run()
        self._count_missing(batch)
        with self._lease_lock:
            held = self._held.setdefault(owner, {}).setdefault(batch, set())
            rows = self._script(scripts.CLAIM, batch, owner, limit, now, now + LEASE_SECONDS, run, *held) or ()
            held.update(int(row[0]) for row in rows)
        return [Lease(batch, int(number), *_place(line), int(attempts)) for number, line, attempts in rows]

    def leased(self, batch: str, now: float | None = None) -> bool:
        """Whether any line of a batch has an unexpired lease."""
        now = time.time() if now is None else now
        with self._server.errors():
            return bool(self._redis.zcount(self._key("leased", batch), f"({now}", "+inf"))

    def keep(self, batch: str, owner: str, status: Status, now: float | None = None) -> bool:
        """Take the exclusive right to validate or end a batch in `status`. Returns False if another worker holds it."""
        now = time.time() if now is None else now
        if not self._script(scripts.KEEP, batch, owner, status, now, now + LEASE_SECONDS):
            return False
        self._count_missing(batch)
        return True

    def release_batch(self, batch: str, owner: str) -> None:
        """Release the exclusive right to validate or end a batch."""
        self._script(scripts.RELEASE_BATCH, batch, owner)

    def renew(self, owner: str, now: float | None = None) -> None:
        """Extend the leases of a live worker, and restore those the server has lost."""
        until = (time.time() if now is None else now) + LEASE_SECONDS
        if owner in self._workers:
            self._register(self._workers[owner])
        for id in self._open_ids():
            with self._lease_lock:
                self._script(scripts.RENEW, id, owner, until, *self._held.get(owner, {}).get(id, ()))

    def return_leases(
        self, lines: Iterable[tuple[str, int]], owner: str, at: float = 0.0, *, failed: bool = False
    ) -> None:
        """End leases without an answer. The lines may be sent again from `at` (Unix seconds); `failed` counts the
        attempt."""
        for batch, group in groupby(sorted(lines), lambda line: line[0]):
            numbers = [number for _, number in group]
            with self._lease_lock:
                self._script(scripts.RETURN_LEASES, batch, owner, at, int(failed), *numbers)
                self._held.get(owner, {}).get(batch, set()).difference_update(numbers)

    def finish(self, answers: Sequence[Answer]) -> list[Answer]:
        """Store and count answers, each exactly once. Durable on return. Returns the new ones."""
        new: list[Answer] = []
        for batch in dict.fromkeys(answer.batch for answer in answers):
            own = [answer for answer in answers if answer.batch == batch]
            for chunk in (own[start : start + _CHUNK] for start in range(0, len(own), _CHUNK)):
                counted = self._count(batch, self._place(batch, chunk))
                new += [answer for answer in chunk if answer.number in counted]
                self._forget(batch, chunk)
        return new

    def _forget(self, batch: str, answers: Sequence[Answer]) -> None:
        """Drop the local data of counted lines."""
        with self._lock:
            for answer in answers:
                self._placed.pop(id(answer), None)
        with self._lease_lock:
            for held in self._held.values():
                held.get(batch, set()).difference_update(answer.number for answer in answers)

    def _place(self, batch: str, answers: Sequence[Answer]) -> list[PlacedAnswer]:
        """Write answers to disk, except those written by an earlier, uncounted attempt."""
        with self._lock, self.guarded():
            missing = [answer for answer in answers if id(answer) not in self._placed]
            if missing:
                for answer, placed in zip(missing, self._answers.append(batch, missing), strict=True):
                    self._placed[id(answer)] = answer, placed
            return [self._placed[id(answer)][1] for answer in answers]

    def _count(self, batch: str, placed: Sequence[PlacedAnswer]) -> set[int]:
        """Count answers that are on disk. Returns the numbers of the newly answered lines."""
        new: set[int] = set()
        for file, group in groupby(placed, lambda answer: answer.place.file):
            values: list[Any] = []
            stop = 0
            for answer in group:
                place, tokens = answer.place, answer.tokens
                stop = max(stop, place.start + place.length)
                values += (place.number, int(place.failed), place.dump())
                values += (tokens.input, tokens.cached, tokens.output, tokens.reasoning, repr(float(answer.cost)))
            new.update(map(int, self._script(scripts.FINISH, batch, file, stop, *values) or ()))
        return new

    def _count_missing(self, batch: str) -> None:
        """Count the answers on disk that the server has not counted, so that their lines are not sent again."""
        with self._server.errors():
            counted: dict[str, str] = self._redis.hgetall(self._key("counted", batch))
        with self.guarded():
            for placed in self._answers.after(batch, {file: int(stop) for file, stop in counted.items()}):
                for start in range(0, len(placed), _CHUNK):
                    self._count(batch, placed[start : start + _CHUNK])

    def unfinished(self, batch: str) -> Iterator[Lease]:
        """The unanswered lines of a batch, in file order."""
        with self._server.errors():
            lines: dict[str, str] = self._redis.hgetall(self._key("lines", batch))
            done: set[str] = set(self._redis.hkeys(self._key("done", batch)))
        for number in sorted(map(int, lines.keys() - done)):
            yield Lease(batch, number, *_place(lines[str(number)]), 0)

    def reopen_failed(self, batch: str) -> int:
        """Make the failed lines of a batch pending again. Returns how many."""
        return int(self._script(scripts.REOPEN, batch) or 0)

    def answers(self, batch: str, *, failed: bool) -> Iterator[str]:
        """The rows of the output file or the error file, in input order."""
        with self._server.errors():
            places = map(Place.load, self._redis.zrange(self._key("answers", batch), 0, -1))
        own = sorted((place for place in places if place.failed == failed), key=lambda place: place.number)
        with self.guarded():
            yield from self._answers.texts(batch, own)

    def latest(self, batch: str, *, after: int | None = None, limit: int = 100) -> list[tuple[int, str]]:
        """(sequence, row) of answered lines in order of arrival: the ones after a sequence number, or the last ones."""
        key = self._key("answers", batch)
        with self._server.errors():
            if after is not None:
                rows = self._redis.zrangebyscore(key, f"({after}", "+inf", 0, limit, withscores=True)
            else:
                rows = self._redis.zrevrange(key, 0, limit - 1, withscores=True)[::-1]
        with self.guarded():
            texts = list(self._answers.texts(batch, [Place.load(place) for place, _ in rows]))
        return [(int(sequence), text) for (_, sequence), text in zip(rows, texts, strict=True)]

    # ------------------------------------------------------------ files

    def add_file(self, space: str, file: StoredFile) -> None:
        """Register a file whose bytes are in place."""
        self._save(f"files/{file.id}.json", {"space": space, "sequence": time.time_ns(), **asdict(file)})

    def file(self, id: str, space: str | None = None) -> StoredFile | None:
        """The file, or None if it does not exist or belongs to another namespace."""
        if not _ID.fullmatch(id):
            return None
        saved = self._saved(self.folder / "files" / f"{id}.json")
        return None if saved is None or space not in (None, saved["space"]) else _stored(saved)

    def files(self, space: str) -> list[StoredFile]:
        """The files of a namespace, newest first."""
        with self.guarded():
            found = [self._saved(path) for path in (self.folder / "files").glob("*.json")]
        own = [saved for saved in found if saved is not None and saved["space"] == space]
        return [_stored(saved) for saved in sorted(own, key=lambda saved: saved["sequence"], reverse=True)]

    def remove_file(self, id: str) -> None:
        """Unregister a file; the caller removes its bytes."""
        with self.guarded():
            (self.folder / "files" / f"{id}.json").unlink(missing_ok=True)

    def _saved(self, path: Path) -> dict[str, Any] | None:
        with self.guarded():
            try:
                return json.loads(path.read_bytes())
            except FileNotFoundError:
                return None
            except ValueError:
                raise BatchError(
                    f"{path} is damaged. Move the file away; other files are intact.",
                    status=500,
                    code="journal_damaged",
                ) from None

    # ------------------------------------------------------------ workers

    def add_worker(self, id: str, host: str, pid: int, started: str, standing: str | None = None) -> None:
        """Register a worker, so that others can take over its leases as soon as its process is dead.

        `standing` is the namespace of a worker that keeps running when there is no work.
        """
        self._workers[id] = WorkerRow(id, host, pid, started, standing)
        self._register(self._workers[id])

    def _register(self, row: WorkerRow) -> None:
        text = json.dumps({"row": asdict(row), "until": time.time() + LEASE_SECONDS})
        with self._server.errors():
            self._redis.hset(self._key("workers"), row.id, text)

    def workers(self) -> list[WorkerRow]:
        """All registered workers that renewed their leases in time."""
        with self._server.errors():
            found = [json.loads(text) for text in self._redis.hvals(self._key("workers"))]
            gone = [saved["row"]["id"] for saved in found if saved["until"] <= time.time()]
            if gone:
                self._redis.hdel(self._key("workers"), *gone)
        return [WorkerRow(**saved["row"]) for saved in found if saved["row"]["id"] not in gone]

    def remove_worker(self, id: str) -> None:
        """Unregister a worker and end all its leases."""
        self._workers.pop(id, None)
        with self._lease_lock:
            self._held.pop(id, None)
        for batch in self._open_ids():
            self._script(scripts.RELEASE, batch, id)
        with self._server.errors():
            self._redis.hdel(self._key("workers"), id)

    # ------------------------------------------------------------ the server and the folder

    def guarded(self) -> contextlib.AbstractContextManager[None]:
        """Turn disk errors in this block into `BatchError` with the fix."""
        return disk_errors(self.folder / "journal.id")

    def _key(self, name: str, batch: str | None = None) -> str:
        return f"{self._prefix}{name}" if batch is None else f"{self._prefix}{name}:{batch}"

    def _index(self, space: str | None) -> str:
        return self._key("all") if space is None else self._key("space", space)

    def _script(self, script: str, batch: str, *values: Any) -> Any:
        """Run a script on the keys of one batch. If the server has lost its data, restore it and run the script again."""
        keys = [*(self._key(name, batch) for name in scripts.KEYS_OF_A_BATCH), self._key("server")]
        run = self._scripts.get(script)
        if run is None:
            run = self._scripts[script] = self._redis.register_script(script)
        with self._server.errors():
            found = run(keys, values)
        if found is None and self._restore_if_lost():
            with self._server.errors():
                found = run(keys, values)
        return found

    def _open_ids(self) -> list[str]:
        with self._server.errors():
            return self._redis.zrange(self._key("open"), 0, -1)

    def _row(self, id: str) -> dict[str, str]:
        for _ in range(2):
            with self._server.errors():
                row: dict[str, str] = self._redis.hgetall(self._key("batch", id))
            if row or not self._restore_if_lost():
                return row
        return {}

    def _records(self, ids: Sequence[str], space: str | None = None) -> list[BatchRecord]:
        with self._redis.pipeline(transaction=False) as pipe:
            for id in ids:
                pipe.hgetall(self._key("batch", id))
            rows: list[dict[str, str]] = pipe.execute()
        return [_load(row) for row in rows if row and space in (None, row["space"])]

    def _save(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a small file of the folder atomically."""
        path = self.folder / name
        temporary = path.with_suffix(f".{new_id('')}.part")
        with self.guarded():
            try:
                temporary.write_text(json.dumps(values), encoding="utf-8")
                os.replace(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def _insert(self, id: str, saved: Mapping[str, Any]) -> None:
        """Store a batch on the server, unless it exists."""
        with self._server.errors(), self._redis.pipeline(transaction=True) as pipe:
            for name, value in saved.items():
                pipe.hsetnx(self._key("batch", id), name, value)
            for index in (None, saved["space"]):
                pipe.zadd(self._index(index), {id: saved["sequence"]})
            if saved["status"] in OPEN:
                pipe.zadd(self._key("open"), {id: saved["sequence"]})
            pipe.execute()

    # ------------------------------------------------------------ restoring lost data

    def _restore_if_lost(self) -> bool:
        """Restore the data of an emptied server. Returns whether any was lost."""
        with self._server.errors():
            return not self._redis.exists(self._key("server")) and self._settle()

    def _settled_run(self) -> str:
        """The id of the server's current run, once its data is complete and no line from an earlier run is in flight."""
        with self._server.errors():
            run = self._run_id()
            if self._redis.get(self._key("server")) != run:
                self._settle()
        return run

    def _run_id(self) -> str:
        return self._redis.info("server")["run_id"]

    def _settle(self) -> bool:
        """Handle a server restart: restore lost data, and hold free lines, which may be in flight, for the length of a
        lease. Returns whether batches were restored."""
        with self._redis.lock(self._key("restore"), timeout=60, blocking_timeout=70):
            known, current = self._redis.get(self._key("server")), self._run_id()
            if known == current:
                return True
            paths = sorted((self.folder / "batches").glob("*.json")) if known is None else []
            for path in paths:
                if not self._redis.exists(self._key("batch", path.stem)):
                    self._restore(path)
            for id in self._open_ids():
                self._postpone(id)
            self._redis.set(self._key("server"), current)
        if paths:
            log.warning("The Redis server lost %d batches of %s; they are restored.", len(paths), self.folder)
        return bool(paths)

    def _postpone(self, batch: str) -> None:
        numbers: list[str] = self._redis.zrange(self._key("free", batch), 0, -1)
        until = time.time() + LEASE_SECONDS
        for start in range(0, len(numbers), _CHUNK):
            chunk = numbers[start : start + _CHUNK]
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.zadd(self._key("later", batch), dict.fromkeys(chunk, until))
                pipe.zrem(self._key("free", batch), *chunk)
                pipe.execute()

    def _restore(self, path: Path) -> None:
        """Restore one batch: its record, its lines from the input file, its answers from the answer files."""
        id, saved = path.stem, self._saved(path)
        if saved is None:
            return
        self._redis.set(self._key("sequence"), max(int(self._redis.get(self._key("sequence")) or 0), saved["sequence"]))
        with self.guarded():
            placed = [answer for group in self._answers.after(id, {}) for answer in group]
        self._insert(id, saved)
        self._restore_lines(id, _load(saved), len({answer.place.number for answer in placed}))
        # a line that failed and was sent again has two answers, of which the later counts
        placed.sort(key=lambda answer: (answer.place.failed, answer.place.file, answer.place.start))
        for _, group in groupby(placed, lambda answer: (answer.place.failed, answer.place.file)):
            own = list(group)
            for start in range(0, len(own), _CHUNK):
                self._count(id, own[start : start + _CHUNK])

    def _restore_lines(self, id: str, record: BatchRecord, answered: int) -> None:
        if record.status in ("validating", "failed"):
            return
        file = self.file(record.input_file_id)
        try:
            with self.guarded(), open(self.folder / (file.path if file else "missing"), "rb") as raw:
                self.add_lines(id, Validation(record.endpoint).lines(raw))
        except BatchError:  # the user has removed the file
            self._redis.hset(self._key("batch", id), "total", answered)


def _id_of(folder: Path) -> str:
    """The id of a folder, independent of its mount path. Created by the first process that uses the folder."""
    path = folder / "journal.id"
    if not path.exists():
        temporary = folder / f"journal.{new_id('')}.part"
        temporary.write_text(new_id(""), encoding="ascii")
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return path.read_text(encoding="ascii").strip()


def _place(text: str) -> tuple[str, int, int]:
    """(custom_id, start, length) of a line."""
    custom_id, start, length = json.loads(text)
    return custom_id, start, length


def _index_of(row: Mapping[str, str]) -> dict[str, Any]:
    return {"space": row["space"], "sequence": int(row["sequence"])}


def _load(row: Mapping[str, Any]) -> BatchRecord:
    def number(name: str) -> int:
        return int(row.get(name, 0))

    status: Any = row["status"]
    counts = Counts(number("total"), number("completed"), number("failed"))
    tokens = Tokens(
        number("input_tokens"), number("cached_tokens"), number("output_tokens"), number("reasoning_tokens")
    )
    return load_record(row["record"], status, counts, tokens, float(row.get("cost", 0)))


def _stored(saved: Mapping[str, Any]) -> StoredFile:
    return StoredFile(**{name: value for name, value in saved.items() if name not in ("space", "sequence")})
