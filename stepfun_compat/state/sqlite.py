"""`sqlite:///path`: one file, for all threads and processes of a machine. Four slashes make the path absolute."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from typing_extensions import override

from .base import BaseStore, Edit, Limits, Raw, StateConfigError, StateUnavailable, UnknownCursor

_VERSION: Final = 1  # of the schema, in the file's user_version
_SWEEP_EVERY: Final = 64  # writes between two looks for expired rows
_SWEEP: Final = 1_000  # expired rows removed at most by one write, so that none takes long
_MOST_KEYS: Final = 500  # in one statement; SQLite before 3.32 takes 999 parameters
_RENEW: Final = 30  # a read renews a row at most this often in its life, so that most reads write nothing

_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS kept (
        seq INTEGER PRIMARY KEY, space TEXT NOT NULL, name TEXT NOT NULL, parent TEXT, text TEXT NOT NULL,
        until REAL NOT NULL, UNIQUE (space, name))""",
    "CREATE INDEX IF NOT EXISTS kept_children ON kept (space, parent, seq) WHERE parent IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS kept_until ON kept (until)",
    f"PRAGMA user_version = {_VERSION}",
)

_CHAIN: Final = """
WITH RECURSIVE up (depth, name, text, parent, until) AS (
    SELECT 1, name, text, parent, until FROM kept WHERE space = :space AND name = :name AND until > :now
    UNION ALL
    SELECT up.depth + 1, kept.name, kept.text, kept.parent, kept.until FROM up
    JOIN kept ON kept.space = :space AND kept.name = up.parent AND kept.until > :now WHERE up.depth < :most)
SELECT name, text, parent, until FROM up ORDER BY depth DESC"""

_UPSERT: Final = """
INSERT INTO kept (space, name, parent, text, until) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (space, name) DO UPDATE SET text = excluded.text, until = excluded.until"""

_opening = threading.Lock()


