"""No WebSocket connection sends a key to a wrong host: a table of the ways one could.

A way is a client and its resource, a place of the key and its spelling there, the key, the host, and the moment the
connection is directed there. The handshake itself is checked, as `websockets` would send it.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, KeyRefusedError, OpenAI
from tests.support.key_places import HEADERS, MARKED, PLACES, PLAIN, VENDOR, Given, encoded, readable
from tests.support.wire import KEY

websockets = pytest.importorskip("websockets")
from websockets.client import ClientProtocol  # noqa: E402
from websockets.uri import parse_uri  # noqa: E402

HOME = "wss://api.stepfun.ai/v1"
AWAY = "wss://elsewhere.example/v1"
HOSTS = (
    AWAY,
    "ws://api.stepfun.ai/v1",
    "wss://api.stepfun.ai.elsewhere.example/v1",
    "wss://stepfun.ai:x@third.example/v1",
)
"""Hosts the StepFun key must not be sent to."""
MOVES = ("at construction", "with_options", "before entering", "base_url before entering", "before a reconnect")
SPELLINGS = (HOME, "wss://api。stepfun。ai/v1", "wss://API．StepFun．com/step_plan/v1", "WSS://api.stepfun.ai:443/v1")
"""StepFun's hosts in several spellings."""
CLIENTS: dict[str, Any] = {
    "sync": OpenAI,
    "async": AsyncOpenAI,
    "azure": stepfun_compat.AzureOpenAI,
    "async azure": stepfun_compat.AsyncAzureOpenAI,
}
HTTP = (
    httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(500))),
    httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(500))),
)
MODEL = "gpt-4o-realtime-preview"
OPTIONS = "websocket_connection_options"


def _sockets() -> dict[str, Callable[[str], Given]]:
    found = {name: make for name, make in PLACES.items() if not name.startswith("http")}
    found["several headers"] = lambda k: Given(call={"extra_headers": dict(make(k) for make in HEADERS.values())})
    found["subprotocol"] = lambda k: Given(
        call={OPTIONS: {"subprotocols": ["realtime", f"openai-insecure-api-key.{k}"]}}
    )
    found["user of the URL"] = lambda k: Given(made={"websocket_base_url": f"wss://{encoded(k)}:x@HOST/v1"})
    found["password of the URL"] = lambda k: Given(made={"websocket_base_url": f"wss://u:{encoded(k)}@HOST/v1"})
    found["query of the URL"] = lambda k: Given(made={"websocket_base_url": f"wss://HOST/v1?key={k}"})
    found["callable"] = lambda k: Given(made={"api_key": lambda: k})
    found["assigned"] = lambda _: Given()
    return found


SOCKETS = _sockets()
REFUSED = ("user of the URL", "password of the URL", "query of the URL", "made query name", "options query name")
"""Places a key cannot be removed from: the connection is refused."""
WAITS_FOR_KEYS = hasattr(openai.OpenAI, "_refresh_api_key")  # older SDKs open no connection with an async callable key


class Opened(list[tuple[str, str]]):
    """(URL, text a key could appear in) of each handshake."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    seen = Opened()

    def connect(url: str, *, later: bool, **more: Any) -> Any:
        cls = more.get("create_connection") or base[later]
        made = cls.__new__(cls)
        made.protocol = ClientProtocol(parse_uri(str(url)), subprotocols=more.get("subprotocols"))
        made.handshake(more.get("additional_headers"))
        raise ConnectionRefusedError

    def handshake(self: Any, additional_headers: Any = None, *_: Any, **__: Any) -> None:
        request, uri = self.protocol.connect(), self.protocol.uri
        request.headers.update(additional_headers or ())
        url = f"{'wss' if uri.secure else 'ws'}://{uri.host}:{uri.port}{request.path}"
        seen.append((url, readable([url, *[text for pair in request.headers.raw_items() for text in pair]])))

    base = [importlib.import_module(f"websockets.{kind}.client").ClientConnection for kind in ("sync", "asyncio")]
    for cls in base:
        monkeypatch.setattr(cls, "handshake", handshake)
    modules = ["websockets.sync.client", "websockets.asyncio.client"]
    for name in ("openai.lib._websocket", "openai.lib._azure_websocket"):  # newer SDKs bind the names at import
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
            modules.append(name)
    for module in map(importlib.import_module, modules):
        names = ["connect"] if module.__name__.startswith("websockets") else list(vars(module))
        for name in [name for name in names if name.lower().endswith("connect")]:
            later = "asyncio" in module.__name__ or name.lower().startswith(("async", "_async"))
            monkeypatch.setattr(module, name, lambda url, *, _later=later, **more: connect(url, later=_later, **more))
    return seen


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", PLAIN)


def at(given: Given, url: str, client: str) -> Given:
    """Put a host into a way's URL, and make its callable sync or async like the client."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    made = {k: v.replace("HOST", host) if isinstance(v, str) else v for k, v in given.made.items()}
    provide = made.get("api_key")
    if callable(provide) and client.startswith("async"):

        async def later() -> str:
            return provide()

        made["api_key"] = later
    return Given(made, given.options, given.call)


