"""Requests are sent through the program's own `requests` and `aiohttp` sessions."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from .reference_server import ReferenceServer

HELLO = [{"role": "user", "content": "Hello"}]
WORDS = ["Grüße", ", 世界"]


@pytest.fixture
def vendor(openai: Any, server: ReferenceServer) -> Any:
    openai.api_base, openai.api_key = server.url, "k"
    return openai


def words(chunks: list[Any]) -> list[str]:
    return [text for c in chunks if (text := c.choices[0].delta.get("content"))]


@pytest.mark.parametrize("factory", [False, True])
def test_requests_session_is_used(factory: bool, vendor: Any, server: ReferenceServer) -> None:
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        session.headers["X-Mine"] = "1"
        vendor.requestssession = (lambda: session) if factory else session
        create = vendor.ChatCompletion.create
        assert create(model="m", messages=HELLO).choices[0].message.content == "Grüße, 世界"
        assert words(list(create(model="m", messages=HELLO, stream=True))) == WORDS
        with pytest.raises(vendor.error.RateLimitError):
            create(model="error-429", messages=HELLO)
        with pytest.raises(vendor.error.APIConnectionError):
            create(model="error-hang-up", messages=HELLO)
        with pytest.raises(vendor.error.Timeout):
            create(model="error-slow", messages=HELLO, request_timeout=0.2)
        vendor.close()
    assert {r["headers"].get("x-mine") for r in server.take()} == {"1"}


@pytest.mark.anyio
async def test_aiohttp_session_is_used(vendor: Any, server: ReferenceServer) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    async with aiohttp.ClientSession(headers={"X-Mine": "1"}) as session:
        token = vendor.aiosession.set(session)
        create = vendor.ChatCompletion.acreate
        assert (await create(model="m", messages=HELLO)).choices[0].message.content == "Grüße, 世界"
        stream = await create(model="m", messages=HELLO, stream=True)
        assert words([c async for c in stream]) == WORDS
        with pytest.raises(vendor.error.RateLimitError):
            await create(model="error-429", messages=HELLO)
        with pytest.raises(vendor.error.APIConnectionError):
            await create(model="error-hang-up", messages=HELLO)
        with pytest.raises(vendor.error.Timeout):
            await create(model="error-slow", messages=HELLO, request_timeout=0.2)
        vendor.aiosession.reset(token)
    assert {r["headers"].get("x-mine") for r in server.take()} == {"1"}


THEIRS = "sk-proj-theirs0123456789abcdef"
BASIC = "Basic " + base64.b64encode(f"user:{THEIRS}".encode()).decode()


def sent_text(server: ReferenceServer) -> str:
    taken = server.take()
    headers = [request["headers"] for request in taken]
    assert headers
    assert all(found["authorization"] == "Bearer stepfun-key" for found in headers)
    assert all(found.get("x-mine") == "1" for found in headers)
    return str(taken)


def test_openai_key_in_a_requests_session_is_not_sent(openai: Any, stepfun: ReferenceServer) -> None:
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        session.headers.update({"X-Mine": "1", "x-key": THEIRS, "x-auth": BASIC, "Authorization": f"Bearer {THEIRS}"})
        session.cookies["session"] = THEIRS
        session.params = {"key": THEIRS, "kept": "1"}
        openai.requestssession = session
        openai.ChatCompletion.create(model="gpt-4o", messages=HELLO)
        session.auth = ("user", THEIRS)
        openai.ChatCompletion.create(model="gpt-4o", messages=HELLO)
        openai.close()
    text = sent_text(stepfun)
    assert THEIRS not in text
    assert BASIC not in text


@pytest.mark.anyio
async def test_openai_key_in_an_aiohttp_session_is_not_sent(openai: Any, stepfun: ReferenceServer) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    async with aiohttp.ClientSession(headers={"X-Mine": "1", "x-key": THEIRS, "x-auth": BASIC}) as session:
        token = openai.aiosession.set(session)
        await openai.ChatCompletion.acreate(model="gpt-4o", messages=HELLO)
        openai.aiosession.reset(token)
    text = sent_text(stepfun)
    assert THEIRS not in text
    assert BASIC not in text


def test_session_of_one_raw_request_is_used(vendor: Any, server: ReferenceServer) -> None:
    requests = pytest.importorskip("requests")
    requestor = vendor.api_requestor.APIRequestor()
    with requests.Session() as session:
        session.headers["X-Mine"] = "once"
        answer = requestor.request_raw("get", "/models", session)
        assert (answer.status_code, answer.json()["object"]) == (200, "list")
        assert requestor.request_raw("get", "/models", session=None).status_code == 200
        vendor.close()
    with pytest.raises(TypeError, match="not dict"):
        requestor.request_raw("post", "/completions", {"model": "m"})
    assert [r["headers"].get("x-mine") for r in server.take()] == ["once", None]


@pytest.mark.anyio
async def test_session_of_one_async_raw_request_is_used(vendor: Any, server: ReferenceServer) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    requestor = vendor.api_requestor.APIRequestor()
    async with aiohttp.ClientSession(headers={"X-Mine": "once"}) as session:
        answer = await requestor.arequest_raw("get", "/models", session)
        assert (answer.status_code, (await answer.read())[:1]) == (200, b"{")
        assert (await requestor.arequest_raw("get", "/models")).status_code == 200
    assert [r["headers"].get("x-mine") for r in server.take()] == ["once", None]