class SQLiteStore(BaseStore):
    """Records in a file that only its user may read.

    The file is written ahead (WAL) with `synchronous = NORMAL`: a commit is with the operating system before it is
    acknowledged, so a killed process loses nothing; a power cut may take the last few commits, but never damages the
    file. `FULL` would add a wait for the disk to each turn. Where WAL is not to be had (some network disks), `FULL` it is.

    Args:
        path: of the file, or `:memory:` for a database of this process.
        limits: seconds and bytes of one record, and seconds to wait for another process that writes.
        clock: seconds since 1970, the same for all processes.
    """

    kind = "sqlite"
    failures = (sqlite3.Error, OSError)

    def __init__(self, path: str, limits: Limits | None = None, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(limits or Limits())
        if not path:
            raise StateConfigError("sqlite:/// needs a path: sqlite:///state.db, or sqlite:////var/lib/app/state.db.")
        self._path = path if path == ":memory:" else os.path.abspath(os.path.expanduser(path))
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inherited: list[sqlite3.Connection] = []
        self._writes = 0

    @override
    def _get(self, space: str, names: Sequence[str]) -> list[Raw]:
        now = self._clock()
        found: list[tuple[str, str, str | None, float]] = []
        with self._open() as db:
            for at in range(0, len(names), _MOST_KEYS):
                part = names[at : at + _MOST_KEYS]
                found += db.execute(
                    "SELECT name, text, parent, until FROM kept WHERE space = ? AND until > ? "
                    f"AND name IN ({','.join('?' * len(part))})",
                    (space, now, *part),
                ).fetchall()
            return self._renewed(db, space, now, found)

    @override
    def _chain(self, space: str, name: str, most: int) -> list[Raw]:
        now = self._clock()
        with self._open() as db:
            found = db.execute(_CHAIN, {"space": space, "name": name, "now": now, "most": most}).fetchall()
            return self._renewed(db, space, now, found)

    @override
    def _list(self, space: str, parent: str, after: str | None, limit: int | None, newest_first: bool) -> list[Raw]:
        now = self._clock()
        beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
        with self._open() as db:
            start: tuple[int] | None = None
            if after is not None:
                start = db.execute(
                    "SELECT seq FROM kept WHERE space = ? AND parent = ? AND name = ? AND until > ?",
                    (space, parent, after, now),
                ).fetchone()
                if start is None:
                    raise UnknownCursor(after)
            found = db.execute(
                "SELECT name, text, parent, until FROM kept WHERE space = ? AND parent = ? AND until > ? "
                f"{'' if start is None else f'AND seq {beyond} ?'} ORDER BY seq {order} LIMIT ?",
                (space, parent, now, *(start or ()), -1 if limit is None else limit),
            ).fetchall()
            return self._renewed(db, space, now, found)

    @override
    def _put(self, space: str, rows: Sequence[Raw], delete: Sequence[str], edits: Mapping[str, Edit]) -> int:
        now = self._clock()
        until = now + self._limits.ttl
        with self._open() as db, _transaction(db):
            touched = [*(row.name for row in rows), *edits]
            db.executemany(
                "DELETE FROM kept WHERE space = ? AND name = ? AND until <= ?", [(space, name, now) for name in touched]
            )
            count = 0
            for name in delete:
                gone = "DELETE FROM kept WHERE space = ? AND name = ? RETURNING until" if False else ""
                del gone
                row = db.execute("SELECT until FROM kept WHERE space = ? AND name = ?", (space, name)).fetchone()
                count += row is not None and row[0] > now
                db.execute("DELETE FROM kept WHERE space = ? AND name = ?", (space, name))
            db.executemany(_UPSERT, [(space, row.name, row.parent, row.text, until) for row in rows])
            for name, edit in edits.items():
                row = db.execute("SELECT text FROM kept WHERE space = ? AND name = ?", (space, name)).fetchone()
                text = edit(None if row is None else row[0])
                if text is not None:
                    db.execute(_UPSERT, (space, name, None, text, until))
            if self._writes % _SWEEP_EVERY == 0:
                db.execute(
                    "DELETE FROM kept WHERE seq IN (SELECT seq FROM kept WHERE until <= ? LIMIT ?)", (now, _SWEEP)
                )
            self._writes += 1
        return count

    @override
    def _close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    @override
    def _after_fork(self, *, child: bool) -> None:
        if child:
            if self._connection is not None:
                self._inherited.append(self._connection)  # only the parent may close it
                self._connection = None
            self._lock = threading.Lock()

    def _renewed(
        self, db: sqlite3.Connection, space: str, now: float, found: Sequence[tuple[str, str, str | None, float]]
    ) -> list[Raw]:
        until = now + self._limits.ttl
        old = [row[0] for row in found if until - row[3] > self._limits.ttl / _RENEW]
        if old:
            with suppress(sqlite3.OperationalError):  # the answer is good even where the file cannot be written now
                with _transaction(db):
                    db.executemany(
                        "UPDATE kept SET until = ? WHERE space = ? AND name = ?", [(until, space, name) for name in old]
                    )
        return [Raw(name, text, parent) for name, text, parent, _ in found]

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection, None, None]:
        """This process's connection, one thread at a time."""
        started = time.monotonic()
        lock = self._lock
        if not lock.acquire(timeout=self._limits.timeout):
            raise StateUnavailable(f"sqlite: the file was busy for {self._limits.timeout:g} seconds")
        try:
            db = self._connection
            if db is None:
                db = self._connection = self._connect()
            left = max(self._limits.timeout - (time.monotonic() - started), 0.0)
            db.execute(f"PRAGMA busy_timeout = {int(left * 1000)}")
            yield db
        finally:
            lock.release()

    def _connect(self) -> sqlite3.Connection:
        with _opening:
            if self._path != ":memory:":
                _private(self._path)
            db = sqlite3.connect(
                self._path, timeout=self._limits.timeout, isolation_level=None, check_same_thread=False
            )
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            db.execute(f"PRAGMA synchronous = {'NORMAL' if mode in ('wal', 'memory') else 'FULL'}")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise StateConfigError(
                    f"sqlite: {self._path} was written by a newer stepfun_compat. Update this one, or use another file."
                )
            if version < _VERSION:
                with _transaction(db):
                    for statement in _SCHEMA:
                        db.execute(statement)
        except BaseException:
            db.close()
            raise
        return db


def _private(path: str) -> None:
    """Make the file, and the directories it needs, for its user alone. What is there is left as it is.

    A file that is there is not even opened: closing it would take away the locks SQLite has on it in this process.
    """
    missing: list[str] = []
    directory = os.path.dirname(path)
    while not os.path.isdir(directory):
        missing.append(directory)
        directory = os.path.dirname(directory)
    for directory in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(directory, 0o700)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))  # side files take over these rights


@contextmanager
def _transaction(db: sqlite3.Connection) -> Generator[None, None, None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite has rolled back by itself after some errors
            db.execute("ROLLBACK")
        raise
