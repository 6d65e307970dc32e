"""`sqlite:///path`: one file, for all threads and processes of a machine. Four slashes make the path absolute."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager

from . import TTL, StateError

_WAIT = 5.0  # seconds to wait for another process that writes
_SWEEP_EVERY = 256  # writes between two looks for expired rows
_MOST_KEYS = 500  # in one statement


class SQLiteStore:
    """Records in a file that only its user may read. It is written ahead (WAL), so a killed process loses nothing it
    was told is safe."""

    blocking = True

    def __init__(self, path: str, ttl: float = TTL) -> None:
        if not path:
            raise StateError("sqlite:/// needs a path: sqlite:///state.db, or sqlite:////var/lib/app/state.db.")
        self._path = os.path.abspath(os.path.expanduser(path))
        self._ttl = ttl
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        self._inherited: list[sqlite3.Connection | None] = []
        self._writes = 0

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """The texts that are there; reading keeps them."""
        now = time.time()
        found: dict[str, str] = {}
        old: list[str] = []
        with self._open() as db:
            for at in range(0, len(keys), _MOST_KEYS):
                part = list(keys[at : at + _MOST_KEYS])
                marks = ",".join("?" * len(part))
                for key, text, until in db.execute(
                    f"SELECT key, text, until FROM record WHERE key IN ({marks}) AND until > ?", (*part, now)
                ):
                    found[key] = text
                    if until - now < self._ttl / 2:  # most reads write nothing
                        old.append(key)
            if old:
                with _transaction(db):
                    db.executemany("UPDATE record SET until = ? WHERE key = ?", [(now + self._ttl, key) for key in old])
        return found

    def put(self, rows: Mapping[str, str]) -> None:
        """Write all rows or none."""
        now = time.time()
        with self._open() as db, _transaction(db):
            db.executemany(
                "INSERT INTO record (key, text, until) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET text = excluded.text, until = excluded.until",
                [(key, text, now + self._ttl) for key, text in rows.items()],
            )
            if self._writes % _SWEEP_EVERY == 0:
                db.execute("DELETE FROM record WHERE until <= ?", (now,))
            self._writes += 1

    def delete(self, keys: Sequence[str]) -> None:
        """Remove what is there."""
        with self._open() as db, _transaction(db):
            db.executemany("DELETE FROM record WHERE key = ?", [(key,) for key in keys])

    def update(self, key: str, change: Callable[[str], str]) -> bool:
        """Change one row; the file is locked from the first look to the last write."""
        now = time.time()
        with self._open() as db, _transaction(db):
            row = db.execute("SELECT text FROM record WHERE key = ? AND until > ?", (key, now)).fetchone()
            if row is None:
                return False
            db.execute("UPDATE record SET text = ?, until = ? WHERE key = ?", (change(row[0]), now + self._ttl, key))
        return True

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection, None, None]:
        """This process's connection, one thread at a time; a forked process gets one of its own."""
        with self._lock:
            if self._connection is None or self._owner != os.getpid():
                self._inherited.append(self._connection)  # closing a parent's connection would break its locks
                self._connection, self._owner = self._connect(), os.getpid()
                weakref.finalize(self, _close, self._connection, self._owner)
            yield self._connection

    def _connect(self) -> sqlite3.Connection:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite's side files take over its rights
        db = sqlite3.connect(self._path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(
            "CREATE TABLE IF NOT EXISTS record (key TEXT PRIMARY KEY, text TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID"
        )
        db.execute("CREATE INDEX IF NOT EXISTS record_until ON record (until)")
        return db


def _close(db: sqlite3.Connection, owner: int) -> None:
    if owner == os.getpid():
        db.close()


@contextmanager
def _transaction(db: sqlite3.Connection) -> Generator[None, None, None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
