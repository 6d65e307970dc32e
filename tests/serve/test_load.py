"""Many concurrent requests, requests that take too long, and server shutdown."""

from __future__ import annotations

import gc
import json
import logging
import re
import secrets
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import anyio
import pytest

from stepfun_compat.serve.queueing import FairQueue
from stepfun_compat.serve.rejections import Rejected
from tests.support.serve import OTHER_TOKEN, TOKEN, Served, serving

HELLO: Any = [{"role": "user", "content": "a very private question"}]
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": HELLO}
MESSAGE: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": HELLO}
REQUESTS = {"/v1/chat/completions": CHAT, "/v1/messages": MESSAGE, "/v1/responses": {"model": "gpt-5", "input": "x"}}


def read(connection: socket.socket, until: bytes = b"") -> bytes:
    """Read up to a text, or to the end of the connection."""
    data = b""
    while not until or until not in data:
        part = connection.recv(65536)
        if not part:
            break
        data += part
    assert until in data, data
    return data


@pytest.fixture
def narrow(served: Served) -> Iterator[Served]:
    """A server that runs one request at a time and queues two."""
    with serving(served.emulator, max_concurrency=1, max_queue=2) as server:
        yield server


def until(condition: Any) -> None:
    """Wait until a condition in the server's thread is true."""
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


def test_full_queue_is_a_429_in_the_callers_format(narrow: Served) -> None:
    narrow.emulator.fault("hold", times=3, path="/v1/chat/completions")
    with ExitStack() as stack:
        held = [stack.enter_context(narrow.opened_request("POST", "/v1/chat/completions", CHAT)) for _ in range(3)]
        until(lambda: narrow.app.queue.waiting == 2)
        for path, body in REQUESTS.items():
            status, headers, answer = narrow.call("POST", path, body)
            assert (status, headers["retry-after"]) == (429, "1")
            error = json.loads(answer)
            assert error["error"]["type"] == "rate_limit_error"
            assert error.get("type") == ("error" if path == "/v1/messages" else None)
            assert ("code" in error["error"]) is (path != "/v1/messages")
        assert narrow.call("GET", "/v1/models")[0] == 200  # not counted: it runs no model
        for _ in held:
            assert narrow.emulator.wait_until_held(1, 20)
            narrow.emulator.release()
        for connection in held:
            assert b"200 OK" in read(connection, b"chat.completion")
    until(lambda: (narrow.app.queue.active, narrow.app.queue.waiting) == (0, 0))


@pytest.mark.anyio
async def test_queue_alternates_between_callers() -> None:
    queue = FairQueue(1, 10)
    order: list[str] = []

    async def work(caller: str) -> None:
        async with queue.turn(caller):
            order.append(caller)
            await anyio.lowlevel.checkpoint()

    async def hold() -> None:
        async with queue.turn("x"):
            await over.wait()

    over = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(hold)
        await anyio.wait_all_tasks_blocked()
        for caller in ("a", "a", "a", "b", "c", "b"):
            group.start_soon(work, caller)
            await anyio.wait_all_tasks_blocked()
        assert queue.waiting == 6
        over.set()
    assert order == ["a", "b", "c", "a", "b", "a"]
    assert (queue.active, queue.waiting) == (0, 0)


@pytest.mark.anyio
async def test_queue_is_bounded() -> None:
    queue = FairQueue(1, 0)
    async with queue.turn("a"):
        with pytest.raises(Rejected) as got:
            async with queue.turn("b"):
                raise AssertionError
    assert (got.value.status, got.value.headers) == (429, {"retry-after": "1"})
    async with queue.turn("b"):
        assert queue.active == 1


@pytest.mark.parametrize("path", REQUESTS)
def test_request_timeout_is_a_504(served: Served, path: str) -> None:
    with serving(served.emulator, request_timeout=0.3) as hasty:
        served.emulator.fault("hold")
        status, headers, body = hasty.call("POST", path, REQUESTS[path])
        assert (status, headers["connection"]) == (504, "close")
        assert "0.3 seconds" in json.loads(body)["error"]["message"]
        assert served.emulator.wait_until_idle(20)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/chat/completions", b'data: {"error":{"message":"The request took longer'),
        ("/v1/responses", b'event: error\ndata: {"type":"error","code":"timeout"'),
        ("/v1/messages", b'event: error\ndata: {"type":"error","error":{"type":"timeout_error"'),
    ],
)
def test_stream_timeout_ends_with_an_error_event(served: Served, path: str, shape: bytes) -> None:
    with serving(served.emulator, request_timeout=1.0) as hasty:
        served.emulator.fault(hold_after=3)
        status, _, data = hasty.call("POST", path, {**REQUESTS[path], "stream": True})
        assert status == 200
        assert data.split(b"\n\n")[-2].startswith(shape)
        assert served.emulator.wait_until_idle(20)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_caller_that_reads_nothing_is_disconnected(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str, stream: bool
) -> None:
    """A time limit does not end such a connection, because closing it waits until the caller has read the rest."""
    with serving(served.emulator) as server, socket.socket() as connection:
        server.server.servers[0].sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        served.emulator.script("word " * 10_000)
        content = json.dumps({**REQUESTS[path], "max_tokens": 30_000, "stream": stream}).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {TOKEN}\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(head.encode() + content)
        first = connection.recv(100)
        assert b"200 OK" in first, first
        connections = server.server.server_state.connections
        until(lambda: any(each.transport.get_write_buffer_size() for each in connections))
        monkeypatch.setattr("stepfun_compat.serve.protocol.STALL_TICKS", 3)
        until(lambda: not connections and not server.app.metrics.active)


