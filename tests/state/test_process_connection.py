"""A connection is closed with its owner, in the process that opened it; a forked child opens its own."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat.state.process_connection import ProcessConnection, use_wal


def test_connection_is_closed_with_its_owner(tmp_path: Path) -> None:
    owner = ProcessConnection()
    made = owner.get(lambda: sqlite3.connect(tmp_path / "a.db"))
    assert owner.get(lambda: sqlite3.connect(tmp_path / "b.db")) is made
    del owner
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made.execute("SELECT 1")


def test_child_process_opens_its_own_and_leaves_the_parents_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = ProcessConnection()
    parents = owner.get(lambda: sqlite3.connect(tmp_path / "a.db"))
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)  # as a forked child sees it
    own = owner.get(lambda: sqlite3.connect(tmp_path / "a.db"))
    assert own is not parents
    del owner
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        own.execute("SELECT 1")
    assert parents.execute("SELECT 1").fetchone() == (1,)
    parents.close()


class Locked(sqlite3.Connection):
    """As SQLite behaves when several processes switch a new file to write-ahead logging at the same time."""

    refusals = 3

    def execute(self, *args: Any) -> sqlite3.Cursor:
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database is locked")
        return super().execute(*args)


def test_switch_to_write_ahead_logging_waits_for_other_processes(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db", factory=Locked)) as db:
        use_wal(db, 30)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_switch_to_write_ahead_logging_ends_after_the_timeout(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db", factory=Locked)) as db:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            use_wal(db, -1)
        assert db.refusals == 2
    read_only = sqlite3.connect(f"file:{tmp_path / 'a.db'}?mode=ro", uri=True)
    with contextlib.closing(read_only), pytest.raises(sqlite3.OperationalError, match="readonly"):
        use_wal(read_only, 1e9)  # no other process has it: not repeated
