"""A disconnected caller's request to StepFun is cancelled within a second, wherever that request is.

The second is measured on the servers' clock, from the loss of the caller's connection to the moment StepFun sees its own
connection end, so the scheduling of the test on a busy machine is not part of it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from stepfun_compat.serve.metering import Metrics, Sample
from stepfun_compat.serve.protocol import MOST_READ_AHEAD, Connection
from tests.support.serve import LOOPS, Served, serving

from .test_load import CHAT, REQUESTS, read, until

SECOND = 1.0
PATIENCE = 20.0
"""How long a test waits for an event; not part of any measurement."""


@dataclass
class Events:
    """Times of events, in `time.monotonic()` of the server that saw them."""

    lost: dict[int, float] = field(default_factory=dict)
    """The caller's connection ended, by its port."""
    cancelled: list[float] = field(default_factory=list)
    """StepFun saw the connection of an unanswered request end."""
    ended: list[float] = field(default_factory=list)
    """The server finished a request whose caller had disconnected."""

    def count(self, metrics: Metrics) -> None:
        """Record the requests that a server counts as disconnected."""
        before = metrics.count

        def count(sample: Sample) -> None:
            if sample.status == 499:
                self.ended.append(time.monotonic())
            before(sample)

        metrics.count = count  # type: ignore[method-assign]


@pytest.fixture(scope="module", params=LOOPS)
def looped(request: pytest.FixtureRequest, _served: Served) -> Iterator[Served]:
    """A server on each event loop; each detects the end of a connection differently."""
    with serving(_served.emulator, loop=request.param) as served:
        yield served


@pytest.fixture
def served(looped: Served) -> Iterator[Served]:
    """The server of `looped`, reset for one test."""
    with looped.fresh():
        yield looped


@pytest.fixture
def events(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Events]:
    seen = Events()
    engine = served.emulator.engine
    connection_lost, end_hold = Connection.connection_lost, engine.end_hold

    def lost(self: Connection, exc: Exception | None) -> None:
        seen.lost[self.client[1] if self.client else 0] = time.monotonic()
        connection_lost(self, exc)

    def gone(event: Any) -> None:
        seen.cancelled.append(time.monotonic())
        end_hold(event)

    monkeypatch.setattr(Connection, "connection_lost", lost)
    monkeypatch.setattr(engine, "end_hold", gone)
    monkeypatch.setattr(served.app.metrics, "count", served.app.metrics.count)  # restores what `count` replaces
    seen.count(served.app.metrics)
    yield seen
    served.emulator.release()


def assert_cancelled(served: Served, events: Events, port: int) -> None:
    """Check that the one active request was cancelled, at StepFun and here, within a second of the disconnect."""
    assert served.emulator.wait_until_idle(PATIENCE)
    until(lambda: events.ended)
    assert events.cancelled[0] - events.lost[port] < SECOND
    assert events.ended[0] - events.lost[port] < SECOND
    assert len(served.emulator.requests) == 1


ROUTES: dict[str, dict[str, Any]] = {
    **REQUESTS,
    "/v1/completions": {"model": "gpt-3.5-turbo-instruct", "prompt": "x"},
    "/v1/images/generations": {"model": "gpt-image-1", "prompt": "x"},
    "/v1/audio/speech": {"model": "tts-1", "voice": "alloy", "input": "hello there"},
    "/v1/messages/count_tokens": {"model": "claude-sonnet-4-5", "messages": CHAT["messages"]},
    "/v1/responses/input_tokens": {"model": "gpt-5", "input": "x"},
    "/v1/vector_stores": {"name": "a"},
}


@pytest.mark.parametrize("path", ROUTES)
def test_plain_request_is_cancelled(served: Served, events: Events, path: str) -> None:
    served.emulator.fault("hold")
    with served.opened_request("POST", path, ROUTES[path]) as connection:
        assert served.emulator.wait_until_held(1, PATIENCE)
        port = connection.getsockname()[1]
    assert_cancelled(served, events, port)


@pytest.mark.parametrize("fault", [{"hold": True}, {"hold_after": 2}], ids=["before its head", "between two events"])
@pytest.mark.parametrize("path", REQUESTS)
def test_stream_is_cancelled(served: Served, events: Events, path: str, fault: dict[str, Any]) -> None:
    served.emulator.fault(**fault)
    with served.opened_request("POST", path, {**REQUESTS[path], "stream": True}) as connection:
        assert served.emulator.wait_until_held(1, PATIENCE)
        if "hold_after" in fault:
            assert connection.recv(100)
        port = connection.getsockname()[1]
    assert_cancelled(served, events, port)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "more",
    [b"\r\n", b"no HTTP", b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n", b"x" * MOST_READ_AHEAD],
    ids=["a line break", "not HTTP", "a pipelined request", "a full read-ahead buffer"],
)
def test_bytes_after_the_request_do_not_hide_the_disconnect(
    served: Served, events: Events, more: bytes, stream: bool
) -> None:
    served.emulator.fault(**({"hold_after": 2} if stream else {"hold": True}))  # type: ignore[arg-type]
    with served.opened_request("POST", "/v1/chat/completions", {**CHAT, "stream": stream}) as connection:
        assert served.emulator.wait_until_held(1, PATIENCE)
        connection.sendall(more)
        port = connection.getsockname()[1]
    assert_cancelled(served, events, port)


def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    served.emulator.fault("hold")
    with served.opened_request("POST", "/v1/chat/completions", CHAT) as connection:
        assert served.emulator.wait_until_held(1, PATIENCE)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        served.emulator.release()
        answers = read(connection, b'{"status":"ok"}')
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.index(b"chat.completion") < answers.index(b'{"status":"ok"}')


def test_half_closed_connection_counts_as_disconnected(served: Served, events: Events) -> None:
    served.emulator.fault("hold")
    with served.opened_request("POST", "/v1/chat/completions", CHAT) as connection:
        assert served.emulator.wait_until_held(1, PATIENCE)
        connection.shutdown(socket.SHUT_WR)
        assert_cancelled(served, events, connection.getsockname()[1])


@pytest.mark.parametrize("path", REQUESTS)
def test_wait_before_a_retry_is_cancelled(served: Served, events: Events, path: str) -> None:
    served.emulator.fault(status=429, retry_after=30, times=9)
    with served.opened_request("POST", path, REQUESTS[path]) as connection:
        assert served.emulator.wait_for_requests(1, PATIENCE)
        port = connection.getsockname()[1]
    until(lambda: events.ended)
    assert events.ended[0] - events.lost[port] < SECOND
    assert len(served.emulator.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", REQUESTS)
def test_disconnected_caller_leaves_the_queue(served: Served, events: Events, path: str, stream: bool) -> None:
    with serving(served.emulator, max_concurrency=1, max_queue=2, loop=str(served.server.config.loop)) as narrow:
        events.count(narrow.app.metrics)
        served.emulator.fault("hold")
        with narrow.opened_request("POST", "/v1/chat/completions", CHAT) as first:
            assert narrow.emulator.wait_until_held(1, PATIENCE)
            with narrow.opened_request("POST", path, {**REQUESTS[path], "stream": stream}) as waiting:
                until(lambda: narrow.app.queue.waiting == 1)
                port = waiting.getsockname()[1]
            until(lambda: events.ended)
            assert events.ended[0] - events.lost[port] < SECOND
            assert (narrow.app.queue.active, narrow.app.queue.waiting) == (1, 0)
            narrow.emulator.release()
            assert b"200 OK" in read(first, b"chat.completion")
        until(lambda: narrow.app.queue.active == 0)
        assert len(narrow.emulator.requests) == 1
