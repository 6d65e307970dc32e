"""The journal of one machine: the batches, the state of every line, and every answer, in one SQLite file (WAL).

An answer counts once its transaction is committed. A killed process loses no counted answer: its leases end when another
process finds it dead, or when they expire, and only unanswered lines are sent again.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from ..state.process_connection import ProcessConnection, use_wal
from .disk import Reserve, disk_errors
from .journal import LEASE_SECONDS, Answer, Lease, WorkerRow
from .records import OPEN, BatchError, BatchRecord, Counts, Status, StoredFile, Tokens, dump_record, load_record
from .validation import InputLine

_VERSION: Final = 1
_CHUNK: Final = 2000  # lines per transaction when reading an input file

_PENDING, _LEASED, _COMPLETED, _FAILED = 0, 1, 2, 3

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS batch (
  id TEXT PRIMARY KEY, space TEXT NOT NULL, sequence INTEGER NOT NULL, status TEXT NOT NULL, record TEXT NOT NULL,
  total INTEGER NOT NULL DEFAULT 0, completed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
  input_tokens INTEGER NOT NULL DEFAULT 0, cached_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0, reasoning_tokens INTEGER NOT NULL DEFAULT 0, cost REAL NOT NULL DEFAULT 0,
  keeper TEXT, keeper_until REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batch_space ON batch (space, sequence);
CREATE TABLE IF NOT EXISTS line (
  batch TEXT NOT NULL, number INTEGER NOT NULL, custom_id TEXT NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL,
  state INTEGER NOT NULL DEFAULT 0, owner TEXT, until REAL NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (batch, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS line_open ON line (batch, number) WHERE state < 2;
CREATE INDEX IF NOT EXISTS line_leased ON line (owner) WHERE state = 1;
CREATE TABLE IF NOT EXISTS answer (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, batch TEXT NOT NULL, number INTEGER NOT NULL, failed INTEGER NOT NULL,
  text TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS answer_number ON answer (batch, failed, number);
CREATE INDEX IF NOT EXISTS answer_sequence ON answer (batch, sequence);
CREATE TABLE IF NOT EXISTS file (
  id TEXT PRIMARY KEY, space TEXT NOT NULL, sequence INTEGER NOT NULL, filename TEXT NOT NULL, purpose TEXT NOT NULL,
  size INTEGER NOT NULL, created_at INTEGER NOT NULL, path TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS worker (id TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL, standing TEXT) WITHOUT ROWID;
"""


