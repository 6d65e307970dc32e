"""The conversation stores: the records each keeps, and the effects of threads, processes and crashes."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat import state
from stepfun_compat.endpoints.base import StoreOperation
from stepfun_compat.state import Limits, RecordTooLarge, StateError, Store, execute
from stepfun_compat.state.memory import MemoryStore
from stepfun_compat.state.sqlite import SQLiteStore

SHARED = ["sqlite", "redis"]
KINDS = ["memory", *SHARED]


def url_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "redis":
        return request.getfixturevalue("redis_url")
    return f"sqlite:///{tmp_path}/s.db" if kind == "sqlite" else f"memory://{uuid.uuid4()}"


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return state._make(url_of(request.param, request, tmp_path))


@pytest.fixture
def space() -> str:
    """A separate namespace for each test: the server is shared."""
    return uuid.uuid4().hex


def test_records_are_returned_unchanged(store: Store, space: str):
    record = {"text": "äöü \ud800 😀", "n": [1, None, {"a": 0.5}]}
    assert execute(store, space, StoreOperation(save={"a": record, "b": {}})) == {}
    assert execute(store, space, StoreOperation(load=["a", "b", "c"])) == {"a": record, "b": {}}
    assert execute(store, f"{space}2", StoreOperation(load=["a"])) == {}
    execute(store, space, StoreOperation(delete=["a", "c"]))
    assert execute(store, space, StoreOperation(load=["a"])) == {}
    assert execute(store, space, StoreOperation(load=[])) == {}
    many = {f"k{i}": {"i": i} for i in range(1200)}
    execute(store, space, StoreOperation(save=many))
    assert execute(store, space, StoreOperation(load=list(many))) == many


def test_returned_records_are_independent_of_stored_ones(store: Store, space: str):
    record: dict[str, Any] = {"list": [1]}
    execute(store, space, StoreOperation(save={"a": record}))
    record["list"].append(2)
    execute(store, space, StoreOperation(load=["a"]))["a"]["list"].append(3)
    assert execute(store, space, StoreOperation(load=["a"])) == {"a": {"list": [1]}}


def test_records_are_changed_in_place(store: Store, space: str):
    execute(store, space, StoreOperation(save={"a": {"parts": []}}))
    execute(store, space, StoreOperation(append=("a", "parts", "p1")))
    execute(store, space, StoreOperation(append=("a", "parts", "p1")))  # repeated after a broken connection
    execute(store, space, StoreOperation(append=("a", "parts", "p2")))
    execute(store, space, StoreOperation(merge=("a", {"m": 1})))
    assert execute(store, space, StoreOperation(load=["a"])) == {"a": {"parts": ["p1", "p2"], "m": 1}}
    execute(store, space, StoreOperation(save={"b": {"items": [{"id": "1"}, {"id": "2"}]}}))
    execute(store, space, StoreOperation(remove=("b", "items", "1")))
    assert execute(store, space, StoreOperation(load=["b"])) == {"b": {"items": [{"id": "2"}]}}


def test_operation_is_atomic(store: Store, space: str):
    execute(store, space, StoreOperation(save={"old": {}}))
    whole = StoreOperation(save={"new": {"text": "x"}}, delete=["old"], append=("gone", "parts", "p"))
    with pytest.raises(StateError, match="gone"):
        execute(store, space, whole)
    assert execute(store, space, StoreOperation(load=["new", "old"])) == {"old": {}}
    execute(store, space, StoreOperation(save={"gone": {"parts": []}}))
    execute(store, space, whole)
    assert execute(store, space, StoreOperation(load=["new", "old", "gone"])) == {
        "new": {"text": "x"},
        "gone": {"parts": ["p"]},
    }


def test_record_size_is_limited(store: Store, space: str):
    limits = Limits(record=100)
    execute(store, space, StoreOperation(save={"small": {"parts": []}}), limits)
    with pytest.raises(RecordTooLarge, match="100"):
        execute(store, space, StoreOperation(save={"fits": {}, "large": {"text": "x" * 100}}), limits)
    with pytest.raises(RecordTooLarge):
        execute(store, space, StoreOperation(append=("small", "parts", "x" * 100)), limits)
    assert execute(store, space, StoreOperation(load=["small", "fits", "large"])) == {"small": {"parts": []}}


def test_concurrent_writes_lose_no_records(store: Store, space: str):
    execute(store, space, StoreOperation(save={"a": {"parts": []}}))

    def work(name: int) -> None:
        for turn in range(15):
            execute(store, space, StoreOperation(save={f"{name}-{turn}": {}}, append=("a", "parts", f"{name}-{turn}")))

    together(work, range(8))
    parts = execute(store, space, StoreOperation(load=["a"]))["a"]["parts"]
    assert len(set(parts)) == len(parts) == 120
    assert len(execute(store, space, StoreOperation(load=parts))) == 120


def together(work: Callable[[int], None], names: range) -> None:
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_concurrently_removed_items_stay_removed(store: Store, space: str):
    execute(store, space, StoreOperation(save={"part": {"items": [{"id": str(n)} for n in range(20)]}}))
    together(
        lambda name: execute(store, space, StoreOperation(remove=("part", "items", str(name)))) and None, range(19)
    )
    assert execute(store, space, StoreOperation(load=["part"])) == {"part": {"items": [{"id": "19"}]}}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_records_expire(kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    store, limits = state._make(url_of(kind, request, tmp_path)), Limits(ttl=100)
    store.write({"read": "{}", "unread": "{}"}, (), {}, limits)
    now[0] += 60
    assert store.get(["read"], limits) == {"read": "{}"}  # the read extends its lifetime
    now[0] += 60
    assert store.get(["read", "unread"], limits) == {"read": "{}"}
    assert not store.write({}, (), {"unread": str}, limits)
    now[0] += 101
    assert store.get(["read"], limits) == {}


def test_expired_rows_are_deleted_from_the_file(tmp_path: Path):
    SQLiteStore(f"{tmp_path}/s.db").write({"old": "{}"}, (), {}, Limits(ttl=-1))
    SQLiteStore(f"{tmp_path}/s.db").write({"new": "{}"}, (), {})
    db = sqlite3.connect(tmp_path / "s.db")
    assert db.execute("SELECT key FROM record").fetchall() == [("new",)]
    db.close()


def test_memory_store_is_limited():
    store, limits = MemoryStore(), Limits(size=1000)
    for key in "abc":
        store.write({key: "x" * 300}, (), {}, limits)
    store.get(["a"])
    store.write({"d": "x" * 300}, (), {}, limits)
    assert sorted(store.get(["a", "b", "c", "d"])) == ["a", "c", "d"]  # b was used least recently
    store.write({}, (), {"d": lambda text: text * 3}, limits)
    assert sorted(store.get(["a", "c", "d"])) == ["d"]
    with pytest.raises(RecordTooLarge):  # instead of emptying the store for it
        store.write({"big": "x" * 1001}, (), {}, limits)
    assert sorted(store.get(["d", "big"])) == ["d"]


def test_file_size_is_limited(tmp_path: Path):
    store, limits = SQLiteStore(f"{tmp_path}/s.db"), Limits(size=200_000)
    for number in range(200):
        store.write({f"k{number}": "x" * 5000}, (), {}, limits)
    assert os.path.getsize(tmp_path / "s.db") < 400_000
    kept = store.get([f"k{number}" for number in range(200)])
    assert 20 < len(kept) < 60
    assert "k199" in kept
    assert "k0" not in kept


def test_file_is_readable_only_by_its_user(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "s.db").touch(mode=0o666)
    (tmp_path / "deep" / "s.db").chmod(0o666)
    for name in ("deep", "new"):
        store = SQLiteStore(f"{tmp_path}/{name}/s.db")
        store.write({"a": "{}"}, (), {})
        assert len(os.listdir(tmp_path / name)) == 3  # including the log and its index
        for file in (tmp_path / name).iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_busy_file_is_reported_within_the_timeout(tmp_path: Path):
    store = SQLiteStore(f"{tmp_path}/s.db")
    execute(store, "s", StoreOperation(save={"a": {}}))
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="locked"):
        execute(store, "s", StoreOperation(save={"b": {}}), Limits(timeout=0.1))
    assert execute(store, "s", StoreOperation(load=["a", "b"]), Limits(ttl=10**9, timeout=0.1)) == {
        "a": {}
    }  # reads still work
    other.execute("ROLLBACK")
    other.close()
    execute(store, "s", StoreOperation(save={"b": {}}), Limits(timeout=0.1))
    with store._lock, pytest.raises(StateError, match="threads"):
        execute(store, "s", StoreOperation(load=["a"]), Limits(timeout=0.05))


def test_file_that_is_not_a_store_is_reported(tmp_path: Path):
    (tmp_path / "s.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(StateError, match="not a database"):
        execute(SQLiteStore(f"{tmp_path}/s.db"), "s", StoreOperation(load=["a"]))
    assert (tmp_path / "s.db").read_bytes().startswith(b"something else")


# Only the stores: importing openai takes a second.
_STORES = """
import os, sys, types
package = sys.modules["stepfun_compat"] = types.ModuleType("stepfun_compat")
package.__path__ = [sys.argv[1]]
from stepfun_compat.endpoints.base import StoreOperation
from stepfun_compat.state import execute, open_store
"""
_WRITER = """
store, space, name = open_store(sys.argv[2]), sys.argv[3], sys.argv[4]
for turn in range(int(sys.argv[5])):
    key = f"{name}-{turn}"
    execute(store, space, StoreOperation(save={key: {"text": "x" * 2000}}, append=("talk", "parts", key)))
    print(key, flush=True)
