"""No WebSocket connection takes a key where it must not go: every place of a key, kind of key, client and host."""

from __future__ import annotations

import base64
import contextlib
import importlib
import inspect
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, KeyRefusedError, OpenAI

from .wire import KEY

pytest.importorskip("websockets")

THEIRS = "sk-proj-theirs0123456789abcdef"
PLAIN = "plain-key-of-openai-0123"
AWAY = "wss://elsewhere.example/v1"
CLIENTS: dict[str, tuple[Any, bool]] = {
    "sync": (OpenAI, False),
    "async": (AsyncOpenAI, False),
    "azure": (stepfun_compat.AzureOpenAI, True),
    "async azure": (stepfun_compat.AsyncAzureOpenAI, True),
}


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"user:{key}".encode()).decode()


# place -> (arguments of the constructor, of with_options, of connect)
Given = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
PLACES: dict[str, Callable[[str], Given]] = {
    "default Authorization": lambda k: ({"default_headers": {"Authorization": f"Bearer {k}"}}, {}, {}),
    "default authorization": lambda k: ({"default_headers": {"authorization": f"Bearer {k}"}}, {}, {}),
    "default x-api-key": lambda k: ({"default_headers": {"X-API-Key": k}}, {}, {}),
    "default basic": lambda k: ({"default_headers": {"x-auth": basic(k)}}, {}, {}),
    "default_query": lambda k: ({"default_query": {"key": k}}, {}, {}),
    "with_options headers": lambda k: ({}, {"default_headers": {"x-api-key": k}}, {}),
    "with_options AUTHORIZATION": lambda k: ({}, {"default_headers": {"AUTHORIZATION": f"Bearer {k}"}}, {}),
    "with_options query": lambda k: ({}, {"default_query": {"key": k}}, {}),
    "extra_headers": lambda k: ({}, {}, {"extra_headers": {"x-api-key": k}}),
    "extra authorization": lambda k: ({}, {}, {"extra_headers": {"authorization": f"Bearer {k}", "x-auth": basic(k)}}),
    "extra_query": lambda k: ({}, {}, {"extra_query": {"key": k}}),
    "user part": lambda k: ({"websocket_base_url": f"wss://u:{k}@HOST/v1"}, {}, {}),
    "query of the URL": lambda k: ({"websocket_base_url": f"wss://HOST/v1?key={k}"}, {}, {}),
    "nowhere": lambda _: ({}, {}, {}),
}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything a connection would be opened with, as a text in which a key could be read."""
    seen: list[str] = []

    def connect(url: str, **more: Any) -> Any:
        headers = dict(more["additional_headers"])
        decoded = [base64.b64decode(v[6:]).decode() for v in headers.values() if str(v).startswith("Basic ")]
        seen.append(" ".join([url, unquote(url), *map(str, headers.values()), *decoded]))
        raise ConnectionRefusedError

    modules = ["websockets.sync.client", "websockets.asyncio.client"]
    for name in ("openai.lib._websocket", "openai.lib._azure_websocket"):  # newer SDKs bind the names early
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
            modules.append(name)
    for module in map(importlib.import_module, modules):
        names = ["connect"] if module.__name__.startswith("websockets") else list(vars(module))
        for name in [name for name in names if name.lower().endswith("connect")]:
            monkeypatch.setattr(module, name, connect)
    return seen


def resources(client: Any) -> list[Any]:
    found = [client.beta.realtime] if hasattr(client.beta, "realtime") else []
    return [*found, client.realtime] if hasattr(client, "realtime") else found


def made(name: str, given: dict[str, Any], **more: Any) -> Any:
    cls, azure = CLIENTS[name]
    kwargs: dict[str, Any] = {"azure_endpoint": "https://x.openai.azure.com", "api_version": "v"} if azure else {}
    return cls(**{"api_key": KEY, **kwargs, **given, **more})


async def opens(resource: Any, arguments: dict[str, Any], between: Callable[[], None] = lambda: None) -> None:
    """Open a connection, which may be refused."""
    try:
        manager = resource.connect(model="gpt-4o-realtime-preview", **arguments)
        between()
        entered = manager.enter()
        if inspect.isawaitable(entered):
            await entered
    except (ConnectionRefusedError, KeyRefusedError):
        pass


@pytest.mark.anyio
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", [THEIRS, PLAIN], ids=["marked", "plain"])
async def test_openais_key_opens_no_connection_to_stepfun(
    key: str, place: str, client: str, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", PLAIN)
    given, options, arguments = PLACES[place](key)
    given = {k: v.replace("HOST", "api.stepfun.ai") if isinstance(v, str) else v for k, v in given.items()}
    each = made(client, given)
    each = each.with_options(**options) if options else each
    for resource in resources(each):
        await opens(resource, arguments)
    for text in opened:
        assert text.startswith("wss://")
        assert "api.stepfun.ai" in text.split()[0]
        assert key not in text
        assert KEY in text
    assert opened or "URL" in place or "user" in place


@pytest.mark.anyio
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("moved", ["at construction", "websocket_base_url later", "base_url later"])
async def test_the_stepfun_key_opens_no_connection_elsewhere(
    moved: str, place: str, client: str, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    given, options, arguments = PLACES[place](KEY)
    given = {k: v.replace("HOST", "elsewhere.example") if isinstance(v, str) else v for k, v in given.items()}
    given = {"websocket_base_url": AWAY, **given} if moved == "at construction" else given
    for own in ({}, {"extra_headers": {"Authorization": "Bearer the-hosts-own-key"}}):
        each = made(client, given)
        each = each.with_options(**options) if options else each

        def move(each: Any = each) -> None:
            if moved == "websocket_base_url later":
                each.websocket_base_url = AWAY
            elif moved == "base_url later":
                each.base_url = AWAY.replace("wss", "https")

        for resource in resources(each):
            await opens(resource, {**own, **arguments}, move)
    for text in opened:
        assert KEY not in text


@pytest.mark.anyio
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_reconnect_is_looked_at_as_a_connection(
    client: str, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    for resource in resources(made(client, {})):
        manager = resource.connect(model="gpt-4o-realtime-preview")
        if not hasattr(manager, "_connect_ws"):
            continue  # a resource that does not reconnect
        with pytest.raises(ConnectionRefusedError):
            again = manager._connect_ws({"key": THEIRS}, {"x-api-key": THEIRS, "authorization": f"Bearer {THEIRS}"})
            if inspect.isawaitable(again):
                await again
    if not opened:
        pytest.skip("this SDK does not reconnect")
    assert all(THEIRS not in text and KEY in text for text in opened)


@pytest.mark.anyio
async def test_the_handshake_itself_is_looked_at() -> None:
    """Whatever led to it: a redirect that websockets follows, or an SDK that adds what no one knows yet."""
    from types import SimpleNamespace

    from stepfun_compat._client.websockets import _last_look

    client = OpenAI(api_key=KEY)
    away = SimpleNamespace(secure=True, host="elsewhere.example", port=443, resource_name="/v1", user_info=None)
    headers = {"Authorization": f"Bearer {KEY}", "x-api-key": KEY, "x-own": "kept"}
    assert _last_look(client, away, headers) == [("x-own", "kept")]
    home = SimpleNamespace(secure=True, host="api.stepfun.ai", port=443, resource_name="/v1", user_info=None)
    assert dict(_last_look(client, home, headers)) == headers
    away.resource_name = f"/v1?k={KEY}"
    with pytest.raises(KeyRefusedError):
        _last_look(client, away, {})