class SqliteJournal:
    """Open or create the journal in `folder`. Safe for several threads and processes.

    Raises:
        BatchError: the folder is not writable, or the file is damaged or not a journal.
    """

    uncounted: ClassVar[str] = "their lines will be sent again"

    def __init__(self, folder: Path, *, timeout: float = 30.0) -> None:
        self.folder = folder
        self.path = folder / "journal.db"
        self.reserve = Reserve(folder)
        self._timeout = timeout
        self._lock = threading.RLock()
        self._connection = ProcessConnection()
        with self.guarded():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / "files").mkdir(mode=0o700, exist_ok=True)
            with self._open():
                pass

    # ------------------------------------------------------------ batches

    def add_batch(self, space: str, record: BatchRecord) -> None:
        """Store a new batch."""
        with self._write() as db:
            db.execute(
                "INSERT INTO batch (id, space, sequence, status, record) VALUES (?, ?, ?, ?, ?)",
                (record.id, space, _next(db, "batch"), record.status, dump_record(record)),
            )

    def batch(self, id: str, space: str | None = None) -> BatchRecord | None:
        """The batch, or None if it does not exist or belongs to another namespace."""
        with self._open() as db:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM batch WHERE id = ? AND (? IS NULL OR space = ?)", (id, space, space)
            ).fetchone()
        return None if row is None else _load(row)

    def status(self, id: str) -> Status | None:
        """The status of one batch."""
        with self._open() as db:
            row = db.execute("SELECT status FROM batch WHERE id = ?", (id,)).fetchone()
        return None if row is None else row[0]

    def space_of(self, id: str) -> str:
        """The namespace a batch belongs to."""
        with self._open() as db:
            row = db.execute("SELECT space FROM batch WHERE id = ?", (id,)).fetchone()
        return "" if row is None else row[0]

    def batches(self, space: str | None, *, after: str | None = None, limit: int = 20) -> list[BatchRecord] | None:
        """Batches, newest first; None if `after` names none of them."""
        with self._open() as db:
            bound = 1 << 62
            if after is not None:
                row = db.execute(
                    "SELECT sequence FROM batch WHERE id = ? AND (? IS NULL OR space = ?)", (after, space, space)
                ).fetchone()
                if row is None:
                    return None
                bound = row[0]
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM batch WHERE (? IS NULL OR space = ?) AND sequence < ? "
                "ORDER BY sequence DESC LIMIT ?",
                (space, space, bound, limit),
            ).fetchall()
        return [_load(row) for row in rows]

    def open_batches(self, space: str | None = None) -> list[BatchRecord]:
        """Batches that are not in a final state, oldest first."""
        marks = ",".join("?" * len(OPEN))
        with self._open() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM batch WHERE status IN ({marks}) AND (? IS NULL OR space = ?) ORDER BY sequence",
                (*OPEN, space, space),
            ).fetchall()
        return [_load(row) for row in rows]

    def update(self, id: str, expected: Sequence[Status] | None = None, **fields: Any) -> BatchRecord | None:
        """Change fields of a batch atomically. Does nothing and returns None if its status is not in `expected`."""
        with self._write() as db:
            row = db.execute(f"SELECT {_COLUMNS} FROM batch WHERE id = ?", (id,)).fetchone()
            if row is None:
                return None
            record = _load(row)
            if expected is not None and record.status not in expected:
                return None
            for name, value in fields.items():
                setattr(record, name, value)
            db.execute("UPDATE batch SET status = ?, record = ? WHERE id = ?", (record.status, dump_record(record), id))
        return record

    # ------------------------------------------------------------ lines

    def add_lines(self, batch: str, lines: Iterable[InputLine]) -> int:
        """Store the lines of a batch in validation, replacing those of an earlier attempt. Returns how many."""
        total = 0
        with self._write() as db:
            db.execute("DELETE FROM line WHERE batch = ?", (batch,))
        chunk: list[tuple[Any, ...]] = []

        def flush() -> None:
            with self._write() as db:
                db.executemany(
                    "INSERT INTO line (batch, number, custom_id, start, length) VALUES (?, ?, ?, ?, ?)", chunk
                )
            chunk.clear()

        for line in lines:
            chunk.append((batch, line.number, line.custom_id, line.offset, line.length))
            total += 1
            if len(chunk) >= _CHUNK:
                flush()
        flush()
        with self._write() as db:
            db.execute("UPDATE batch SET total = ? WHERE id = ?", (total, batch))
        return total

    def drop_lines(self, batch: str) -> None:
        """Delete the lines of a batch that failed validation."""
        with self._write() as db:
            db.execute("DELETE FROM line WHERE batch = ?", (batch,))
            db.execute("UPDATE batch SET total = 0 WHERE id = ?", (batch,))

    def claim(self, batch: str, owner: str, limit: int, now: float | None = None) -> list[Lease]:
        """Lease up to `limit` unleased lines, in file order. Lines of `owner` are not leased to it again, even if their
        lease expired while the machine was suspended."""
        now = time.time() if now is None else now
        with self._write() as db:
            rows = db.execute(
                "SELECT number, custom_id, start, length, attempts FROM line INDEXED BY line_open "
                "WHERE batch = ? AND state < 2 AND until <= ? AND (state = 0 OR owner <> ?) ORDER BY number LIMIT ?",
                (batch, now, owner, limit),
            ).fetchall()
            db.executemany(
                "UPDATE line SET state = ?, owner = ?, until = ? WHERE batch = ? AND number = ?",
                [(_LEASED, owner, now + LEASE_SECONDS, batch, row[0]) for row in rows],
            )
        return [Lease(batch, *row) for row in rows]

    def leased(self, batch: str, now: float | None = None) -> bool:
        """Whether any line of a batch has an unexpired lease."""
        now = time.time() if now is None else now
        with self._open() as db:
            query = "SELECT 1 FROM line WHERE batch = ? AND state = 1 AND until > ? LIMIT 1"
            return db.execute(query, (batch, now)).fetchone() is not None

    def keep(self, batch: str, owner: str, status: Status, now: float | None = None) -> bool:
        """Take the exclusive right to validate or end a batch in `status`. Returns False if another worker holds it."""
        now = time.time() if now is None else now
        with self._write() as db:
            return bool(
                db.execute(
                    "UPDATE batch SET keeper = ?, keeper_until = ? WHERE id = ? AND status = ? "
                    "AND (keeper IS NULL OR keeper = ? OR keeper_until <= ?)",
                    (owner, now + LEASE_SECONDS, batch, status, owner, now),
                ).rowcount
            )

    def release_batch(self, batch: str, owner: str) -> None:
        """Release the exclusive right to validate or end a batch."""
        with self._write() as db:
            db.execute("UPDATE batch SET keeper = NULL WHERE id = ? AND keeper = ?", (batch, owner))

    def renew(self, owner: str, now: float | None = None) -> None:
        """Extend the leases of a live worker."""
        until = (time.time() if now is None else now) + LEASE_SECONDS
        with self._write() as db:
            db.execute("UPDATE line SET until = ? WHERE state = 1 AND owner = ?", (until, owner))
            db.execute("UPDATE batch SET keeper_until = ? WHERE keeper = ?", (until, owner))

    def return_leases(
        self, lines: Iterable[tuple[str, int]], owner: str, at: float = 0.0, *, failed: bool = False
    ) -> None:
        """End leases without an answer. The lines may be sent again from `at` (Unix seconds); `failed` counts the
        attempt."""
        with self._write() as db:
            db.executemany(
                "UPDATE line SET state = ?, owner = NULL, until = ?, attempts = attempts + ? "
                "WHERE batch = ? AND number = ? AND owner = ? AND state = 1",
                [(_PENDING, at, int(failed), batch, number, owner) for batch, number in lines],
            )

    def finish(self, answers: Sequence[Answer]) -> list[Answer]:
        """Store and count answers, each exactly once. Durable on return. Returns the new ones."""
        new: list[Answer] = []
        with self._write() as db:
            for answer in answers:
                state = _FAILED if answer.failed else _COMPLETED
                if not db.execute(
                    "UPDATE line SET state = ?, owner = NULL WHERE batch = ? AND number = ? AND state < 2",
                    (state, answer.batch, answer.number),
                ).rowcount:
                    continue
                new.append(answer)
                db.execute(
                    "INSERT INTO answer (batch, number, failed, text) VALUES (?, ?, ?, ?)",
                    (answer.batch, answer.number, int(answer.failed), answer.text),
                )
            for batch in dict.fromkeys(answer.batch for answer in new):
                own = [answer for answer in new if answer.batch == batch]
                failed = sum(answer.failed for answer in own)
                tokens = sum((answer.tokens for answer in own), Tokens())
                db.execute(
                    "UPDATE batch SET completed = completed + ?, failed = failed + ?, "
                    "input_tokens = input_tokens + ?, cached_tokens = cached_tokens + ?, "
                    "output_tokens = output_tokens + ?, reasoning_tokens = reasoning_tokens + ?, cost = cost + ? WHERE id = ?",
                    (
                        len(own) - failed,
                        failed,
                        tokens.input,
                        tokens.cached,
                        tokens.output,
                        tokens.reasoning,
                        sum(answer.cost for answer in own),
                        batch,
                    ),
                )
        return new

    def unfinished(self, batch: str) -> Iterator[Lease]:
        """The unanswered lines of a batch, in file order."""
        yield from (
            Lease(batch, *row)
            for row in self._pages(
                "SELECT number, custom_id, start, length, attempts FROM line WHERE batch = ? AND state < 2 AND number > ? "
                "ORDER BY number LIMIT 1000",
                batch,
            )
        )

    def reopen_failed(self, batch: str) -> int:
        """Make the failed lines of a batch pending again. Returns how many."""
        with self._write() as db:
            db.execute("DELETE FROM answer WHERE batch = ? AND failed = 1", (batch,))
            count = db.execute(
                "UPDATE line SET state = ?, until = 0, attempts = 0 WHERE batch = ? AND state = ?",
                (_PENDING, batch, _FAILED),
            ).rowcount
            db.execute("UPDATE batch SET failed = failed - ? WHERE id = ?", (count, batch))
        return count

    def answers(self, batch: str, *, failed: bool) -> Iterator[str]:
        """The rows of the output file or the error file, in input order."""
        yield from (
            row[1]
            for row in self._pages(
                "SELECT number, text FROM answer WHERE batch = ? AND failed = ? AND number > ? ORDER BY number LIMIT 200",
                batch,
                int(failed),
            )
        )

    def latest(self, batch: str, *, after: int | None = None, limit: int = 100) -> list[tuple[int, str]]:
        """(sequence, row) of answered lines in order of arrival: the ones after a sequence number, or the last ones."""
        with self._open() as db:
            if after is not None:
                query = "SELECT sequence, text FROM answer WHERE batch = ? AND sequence > ? ORDER BY sequence LIMIT ?"
                return db.execute(query, (batch, after, limit)).fetchall()
            query = "SELECT sequence, text FROM answer WHERE batch = ? ORDER BY sequence DESC LIMIT ?"
            return db.execute(query, (batch, limit)).fetchall()[::-1]

    def _pages(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Rows of a query, fetched in pages so that no lock is held between them. The first column is the page key."""
        after = -1
        while True:
            with self._open() as db:
                rows = db.execute(query, (*values, after)).fetchall()
            if not rows:
                return
            yield from rows
            after = rows[-1][0]

    # ------------------------------------------------------------ files

    def add_file(self, space: str, file: StoredFile) -> None:
        """Register a file whose bytes are in place."""
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO file (id, space, sequence, filename, purpose, size, created_at, path) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (file.id, space, _next(db, "file"), file.filename, file.purpose, file.size, file.created_at, file.path),
            )

    def file(self, id: str, space: str | None = None) -> StoredFile | None:
        """The file, or None if it does not exist or belongs to another namespace."""
        with self._open() as db:
            row = db.execute(
                "SELECT id, filename, purpose, size, created_at, path FROM file "
                "WHERE id = ? AND (? IS NULL OR space = ?)",
                (id, space, space),
            ).fetchone()
        return None if row is None else StoredFile(*row)

    def files(self, space: str) -> list[StoredFile]:
        """The files of a namespace, newest first."""
        with self._open() as db:
            rows = db.execute(
                "SELECT id, filename, purpose, size, created_at, path FROM file WHERE space = ? ORDER BY sequence DESC",
                (space,),
            ).fetchall()
        return [StoredFile(*row) for row in rows]

    def remove_file(self, id: str) -> None:
        """Unregister a file; the caller removes its bytes."""
        with self._write() as db:
            db.execute("DELETE FROM file WHERE id = ?", (id,))

    # ------------------------------------------------------------ workers

    def add_worker(self, id: str, host: str, pid: int, started: str, standing: str | None = None) -> None:
        """Register a worker, so that others can take over its leases as soon as its process is dead.

        `standing` is the namespace of a worker that keeps running when there is no work.
        """
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO worker (id, host, pid, started, standing) VALUES (?, ?, ?, ?, ?)",
                (id, host, pid, started, standing),
            )

    def workers(self) -> list[WorkerRow]:
        """All registered workers."""
        with self._open() as db:
            return [WorkerRow(*row) for row in db.execute("SELECT id, host, pid, started, standing FROM worker")]

    def remove_worker(self, id: str) -> None:
        """Unregister a worker and end all its leases."""
        with self._write() as db:
            db.execute(
                "UPDATE line SET state = ?, owner = NULL, until = 0 WHERE owner = ? AND state = 1", (_PENDING, id)
            )
            db.execute("UPDATE batch SET keeper = NULL WHERE keeper = ?", (id,))
            db.execute("DELETE FROM worker WHERE id = ?", (id,))

    # ------------------------------------------------------------ the file

    def guarded(self) -> contextlib.AbstractContextManager[None]:
        """Turn disk errors in this block into `BatchError` with the fix."""
        return disk_errors(self.path)

    @contextlib.contextmanager
    def _open(self) -> Generator[sqlite3.Connection, None, None]:
        """The connection of this process, for one thread at a time; a forked child opens its own."""
        with self._lock, self.guarded():
            yield self._connection.get(self._connect)

    @contextlib.contextmanager
    def _write(self) -> Generator[sqlite3.Connection, None, None]:
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        db = sqlite3.connect(self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        try:
            use_wal(db, self._timeout)
            db.execute("PRAGMA synchronous = NORMAL")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise BatchError(
                    f"{self.path} was written by a newer stepfun-compat (format {version}). Upgrade, or set "
                    "STEPFUN_BATCH_DIR to another folder.",
                    status=500,
                    code="journal_too_new",
                )
            if version < _VERSION:
                db.executescript(_SCHEMA)
                db.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            db.close()
            raise
        return db


_COLUMNS: Final = (
    "record, status, total, completed, failed, input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost"
)


def _load(row: Sequence[Any]) -> BatchRecord:
    return load_record(row[0], row[1], Counts(*row[2:5]), Tokens(*row[5:9]), row[9])


def _next(db: sqlite3.Connection, table: Literal["batch", "file"]) -> int:
    return db.execute(f"SELECT COALESCE(MAX(sequence), 0) + 1 FROM {table}").fetchone()[0]
