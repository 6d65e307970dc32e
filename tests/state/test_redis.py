"""Redis: a server that dies, hangs or restarts, and the records it keeps."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepfun_compat import state
from stepfun_compat.endpoints.base import StoreOperation
from stepfun_compat.state import Limits, StateError, execute
from tests.support.redis_server import free_port, redis_server

pytest.importorskip("redis")


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with redis_server(tmp_path) as (url, process):
        process.send_signal(signal.SIGSTOP)
        yield url
        process.send_signal(signal.SIGCONT)


def test_records_expire_after_their_ttl(redis_url: str):
    from stepfun_compat.state.redis import RedisStore

    store = RedisStore(redis_url)
    db = store._client(5.0)
    execute(store, "ttl", StoreOperation(save={"a": {}}), Limits(ttl=50))
    assert 0 < db.ttl("stepfun_compat:ttl:a") <= 50
    execute(store, "ttl", StoreOperation(load=["a"]), Limits(ttl=500))
    assert 50 < db.ttl("stepfun_compat:ttl:a") <= 500
    execute(store, "ttl", StoreOperation(merge=("a", {"m": 1})), Limits(ttl=5000))
    assert 500 < db.ttl("stepfun_compat:ttl:a") <= 5000


def test_missing_server_is_reported():
    store = state.open_store(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(StateError, match="ConnectionError"):
        execute(store, "s", StoreOperation(load=["a"]))


def test_hanging_server_is_reported_within_the_timeout(hanging: str):
    store = state.open_store(hanging)
    for operation in (
        StoreOperation(load=["a"]),
        StoreOperation(save={"a": {}}),
        StoreOperation(append=("a", "parts", "p")),
    ):
        started = time.monotonic()
        with pytest.raises(StateError, match="Timeout"):
            execute(store, "s", operation, Limits(timeout=0.2))
        assert time.monotonic() - started < 5  # redis-py alone would try four times, several seconds each


def test_restarted_server_is_used_again(tmp_path: Path):
    with redis_server(tmp_path) as (url, _):
        store = state.open_store(url)
        execute(store, "s", StoreOperation(save={"a": {}}))
    with pytest.raises(StateError):
        execute(store, "s", StoreOperation(load=["a"]))
    with redis_server(tmp_path, port=int(url.rsplit(":", 1)[1].partition("/")[0])):
        execute(store, "s", StoreOperation(save={"a": {"n": 1}}))
        assert execute(store, "s", StoreOperation(load=["a"])) == {"a": {"n": 1}}


def test_closed_connection_is_reopened(redis_url: str):
    from stepfun_compat.state.redis import RedisStore

    store = RedisStore(redis_url)
    execute(store, "cut", StoreOperation(save={"talk": {"parts": []}}))
    other = RedisStore(redis_url)._client(5.0)
    other.client_kill_filter(_type="normal", skipme=True)
    execute(store, "cut", StoreOperation(append=("talk", "parts", "p1")))
    assert execute(store, "cut", StoreOperation(load=["talk"])) == {"talk": {"parts": ["p1"]}}


def test_killed_server_keeps_the_records_in_its_log(tmp_path: Path):
    """Redis with a write-ahead log: `appendonly yes`, `appendfsync always`."""
    durable = ("--appendonly", "yes", "--appendfsync", "always")
    with redis_server(tmp_path, *durable) as (url, process):
        store = state.open_store(url)
        for number in range(20):
            execute(store, "s", StoreOperation(save={f"k{number}": {"n": number}}))
        process.kill()
        process.wait(timeout=30)
    with redis_server(tmp_path, *durable) as (url, _):
        found = execute(state.open_store(url), "s", StoreOperation(load=[f"k{number}" for number in range(20)]))
    assert found == {f"k{number}": {"n": number} for number in range(20)}
