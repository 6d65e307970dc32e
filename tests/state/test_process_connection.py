"""A connection is closed with its owner, in the process that opened it; a forked child opens its own."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from stepfun_compat.state.process_connection import ProcessConnection


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