"""
_FORKER = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
space, urls = sys.argv[2], sys.argv[3:]
stores = [open_store(url) for url in urls]
for store in stores:
    execute(store, space, StoreOperation(save={"a": {"from": "parent"}}))
    store._lock.acquire()
child = os.fork()
if child == 0:
    for store in stores:
        execute(store, space, StoreOperation(save={"b": {"from": "child"}}))
        assert len(execute(store, space, StoreOperation(load=["a", "b"]))) == 2
    os._exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
for store, url in zip(stores, urls):
    store._lock.release()
    assert len(execute(store, space, StoreOperation(load=["a", "b"]))) == 1 + (not url.startswith("memory:"))
sys.exit(code)
"""


def process(code: str, *arguments: str) -> subprocess.Popen[str]:
    package = str(Path(state.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", _STORES + code, package, *arguments], stdout=subprocess.PIPE, text=True
    )


def writer(url: str, space: str, name: str, turns: int) -> subprocess.Popen[str]:
    return process(_WRITER, url, space, name, str(turns))


@pytest.mark.parametrize("kind", SHARED)
def test_two_processes_can_write_one_conversation(
    kind: str, space: str, request: pytest.FixtureRequest, tmp_path: Path
):
    url = url_of(kind, request, tmp_path)
    store = state.open_store(url)
    execute(store, space, StoreOperation(save={"talk": {"parts": []}}))
    running = [writer(url, space, name, 40) for name in ("one", "two")]
    for one in running:
        one.communicate(timeout=60)
        assert one.returncode == 0
    parts = execute(store, space, StoreOperation(load=["talk"]))["talk"]["parts"]
    assert sorted(parts) == sorted(f"{name}-{turn}" for name in ("one", "two") for turn in range(40))


@pytest.mark.parametrize("kind", SHARED)
def test_killed_process_loses_no_committed_record(
    kind: str, space: str, request: pytest.FixtureRequest, tmp_path: Path
):
    url = url_of(kind, request, tmp_path)
    execute(state.open_store(url), space, StoreOperation(save={"talk": {"parts": []}}))
    running = writer(url, space, "w", 1_000_000)
    assert running.stdout is not None
    received = [running.stdout.readline().strip() for _ in range(25)]
    running.send_signal(signal.SIGKILL)
    received += running.communicate(timeout=60)[0].split()
    store = state._make(url)
    found = execute(store, space, StoreOperation(load=["talk", *received]))
    assert [key for key in received if key not in found] == []
    assert set(received) <= set(found["talk"]["parts"])
    # unacknowledged writes are complete or absent: never a turn without its record
    assert execute(store, space, StoreOperation(load=found["talk"]["parts"])).keys() == set(found["talk"]["parts"])
    execute(store, space, StoreOperation(save={"after": {}}))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("kinds", [["memory", "sqlite"], ["redis"]])
def test_forked_child_can_use_a_store_locked_in_its_parent(
    kinds: list[str], space: str, request: pytest.FixtureRequest, tmp_path: Path
):
    running = process(_FORKER, space, *(url_of(kind, request, tmp_path) for kind in kinds))
    running.communicate(timeout=60)
    assert running.returncode == 0


def test_store_urls_are_parsed(tmp_path: Path):
    assert state.open_store("memory://") is state.open_store("memory://")
    assert isinstance(state.open_store("sqlite:///:memory:"), MemoryStore)
    assert isinstance(state.open_store(f"sqlite:///{tmp_path}/x.db"), SQLiteStore)
    assert [state.in_this_process(url) for url in ("memory://", "sqlite:///:memory:", "sqlite:///a", "redis://h")] == [
        True,
        True,
        False,
        False,
    ]
    for wrong in ("file:///x", "nothing", "sqlite:///", "sqlite:///x.db?ttl=5", "redis://h/0?ttl=5", "memory://?x=1"):
        with pytest.raises(StateError):
            state.open_store(wrong)
    assert state.namespace(None, "key", "https://a/v1/") == state.namespace(None, "key", "https://a/v1")
    assert len({state.namespace(None, key, url) for key in "ab" for url in ("https://a", "https://b")}) == 4
    assert "key" not in state.namespace(None, "key", "https://a")
    assert state.namespace("mine", "key", "https://a") == "mine"


def test_threads_opening_a_store_concurrently_get_the_same_one() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from stepfun_compat.state import open_store

    url = "memory://opened-by-many"
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(open_store, [url] * 64))
    assert len({id(store) for store in stores}) == 1
    for number in range(64):
        open_store(f"memory://other-{number}")
    assert open_store(url) is stores[0]
