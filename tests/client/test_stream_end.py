"""A stream ends with its last event, whatever the connection does after it, or when the idle timeout expires."""

from __future__ import annotations

import inspect
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, OpenAI, Settings
from tests.support.wire import Wire, chunk, completion, sse

MESSAGES: Any = [{"role": "user", "content": "x"}]
CHAT = [
    f"data: {json.dumps(c)}\n\n"
    for c in (
        chunk({"role": "assistant", "content": "a"}),
        chunk({"content": "b"}),
        chunk({"content": ""}, "stop"),
    )
]
DONE = "data: [DONE]\n\n"


def _chunked(text: str) -> bytes:
    data = text.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


Ending = Callable[[socket.socket, threading.Event], None]


def cut(connection: socket.socket, stop: threading.Event) -> None:
    """Close in the middle of the chunked body."""


def reset(connection: socket.socket, stop: threading.Event) -> None:
    """Break the connection so that reading from it is an error."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def silence(connection: socket.socket, stop: threading.Event) -> None:
    """Keep the connection open without sending anything."""
    stop.wait(20)


def comments(connection: socket.socket, stop: threading.Event) -> None:
    """Keep the connection alive with comments."""
    while not stop.wait(0.02):
        try:
            connection.sendall(_chunked(": keep-alive\n\n"))
        except OSError:
            return


def finish(connection: socket.socket, stop: threading.Event) -> None:
    """End the body correctly, and wait for the next request on the same connection."""
    connection.sendall(b"0\r\n\r\n")
    connection.settimeout(5)
    try:
        if connection.recv(65536):
            connection.sendall(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            stop.reused = True  # type: ignore[attr-defined]
    except OSError:
        return


@contextmanager
def serving(
    events: list[str], ending: Ending, kind: str = "text/event-stream"
) -> Iterator[tuple[str, threading.Event]]:
    """A server that answers each connection's first request with these events, then calls `ending`."""
    server = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def answer(connection: socket.socket) -> None:
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(65536)
            head, _, body = request.partition(b"\r\n\r\n")
            length = next(
                (int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length")), 0
            )
            while len(body) < length:
                body += connection.recv(65536)
            start = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
            connection.sendall(start.encode() + b"".join(_chunked(event) for event in events))
            ending(connection, stop)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=answer, args=(connection,)))
            threads[-1].start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1", stop
    finally:
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for each in threads:
            each.join()


def settings(url: str, **more: Any) -> Settings:
    return Settings(base_url=url, api_key="k", **more)


async def streamed(url: str, later: bool, *, ask: Callable[[Any], Any] | None = None, **more: Any) -> list[Any]:
    """Return every chunk of a streamed response, read to its end by a sync or an async client."""
    ask = ask or (lambda client: client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    if not later:
        with OpenAI(settings=settings(url, **more), max_retries=0, timeout=30) as client:
            return list(ask(client))
    async with AsyncOpenAI(settings=settings(url, **more), max_retries=0, timeout=30) as other:
        return [part async for part in await ask(other)]


@pytest.mark.anyio
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("ending", [cut, reset, silence, comments], ids=lambda f: f.__name__)
async def test_stream_ends_at_done_whatever_the_connection_does(ending: Ending, later: bool, fast: bool) -> None:
    with serving([*CHAT, DONE], ending) as (url, _):
        started = time.monotonic()
        parts = await streamed(url, later, fast_path=fast)
        assert time.monotonic() - started < 10  # the endings last 20 seconds, the client's timeout is 30
    assert "".join(part.choices[0].delta.content or "" for part in parts) == "ab"
    assert parts[-1].choices[0].finish_reason == "stop"


RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "step-3.7-flash",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "a", "annotations": []}],
        }
    ],
    "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
}
EVENTS = [
    f"event: {kind}\ndata: {json.dumps({'type': kind, 'sequence_number': n, 'response': response})}\n\n"
    for n, (kind, response) in enumerate(
        [
            ("response.created", {**RESPONSE, "status": "in_progress", "output": []}),
            ("response.completed", RESPONSE),
        ]
    )
]


