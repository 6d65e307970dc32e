"""The Redis store, against a redis-server that the test starts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepfun_compat.state import StateError, perform

pytest.importorskip("redis")
SERVER = shutil.which("redis-server")
needs_server = pytest.mark.skipif(SERVER is None, reason="redis-server is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("redis")
    port = free_port()
    assert SERVER is not None
    process = subprocess.Popen(
        [SERVER, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Ready to accept connections" in line:
            break
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.communicate(timeout=30)


@needs_server
def test_records_on_redis(url: str):
    from stepfun_compat.state.redis import RedisStore

    store = RedisStore(url, ttl=50)
    record = {"text": "äöü \ud800", "parts": []}
    perform(store, "s", {"save": {"a": record, "b": {}}})
    assert perform(store, "s", {"load": ["a", "c", "b"]}) == {"a": record, "b": {}}
    assert perform(store, "other", {"load": ["a"]}) == {}
    assert 0 < store._db.ttl("stepfun_compat:s:a") <= 50
    perform(store, "s", {"merge": ["a", {"m": 1}]})
    perform(store, "s", {"delete": ["b"]})
    assert perform(store, "s", {"load": ["a", "b"]}) == {"a": {**record, "m": 1}}
    with pytest.raises(StateError, match="gone"):
        perform(store, "s", {"append": ["gone", "parts", "p"]})


@needs_server
def test_several_clients_lose_nothing(url: str):
    from stepfun_compat.state.redis import RedisStore

    first = RedisStore(url)
    perform(first, "t", {"save": {"talk": {"parts": []}}})

    def work(name: int) -> None:
        store = RedisStore(url)
        for turn in range(20):
            perform(store, "t", {"save": {f"{name}-{turn}": {}}, "append": ["talk", "parts", f"{name}-{turn}"]})

    threads = [threading.Thread(target=work, args=(name,)) for name in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(perform(first, "t", {"load": ["talk"]})["talk"]["parts"])) == 100


def test_a_server_that_is_not_there_is_said():
    from stepfun_compat.state.redis import RedisStore

    store = RedisStore(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(StateError, match="ConnectionError"):
        perform(store, "s", {"load": ["a"]})
