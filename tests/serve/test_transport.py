"""Connections to StepFun: a request is sent in one piece, and everything else works as in the HTTP library's transport."""

from __future__ import annotations

import asyncio
import contextlib
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
        port = server.sockets[0].getsockname()[1]
        made = transport(family, family.Limits(max_connections=None, max_keepalive_connections=4))
        async with family.AsyncClient(transport=made, timeout=20) as client:
            await use(client, f"http{'s' if tls else ''}://localhost:{port}/v1")
        server.close()
        await asyncio.gather(*handling)

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