def test_broken_download_is_not_marked_complete(served: Served) -> None:
    served.emulator.fault("half_close")
    body = {"model": "tts-1", "voice": "alloy", "input": "hello there"}
    with served.opened_request("POST", "/v1/audio/speech", body) as connection:
        data = read(connection)
    assert not data.endswith(b"0\r\n\r\n")
    assert served.call("POST", "/v1/chat/completions", CHAT)[0] == 200


def test_stopping_server_finishes_its_streams(served: Served) -> None:
    with serving(served.emulator, grace=20) as stopping:
        served.emulator.fault(hold_after=2)
        kept = socket.create_connection(("127.0.0.1", stopping.port), timeout=20)
        idle = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n"
        with (
            kept,
            stopping.opened_request("POST", "/v1/chat/completions", {**CHAT, "stream": True}) as stream,
        ):
            kept.sendall(idle)
            assert b"200 OK" in read(kept, b'{"status":"ok"}')
            assert served.emulator.wait_until_held(1, 20)
            stopping.server.handle_exit(signal.SIGTERM, None)
            assert stopping.app.draining
            until(lambda: not stopping.server.servers[0].sockets)
            # nothing listens, but connecting may succeed: the port may belong to another test by now
            assert not stopping.server.servers[0].is_serving()
            assert stopping.thread is not None
            assert stopping.thread.is_alive()
            served.emulator.release()
            assert read(stream).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        stopping.thread.join(20)
        assert not stopping.thread.is_alive()


def test_stopping_server_refuses_new_requests(served: Served) -> None:
    with serving(served.emulator) as stopping:
        stopping.app.draining = True
        for path, body in REQUESTS.items():
            status, headers, _ = stopping.call("POST", path, body)
            assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert stopping.call("GET", "/readyz")[0] == 503
        assert stopping.call("GET", "/healthz")[0] == 200


def test_stream_is_cut_after_the_grace_period(served: Served) -> None:
    with serving(served.emulator, grace=1) as stopping:
        served.emulator.fault(hold_after=2)
        with stopping.opened_request("POST", "/v1/chat/completions", {**CHAT, "stream": True}) as stream:
            assert served.emulator.wait_until_held(1, 20)
            stopping.server.handle_exit(signal.SIGTERM, None)
            assert b"[DONE]" not in read(stream)
        assert stopping.thread is not None
        stopping.thread.join(20)
        assert not stopping.thread.is_alive()
        assert served.emulator.wait_until_idle(20)


# ---------------------------------------------------------------- metrics and logs