def ask_responses(client: Any) -> Any:
    return client.responses.create(model="step-3.7-flash", input="x", stream=True, store=False)


@pytest.mark.anyio
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("ending", [cut, silence, comments], ids=lambda f: f.__name__)
async def test_responses_stream_ends_at_the_final_event(ending: Ending, later: bool) -> None:
    with serving(EVENTS, ending) as (url, _):
        started = time.monotonic()
        parts = await streamed(url, later, ask=ask_responses, responses_route="native")
        assert time.monotonic() - started < 10
    assert parts[-1].type == "response.completed"
    assert [part.type for part in parts].count("response.completed") == 1


@pytest.mark.anyio
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
async def test_stream_cut_before_done_raises(later: bool) -> None:
    with serving(CHAT[:1], cut) as (url, _), pytest.raises(openai.APIConnectionError):
        await streamed(url, later)


@pytest.mark.anyio
async def test_finished_body_leaves_its_connection_to_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepfun_compat._client.streaming._DRAIN", 10.0)  # the server's last bytes may be late
    with serving([*CHAT, DONE], finish) as (url, stop):
        async with AsyncOpenAI(settings=settings(url), max_retries=0) as client:
            stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
            assert len([part async for part in stream]) == 3
            await client.get("/nothing", cast_to=httpx.Response)
        assert getattr(stop, "reused", False)


# ---------------------------------------------------------------- silence


def ask_transcription(client: Any) -> Any:
    return client.audio.transcriptions.create(
        model="whisper-1", file=("a.mp3", b"\xff\xfb\x90\x00" + bytes(413)), stream=True
    )


@pytest.mark.anyio
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("ask", "events"),
    [
        (None, CHAT[:2]),
        (ask_responses, EVENTS[:1]),
        (ask_transcription, ['data: {"type": "transcript.text.delta", "delta": "a"}\n\n']),
    ],
    ids=["chat", "responses", "transcription"],
)
async def test_silent_stream_times_out(ask: Any, events: list[str], later: bool) -> None:
    if (
        ask is ask_transcription
        and "stream" not in inspect.signature(openai.OpenAI(api_key="k").audio.transcriptions.create).parameters
    ):
        pytest.skip("this SDK does not stream transcriptions")
    with serving(events, silence) as (url, _):
        started = time.monotonic()
        with pytest.raises(openai.APITimeoutError):
            await streamed(url, later, ask=ask, stream_idle_timeout=0.2)
        assert time.monotonic() - started < 10


@pytest.mark.anyio
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("what", ["lines", "speech"])
async def test_silent_stream_of_bytes_times_out(what: str, later: bool) -> None:
    kind = "audio/mpeg" if what == "speech" else "text/event-stream"

    def ask(client: Any) -> Any:
        if what == "speech":
            speech = client.audio.speech.with_streaming_response
            return speech.create(model="tts-1", voice="alloy", input="x")
        return client.chat.completions.with_streaming_response.create(model="gpt-4o", messages=MESSAGES, stream=True)

    with serving(CHAT[:1], silence, kind) as (url, _):
        started = time.monotonic()
        with pytest.raises(openai.APITimeoutError):
            if later:
                other = AsyncOpenAI(settings=settings(url, stream_idle_timeout=0.2), max_retries=0)
                async with other, ask(other) as answer:
                    async for _ in answer.iter_bytes():
                        pass
            else:
                with OpenAI(settings=settings(url, stream_idle_timeout=0.2), max_retries=0) as client, ask(client) as r:
                    for _ in r.iter_bytes():
                        pass
        assert time.monotonic() - started < 10


@pytest.mark.anyio
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
async def test_comments_reset_the_idle_timeout(later: bool) -> None:
    with serving([*CHAT[:2]], _slowly_to_the_end) as (url, _):
        parts = await streamed(url, later, stream_idle_timeout=0.25)
    assert parts[-1].choices[0].finish_reason == "stop"


