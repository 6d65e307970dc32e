"""StepFun's errors as OpenAI code reads them (stepfun-api 9), plain and streamed, sync and async."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import OpenAI, Settings
from tests.support.wire import Wire, chunk, completion, sse

MESSAGES: Any = [{"role": "user", "content": "x"}]


def body(message: str, kind: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind} if kind else {"message": message}}


ROWS: list[tuple[str, int, Any, type[Exception], int, str | None]] = [
    (
        "plan",
        400,
        body("you have no active step plan subscription", "request_params_invalid"),
        stepfun_compat.NoSubscriptionError,
        403,
        "no_active_subscription",
    ),
    (
        "parameter",
        400,
        body("Request param: temperature is invalid", "request_params_invalid"),
        openai.BadRequestError,
        400,
        "request_params_invalid",
    ),
    (
        "image",
        400,
        body("image not supported", "model_incompatible"),
        openai.BadRequestError,
        400,
        "model_incompatible",
    ),
    (
        "model 400",
        400,
        body("The model x does not exist or you do not have access to it", "request_params_invalid"),
        stepfun_compat.ModelNotFoundError,
        404,
        "model_not_found",
    ),
    (
        "model 404",
        404,
        body("The model x does not exist or you do not have access to it", None),
        stepfun_compat.ModelNotFoundError,
        404,
        "model_not_found",
    ),
    (
        "context",
        400,
        body("This model's maximum context length is 256000 tokens", "request_params_invalid"),
        openai.BadRequestError,
        400,
        "context_length_exceeded",
    ),
    (
        "key",
        401,
        body("Incorrect API key provided", "invalid_api_key"),
        openai.AuthenticationError,
        401,
        "invalid_api_key",
    ),
    (
        "quota",
        402,
        body("You exceeded your current quota", "quota_exceeded"),
        stepfun_compat.QuotaExceededError,
        429,
        "insufficient_quota",
    ),
    (
        "rate",
        429,
        body("concurrency reached, current: 11, limit: 10", "rate_limited"),
        openai.RateLimitError,
        429,
        "rate_limit_exceeded",
    ),
    (
        "review",
        451,
        body("The content you provided or machine outputted is blocked.", "censorship_blocked"),
        stepfun_compat.ContentFilteredError,
        400,
        "content_filter",
    ),
    ("path", 404, "404 page not found", openai.NotFoundError, 404, None),
    ("empty 404", 404, "", openai.NotFoundError, 404, None),
    ("server", 500, body("oops", "server_error"), openai.InternalServerError, 500, None),
    ("gateway", 504, "<html>gateway time-out</html>", openai.InternalServerError, 504, None),
]


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("name", "status", "answer", "cls", "seen", "code"), ROWS, ids=[row[0] for row in ROWS])
async def test_api_9_2_every_error_row(
    name: str, status: int, answer: Any, cls: type[Exception], seen: int, code: str | None, stream: bool
) -> None:
    headers = {"x-trace-id": "trace-9"}
    reply = (
        httpx.Response(status, headers=headers, text=answer)
        if isinstance(answer, str)
        else httpx.Response(status, headers=headers, json=answer)
    )
    for asynchronous in (False, True):
        wire = Wire(reply)
        with pytest.raises(openai.APIStatusError) as caught:
            if asynchronous:
                await wire.async_client(max_retries=0).chat.completions.create(
                    model="gpt-4o", messages=MESSAGES, stream=stream
                )
            else:
                wire.client(max_retries=0).chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=stream)
        error: Any = caught.value
        assert isinstance(error, cls)
        assert error.status_code == seen
        assert error.code == code
        assert error.request_id == "trace-9"
        assert error.response.status_code == seen
        assert error.response.headers["x-trace-id"] == "trace-9"
        assert error.response.request.headers["authorization"]
        if isinstance(answer, dict):
            assert answer["error"]["message"] in error.message
            assert error.body["message"].endswith(answer["error"]["message"])
            assert error.response.json() == {"error": error.body}
            assert error.body.keys() >= {"message", "type", "param", "code"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "param"),
    [
        ({"message": "Request param: max_tokens is invalid, recommended val is: greater than 0"}, "max_tokens"),
        ({"message": "Request param: messages[0].content is not supported"}, "messages[0].content"),
        ({"message": "Request param: n is invalid", "param": "best_of"}, "best_of"),
        ({"message": "the value of n is invalid"}, None),
    ],
)
async def test_param_is_the_parameter_that_the_message_names(error: dict[str, str], param: str | None) -> None:
    refusal = {"error": {"type": "request_params_invalid", **error}}
    wire = Wire(httpx.Response(400, json=refusal))
    with pytest.raises(openai.BadRequestError) as caught:
        wire.client().chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert caught.value.param == param
    async with wire.async_client() as client:
        with pytest.raises(openai.BadRequestError) as awaited:
            await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    assert awaited.value.param == param


@pytest.mark.parametrize("status", [402, 451])
def test_api_9_3_quota_and_review_are_not_retried(status: int) -> None:
    wire = Wire(
        httpx.Response(
            status,
            json=body("no", "quota_exceeded" if status == 402 else "censorship_blocked"),
            headers={"x-should-retry": "true"},
        )
    )
    with pytest.raises(openai.APIStatusError):
        wire.client(max_retries=3).chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind", "message", "seen", "code"),
    [
        (402, "quota_exceeded", "You exceeded your current quota", 429, "insufficient_quota"),
        (400, "request_params_invalid", "the maximum context length is 256000", 400, "context_length_exceeded"),
        (451, "censorship_blocked", "The content you provided is blocked.", 400, "content_filter"),
    ],
)
def test_error_text_is_the_sdks_text_for_openais_response(
    status: int, kind: str, message: str, seen: int, code: str
) -> None:
    """Programs search the text for "Error code: 429" and, up to SDK 3.0, for the code."""
    theirs = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    stock = openai.OpenAI(
        api_key="k",
        max_retries=0,
        http_client=httpx.Client(transport=httpx.MockTransport(Wire(httpx.Response(seen, json=theirs)))),
    )
    with pytest.raises(openai.APIStatusError) as expected:
        stock.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    with pytest.raises(openai.APIStatusError) as caught:
        Wire(httpx.Response(status, json=body(message, kind))).client().chat.completions.create(
            model="gpt-4o", messages=MESSAGES
        )
    start = str(expected.value).partition(message)[0]
    assert str(caught.value).startswith(start + message)
    assert (code in str(caught.value)) == (code in str(expected.value))


@pytest.mark.parametrize(
    ("sent", "read", "kept"), [(404, "404", 404), (0, "0", 0), ("", "", ""), ("own_code", "own_code", "own_code")]
)
def test_error_code_of_a_gateway_is_kept(sent: Any, read: str, kept: Any) -> None:
    sent_error = {"message": "m", "type": "a_type", "param": "model", "code": sent}
    with pytest.raises(openai.BadRequestError) as caught:
        Wire(httpx.Response(400, json={"error": sent_error})).client().chat.completions.create(
            model="gpt-4o", messages=MESSAGES
        )
    assert caught.value.body == {**sent_error, "code": kept}
    if sent in ("", "own_code"):  # SDKs treat a number differently
        assert caught.value.code == read


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("<html>bad</html>", "<html>bad</html>"),
        ('{"detail": [1]}', {"detail": [1]}),
        ('{"error": null}', None),
        ("[1]", [1]),
    ],
)
def test_error_of_another_form_keeps_its_body(sent: str, kept: Any) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        Wire(httpx.Response(500, text=sent)).client(max_retries=0).chat.completions.create(
            model="gpt-4o", messages=MESSAGES
        )
    assert caught.value.body == kept


def test_wrong_region_is_suggested() -> None:
    with pytest.raises(openai.AuthenticationError, match="STEPFUN_REGION"):
        Wire(
            httpx.Response(401, json=body("Incorrect API key provided", "invalid_api_key"))
        ).client().chat.completions.create(model="gpt-4o", messages=MESSAGES)


def test_api_9_1_503_after_ten_minutes_is_a_timeout_and_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(httpx.Response(503, json=body("busy", None)))
    client = wire.client(max_retries=2)
    from stepfun_compat._client import responses

    class Clock:
        monotonic = staticmethod(lambda: time.monotonic() + 595)

    monkeypatch.setattr(responses, "time", Clock)
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert len(wire.requests) == 1


def test_rate_limit_min_wait_and_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("openai._base_client.time.sleep", waits.append)
    busy = httpx.Response(429, json=body("slow down", "rate_limited"))
    wire = Wire(busy, completion())
    wire.client(settings=Settings(rate_limit_min_wait=6)).chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert waits[-1] >= 6
    asked = httpx.Response(429, headers={"retry-after": "9"}, json=body("slow down", "rate_limited"))
    Wire(asked, completion()).client().chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert waits[-1] == 9
    error = httpx.Response(500, json=body("oops", None))
    Wire(error, completion()).client(settings=Settings(rate_limit_min_wait=6)).chat.completions.create(
        model="gpt-4o", messages=MESSAGES
    )
    assert waits[-1] < 6


BROKEN = {
    "html": httpx.Response(200, headers={"content-type": "text/html"}, text="<html>hello</html>"),
    "empty": httpx.Response(200, headers={"content-type": "application/json"}, text=""),
    "malformed": httpx.Response(200, headers={"content-type": "application/json"}, text='{"id": '),
    "no choices": httpx.Response(200, json={"id": "x"}),
    "a list": httpx.Response(200, json=[1]),
    "a choice that is a number": httpx.Response(200, json={"choices": [3]}),
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", BROKEN)
async def test_invalid_200_response_is_an_openai_error(name: str) -> None:
    arguments: Any = {"model": "gpt-4o", "messages": MESSAGES}
    for more in ({}, {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"}):
        with pytest.raises(openai.APIResponseValidationError):
            Wire(BROKEN[name]).client().chat.completions.create(**arguments, **more)
        with pytest.raises(openai.APIResponseValidationError):
            await Wire(BROKEN[name]).async_client().chat.completions.create(**arguments, **more)


@pytest.mark.anyio
@pytest.mark.parametrize("name", BROKEN)
async def test_invalid_raw_response_is_returned_and_refused_on_parse(name: str) -> None:
    sent = BROKEN[name]
    chat = Wire(sent).client().chat.completions
    raw = chat.with_raw_response.create(model="gpt-4o", messages=MESSAGES)
    assert (raw.status_code, raw.text) == (200, sent.text)
    with pytest.raises(openai.APIResponseValidationError):
        raw.parse()
    with chat.with_streaming_response.create(model="gpt-4o", messages=MESSAGES) as response:
        assert response.read() == sent.content
        with pytest.raises(openai.APIResponseValidationError):
            response.parse()
    other = Wire(sent).async_client().chat.completions
    later = await other.with_raw_response.create(model="gpt-4o", messages=MESSAGES)
    assert later.http_response.content == sent.content
    with pytest.raises(openai.APIResponseValidationError):
        later.parse()
    async with other.with_streaming_response.create(model="gpt-4o", messages=MESSAGES) as answer:
        with pytest.raises(openai.APIResponseValidationError):
            await answer.parse()


def test_response_read_by_the_caller_is_not_checked() -> None:
    answer = Wire({}).client().get("/models", cast_to=httpx.Response)
    assert answer.json() == {}


class Breaking(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that ends with an error from a layer below the HTTP library."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __iter__(self) -> Iterator[bytes]:
        yield f"data: {json.dumps(chunk({'role': 'assistant', 'content': 'a'}))}\n\n".encode()
        raise self.error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for data in (next(iter(self)),):
            yield data
        raise self.error


@pytest.mark.anyio
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("error", [ssl.SSLError("broken"), anyio.EndOfStream(), httpx.ReadError("broken")])
async def test_errors_below_the_http_library_are_connection_errors(error: Exception, fast: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Breaking(error))

    async def later(request: httpx.Request) -> httpx.Response:
        return answer(request)

    settings = Settings(fast_path=fast)
    client = OpenAI(api_key="k", settings=settings, http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    seen = []
    with pytest.raises(openai.APIConnectionError) as caught:
        for part in client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True):
            seen.append(part)
    assert len(seen) == 1
    assert caught.value.__cause__ is error
    other = stepfun_compat.AsyncOpenAI(
        api_key="k", settings=settings, http_client=httpx.AsyncClient(transport=httpx.MockTransport(later))
    )
    with pytest.raises(openai.APIConnectionError):
        async for _ in await other.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True):
            pass


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["html", "malformed"])
async def test_invalid_stream_is_an_openai_error(name: str) -> None:
    with pytest.raises(openai.APIResponseValidationError):
        list(Wire(BROKEN[name]).client().chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    with pytest.raises(openai.APIResponseValidationError):
        async for _ in (
            await Wire(BROKEN[name])
            .async_client()
            .chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        ):
            pass


def streamed(*events: str) -> httpx.Response:
    return httpx.Response(
        200,
        headers={"content-type": "text/event-stream", "x-trace-id": "t"},
        text="".join(f"data: {e}\n\n" for e in events),
    )


CONTEXT = "context_length_exceeded"


@pytest.mark.anyio
async def test_errors_inside_a_stream_are_raised() -> None:
    good = json.dumps(chunk({"role": "assistant", "content": "a"}))
    quota = json.dumps(body("You exceeded your current quota", "quota_exceeded"))
    other = json.dumps(body("something else", "strange"))
    for event, cls, code in (
        (quota, stepfun_compat.QuotaExceededError, "insufficient_quota"),
        (json.dumps(body("blocked", "censorship_blocked")), openai.BadRequestError, "content_filter"),
        (json.dumps(body("concurrency reached", "rate_limited")), openai.RateLimitError, "rate_limit_exceeded"),
        (json.dumps(body("exceeds the max context", "request_params_invalid")), openai.BadRequestError, CONTEXT),
        (json.dumps(body("no such file", "invalid_request_error")), openai.BadRequestError, None),
        (json.dumps(body("an image", "model_incompatible")), openai.BadRequestError, "model_incompatible"),
        (json.dumps(body("broken", "server_error")), openai.InternalServerError, None),
        (json.dumps(body("broken", "internal_error")), openai.InternalServerError, None),
        (json.dumps({"error": {"message": "overloaded", "code": "503"}}), openai.InternalServerError, "503"),
        (other, openai.APIError, None),
        ("{not json", openai.APIResponseValidationError, None),
    ):
        seen: list[Any] = []
        with pytest.raises(cls) as caught:
            for part in (
                Wire(streamed(good, event))
                .client()
                .chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
            ):
                seen.append(part)
        assert len(seen) == 1
        assert getattr(caught.value, "code", None) == code
        with pytest.raises(cls):
            async for _ in (
                await Wire(streamed(good, event))
                .async_client()
                .chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
            ):
                pass


@pytest.fixture
def half_closed() -> Iterator[str]:
    """A server that closes every connection in the middle of its response."""
    server = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65536)
                wanted = b"stream" in request or b"stream" in connection.recv(65536)
                event = f"data: {json.dumps(chunk({'role': 'assistant', 'content': 'a'}))}\n\n".encode()
                head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: 100000\r\n\r\n"
                connection.sendall(head % (b"text/event-stream" if wanted else b"application/json") + event)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
    stop.set()
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


@pytest.mark.anyio
async def test_broken_connection_is_a_connection_error_on_every_sdk(half_closed: str) -> None:
    settings = Settings(base_url=half_closed, api_key="k")
    with OpenAI(settings=settings, max_retries=0, timeout=5) as client:
        seen = []
        with pytest.raises(openai.APIConnectionError):
            for part in client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True):
                seen.append(part)
        assert len(seen) == 1
    async with stepfun_compat.AsyncOpenAI(settings=settings, max_retries=0, timeout=5) as other:
        with pytest.raises(openai.APIConnectionError):
            async for _ in await other.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True):
                pass


def test_refused_connection_and_timeout_raise_openais_errors() -> None:
    with pytest.raises(openai.APIConnectionError):
        Wire(httpx.ConnectError("no")).client(max_retries=0).chat.completions.create(model="gpt-4o", messages=MESSAGES)
    with pytest.raises(openai.APITimeoutError):
        Wire(httpx.ReadTimeout("slow")).client(max_retries=0).chat.completions.create(model="gpt-4o", messages=MESSAGES)


def test_refusals_are_openai_errors_with_a_response() -> None:
    wire = Wire()
    messages: Any = [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]
    with pytest.raises(openai.BadRequestError) as caught:
        wire.client().chat.completions.create(model="gpt-4o", messages=messages)
    error: Any = caught.value
    assert (error.status_code, error.param, error.code) == (400, "messages", "unsupported_content_type")
    assert error.response.status_code == 400
    assert error.response.request.method == "POST"
    assert "files.content" in error.message
    assert wire.requests == []
    with pytest.raises(openai.BadRequestError, match=r"step-3\.7-flash"):
        picture: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
        wire.client().chat.completions.create(model="step-3.5-flash", messages=picture)


def test_valid_stream_is_unaffected() -> None:
    parts = list(
        Wire(sse(chunk({"role": "assistant", "content": "a"}, "stop")))
        .client()
        .chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    )
    assert parts[-1].choices[0].finish_reason == "stop"
