"""WebSocket connections use StepFun's host, model and key only."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, OpenAI, Settings

websockets = pytest.importorskip("websockets")


def _connect_parameters() -> set[str]:
    resource = realtime(OpenAI(api_key="k"))
    return set(inspect.signature(resource.connect).parameters)


def realtime(client: Any) -> Any:
    return client.realtime if hasattr(client, "realtime") else client.beta.realtime


def connected(monkeypatch: pytest.MonkeyPatch, client: Any, **arguments: Any) -> tuple[str, dict[str, str]]:
    """Return the URL and headers a connection would be opened with."""
    import websockets.sync.client

    seen: list[Any] = []

    def connect(url: str, **more: Any) -> Any:
        seen.append((url, {k.lower(): v for k, v in dict(more["additional_headers"]).items()}))
        raise ConnectionRefusedError

    monkeypatch.setattr(websockets.sync.client, "connect", connect)
    try:
        import openai.lib._websocket as wrapper  # newer SDKs bind the name at import
    except ImportError:
        pass
    else:
        for name in list(vars(wrapper)):
            if name.lower().endswith("connect") and not name.lower().startswith(("async", "_async")):
                monkeypatch.setattr(wrapper, name, connect)
    with pytest.raises(ConnectionRefusedError):
        realtime(client).connect(**arguments).enter()
    return seen[0]


@pytest.mark.parametrize("places", [("api_key",), ("default_headers",), ("extra_headers",), ("assigned",)])
def test_openai_key_never_opens_a_connection_to_stepfun(
    places: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", "the-stepfun-key")
    theirs = "sk-proj-abcdefghijklmnop"
    kwargs: dict[str, Any] = {}
    arguments: dict[str, Any] = {"model": "gpt-4o-realtime-preview"}
    if "api_key" in places:
        kwargs["api_key"] = theirs
    if "default_headers" in places:
        kwargs["default_headers"] = {"Authorization": f"Bearer {theirs}"}
    if "extra_headers" in places:
        arguments["extra_headers"] = {"Authorization": f"Bearer {theirs}", "x-other": theirs}
    client = OpenAI(organization="org-x", **kwargs)
    if "assigned" in places:
        client.api_key = theirs
    url, headers = connected(monkeypatch, client, **arguments)
    assert url.startswith("wss://api.stepfun.ai/v1/realtime")
    assert "model=stepaudio-2.5-realtime" in url
    assert headers["authorization"] == "Bearer the-stepfun-key"
    assert theirs not in str(headers)
    assert "openai-organization" not in headers


@pytest.mark.parametrize("cls", [OpenAI, AsyncOpenAI])
def test_stepfun_key_opens_no_connection_to_other_hosts(cls: Any) -> None:
    client = cls(api_key="k", websocket_base_url="wss://elsewhere.example/v1")
    with pytest.raises(stepfun_compat.KeyRefusedError, match="elsewhere"):
        realtime(client).connect(model="gpt-4o-realtime-preview")


@pytest.mark.parametrize("cls", [OpenAI, AsyncOpenAI])
def test_connection_that_would_get_a_400_is_refused_locally(cls: Any) -> None:
    """It has no model in the query, or one the WebSocket does not serve (stepfun-api 8.6)."""
    import openai

    resource = realtime(cls(api_key="k"))
    with pytest.raises(openai.BadRequestError, match=r"stepaudio-2\.5-realtime") as unserved:
        resource.connect(model="gpt-4o")
    assert (unserved.value.code, unserved.value.param) == ("model_incompatible", "model")
    with pytest.raises(openai.BadRequestError, match="model is missing"):
        resource.connect(model="")
    with pytest.raises(openai.BadRequestError, match="model is missing"):
        resource.connect()
    with pytest.raises(stepfun_compat.EndpointNotAvailableError, match="Open a new session"):
        resource.connect(call_id="rtc_1")


def test_model_in_the_query_is_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    client = OpenAI(api_key="k")
    given = {"model": "gpt-4o-realtime-preview", "lang": "en"}
    arguments: dict[str, Any] = {"extra_query": given}
    url, _ = connected(
        monkeypatch,
        client,
        **({"model": "step-audio-2"} if "call_id" not in _connect_parameters() else {}),
        **arguments,
    )
    assert "model=stepaudio-2.5-realtime" in url
    assert "lang=en" in url
    assert given["model"] == "gpt-4o-realtime-preview"


def test_configured_host_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    client = OpenAI(settings=Settings(base_url="http://127.0.0.1:9/v1", api_key="k"))
    url, headers = connected(monkeypatch, client, model="stepaudio-2.5-realtime")
    assert "://127.0.0.1:9/v1/realtime" in url
    assert headers["authorization"] == "Bearer k"


def test_resources_keep_openais_classes() -> None:
    import openai

    client = OpenAI(api_key="k")
    assert isinstance(client.beta, openai.resources.beta.Beta)
    assert type(realtime(client)).__name__ == "Realtime"
    copied = client.with_options(timeout=1)
    assert realtime(copied)._client is copied


@pytest.mark.parametrize(
    "path",
    ["responses", "live", "live.forks", "live.sideband", "realtime.translations", "beta.responses"],
)
@pytest.mark.parametrize("cls", [OpenAI, AsyncOpenAI])
def test_unavailable_websockets_are_refused_before_a_connection(cls: Any, path: str) -> None:
    resource: Any = cls(api_key="k")
    for name in path.split("."):
        if not hasattr(resource, name):
            pytest.skip("this SDK has no such resource")
        resource = getattr(resource, name)
    if not hasattr(resource, "connect"):
        pytest.skip("this SDK has no such WebSocket")
    with pytest.raises(stepfun_compat.EndpointNotAvailableError, match=path):
        resource.connect()


def test_reassigned_base_url_opens_no_connection_with_the_stepfun_key() -> None:
    for key in ("the-stepfun-key", lambda: "the-stepfun-key"):
        client = OpenAI(api_key=key)
        client.base_url = "https://elsewhere.example/v1"  # type: ignore[assignment]
        with pytest.raises(stepfun_compat.KeyRefusedError, match="elsewhere"):
            realtime(client).connect(model="gpt-4o-realtime-preview")


def test_stepfun_key_in_headers_opens_no_connection_to_other_hosts() -> None:
    client = OpenAI(api_key="the-stepfun-key", websocket_base_url="wss://elsewhere.example/v1")
    with pytest.raises(stepfun_compat.KeyRefusedError, match="elsewhere"):
        realtime(client).connect(model="m", extra_headers={"Authorization": "Bearer the-stepfun-key"})


def test_other_host_receives_its_own_authorization(monkeypatch: pytest.MonkeyPatch) -> None:
    client = OpenAI(api_key="the-stepfun-key", websocket_base_url="wss://elsewhere.example/v1")
    theirs = {"Authorization": "Bearer theirs", "x-key": "the-stepfun-key"}
    url, headers = connected(monkeypatch, client, model="m", extra_headers=theirs)
    assert url.startswith("wss://elsewhere.example/v1")
    assert headers["authorization"] == "Bearer theirs"
    assert "the-stepfun-key" not in str(headers)


def test_client_of_another_vendor_opens_no_connection_to_stepfun_with_openai_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = "sk-proj-abcdefghijklmnop"
    arguments: dict[str, Any] = {"base_url": "https://gateway.example/v1", "api_key": theirs}
    client = OpenAI(**arguments, websocket_base_url="wss://api.stepfun.ai/v1")
    with pytest.raises(stepfun_compat.KeyRefusedError):
        realtime(client).connect(model="m")
    monkeypatch.setenv("STEPFUN_API_KEY", "the-stepfun-key")
    client = OpenAI(**arguments, websocket_base_url="wss://api.stepfun.ai/v1")
    url, headers = connected(monkeypatch, client, model="m")
    assert url.startswith("wss://api.stepfun.ai/v1")
    assert headers["authorization"] == "Bearer the-stepfun-key"


def test_connection_of_another_vendors_client_is_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", "the-stepfun-key")
    client = OpenAI(base_url="https://gateway.example/v1", api_key="theirs")
    url, headers = connected(monkeypatch, client, model="gpt-4o-realtime-preview", extra_headers={"x": "y"})
    assert url.startswith("wss://gateway.example/v1/realtime")
    assert "model=gpt-4o-realtime-preview" in url
    assert headers["authorization"] == "Bearer theirs"
    assert headers["x"] == "y"


def test_openai_key_in_the_query_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = OpenAI(api_key="the-stepfun-key")
    query = {"key": "sk-proj-abcdefghijklmnop", "kept": "1"}
    url, _ = connected(monkeypatch, client, model="m", extra_query=query)
    assert "sk-proj" not in url
    assert "kept=1" in url


def test_callable_key_opens_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    _, headers = connected(monkeypatch, OpenAI(api_key=lambda: "the-stepfun-key"), model="m")
    assert headers["authorization"] == "Bearer the-stepfun-key"
    monkeypatch.setenv("STEPFUN_API_KEY", "the-stepfun-key")
    _, headers = connected(monkeypatch, OpenAI(api_key=lambda: "sk-proj-abcdefghijklmnop"), model="m")
    assert headers["authorization"] == "Bearer the-stepfun-key"


def test_azure_client_opens_connections_to_stepfun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", "the-stepfun-key")
    client = stepfun_compat.AzureOpenAI(
        api_key="azure-LEAK", azure_endpoint="https://x.openai.azure.com", api_version="v"
    )
    url, headers = connected(monkeypatch, client, model="gpt-4o-realtime-preview")
    assert url.startswith("wss://api.stepfun.ai/v1/realtime")
    assert headers["authorization"] == "Bearer the-stepfun-key"
    assert "LEAK" not in url + str(headers)


@pytest.fixture
def socket_server() -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """(base URL of a server that accepts every connection, the path and headers of each)."""
    from websockets.sync.server import serve

    seen: list[tuple[str, dict[str, str]]] = []

    def take(_: Any, request: Any) -> None:
        seen.append((request.path, {k.lower(): v for k, v in request.headers.raw_items()}))

    with serve(lambda _: None, "127.0.0.1", 0, process_request=take) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}/v1", seen
        server.shutdown()
        thread.join()


@pytest.mark.anyio
@pytest.mark.filterwarnings(
    "ignore:connect.. must be used as a context manager:DeprecationWarning"
)  # openai's own use of websockets
@pytest.mark.parametrize("azure", [False, True])
async def test_real_connection_has_stepfuns_path_model_and_key(
    azure: bool, socket_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, seen = socket_server
    monkeypatch.setenv("STEPFUN_API_KEY", "the-stepfun-key")
    monkeypatch.setenv("STEPFUN_BASE_URL", url)
    theirs = "sk-proj-abcdefghijklmnop"

    async def later() -> str:
        return theirs

    kwargs: dict[str, Any] = {"azure_endpoint": "https://x.openai.azure.com", "api_version": "v"} if azure else {}
    kwargs["websocket_base_url"] = url.replace("http", "ws", 1)  # without it the oldest SDK always uses wss
    for key in (theirs, lambda: theirs):
        client: Any = (stepfun_compat.AzureOpenAI if azure else OpenAI)(api_key=key, **kwargs)
        with realtime(client).connect(model="gpt-4o-realtime-preview"):
            pass
    for key in (theirs, later):
        client = (stepfun_compat.AsyncAzureOpenAI if azure else AsyncOpenAI)(api_key=key, **kwargs)
        if key is later and not azure and not hasattr(stepfun_compat.stock.OpenAI, "_refresh_api_key"):
            with pytest.raises(stepfun_compat.KeyRefusedError, match="upgrade"):
                realtime(client).connect(model="gpt-4o-realtime-preview")
            continue
        async with realtime(client).connect(model="gpt-4o-realtime-preview"):
            pass
    assert {path for path, _ in seen} == {"/v1/realtime?model=stepaudio-2.5-realtime"}
    assert {headers["authorization"] for _, headers in seen} == {"Bearer the-stepfun-key"}
    assert len(seen) >= 3
    assert theirs not in str(seen)


def at_the_emulator(cls: Any, emulator: Any) -> Any:
    settings = Settings(base_url=emulator.base_url, api_key=emulator.api_key)
    return cls(settings=settings, websocket_base_url=emulator.base_url.replace("http", "ws", 1))


ITEM: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say tea."}]}


@pytest.mark.filterwarnings("ignore:connect.. must be used:DeprecationWarning")  # openai's own use of websockets
def test_conversation_over_the_websocket(stepfun_emulator: Any) -> None:
    """StepFun's key and model are sent, and the beta's events are received (stepfun-api 8.6)."""
    with at_the_emulator(OpenAI, stepfun_emulator) as client, realtime(client).connect(model="gpt-realtime") as socket:
        assert socket.recv().type == "session.created"
        socket.conversation.item.create(item=ITEM)
        socket.response.create()
        kinds: list[str] = []
        for event in socket:
            kinds.append(event.type)
            if event.type in ("response.done", "error"):
                break
    assert kinds[-1] == "response.done"
    assert "response.audio_transcript.delta" in kinds
    sent = stepfun_emulator.requests.last
    assert sent.headers["authorization"] == f"Bearer {stepfun_emulator.api_key}"
    assert sent.query["model"] == "stepaudio-2.5-realtime"


@pytest.mark.anyio
async def test_conversation_over_the_async_clients_websocket(stepfun_emulator: Any) -> None:
    async with at_the_emulator(AsyncOpenAI, stepfun_emulator) as client:
        for resource in (client.beta.realtime, realtime(client)):
            async with resource.connect(model="step-audio-2") as socket:
                assert (await socket.recv()).type == "session.created"
                await socket.conversation.item.create(item=ITEM)
                await socket.response.create()
                async for event in socket:
                    if event.type in ("response.done", "error"):
                        break
                assert event.type == "response.done"
            sent = stepfun_emulator.requests.last
            assert sent.headers["authorization"] == f"Bearer {stepfun_emulator.api_key}"
            assert sent.query["model"] == "step-audio-2"