def _slowly_to_the_end(connection: socket.socket, stop: threading.Event) -> None:
    for _ in range(8):
        stop.wait(0.05)
        connection.sendall(_chunked(": keep-alive\n\n"))
    connection.sendall(_chunked(CHAT[2]) + _chunked(DONE) + b"0\r\n\r\n")


# ---------------------------------------------------------------- events without choices

GOOD = f"data: {json.dumps(chunk({'role': 'assistant', 'content': 'a'}))}\n\n"
ERRORS: dict[str, tuple[str, type[Exception], str]] = {
    "type": ('data: {"type": "error", "message": "reason"}\n\n', openai.APIError, "reason"),
    "object": ('data: {"object": "error", "message": "reason", "code": 429}\n\n', openai.RateLimitError, "reason"),
    "code": ('data: {"code": "500", "message": "reason"}\n\n', openai.InternalServerError, "reason"),
    "message": ('data: {"message": "reason"}\n\n', openai.APIError, "reason"),
    "detail": ('data: {"detail": [{"msg": "reason"}], "choices": []}\n\n', openai.APIError, "reason"),
    "base_resp": (
        'data: {"base_resp": {"status_code": 1002, "status_msg": "reason"}, "choices": null}\n\n',
        openai.APIError,
        "reason",
    ),
    "event": ('event: error\ndata: {"type": "quota_exceeded"}\n\n', stepfun_compat.QuotaExceededError, "quota"),
    "event of text": ("event: error\ndata: reason\n\n", openai.APIError, "reason"),
    "censorship": (
        'data: {"type": "error", "message": "content blocked by review"}\n\n',
        stepfun_compat.ContentFilteredError,
        "blocked",
    ),
}


def body_of(*events: str, kind: str = "text/event-stream") -> httpx.Response:
    return httpx.Response(200, headers={"content-type": kind}, text="".join(events))


