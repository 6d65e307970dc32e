"""WebSocket connections: StepFun's host, model and key, and nobody else's."""

from __future__ import annotations

import inspect
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
    """What a connection would be opened with."""
    import websockets.sync.client

    seen: list[Any] = []

    def connect(url: str, **more: Any) -> Any:
        seen.append((url, {k.lower(): v for k, v in dict(more["additional_headers"]).items()}))
        raise ConnectionRefusedError

    monkeypatch.setattr(websockets.sync.client, "connect", connect)
    try:
        import openai.lib._websocket as wrapper  # newer SDKs bind the name early
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
def test_openais_key_never_opens_a_connection_to_stepfun(
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
def test_the_stepfun_key_opens_no_connection_elsewhere(cls: Any) -> None:
    client = cls(api_key="k", websocket_base_url="wss://elsewhere.example/v1")
    with pytest.raises(stepfun_compat.KeyRefusedError, match="elsewhere"):
        realtime(client).connect(model="gpt-4o-realtime-preview")


@pytest.mark.parametrize("cls", [OpenAI, AsyncOpenAI])
def test_a_connection_that_would_answer_400_is_refused_here(cls: Any) -> None:
    """Without a model in the query, or with one the socket does not serve (api 8.6)."""
    import openai

    resource = realtime(cls(api_key="k"))
    with pytest.raises(openai.BadRequestError, match=r"stepaudio-2\.5-realtime") as unserved:
        resource.connect(model="gpt-4o")
    assert (unserved.value.code, unserved.value.param) == ("model_incompatible", "model")
    with pytest.raises(openai.BadRequestError, match="model is missing"):
        resource.connect(model="")
    with pytest.raises(openai.BadRequestError, match="model is missing"):
        resource.connect()
    with pytest.raises(stepfun_compat.EndpointNotAvailableError, match="session of your own"):
        resource.connect(call_id="rtc_1")


def test_a_model_in_the_query_is_mapped_too(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_configured_host_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    client = OpenAI(settings=Settings(base_url="http://127.0.0.1:9/v1", api_key="k"))
    url, headers = connected(monkeypatch, client, model="stepaudio-2.5-realtime")
    assert "://127.0.0.1:9/v1/realtime" in url
    assert headers["authorization"] == "Bearer k"


def test_resources_are_still_openais() -> None:
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
def test_sockets_stepfun_lacks_are_refused_before_a_connection(cls: Any, path: str) -> None:
    resource: Any = cls(api_key="k")
    for name in path.split("."):
        if not hasattr(resource, name):
            pytest.skip("this SDK has no such resource")
        resource = getattr(resource, name)
    if not hasattr(resource, "connect"):
        pytest.skip("this SDK has no such socket")
    with pytest.raises(stepfun_compat.EndpointNotAvailableError, match=path):
        resource.connect()
