"""One emulator shared by all tests of this folder and reset for each, and a plain HTTP client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stepfun_compat.emulator import EmulatorServer


@pytest.fixture(scope="session")
def shared_server() -> Iterator[EmulatorServer]:
    pytest.importorskip("starlette", reason="the emulator needs starlette")
    pytest.importorskip("uvicorn", reason="the emulator needs uvicorn")
    from stepfun_compat.emulator import EmulatorServer

    with EmulatorServer() as server:
        yield server


@pytest.fixture
def server(shared_server: EmulatorServer) -> Iterator[EmulatorServer]:
    shared_server.reset()
    yield shared_server
    shared_server.reset()


@pytest.fixture(scope="session")
def shared_http(shared_server: EmulatorServer) -> Iterator[Any]:
    httpx = pytest.importorskip("httpx", reason="these tests use httpx")
    headers = {"Authorization": f"Bearer {shared_server.api_key}"}
    with httpx.Client(base_url=shared_server.origin, headers=headers, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
def http(server: EmulatorServer, shared_http: Any) -> Any:
    """An httpx client with the emulator's origin and key."""
    return shared_http


@pytest.fixture
def chat(http: Any) -> Callable[..., Any]:
    """A function that POSTs a chat completion and returns the HTTP response; a string becomes the only message."""

    def post(messages: Any = "hello", path: str = "/v1/chat/completions", headers: Any = None, **body: Any) -> Any:
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        body = {"model": "step-3.7-flash", "messages": messages, **body}
        return http.post(path, json=body, headers=headers)

    return post


@pytest.fixture
def stream(chat: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """A function like `chat` that streams and returns the chunks; it checks that [DONE] ends them."""

    def post(messages: Any = "hello", **body: Any) -> list[dict[str, Any]]:
        response = chat(messages, stream=True, **body)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
        assert lines[-1] == "[DONE]"
        return [json.loads(line) for line in lines[:-1]]

    return post