def client_of(name: str, given: Mapping[str, Any]) -> Any:
    azure = {"azure_endpoint": "https://x.openai.azure.com", "api_version": "v"} if "azure" in name else {}
    http: Any = HTTP[name.startswith("async")]  # sends nothing; without it each client would load all certificates
    return CLIENTS[name](**{"api_key": KEY, "http_client": http, **azure, **given})


def resources(client: Any) -> list[Any]:
    found = [client.beta.realtime] if hasattr(client.beta, "realtime") else []
    return [*found, client.realtime] if hasattr(client, "realtime") else found


async def opens(resource: Any, arguments: Mapping[str, Any], move: Callable[[str], None] = lambda _: None) -> None:
    """Open a connection and open it again; either may be refused."""
    manager: Any = None
    with contextlib.suppress(ConnectionRefusedError, KeyRefusedError):
        manager = resource.connect(model=MODEL, **arguments)
        move("before entering")
        entered = manager.enter()
        if inspect.isawaitable(entered):
            await entered
    move("before a reconnect")
    if hasattr(manager, "_connect_ws"):
        query, headers = arguments.get("extra_query") or {}, arguments.get("extra_headers") or {}
        with contextlib.suppress(ConnectionRefusedError, KeyRefusedError):
            again = manager._connect_ws(dict(query), dict(headers))
            if inspect.isawaitable(again):
                await again


def leads_to_stepfun(url: str) -> bool:
    return url.startswith("wss://") and url.partition("://")[2].partition(":")[0] in (
        "api.stepfun.ai",
        "api.stepfun.com",
    )