def metrics(served: Served) -> dict[str, float]:
    status, headers, body = served.call("GET", "/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    rows: dict[str, float] = {}
    for line in body.decode().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert re.fullmatch(r'[a-z_]+\{([a-z]+="[^"\\\n]*",?)*\}', name), line
            rows[re.sub(r',?worker="\d+"', "", name)] = float(value)
    return rows


def test_metrics_count_requests_and_tokens_without_caller_data(served: Served) -> None:
    with serving(served.emulator, metrics=True) as counted:
        counted.call("POST", "/v1/chat/completions", CHAT)
        counted.call("POST", "/v1/chat/completions", {**CHAT, "stream": True})
        counted.call("POST", "/v1/messages", {**MESSAGE, "stream": True})
        counted.call("POST", "/v1/chat/completions", {**CHAT, "model": "private-model-name"})
        counted.call("GET", "/v1/responses/resp_private")
        counted.call("GET", "/v1/private/path")
        counted.call("POST", "/v1/chat/completions", CHAT, {"authorization": "Bearer wrong-private"})
        text = counted.call("GET", "/metrics")[2].decode()
        rows = metrics(counted)
    assert "private" not in text
    count = "stepfun_requests_total"
    assert rows[f'{count}{{route="/chat/completions",model="step-3.7-flash",status="200"}}'] == 2
    assert rows[f'{count}{{route="/messages",model="step-3.7-flash",status="200"}}'] == 1
    assert rows[f'{count}{{route="other",model="",status="401"}}'] == 1
    assert rows['stepfun_tokens_total{model="step-3.7-flash",kind="prompt"}'] > 0
    assert rows['stepfun_tokens_total{model="step-3.7-flash",kind="completion"}'] > 0
    assert rows['stepfun_first_token_seconds_count{model="step-3.7-flash"}'] == 2
    assert rows['stepfun_first_token_seconds_bucket{model="step-3.7-flash",le="+Inf"}'] == 2
    assert rows["stepfun_upstream_active{}"] == 0
    assert rows["stepfun_requests_active{}"] == 1


def test_cached_tokens_are_counted(served: Served) -> None:
    long = {"model": "gpt-4o", "messages": [{"role": "user", "content": "word " * 3000}]}
    with serving(served.emulator, metrics=True) as counted:
        for _ in range(2):
            assert counted.call("POST", "/v1/chat/completions", long)[0] == 200
        assert metrics(counted)['stepfun_tokens_total{model="step-3.7-flash",kind="cached"}'] > 0


def test_metrics_are_off_by_default(served: Served) -> None:
    with serving(served.emulator) as quiet:
        assert quiet.call("GET", "/metrics")[0] == 404


def test_request_is_one_log_line_without_its_prompt(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stepfun_compat.serve")
    for path, body in REQUESTS.items():
        caplog.clear()
        id = served.call("POST", path, body)[1]["x-request-id"]
        until(lambda: caplog.records)
        (line,) = [row.getMessage() for row in caplog.records if row.name == "stepfun_compat.serve"]
        assert line.startswith(f"POST {path.removeprefix('/v1')} 200 step-3.7-flash ")
        assert line.endswith(id)
        assert "private" not in line
        assert TOKEN not in line
    caplog.clear()
    served.call("POST", "/v1/messages", {**MESSAGE, "top_k": 5})
    until(lambda: caplog.records)
    assert "dropped: top_k" in caplog.records[-1].getMessage()


def is_ours(value: object) -> bool:
    """Whether a value is an instance of a class of this package."""
    return str(type(value).__module__).startswith("stepfun_compat")


def kept(app: Any) -> int:
    """Count the items in all containers reachable from an app through containers and this package's objects."""
    waiting, seen, items = [app], set(), 0
    while waiting:
        value = waiting.pop()
        container = isinstance(value, dict | list | tuple | set | frozenset | deque)
        if id(value) in seen or not (container or is_ours(value)):
            continue
        seen.add(id(value))
        items += len(value) if container else 0
        waiting += gc.get_referents(value)
    return items


def test_finished_requests_leak_no_memory(served: Served) -> None:
    """Neither items in containers nor objects of this package remain: answered, streamed, refused, unknown, disconnected."""

    def objects() -> int:
        gc.collect()
        return sum(is_ours(value) for value in gc.get_objects())

    def requests(number: int) -> int:
        # no reasoning: the client keeps that of its last 256 responses, which would look like growth here
        served.emulator.configure(reasoning_tokens={"low": 0, "medium": 0, "high": 0})
        for _ in range(number):
            served.call("POST", "/v1/chat/completions", CHAT)
            served.call("POST", "/v1/messages", {**MESSAGE, "stream": True})
            served.call("POST", "/v1/chat/completions", CHAT, {"authorization": "Bearer wrong-token"})
            served.call("GET", f"/v1/private/{secrets.token_hex(8)}")
            with served.opened_request("POST", "/v1/chat/completions", {**CHAT, "stream": True}):
                pass
        until(lambda: not served.app.metrics.active and not served.server.server_state.connections)
        assert served.emulator.wait_until_idle(20)
        served.emulator.reset()
        return kept(served.app)

    requests(20)
    items = requests(5)
    before = objects()
    more_items = requests(30)
    assert items > 100
    assert more_items - items < 30
    until(lambda: objects() - before < 30)  # the last requests may still be ending in the emulator


def test_callers_share_the_queue_by_token(served: Served) -> None:
    """One caller's queued requests do not block another caller's."""
    with serving(served.emulator, max_concurrency=1) as narrow, ExitStack() as stack:
        served.emulator.fault("hold", times=None)
        stack.callback(served.emulator.reset)

        def waiting(token: str, text: str, number: int) -> None:
            body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
            stack.enter_context(narrow.opened_request("POST", "/v1/chat/completions", body, token))
            until(lambda: narrow.app.queue.active + narrow.app.queue.waiting == number)

        for place in range(3):
            waiting(TOKEN, f"mine {place}", place + 1)
        waiting(OTHER_TOKEN, "other", 4)
        for expected in ("mine 0", "mine 1", "other", "mine 2"):
            assert served.emulator.wait_until_held(1, 20)
            assert expected in json.dumps(served.emulator.last.json)
            served.emulator.release()
            until(lambda: served.emulator.wait_until_held(1, 0.05) or not narrow.app.queue.waiting)


@pytest.mark.parametrize("path", REQUESTS)
def test_os_error_in_the_server_is_a_500(served: Served, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An OSError before the response head is the server's own, such as a full disk, not a disconnect of the caller."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(served.app.clients, "of", full)
    status, _, body = served.call("POST", path, REQUESTS[path])
    assert status == 500
    assert "No space" not in body.decode()
    assert json.loads(body)["error"]["message"]