async def outcome(answer: httpx.Response, later: bool, ask: Any = None, **more: Any) -> list[Any]:
    ask = ask or (lambda client: client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    if later:
        return [part async for part in await ask(Wire(answer).async_client(settings=Settings(api_key="k", **more)))]
    return list(ask(Wire(answer).client(settings=Settings(api_key="k", **more))))


@pytest.mark.anyio
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("place", ["first", "after text"])
@pytest.mark.parametrize("name", ERRORS)
async def test_error_event_of_any_shape_raises(name: str, place: str, later: bool, fast: bool) -> None:
    event, cls, text = ERRORS[name]
    with pytest.raises(cls) as caught:
        await outcome(body_of(*([GOOD] if place == "after text" else []), event, DONE), later, fast_path=fast)
    assert text in str(caught.value)


@pytest.mark.anyio
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", ERRORS)
async def test_responses_over_chat_fail_with_the_servers_reason(name: str, later: bool) -> None:
    event, _, text = ERRORS[name]
    parts = await outcome(body_of(GOOD, event, DONE), later, ask_responses, responses_route="chat")
    assert parts[-1].type == "response.failed"
    assert text in parts[-1].response.error.message


@pytest.mark.anyio
@pytest.mark.parametrize(
    "event",
    ['{"choices": [], "usage": {"total_tokens": 1}}', '{"code": 0, "message": "ok"}', '{"id": "x"}', "{}"],
)
async def test_event_without_choices_is_not_an_error(event: str) -> None:
    for later in (False, True):
        parts = await outcome(body_of(GOOD, f"data: {event}\n\n", DONE), later)
        assert parts[0].choices[0].delta.content == "a"


@pytest.mark.anyio
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
async def test_json_error_in_place_of_a_stream_raises(kind: str, later: bool, fast: bool) -> None:
    error_body = '{\n "error": {"message": "You exceeded your current quota", "type": "quota_exceeded"}\n}\n'
    with pytest.raises(stepfun_compat.QuotaExceededError):
        await outcome(body_of(error_body, kind=kind), later, fast_path=fast)
    with pytest.raises(openai.APIResponseValidationError, match="half"):
        await outcome(body_of('{"half', kind=kind), later, fast_path=fast)


async def raw_body(answer: Any, later: bool, how: str, call: str) -> bytes:
    """Return the bytes of a raw stream, read as they arrive."""
    wire = Wire(answer)
    asked: Any = {"model": "gpt-4o", "stream": True}
    asked |= {"messages": MESSAGES} if call == "chat" else {"input": "x"}

    def method(client: Any) -> Any:
        found = client.chat.completions if call == "chat" else client.responses
        return getattr(found, how).create

    if not later:
        with wire.client(max_retries=0) as client:
            if how == "with_raw_response":
                return method(client)(**asked).http_response.read()
            with method(client)(**asked) as response:
                return b"".join(response.iter_bytes())
    async with wire.async_client(max_retries=0) as client:
        if how == "with_raw_response":
            return await (await method(client)(**asked)).http_response.aread()
        async with method(client)(**asked) as response:
            return b"".join([data async for data in response.iter_bytes()])


@pytest.mark.anyio
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("how", ["with_raw_response", "with_streaming_response"])
@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
@pytest.mark.parametrize("blank", ["", "\n\n"])
async def test_json_error_in_place_of_a_raw_stream_is_an_error_event(
    kind: str, how: str, later: bool, blank: str
) -> None:
    error_body = blank + '{\n "error": {"message": "You exceeded your current quota", "type": "quota_exceeded"}\n}\n'
    lines = (await raw_body(body_of(error_body, kind=kind), later, how, "chat")).decode().split("\n")
    assert lines[1:] == ["", ""]
    assert json.loads(lines[0].removeprefix("data: "))["error"]["type"] == "insufficient_quota"
    events = (await raw_body(body_of(error_body, kind=kind), later, how, "responses")).decode()
    assert "event: response.failed" in events
    assert "exceeded your current quota" in events
    with pytest.raises(openai.APIResponseValidationError, match="half"):
        await raw_body(body_of('{"half', kind=kind), later, how, "chat")


# ---------------------------------------------------------------- with_streaming_response


@pytest.mark.anyio
async def test_streaming_response_of_a_plain_call_is_open_like_the_stock_clients() -> None:
    seen: list[list[Any]] = []
    for module in (stepfun_compat, openai):
        transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=_body(), headers=_JSON))
        client = module.OpenAI(api_key="k", base_url="http://h/v1", http_client=httpx.Client(transport=transport))
        if module is stepfun_compat:
            client = OpenAI(api_key="k", http_client=httpx.Client(transport=transport))
        states: list[Any] = []
        with client.chat.completions.with_streaming_response.create(model="gpt-4o", messages=MESSAGES) as response:
            states.append((response.is_closed, response.http_response.is_stream_consumed))
            assert response.parse().choices[0].message.content == "hi"
            states.append((response.is_closed, response.http_response.is_stream_consumed))
        states.append(response.is_closed)
        with client.chat.completions.with_streaming_response.create(model="gpt-4o", messages=MESSAGES) as response:
            pass
        states.append((response.is_closed, response.http_response.is_stream_consumed))
        with client.chat.completions.with_streaming_response.create(model="gpt-4o", messages=MESSAGES) as response:
            states.append(bool(list(response.iter_lines())))
            states.append((response.is_closed, response.http_response.num_bytes_downloaded > 0))
        seen.append(states)
    assert seen[0] == seen[1]


_JSON = {"content-type": "application/json"}


def _body() -> Any:
    return httpx.ByteStream(json.dumps(completion()).encode())


def test_valid_stream_is_unaffected() -> None:
    answer = sse(chunk({"role": "assistant", "content": "a"}, "stop"))
    parts = list(Wire(answer).client().chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    assert parts[-1].choices[0].finish_reason == "stop"