@pytest.mark.anyio
@pytest.mark.parametrize("place", SOCKETS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_openai_key_opens_no_connection_to_stepfun(client: str, place: str, opened: Opened) -> None:
    for number, key in enumerate((MARKED, PLAIN)):
        given = at(SOCKETS[place](key), HOME, client)
        made = dict(given.made)
        if place not in REFUSED and list(SOCKETS).index(place) % 2 == number:
            made["websocket_base_url"] = SPELLINGS[list(SOCKETS).index(place) % len(SPELLINGS)]
        each = client_of(client, made)
        each = each.with_options(**given.options) if given.options else each
        if place == "assigned":
            each.api_key = key
        for resource in resources(each):
            await opens(resource, given.call)
    for url, text in opened:
        assert leads_to_stepfun(url)
        assert MARKED not in text
        assert PLAIN not in text
        assert KEY in text
    assert opened or place in REFUSED or (place == "callable" and "async" in client and not WAITS_FOR_KEYS)


@pytest.mark.anyio
@pytest.mark.parametrize("place", SOCKETS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_stepfun_key_opens_no_connection_to_other_hosts(client: str, place: str, opened: Opened) -> None:
    own = {"Authorization": "Bearer the-hosts-own-key"}
    for number, moved in enumerate(MOVES):
        host = HOSTS[(list(SOCKETS).index(place) + number) % len(HOSTS)]
        given = at(SOCKETS[place](KEY), host, client)
        for more in ({}, own):
            made = {**({"websocket_base_url": host} if moved == "at construction" else {}), **given.made}
            each = client_of(client, made)
            options = {**given.options, **({"websocket_base_url": host} if moved == "with_options" else {})}
            each = each.with_options(**options) if options else each

            def move(when: str, each: Any = each, host: str = host, moved: str = moved) -> None:
                if when != moved.removeprefix("base_url "):
                    return
                if moved.startswith("base_url"):
                    each.base_url = host.replace("ws", "http", 1)
                else:
                    each.websocket_base_url = host

            arguments = {**given.call, "extra_headers": {**more, **given.call.get("extra_headers", {})}}
            for resource in resources(each):
                await opens(resource, arguments, move)
    for url, text in opened:
        assert leads_to_stepfun(url) or KEY not in text


@pytest.mark.anyio
@pytest.mark.parametrize("place", SOCKETS)
@pytest.mark.parametrize("client", ["sync", "async"])
async def test_client_of_another_vendor_opens_no_connection_to_stepfun_with_its_key(
    client: str, place: str, opened: Opened
) -> None:
    for number, key in enumerate((MARKED, KEY)):
        spelling = SPELLINGS[(list(SOCKETS).index(place) + number) % len(SPELLINGS)]
        given = at(SOCKETS[place](key), spelling, client)
        for url in (spelling, "wss://gateway.example/v1"):
            made = {"base_url": "https://gateway.example/v1", "api_key": VENDOR, "websocket_base_url": url}
            each = client_of(client, {**made, **given.made})
            each = each.with_options(**given.options) if given.options else each
            for resource in resources(each):
                await opens(resource, given.call)
    for url, text in opened:
        assert not leads_to_stepfun(url) or MARKED not in text
        assert leads_to_stepfun(url) or KEY not in text


def test_table_covers_every_case() -> None:
    places = len(SOCKETS)
    assert len(CLIENTS) * places * 2 + len(CLIENTS) * places * len(MOVES) * 2 + 2 * places * 4 >= 520


# ---------------------------------------------------------------- the handshake itself


def test_handshake_drops_keys_its_host_must_not_receive() -> None:
    """Covers redirects that `websockets` follows and headers a future SDK may add."""
    from stepfun_compat._client.websockets import _check_handshake

    client = OpenAI(api_key=KEY)
    headers = {"Authorization": f"Bearer {KEY}", "x-api-key": KEY, "x-own": "kept"}

    def looked(url: str) -> dict[str, str]:
        protocol = ClientProtocol(parse_uri(url), subprotocols=["realtime", f"key.{KEY}"])  # type: ignore[list-item]
        request = protocol.connect()
        request.headers.update(headers)
        _check_handshake(client, protocol.uri, request)
        return {name.lower(): value for name, value in request.headers.raw_items()}

    away = looked(f"{AWAY}/realtime?model=m")
    assert away["x-own"] == "kept"
    assert not {"authorization", "x-api-key", "sec-websocket-protocol"} & away.keys()
    assert KEY not in str(looked(f"wss://u:{KEY}@elsewhere.example/v1"))
    home = looked(f"{HOME}/realtime?model=m")
    assert home["authorization"] == f"Bearer {KEY}"
    assert home["x-api-key"] == KEY
    with pytest.raises(KeyRefusedError):
        looked(f"{AWAY}?k={KEY}")


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore:connect.. must be used:DeprecationWarning")  # openai's own use of websockets
async def test_redirected_connection_sends_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from websockets.asyncio.server import serve
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    seen: list[tuple[str, str]] = []

    async def wait(socket: Any) -> None:
        await socket.wait_closed()

    def take(_: Any, request: Any) -> None:
        seen.append((request.path, readable([text for pair in request.headers.raw_items() for text in pair])))

    async with serve(wait, "127.0.0.1", 0, process_request=take) as away:
        place = f"ws://127.0.0.1:{next(iter(away.sockets)).getsockname()[1]}/there"

        def move(_: Any, request: Any) -> Response:
            take(_, request)
            return Response(307, "Moved", Headers({"Location": place, "Content-Length": "0"}))

        async with serve(wait, "127.0.0.1", 0, process_request=move) as home:
            url = f"http://127.0.0.1:{next(iter(home.sockets)).getsockname()[1]}/v1"
            settings = stepfun_compat.Settings(api_key=KEY, base_url=url)
            client = AsyncOpenAI(settings=settings, websocket_base_url=url.replace("http", "ws"))
            resource = client.realtime if hasattr(client, "realtime") else client.beta.realtime
            with contextlib.suppress(
                websockets.InvalidHandshake
            ):  # newer versions follow no redirect to another origin
                async with resource.connect(model="step-audio-2", extra_headers={"x-api-key": KEY}):
                    pass
            await client.close()
    assert [path.partition("?")[0] for path, _ in seen] in (["/v1/realtime"], ["/v1/realtime", "/there"])
    assert [KEY in text for _, text in seen] == [True, False][: len(seen)]
