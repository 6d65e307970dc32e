"""Connections of one process: closed with their owner, never shared with a forked child."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable

_PAUSE = 0.002


class ProcessConnection:
    """Keep one connection for this process; the owner serialises access with its own lock."""

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._inherited: list[sqlite3.Connection | None] = []

    def get(self, connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        """Return this process's connection, opened with `connect` at first use."""
        if self._connection is None or self._process != os.getpid():
            self._inherited.append(self._connection)  # closing a parent's connection would break its locks
            self._connection, self._process = connect(), os.getpid()
            close_with(self, self._connection.close)
        return self._connection


def use_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Switch a database to write-ahead logging. Waits up to `seconds` for other processes.

    SQLite's own timeout does not cover the switch: of two processes that create a file at the same time, one gets
    "database is locked" at once.

    Raises:
        sqlite3.Error: the switch failed.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


def close_with(owner: object, close: Callable[[], object]) -> None:
    """Close the connection when `owner` is garbage-collected, or at exit, but never in a child process: it is the parent's."""
    weakref.finalize(owner, _close, close, os.getpid())


def _close(close: Callable[[], object], process: int) -> None:
    if process == os.getpid():
        close()
