"""Connections to StepFun: a request is sent in one piece, and everything else works as in the HTTP library's transport."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import importlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import openai
import pytest

from stepfun_compat.http_objects import http_module_of
from stepfun_compat.serve.transport import transport

CERTIFICATE = Path(__file__).parent / "localhost.pem"
"""Key and certificate for localhost, used only by these tests."""
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["httpx", "httpx2"])
def family(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An HTTP library, without variables for proxies or certificates."""
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    for name in ("http_proxy", "https_proxy", "all_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return importlib.import_module(request.param)


def run(
    family: Any, serve: Serve, use: Callable[[Any, str], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> None:
    """Run `use` with a client over the transport and a fresh server."""

    async def with_client(origin: str) -> None:
        made = transport(family, family.Limits(max_connections=None, max_keepalive_connections=4))
        async with family.AsyncClient(transport=made, timeout=20) as client:
            await use(client, f"{origin}/v1")

    run_server(serve, with_client, tls)


def run_server(serve: Serve, use: Callable[[str], Awaitable[None]], tls: ssl.SSLContext | None = None) -> None:
    """Let `use` call a server of its own, whose origin it gets."""
    handling: list[Any] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def both() -> None:
        server = await asyncio.start_server(handle, "localhost", 0, ssl=tls)
        try:
            await use(f"http{'s' if tls else ''}://localhost:{server.sockets[0].getsockname()[1]}")
        except BaseException:
            for each in handling:
                each.cancel()
            raise
        finally:
            server.close()
            await asyncio.gather(*handling, return_exceptions=True)
        for each in handling:
            each.result()

    asyncio.run(both())


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request with `ok`."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"chunked" in head:
            await reader.readuntil(b"0\r\n\r\n")
        else:
            await reader.readexactly(int((head.partition(b"content-length: ")[2].split() or [b"0"])[0]))
        writer.write(ANSWER)


async def pieces() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"GET / HTTP/1.1\r\n\r\n"  # ends like a head


BODIES: Any = {
    "no body": (None, 1),
    "a body": (b"{}", 1),
    "a body that looks like a head": (b"GET / HTTP/1.1\r\n\r\n", 1),
    "a body in pieces": (pieces, 3),
}


@pytest.mark.parametrize("body", BODIES)
def test_request_is_sent_in_the_fewest_pieces(family: Any, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content, expected = BODIES[body]
    core = importlib.import_module(family.__name__.replace("httpx", "httpcore"))
    sent: list[bytes] = []
    plain = core.AnyIOBackend.connect_tcp

    async def connect(*args: Any, **kwargs: Any) -> Any:
        stream = await plain(*args, **kwargs)
        write = stream.write

        async def note(buffer: bytes, *rest: Any, **more: Any) -> None:
            sent.append(buffer)
            await write(buffer, *rest, **more)

        stream.write = note
        return stream

    monkeypatch.setattr(core.AnyIOBackend, "connect_tcp", connect)

    async def use(client: Any, url: str) -> None:
        for _ in range(2):  # the second on the same connection
            given = content() if callable(content) else content
            response = await client.request("GET" if content is None else "POST", url, content=given)
            assert (response.status_code, response.content) == (200, b"ok")

    run(family, answer, use)
    assert len(sent) == 2 * expected
    assert all(piece.startswith((b"GET", b"POST")) for piece in sent[::expected])


def test_response_is_streamed_and_the_connection_reused(family: Any) -> None:
    peers: list[Any] = []
    goes_on: list[asyncio.Event] = []

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer)
        goes_on.append(asyncio.Event())
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
            await goes_on[-1].wait()
            writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async def use(client: Any, url: str) -> None:
        for _ in range(2):
            async with client.stream("GET", url) as response:
                body = response.aiter_bytes()
                assert await anext(body) == b"one"
                goes_on[-1].set()
                assert [part async for part in body] == [b"two"]
            assert len(peers) == 1
            assert response.elapsed.total_seconds() >= 0

    run(family, slowly, use)


def test_closed_connection_is_not_reused(family: Any) -> None:
    ended: list[asyncio.Event] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        ended.append(asyncio.Event())

    async def use(client: Any, url: str) -> None:
        for number in range(1, 4):
            assert (await client.get(url)).content == b"ok"
            while len(ended) < number:
                await asyncio.sleep(0)

    run(family, once, use)


BREAKS: Any = {
    "no answer": (b"", "RemoteProtocolError"),
    "no HTTP": (b"nonsense\r\n\r\n", "RemoteProtocolError"),
    "half a body": (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "RemoteProtocolError"),
    "silence": (None, "ReadTimeout"),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_broken_connection_raises_the_librarys_error(family: Any, fault: str) -> None:
    data, name = BREAKS[fault]

    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if data is None:
            await reader.read()
        else:
            writer.write(data)

    async def use(client: Any, url: str) -> None:
        with pytest.raises(getattr(family, name)) as found:
            await client.get(url, timeout=0.2 if data is None else 20)
        assert type(found.value) is getattr(family, name)
        assert found.value.request.url.path == "/v1"

    run(family, broken, use)


def test_unreachable_server_is_a_connect_error(family: Any) -> None:
    async def use(client: Any, url: str) -> None:
        with pytest.raises(family.ConnectError):
            await client.get("http://localhost:1/v1")

    run(family, answer, use)


def test_other_protocols_are_the_librarys_error(family: Any) -> None:
    async def use(client: Any, url: str) -> None:
        with pytest.raises(family.UnsupportedProtocol):
            await client.get("ftp://localhost/v1")

    run(family, answer, use)


def test_tls_is_verified_by_the_library(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATE)

    async def refused(client: Any, url: str) -> None:
        with pytest.raises(family.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(url)

    async def trusted(client: Any, url: str) -> None:
        for _ in range(2):
            response = await client.post(url, content=b"{}")
            assert response.content == b"ok"
            assert response.extensions["network_stream"].get_extra_info("ssl_object") is not None

    run(family, answer, refused, server)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    run(family, answer, trusted, server)


def test_library_uses_its_own_transport_behind_a_proxy(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://localhost:3128")
    assert transport(family, family.Limits()) is None


def test_server_uses_the_transport(family: Any) -> None:
    from stepfun_compat import Settings
    from stepfun_compat.serve.clients import Clients

    if family is not http_module_of(openai.DefaultAsyncHttpxClient):
        pytest.skip("this openai release uses the other library")
    clients = Clients(Settings(api_key="stepfun-key-of-a-test"))
    assert type(clients._http._transport).__module__ == "stepfun_compat.serve.transport"
    assert clients._http.follow_redirects


# ---------------------------------------------------------------- through the client of the server

HELLO: Any = [{"role": "user", "content": "hello"}]
COMPLETION = (
    b'{"id":"0","object":"chat.completion","created":0,"model":"step-3.7-flash",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
)


def response(body: bytes = COMPLETION, status: bytes = b"200 OK", *headers: bytes) -> bytes:
    """A response as bytes."""
    rows = [b"content-type: application/json", b"content-length: %d" % len(body), *headers]
    return b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, b"\r\n".join(rows), body)


def call_server(serve: Serve, use: Callable[[Any, Any], Awaitable[None]], **more: Any) -> None:
    """Let `use` call a server with a client as `serve` makes it; it gets that and the client's HTTP client."""
    from stepfun_compat import AsyncOpenAI, Settings
    from stepfun_compat.serve.transport import http_client

    async def with_client(origin: str) -> None:
        http = http_client(openai.DEFAULT_CONNECTION_LIMITS)
        settings = Settings(api_key="stepfun-key-of-a-test", base_url=f"{origin}/v1")
        async with AsyncOpenAI(settings=settings, http_client=http, max_retries=0, **more) as client:
            await use(client, http)
            assert all(connection.is_idle() for connection in http._own._pool.connections)

    run_server(serve, with_client)


def call(responses: list[bytes | None], **more: Any) -> tuple[list[bytes], list[Any]]:
    """Send chat completions to a server until it has given these responses, None for none and then a closed connection:
    the heads of the requests, and the results or errors.
    """
    heads: list[bytes] = []
    results: list[Any] = []

    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            given = responses[len(heads)]
            heads.append(head)
            length = head.lower().partition(b"content-length: ")[2].split() or [b"0"]
            await reader.readexactly(int(length[0]))
            if given is None:
                await reader.read()
                return
            writer.write(given)
            if not given or given.endswith(b"half"):
                return

    async def use(client: Any, _: Any) -> None:
        while len(heads) < len(responses):
            try:
                results.append((await client.chat.completions.create(model="gpt-4o", messages=HELLO)).to_dict())
            except openai.OpenAIError as error:
                results.append(error)

    call_server(give, use, **more)
    return heads, results


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def texts(results: list[Any]) -> list[str]:
    return [each["choices"][0]["message"]["content"] for each in results]


@pytest.mark.usefixtures("no_proxy")
def test_the_client_follows_redirects_and_checks_them() -> None:
    redirect = response(b"", b"307 Temporary Redirect", b"location: /v1/elsewhere")
    heads, results = call([redirect, response(), response()])
    assert texts(results) == ["hi", "hi"]
    assert [head.split()[1] for head in heads] == [b"/v1/chat/completions", b"/v1/elsewhere", b"/v1/chat/completions"]
    assert all(b"stepfun-key-of-a-test" in head for head in heads)


@pytest.mark.usefixtures("no_proxy")
def test_the_client_keeps_cookies() -> None:
    heads, results = call([response(COMPLETION, b"200 OK", b"set-cookie: place=3; path=/"), response()])
    assert texts(results) == ["hi", "hi"]
    assert [b"place=3" in head for head in heads] == [False, True]


@pytest.mark.usefixtures("no_proxy")
def test_the_client_reads_compressed_and_chunked_responses() -> None:
    packed = response(gzip.compress(COMPLETION), b"200 OK", b"content-encoding: gzip")
    size = len(COMPLETION) // 2
    pieces = [COMPLETION[:size], COMPLETION[size:], b""]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    _, results = call([packed, head + chunked, packed])
    assert texts(results) == ["hi", "hi", "hi"]


HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"
FAULTS: Any = {
    "no answer": (b"", openai.APIConnectionError, "RemoteProtocolError"),
    "no HTTP": (b"nonsense\r\n\r\nhalf", openai.APIConnectionError, "RemoteProtocolError"),
    "half a body": (HALF, openai.APIConnectionError, "RemoteProtocolError"),
    "half a compressed body": (
        HALF.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n"),
        openai.APIConnectionError,
        "DecodingError",
    ),
    "silence": (None, openai.APITimeoutError, "ReadTimeout"),
}


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("fault", FAULTS)
def test_the_client_raises_openais_error_for_a_broken_connection(fault: str) -> None:
    data, expected, cause = FAULTS[fault]
    _, results = call([data], timeout=0.2 if data is None else 20)
    assert type(results[0]) is expected
    assert type(results[0].__cause__).__name__ == cause
    assert results[0].__cause__.request.url.path == "/v1/chat/completions"


@pytest.mark.usefixtures("no_proxy")
def test_the_library_logs_each_request_where_its_log_is_on(caplog: pytest.LogCaptureFixture) -> None:
    family = http_module_of(openai.DefaultAsyncHttpxClient)
    with caplog.at_level("INFO", logger=family.__name__):
        call([response()])
    assert "200 OK" in caplog.text


@pytest.mark.usefixtures("no_proxy")
def test_event_hooks_of_the_client_see_each_request() -> None:
    seen: list[str] = []

    async def note(request: Any) -> None:
        seen.append(request.url.path)

    async def use(client: Any, http: Any) -> None:
        hooks = http.event_hooks
        hooks["request"].append(note)
        http.event_hooks = hooks
        await client.post(
            "/token/count", body={}, cast_to=object, options={"headers": {"X-Stainless-Raw-Response": "true"}}
        )

    call_server(answer, use)
    assert seen == ["/v1/token/count"]


@pytest.mark.usefixtures("no_proxy")
def test_a_cancelled_request_leaves_no_connection_behind() -> None:
    here, gone = asyncio.Event(), asyncio.Event()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HALF)
        here.set()
        await reader.read()
        gone.set()

    async def use(client: Any, http: Any) -> None:
        task = asyncio.ensure_future(client.chat.completions.create(model="gpt-4o", messages=HELLO))
        await here.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()
        assert not http._own._pool.connections

    call_server(half, use)
