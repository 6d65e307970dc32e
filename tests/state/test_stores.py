"""The stores behind conversations: what every one keeps, and what threads, processes and crashes do to them."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat import state
from stepfun_compat.state import StateError, Store, perform
from stepfun_compat.state.memory import MemoryStore
from stepfun_compat.state.sqlite import SQLiteStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else SQLiteStore(f"{tmp_path}/s.db")


def test_records_come_back_as_they_were(store: Store):
    record = {"text": "äöü \ud800 😀", "n": [1, None, {"a": 0.5}]}
    assert perform(store, "s", {"save": {"a": record, "b": {}}}) == {}
    assert perform(store, "s", {"load": ["a", "b", "c"]}) == {"a": record, "b": {}}
    assert perform(store, "other", {"load": ["a"]}) == {}
    perform(store, "s", {"delete": ["a", "c"]})
    assert perform(store, "s", {"load": ["a"]}) == {}
    assert perform(store, "s", {"load": []}) == {}
    many = {f"k{i}": {"i": i} for i in range(1200)}
    perform(store, "s", {"save": many})
    assert perform(store, "s", {"load": list(many)}) == many


def test_what_is_handed_out_is_not_what_is_kept(store: Store):
    record: dict[str, Any] = {"list": [1]}
    perform(store, "s", {"save": {"a": record}})
    record["list"].append(2)
    perform(store, "s", {"load": ["a"]})["a"]["list"].append(3)
    assert perform(store, "s", {"load": ["a"]}) == {"a": {"list": [1]}}


def test_records_are_changed_in_place(store: Store):
    perform(store, "s", {"save": {"a": {"parts": []}}})
    perform(store, "s", {"append": ["a", "parts", "p1"]})
    perform(store, "s", {"append": ["a", "parts", "p2"], "merge": ["a", {"m": 1}]})
    assert perform(store, "s", {"load": ["a"]}) == {"a": {"parts": ["p1", "p2"], "m": 1}}
    with pytest.raises(StateError, match="gone"):
        perform(store, "s", {"append": ["gone", "parts", "p"]})


def test_threads_lose_nothing(store: Store):
    perform(store, "s", {"save": {"a": {"parts": []}}})

    def work(name: int) -> None:
        for turn in range(20):
            perform(store, "s", {"save": {f"{name}-{turn}": {}}, "append": ["a", "parts", f"{name}-{turn}"]})

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    parts = perform(store, "s", {"load": ["a"]})["a"]["parts"]
    assert len(set(parts)) == len(parts) == 160
    assert len(perform(store, "s", {"load": parts})) == 160


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_records_expire(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    store: Store = MemoryStore(ttl=100) if kind == "memory" else SQLiteStore(f"{tmp_path}/s.db", ttl=100)
    store.put({"read": "{}", "unread": "{}"})
    now[0] += 60
    assert store.get(["read"]) == {"read": "{}"}  # and lives on from here
    now[0] += 60
    assert store.get(["read", "unread"]) == {"read": "{}"}
    assert not store.update("unread", lambda text: text)
    now[0] += 101
    assert store.get(["read"]) == {}


def test_expired_rows_leave_the_file(tmp_path: Path):
    store = SQLiteStore(f"{tmp_path}/s.db", ttl=-1)
    store.put({"old": "{}"})
    SQLiteStore(f"{tmp_path}/s.db").put({"new": "{}"})
    with sqlite3.connect(tmp_path / "s.db") as db:
        assert db.execute("SELECT key FROM record").fetchall() == [("new",)]
    db.close()


def test_memory_is_bounded():
    store = MemoryStore(most=3, size=1000)
    for key in "abc":
        store.put({key: "x"})
    store.get(["a"])
    store.put({"d": "x"})
    assert sorted(store.get(["a", "b", "c", "d"])) == ["a", "c", "d"]  # b was used least
    store.put({"big": "x" * 999})
    assert sorted(store.get(["a", "c", "d", "big"])) == ["big", "d"]
    store.update("d", lambda text: "y" * 500)
    store.put({"e": "z"})
    assert "big" not in store.get(["big"])


def test_the_file_is_its_users_alone(tmp_path: Path):
    store = SQLiteStore(f"{tmp_path}/deep/s.db")
    store.put({"a": "{}"})
    for name in os.listdir(tmp_path / "deep"):
        assert stat.S_IMODE(os.stat(tmp_path / "deep" / name).st_mode) == 0o600


_WRITER = """
import sys
from stepfun_compat.state import perform
from stepfun_compat.state.sqlite import SQLiteStore
store, name = SQLiteStore(sys.argv[1]), sys.argv[2]
for turn in range(int(sys.argv[3])):
    key = f"{name}-{turn}"
    perform(store, "s", {"save": {key: {"text": "x" * 2000}}, "append": ["talk", "parts", key]})
    print(key, flush=True)
"""


def writer(path: str, name: str, turns: int) -> subprocess.Popen[str]:
    root = str(Path(state.__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, path, name, str(turns)], stdout=subprocess.PIPE, text=True, env=env
    )


def test_two_processes_write_one_conversation(tmp_path: Path):
    path = f"{tmp_path}/s.db"
    store = SQLiteStore(path)
    perform(store, "s", {"save": {"talk": {"parts": []}}})
    both = [writer(path, name, 40) for name in ("one", "two")]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    parts = perform(store, "s", {"load": ["talk"]})["talk"]["parts"]
    assert sorted(parts) == sorted(f"{name}-{turn}" for name in ("one", "two") for turn in range(40))


def test_a_killed_process_loses_nothing_it_was_told_is_safe(tmp_path: Path):
    path = f"{tmp_path}/s.db"
    perform(SQLiteStore(path), "s", {"save": {"talk": {"parts": []}}})
    process = writer(path, "w", 1_000_000)
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(25)]
    process.send_signal(signal.SIGKILL)
    told += process.communicate(timeout=60)[0].split()
    store = SQLiteStore(path)
    found = perform(store, "s", {"load": ["talk", *told]})
    assert [key for key in told if key not in found] == []
    assert set(told) <= set(found["talk"]["parts"])
    perform(store, "s", {"save": {"after": {}}})


def test_urls(tmp_path: Path):
    assert state.open_store("memory://") is state.open_store("memory://")
    assert isinstance(state.open_store(f"sqlite:///{tmp_path}/x.db"), SQLiteStore)
    for wrong in ("file:///x", "nothing", "sqlite:///"):
        with pytest.raises(StateError):
            state.open_store(wrong)
    assert state.namespace(None, "key", "https://a/v1/") == state.namespace(None, "key", "https://a/v1")
    assert len({state.namespace(None, key, url) for key in "ab" for url in ("https://a", "https://b")}) == 4
    assert "key" not in state.namespace(None, "key", "https://a")
    assert state.namespace("mine", "key", "https://a") == "mine"


def test_threads_that_open_a_store_at_once_get_the_same_one() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from stepfun_compat.state import open_store

    url = "memory://opened-by-many"
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(open_store, [url] * 64))
    assert len({id(store) for store in stores}) == 1
    for number in range(64):
        open_store(f"memory://other-{number}")
    assert open_store(url) is stores[0]
