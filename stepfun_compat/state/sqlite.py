"""`sqlite:///path`: one file, shared by all threads and processes of a machine. Four slashes make the path absolute."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Final

from . import DEFAULT, Change, Limits, StateError, renewed_after_fork
from .process_connection import ProcessConnection, use_wal

SIZE: Final = 4_000_000_000
"""Default of `Limits.size`, in bytes."""

_SWEEP_EVERY = 256  # writes between two deletions of expired rows
_MOST_KEYS = 500  # in one statement
_FRESH = 3600.0  # seconds a row counts as just used, so that most reads write nothing


class SQLiteStore:
    """Keep records in a file that only its owner may read. It uses a write-ahead log (WAL), so a killed process loses
    nothing that was committed."""

    blocking = True

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(os.path.expanduser(path))
        self._lock = threading.Lock()
        self._connection = ProcessConnection()
        self._writes = 0
        renewed_after_fork(self)

    def get(self, keys: Sequence[str], limits: Limits = DEFAULT) -> dict[str, str]:
        """Return the texts that exist; reading extends their lifetime."""
        now = time.time()
        found: dict[str, str] = {}
        old: list[str] = []
        with self._open(limits) as db:
            for at in range(0, len(keys), _MOST_KEYS):
                part = list(keys[at : at + _MOST_KEYS])
                marks = ",".join("?" * len(part))
                for key, text, until in db.execute(
                    f"SELECT key, text, until FROM record WHERE key IN ({marks}) AND until > ?", (*part, now)
                ):
                    found[key] = text
                    if until - now < limits.ttl - min(limits.ttl / 2, _FRESH):
                        old.append(key)
            if old:
                # the rows are valid even if another process prevents marking them as used
                with contextlib.suppress(sqlite3.OperationalError), _transaction(db):
                    db.executemany(
                        "UPDATE record SET until = ? WHERE key = ?", [(now + limits.ttl, key) for key in old]
                    )
        return found

    def write(
        self, rows: Mapping[str, str], gone: Sequence[str], changes: Mapping[str, Change], limits: Limits = DEFAULT
    ) -> bool:
        """Write all or nothing; the file is locked from the first read to the last write."""
        now = time.time()
        new = dict(rows)
        with self._open(limits) as db, _transaction(db):
            for key, change in changes.items():
                row = db.execute("SELECT text FROM record WHERE key = ? AND until > ?", (key, now)).fetchone()
                if row is None:
                    return False
                new[key] = change(row[0])
            db.executemany("DELETE FROM record WHERE key = ?", [(key,) for key in gone])
            db.executemany(
                "INSERT INTO record (key, text, until) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET text = excluded.text, until = excluded.until",
                [(key, text, now + limits.ttl) for key, text in new.items()],
            )
            if self._writes % _SWEEP_EVERY == 0:
                db.execute("DELETE FROM record WHERE until <= ?", (now,))
            _make_room(db, SIZE if limits.size is None else limits.size, new)
            self._writes += 1
        return True

    @contextlib.contextmanager
    def _open(self, limits: Limits) -> Generator[sqlite3.Connection, None, None]:
        """Lock this process's connection for one thread; a forked process gets its own."""
        started = time.monotonic()
        if not self._lock.acquire(timeout=limits.timeout):
            raise StateError(f"other threads kept the file busy for {limits.timeout:g} seconds")
        try:
            left = max(limits.timeout - (time.monotonic() - started), 0.001)
            connection = self._connection.get(lambda: self._connect(left))
            connection.execute(f"PRAGMA busy_timeout = {int(left * 1000)}")
            yield connection
        finally:
            self._lock.release()

    def _connect(self, wait: float) -> sqlite3.Connection:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        _make_private(self._path)  # SQLite's side files inherit the file's mode
        db = sqlite3.connect(self._path, timeout=wait, isolation_level=None, check_same_thread=False)
        try:
            use_wal(db, wait)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(
                "CREATE TABLE IF NOT EXISTS record (key TEXT PRIMARY KEY, text TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID"
            )
            db.execute("CREATE INDEX IF NOT EXISTS record_until ON record (until)")
        except BaseException:
            db.close()
            raise
        return db


def _make_private(path: str) -> None:
    """Create the file if it is missing, readable only by its owner."""
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        found = os.fstat(file)
    finally:
        os.close(file)
    mine = getattr(os, "geteuid", lambda: found.st_uid)() == found.st_uid
    if mine and stat.S_IMODE(found.st_mode) & 0o077:
        os.chmod(path, 0o600)
        for side in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.chmod(path + side, 0o600)


def _make_room(db: sqlite3.Connection, most: int, new: Mapping[str, str]) -> None:
    """Remove the least recently used rows while the file exceeds `most` bytes. Rows just written stay."""
    pages, free, page = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    excess = (pages - free) * page - most
    if excess <= 0:
        return
    doomed: list[tuple[str]] = []
    for key, size in db.execute("SELECT key, LENGTH(text) FROM record ORDER BY until"):
        if excess <= 0:
            break
        if key not in new:
            doomed.append((key,))
            excess -= size
    db.executemany("DELETE FROM record WHERE key = ?", doomed)


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Generator[None, None, None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
