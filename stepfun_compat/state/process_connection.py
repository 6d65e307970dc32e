"""Connections of one process: closed with their owner, never shared with a forked child."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable


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


def close_with(owner: object, close: Callable[[], object]) -> None:
    """Close the connection when `owner` is garbage-collected, or at exit, but never in a child process: it is the parent's."""
    weakref.finalize(owner, _close, close, os.getpid())


def _close(close: Callable[[], object], process: int) -> None:
    if process == os.getpid():
        close()
