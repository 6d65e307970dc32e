"""Azure's clients: every form of arguments, deployments as models, and no credentials sent."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncAzureOpenAI, AzureOpenAI, KeyRefusedError, OpenAI, Settings, module_client, stock
from tests.support.wire import KEY, Wire, completion, text_stream

MESSAGES: Any = [{"role": "user", "content": "hi"}]
ENDPOINT = "https://resource-name.openai.azure.com"


@pytest.fixture(autouse=True)
def stepfun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)


def made(wire: Wire, cls: Any = AzureOpenAI, **form: Any) -> Any:
    form.setdefault("max_retries", 0)
    family = httpx.AsyncClient if issubclass(cls, openai.AsyncOpenAI) else httpx.Client
    return cls(http_client=family(transport=httpx.MockTransport(wire)), **form)


async def ask(client: Any, **more: Any) -> Any:
    answer = client.chat.completions.create(**{"model": "deployed", "messages": MESSAGES, **more})
    return await answer if inspect.isawaitable(answer) else answer


def token() -> str:
    raise AssertionError("the token provider must not be called")


FORMS: dict[str, dict[str, Any]] = {
    "endpoint": {"azure_endpoint": ENDPOINT, "api_key": "azure-LEAK", "api_version": "2024-10-21"},
    "endpoint with a slash": {"azure_endpoint": f"{ENDPOINT}/", "api_key": "azure-LEAK", "api_version": "2024-10-21"},
    "endpoint, no version": {"azure_endpoint": ENDPOINT, "api_key": "azure-LEAK"},
    "deployment": {"azure_endpoint": ENDPOINT, "azure_deployment": "mine", "api_key": "azure-LEAK", "api_version": "v"},
    "token": {"azure_endpoint": ENDPOINT, "azure_ad_token": "token-LEAK", "api_version": "v"},
    "provider": {"azure_endpoint": ENDPOINT, "azure_ad_token_provider": token, "api_version": "v"},
    "callable key": {"azure_endpoint": ENDPOINT, "api_key": token, "api_version": "v"},
    "base_url": {"base_url": f"{ENDPOINT}/openai", "api_key": "azure-LEAK", "api_version": "v"},
    "base_url, deployment": {"base_url": f"{ENDPOINT}/openai/deployments/mine", "api_key": "azure-LEAK"},
    "base_url, v1": {"base_url": f"{ENDPOINT}/openai/v1/", "api_key": "azure-LEAK", "api_version": "preview"},
    "cognitive services": {"azure_endpoint": "https://x.cognitiveservices.azure.com/", "api_key": "azure-LEAK"},
    "government": {"azure_endpoint": "https://x.openai.azure.us", "api_key": "azure-LEAK"},
    "gateway": {"azure_endpoint": "https://apim.example.com/azure", "api_key": "azure-LEAK"},
    "gateway as base_url": {"base_url": "https://apim.example.com/llm", "api_key": "azure-LEAK"},
    "everything": {
        "azure_endpoint": ENDPOINT,
        "azure_deployment": "mine",
        "api_key": "azure-LEAK",
        "api_version": "v",
        "organization": "org-LEAK",
        "project": "proj-LEAK",
        "timeout": 5.0,
        "max_retries": 1,
        "default_headers": {"api-key": "azure-LEAK", "Ocp-Apim-Subscription-Key": "apim-LEAK", "x-mine": "kept"},
        "default_query": {"api-version": "v", "mine": "kept"},
    },
    "token in a header": {
        "azure_endpoint": ENDPOINT,
        "api_key": "azure-LEAK",
        "default_headers": {"Authorization": "Bearer token-LEAK"},
    },
    "nothing": {},
}


def checked(wire: Wire) -> None:
    """Check one request in StepFun's form, without Azure's credentials."""
    request = wire.request
    assert request.url.copy_with(query=None) == httpx.URL("https://api.stepfun.ai/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "LEAK" not in str(request.headers.raw) + str(request.url) + request.content.decode()
    assert "api-key" not in request.headers
    assert "api-version" not in request.url.params


@pytest.mark.anyio
@pytest.mark.parametrize("cls", [AzureOpenAI, AsyncAzureOpenAI])
@pytest.mark.parametrize("form", FORMS)
async def test_every_form_is_a_stepfun_client(form: str, cls: Any) -> None:
    wire = Wire()
    client = made(wire, cls, **FORMS[form])
    theirs = openai.AzureOpenAI if cls is AzureOpenAI else openai.AsyncAzureOpenAI
    assert isinstance(client, theirs)
    assert isinstance(client, openai.OpenAI if cls is AzureOpenAI else openai.AsyncOpenAI)
    for each in (client, client.with_options(timeout=3), client.copy().copy(max_retries=0)):
        answer = await ask(each)
        assert isinstance(answer, openai.types.chat.ChatCompletion)
        checked(wire)
        assert wire.body["model"] == "step-3.7-flash"
        assert isinstance(each, theirs)
    if form == "everything":
        assert dict(wire.request.url.params) == {"mine": "kept"}
        assert wire.request.headers["x-mine"] == "kept"


@pytest.mark.anyio
async def test_azure_variables_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-LEAK")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "token-LEAK")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", ENDPOINT)
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-02-01")
    monkeypatch.setenv("OPENAI_API_TYPE", "azure")
    for cls in (AzureOpenAI, AsyncAzureOpenAI):
        wire = Wire()
        client = made(wire, cls)
        await ask(client)
        checked(wire)
        assert client._api_version == "2024-02-01"
        assert str(client._azure_endpoint) == ENDPOINT


def test_missing_stepfun_key_error_names_azures_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEPFUN_API_KEY")
    for cls in (AzureOpenAI, AsyncAzureOpenAI):
        with pytest.raises(KeyRefusedError, match=r"is Azure's .* STEPFUN_API_KEY"):
            cls(azure_endpoint=ENDPOINT, api_key="azure-LEAK", api_version="v")
    with pytest.raises(KeyRefusedError, match="is Azure's"):
        OpenAI(base_url=f"{ENDPOINT}/openai/v1", api_key="azure-LEAK")


@pytest.mark.parametrize(
    "place", [{"azure_endpoint": "https://api.stepfun.com"}, {"base_url": "https://api.stepfun.com/v1"}]
)
def test_key_at_a_stepfun_endpoint_is_a_stepfun_key(place: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEPFUN_API_KEY")
    wire = Wire()
    client = made(wire, api_key="of-stepfun", api_version="v", **place)
    for each in (client, client.with_options(timeout=1)):
        each.chat.completions.create(model="deployed", messages=MESSAGES)
        assert str(wire.request.url) == "https://api.stepfun.com/v1/chat/completions"
        assert wire.request.headers["authorization"] == "Bearer of-stepfun"
        assert wire.body["model"] == "step-3.7-flash"


def test_only_the_configured_gateway_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_BASE_URL", "http://127.0.0.1:9/v1")
    wire = Wire()
    made(wire, base_url="https://elsewhere.example/v1", api_key="azure-LEAK").chat.completions.create(
        model="deployed", messages=MESSAGES
    )
    assert str(wire.request.url) == "http://127.0.0.1:9/v1/chat/completions"
    client = made(wire, base_url="https://gateway.example/v1", settings=Settings(api_key="own"))
    client.with_options(timeout=2).chat.completions.create(model="deployed", messages=MESSAGES)
    assert str(wire.request.url) == "https://gateway.example/v1/chat/completions"
    assert wire.request.headers["authorization"] == "Bearer own"


@pytest.mark.parametrize("place", [f"{ENDPOINT}/openai/v1", f"{ENDPOINT}/openai/deployments/mine"])
@pytest.mark.parametrize("given", ["azure-LEAK", token, KEY])
@pytest.mark.parametrize("named", ["argument", "environment"])
def test_plain_client_at_an_azure_endpoint_uses_stepfun(
    place: str, given: Any, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire()
    form: dict[str, Any] = {"api_key": given, "default_headers": {"api-key": "azure-LEAK"}}
    form["default_query"] = {"api-version": "2024-10-21"}
    if named == "argument":
        form["base_url"] = place
    else:
        monkeypatch.setenv("OPENAI_BASE_URL", place)
    client = made(wire, OpenAI, **form)
    for each in (client, client.with_options(timeout=1), client.with_options(api_key="azure2-LEAK")):
        each.chat.completions.create(model="deployed", messages=MESSAGES)
        checked(wire)
        assert wire.body["model"] == "step-3.7-flash"


def test_azure_key_assigned_or_sent_later_is_not_sent() -> None:
    wire = Wire()
    client = made(wire, azure_endpoint=ENDPOINT, api_key="azure-LEAK", api_version="v")
    client.with_options(api_key="azure2-LEAK").chat.completions.create(model="deployed", messages=MESSAGES)
    checked(wire)
    renewed = client.with_options(azure_ad_token="token-LEAK", azure_ad_token_provider=token)
    renewed.chat.completions.create(model="deployed", messages=MESSAGES)
    checked(wire)
    headers = {"Authorization": "Bearer token-LEAK", "api-key": "azure-LEAK"}
    client.chat.completions.create(
        model="deployed", messages=MESSAGES, extra_headers=headers, extra_query={"api-version": "v"}
    )
    checked(wire)
    client.api_key = "azure3-LEAK"
    client.chat.completions.create(model="deployed", messages=MESSAGES)
    checked(wire)


def test_data_sources_are_not_sent() -> None:
    wire = Wire()
    sources = [{"type": "azure_search", "parameters": {"authentication": {"type": "api_key", "key": "search-LEAK"}}}]
    settings = Settings(on_unsupported="warn")
    client = made(wire, azure_endpoint=ENDPOINT, api_key="azure-LEAK", api_version="v", settings=settings)
    with pytest.warns(stepfun_compat.StepfunCompatWarning, match="data_sources"):
        client.chat.completions.create(model="deployed", messages=MESSAGES, extra_body={"data_sources": sources})
    checked(wire)


# ---------------------------------------------------------------- deployments


@pytest.mark.parametrize(
    ("deployment", "model", "sent", "effort"),
    [
        (None, "gpt-4o", "step-3.7-flash", "low"),
        (None, "gpt-35-turbo", "step-3.7-flash", "low"),
        (None, "o3-mini-prod", "step-3.7-flash", "medium"),
        (None, "team-chat", "step-3.7-flash", "low"),
        (None, "step-3.5-flash", "step-3.5-flash", None),
        ("o3-mini", "gpt-4o", "step-3.7-flash", "medium"),
        ("o3-mini", "ignored", "step-3.7-flash", "medium"),
        ("team-chat", "gpt-4o", "step-3.7-flash", "low"),
        ("step-5-preview", "gpt-4o", "step-5-preview", None),
        ("gpt-4o", "step-3.5-flash", "step-3.5-flash", None),
        ("mine", "gpt-4o", "step-3.5-flash", None),
    ],
)
def test_deployment_is_a_model_name(deployment: str | None, model: str, sent: str, effort: str | None) -> None:
    settings = Settings(api_key=KEY, model_aliases={"mine": "step-3.5-flash"})
    for form in (
        {"azure_endpoint": ENDPOINT, "azure_deployment": deployment},
        {"base_url": f"{ENDPOINT}/openai" + (f"/deployments/{deployment}" if deployment else "")},
    ):
        wire = Wire()
        client = made(wire, settings=settings, **form)
        for each in (client, client.with_options(timeout=9).copy()):
            each.chat.completions.create(model=model, messages=MESSAGES)
            assert (wire.body["model"], wire.body.get("reasoning_effort")) == (sent, effort)
            assert each.stepfun.explain(model=model, messages=MESSAGES).body["model"] == sent


def test_small_cap_on_an_unknown_deployment_gets_headroom() -> None:
    wire = Wire()
    made(wire, azure_endpoint=ENDPOINT).chat.completions.create(model="team-chat", messages=MESSAGES, max_tokens=16)
    assert wire.body["max_tokens"] == 1516


def test_the_settings_model_is_used_for_a_deployment() -> None:
    wire = Wire()
    client = made(wire, azure_endpoint=ENDPOINT, settings=Settings(api_key=KEY, model="step-5-preview"))
    client.chat.completions.create(model="team-chat", messages=MESSAGES)
    assert wire.body["model"] == "step-5-preview"


def test_copy_may_change_the_deployment() -> None:
    wire = Wire()
    client = made(wire, azure_endpoint=ENDPOINT, azure_deployment="gpt-4o")
    other = client.with_options(base_url=f"{ENDPOINT}/openai/deployments/o3-mini")
    assert other._azure_deployment == "o3-mini"
    for each, effort in ((other, "medium"), (other.copy(), "medium"), (client, "low")):
        each.chat.completions.create(model="x", messages=MESSAGES)
        assert wire.body["reasoning_effort"] == effort
        checked(wire)


@pytest.mark.parametrize("name", ["dalle3", "Dalle3", "pictures"])
def test_image_deployment_uses_an_image_model(name: str) -> None:
    wire = Wire({"created": 1, "data": [{"url": "https://x/y.png"}]})
    made(wire, azure_endpoint=ENDPOINT, azure_deployment=name).images.generate(model=name, prompt="a cup")
    assert wire.body["model"] == "step-image-edit-2"


@pytest.mark.parametrize("name", ["tts", "tts-hd", "voice"])
def test_speech_deployment_uses_a_speech_model(name: str) -> None:
    wire = Wire(httpx.Response(200, headers={"content-type": "audio/mpeg"}, content=b"ID3"))
    made(wire, azure_endpoint=ENDPOINT).audio.speech.create(model=name, input="hi", voice="alloy").read()
    assert wire.body["model"] == "stepaudio-2.5-tts"


# ---------------------------------------------------------------- errors, streams, raw


@pytest.mark.anyio
@pytest.mark.parametrize("cls", [AzureOpenAI, AsyncAzureOpenAI])
async def test_errors_match_the_plain_client(cls: Any) -> None:
    body = {"error": {"message": "Incorrect API key provided", "type": "invalid_api_key"}}
    client = made(Wire(httpx.Response(401, json=body)), cls, azure_endpoint=ENDPOINT)
    with pytest.raises(openai.AuthenticationError) as caught:
        await ask(client)
    assert caught.value.status_code == 401
    client = made(Wire(httpx.ConnectError("no")), cls, azure_endpoint=ENDPOINT)
    with pytest.raises(openai.APIConnectionError):
        await ask(client)


def test_streams_and_raw_responses() -> None:
    wire = Wire(text_stream("a", "b"), completion("raw"), completion("streamed"))
    client = made(wire, azure_endpoint=ENDPOINT, azure_deployment="team-chat")
    stream = client.chat.completions.create(model="x", messages=MESSAGES, stream=True)
    assert isinstance(stream, openai.Stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "ab"
    raw = client.chat.completions.with_raw_response.create(model="x", messages=MESSAGES)
    assert raw.parse().choices[0].message.content == "raw"
    with client.chat.completions.with_streaming_response.create(model="x", messages=MESSAGES) as response:
        assert response.parse().choices[0].message.content == "streamed"
    checked(wire)


@pytest.mark.anyio
async def test_async_streams_and_raw_responses() -> None:
    wire = Wire(text_stream("a", "b"), completion("raw"))
    client = made(wire, AsyncAzureOpenAI, azure_endpoint=ENDPOINT, azure_deployment="team-chat")
    stream = await client.chat.completions.create(model="x", messages=MESSAGES, stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "ab"
    raw = await client.chat.completions.with_raw_response.create(model="x", messages=MESSAGES)
    assert raw.parse().choices[0].message.content == "raw"
    checked(wire)


# ---------------------------------------------------------------- WebSockets


@pytest.fixture
def socket_server() -> Iterator[tuple[int, list[Any]]]:
    """A port of a WebSocket server, and the requests that opened connections to it."""
    server = pytest.importorskip("websockets.sync.server")
    seen: list[Any] = []

    def answer(connection: Any) -> None:
        seen.append(connection.request)
        connection.send('{"type": "session.created"}')

    with server.serve(answer, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running.socket.getsockname()[1], seen
        running.shutdown()
        thread.join()


@pytest.mark.anyio
@pytest.mark.parametrize("cls", [AzureOpenAI, AsyncAzureOpenAI])
@pytest.mark.parametrize("model", ["gpt-4o-realtime-preview", "my-voice"])
@pytest.mark.filterwarnings(
    r"ignore:connect\(\) must be used as a context manager"
)  # openai's own use of websockets 17
async def test_websockets_use_stepfuns_path_model_and_key(
    cls: Any, model: str, socket_server: tuple[int, list[Any]]
) -> None:
    port, seen = socket_server
    settings = Settings(api_key=KEY, base_url=f"http://127.0.0.1:{port}/v1")
    client = made(
        Wire(),
        cls,
        settings=settings,
        azure_endpoint=ENDPOINT,
        api_key="azure-LEAK",
        default_headers={"api-key": "azure-LEAK"},
    )
    places = [client.beta.realtime, *([client.realtime] if hasattr(client, "realtime") else [])]
    for place in places:
        arguments = {"extra_query": {"api-version": "v"}, "extra_headers": {"api-key": "azure-LEAK"}}
        manager = place.connect(model=model, **arguments)
        if cls is AzureOpenAI:
            with manager as connection:
                assert connection.recv().type == "session.created"
        else:
            async with manager as connection:
                assert (await connection.recv()).type == "session.created"
    assert len(seen) == len(places)
    for request in seen:
        assert request.path == "/v1/realtime?model=stepaudio-2.5-realtime"
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert "LEAK" not in str(request.headers)


# ---------------------------------------------------------------- module level


@pytest.fixture(params=["patched openai", "stepfun_compat"])
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    chosen: Any = openai if request.param == "patched openai" else stepfun_compat
    module_client.reset(chosen)
    for name in (*module_client.ATTRIBUTES, *module_client.AZURE_ATTRIBUTES):
        monkeypatch.setattr(chosen, name, getattr(chosen, name, None), raising=False)
    monkeypatch.setattr(chosen, "api_type", None, raising=False)
    if chosen is openai:
        stepfun_compat.patch()
    yield chosen
    stepfun_compat.unpatch()
    module_client.reset(chosen)


def by_type(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module.api_type, module.api_key = "azure", "azure-LEAK"
    module.azure_endpoint, module.api_version = ENDPOINT, "2024-10-21"


def by_endpoint(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module.api_key, module.azure_endpoint, module.api_version = "azure-LEAK", ENDPOINT, "2024-10-21"


def by_token(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module.azure_ad_token_provider = token


def by_environment(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-LEAK")
    monkeypatch.setenv("OPENAI_API_KEY", "stepfun-compat-placeholder")


def by_variable(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_TYPE", "azure")
    module.api_key = "azure-LEAK"


@pytest.mark.parametrize("way", [by_type, by_endpoint, by_token, by_environment, by_variable])
def test_module_level_client_uses_stepfun(
    module: Any, way: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    way(module, monkeypatch)
    wire = Wire()
    module.http_client = httpx.Client(transport=httpx.MockTransport(wire))
    module.chat.completions.create(model="team-chat", messages=MESSAGES)
    checked(wire)
    assert wire.body["model"] == "step-3.7-flash"


@pytest.mark.skipif(not hasattr(openai, "BedrockOpenAI"), reason="this SDK knows no Bedrock")
def test_module_level_of_another_vendor_is_stock(module: Any) -> None:
    wire = Wire()
    module.api_type, module.api_key = "amazon-bedrock", "theirs"
    module.base_url = "https://bedrock.example/openai/v1"
    module.http_client = httpx.Client(transport=httpx.MockTransport(wire))
    module.chat.completions.create(model="openai.gpt-oss-20b", messages=MESSAGES)
    assert wire.request.url.host == "bedrock.example"
    assert wire.body["model"] == "openai.gpt-oss-20b"
    assert KEY not in str(wire.request.headers.raw)


# ---------------------------------------------------------------- the surface


@pytest.mark.parametrize("name", ["AzureOpenAI", "AsyncAzureOpenAI"])
def test_signatures_are_openais(name: str) -> None:
    for method in ("__init__", "copy", "with_options"):
        theirs = inspect.signature(getattr(getattr(stock, name), method)).parameters
        ours = inspect.signature(getattr(getattr(stepfun_compat, name), method)).parameters
        assert [*theirs, "settings"] == list(ours)


def test_conflicting_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="mutually exclusive"):
        AzureOpenAI(base_url=ENDPOINT, azure_endpoint=ENDPOINT)  # type: ignore[call-overload]


# ---------------------------------------------------------------- other resources


def test_responses_use_the_model_of_the_call() -> None:
    settings = Settings(api_key=KEY, responses_route="chat")
    wire = Wire()
    client = made(wire, azure_endpoint=ENDPOINT, azure_deployment="gpt-4o", settings=settings)
    for model, effort in (("o3-mini", "medium"), ("team-chat", "low")):
        client.responses.create(model=model, input="hi")
        assert str(wire.request.url) == "https://api.stepfun.ai/v1/chat/completions"
        assert (wire.body["model"], wire.body["reasoning_effort"]) == ("step-3.7-flash", effort)
        assert "LEAK" not in str(wire.request.headers.raw)


def test_embeddings_use_the_configured_fallback() -> None:
    other = Wire({"object": "list", "model": "m", "data": [], "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    transport = httpx.Client(transport=httpx.MockTransport(other))
    elsewhere = stock.OpenAI(api_key="theirs", base_url="https://other.example/v1", http_client=transport)
    wire = Wire()
    client = made(wire, azure_endpoint=ENDPOINT, settings=Settings(api_key=KEY, fallback={"embeddings": elsewhere}))
    client.embeddings.create(model="text-embedding-3-small", input="x", encoding_format="float")
    assert other.request.url.host == "other.example"
    assert other.request.headers["authorization"] == "Bearer theirs"
    with pytest.raises(stepfun_compat.EndpointNotAvailableError):
        made(wire, azure_endpoint=ENDPOINT).embeddings.create(model="ada", input="x")
    assert not wire.requests


def test_stock_azure_client_passes_isinstance_checks_while_patched() -> None:
    theirs = stock.AzureOpenAI(azure_endpoint=ENDPOINT, api_key="k", api_version="v")
    stepfun_compat.patch()
    try:
        assert isinstance(theirs, openai.AzureOpenAI)
        assert isinstance(openai.AzureOpenAI(azure_endpoint=ENDPOINT, api_key="k", api_version="v"), stock.AzureOpenAI)
        assert openai.AzureOpenAI is AzureOpenAI
    finally:
        stepfun_compat.unpatch()
