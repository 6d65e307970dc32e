"""Requests to other hosts, redirects, other vendors, Azure and fallbacks carry only the key of their host."""

from __future__ import annotations

import http.server
import inspect
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, KeyRefusedError, OpenAI, Settings
from tests.support.key_places import ARGUMENTS, MARKED, MESSAGES, ask, sent_text
from tests.support.wire import KEY, Wire, completion


def test_absolute_url_to_another_host_gets_no_key() -> None:
    wire = Wire()
    wire.client().get("https://elsewhere.example/file", cast_to=object)
    assert wire.request.url.host == "elsewhere.example"
    assert KEY not in str(wire.request.headers)
    wire.client().get("https://api.stepfun.ai/v1/accounts", cast_to=object)
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.anyio
async def test_absolute_url_to_another_host_gets_no_key_async() -> None:
    wire = Wire()
    await wire.async_client().get("https://elsewhere.example/file", cast_to=object)
    assert KEY not in str(wire.request.headers)


def test_reassigned_base_url_gets_no_key() -> None:
    wire = Wire()
    client = wire.client()
    client.base_url = "https://elsewhere.example/v1"  # type: ignore[assignment]
    ask(client)
    assert wire.request.url.host == "elsewhere.example"
    assert KEY not in str(wire.request.headers)
    assert wire.body["model"] == "gpt-4o"


def test_with_options_to_another_host_needs_that_hosts_key() -> None:
    wire = Wire()
    client = wire.client()
    for url in ("https://elsewhere.example/v1", "https://api.openai.com/v1", "http://localhost:11434/v1"):
        with pytest.raises(KeyRefusedError, match="api_key") as caught:
            client.with_options(base_url=url)
        assert KEY not in str(caught.value)
    with pytest.raises(KeyRefusedError, match=r"'https://elsewhere\.example/v1'") as caught:
        client.with_options(base_url="https://me:secret@elsewhere.example/v1")
    assert "secret" not in str(caught.value)
    other = client.with_options(base_url="https://elsewhere.example/v1", api_key="theirs")
    ask(other)
    assert wire.request.headers["authorization"] == "Bearer theirs"
    assert wire.body["model"] == "gpt-4o"
    same = client.with_options(base_url="https://api.stepfun.ai/step_plan/v1")
    ask(same)
    assert str(wire.request.url) == "https://api.stepfun.ai/step_plan/v1/chat/completions"


class _Handler(http.server.BaseHTTPRequestHandler):
    target = ""
    seen: list[dict[str, str]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.seen.append({k.lower(): v for k, v in self.headers.items()})
        if self.target:
            self.send_response(307)
            self.send_header("location", self.target)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        body = json.dumps(completion()).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def two_servers() -> Iterator[tuple[str, list[dict[str, str]], list[dict[str, str]]]]:
    """(base URL of a server that redirects to a second one; the requests each received)."""
    first: list[dict[str, str]] = []
    second: list[dict[str, str]] = []
    last = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Last", (_Handler,), {"seen": second}))
    target = f"http://localhost:{last.server_port}/v1/chat/completions"
    start = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), type("First", (_Handler,), {"seen": first, "target": target})
    )
    threads = [threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.01}) for s in (start, last)]
    for thread in threads:
        thread.start()
    yield f"http://127.0.0.1:{start.server_port}/v1", first, second
    for server in (start, last):
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


def test_redirect_to_another_host_gets_no_key(two_servers: Any) -> None:
    url, first, second = two_servers
    with OpenAI(settings=Settings(base_url=url, api_key=KEY)) as client:
        ask(client)
    assert first[0]["authorization"] == f"Bearer {KEY}"
    assert len(second) == 1
    assert KEY not in str(second)


@pytest.mark.anyio
async def test_async_redirect_to_another_host_gets_no_key(two_servers: Any) -> None:
    url, first, second = two_servers
    async with AsyncOpenAI(settings=Settings(base_url=url, api_key=KEY)) as client:
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert first[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(second)


@pytest.mark.parametrize(
    "url", ["http://localhost:11434/v1", "https://api.groq.com/openai/v1", "https://gw.example/v1"]
)
def test_client_of_another_vendors_host_is_stock(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    client = wire.client(base_url=url, api_key="theirs")
    assert not client.stepfun.active
    ask(client, seed=1, user="u", max_completion_tokens=3)
    assert wire.body == {"model": "gpt-4o", "messages": MESSAGES, "seed": 1, "user": "u", "max_completion_tokens": 3}
    assert wire.request.headers["authorization"] == "Bearer theirs"
    assert str(client.base_url).rstrip("/") == url
    with pytest.raises(KeyRefusedError, match="another vendor"):
        OpenAI(base_url=url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-theirs")
    assert OpenAI(base_url=url).api_key == "sk-theirs"


def test_configured_host_is_stepfun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_BASE_URL", "https://gateway.example/stepfun/v1")
    wire = Wire()
    for client in (wire.client(), wire.client(base_url="https://gateway.example/other/v1")):
        assert client.stepfun.active
        ask(client)
        assert wire.body["model"] == "step-3.7-flash"
    assert not wire.client(base_url="https://gateway.example:8443/v1").stepfun.active
    assert wire.client(base_url="https://third.example/v1", settings=Settings()).stepfun.active


@pytest.mark.parametrize(
    "url", ["https://api.openai.com/v1", "https://eu.api.openai.com/v1", "https://x.openai.azure.com/"]
)
def test_openais_and_azures_hosts_are_replaced(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    assert str(OpenAI(api_key="k", base_url=url).base_url) == "https://api.stepfun.ai/v1/"


def test_azure_credentials_are_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-LEAK")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-02-01")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://x.openai.azure.com")
    with pytest.raises(KeyRefusedError):
        stepfun_compat.AzureOpenAI(api_key="azure-LEAK")
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    forms: list[dict[str, Any]] = [
        {},
        {"api_key": "azure-LEAK", "azure_endpoint": "https://x.openai.azure.com", "azure_deployment": "my-gpt4"},
        {"azure_ad_token": "token-LEAK", "azure_endpoint": "https://x.openai.azure.com", "api_version": "v"},
        {"azure_ad_token_provider": lambda: "token-LEAK", "azure_endpoint": "https://x.openai.azure.com"},
        {"api_key": "azure-LEAK", "base_url": "https://x.openai.azure.com/openai/deployments/my-gpt4"},
    ]
    for form in forms:
        wire = Wire()
        client = stepfun_compat.AzureOpenAI(http_client=httpx.Client(transport=httpx.MockTransport(wire)), **form)
        assert isinstance(client, openai.AzureOpenAI)
        for each in (client, client.with_options(timeout=3)):
            each.chat.completions.create(model="my-gpt4", messages=MESSAGES)
            assert str(wire.request.url) == "https://api.stepfun.ai/v1/chat/completions"
            assert wire.request.headers["authorization"] == f"Bearer {KEY}"
            assert "LEAK" not in str(wire.request.headers)
            assert "api-key" not in wire.request.headers
            assert wire.body["model"] == "step-3.7-flash"


@pytest.mark.anyio
async def test_async_azure_credentials_are_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)

    async def token() -> str:
        return "token-LEAK"

    wire = Wire()
    client = stepfun_compat.AsyncAzureOpenAI(
        azure_endpoint="https://x.openai.azure.com",
        api_version="v",
        azure_ad_token_provider=token,
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(wire)),
        settings=Settings(model="step-3.5-flash"),
    )
    assert isinstance(client, openai.AsyncAzureOpenAI)
    await client.with_options(max_retries=0).chat.completions.create(model="some deployment", messages=MESSAGES)
    assert wire.body["model"] == "step-3.5-flash"
    assert "LEAK" not in str(wire.request.headers)
    assert "api-version" not in str(wire.request.url)


def test_client_of_another_vendor_sends_no_openai_key_to_stepfun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-plain-key-of-openai")
    for key in (MARKED, "sk-plain-key-of-openai"):
        wire = Wire()
        client = wire.client(base_url="https://gateway.example/v1", api_key=key)
        with pytest.raises(KeyRefusedError):
            client.get("https://api.stepfun.ai/v1/models", cast_to=object)
        client.base_url = "https://api.stepfun.ai/v1"  # type: ignore[assignment]
        with pytest.raises(KeyRefusedError):
            ask(client)
        assert not wire.requests
        monkeypatch.setenv("STEPFUN_API_KEY", KEY)
        client = wire.client(base_url="https://gateway.example/v1", api_key=key)
        client.get("https://api.stepfun.ai/v1/models", cast_to=object)
        assert wire.request.headers["authorization"] == f"Bearer {KEY}"
        monkeypatch.delenv("STEPFUN_API_KEY")


def test_stepfun_key_in_a_client_of_another_vendor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    for place in ARGUMENTS:
        wire = Wire()
        ask(wire.client(base_url="https://gateway.example/v1", api_key="theirs"), **ARGUMENTS[place](KEY))
        assert KEY not in sent_text(wire.request)
    wire = Wire()
    client = wire.client(base_url="https://gateway.example/v1", api_key="theirs")
    client.api_key = KEY
    ask(client)
    assert KEY not in sent_text(wire.request)
    http_client = httpx.Client(transport=httpx.MockTransport(wire), auth=("user", KEY))
    ask(OpenAI(base_url="https://gateway.example/v1", api_key="theirs", http_client=http_client))
    assert KEY not in sent_text(wire.request)
    with pytest.raises(KeyRefusedError):
        client.with_options(base_url="https://api.stepfun.ai/v1")


@pytest.mark.parametrize("place", ["base_url", "azure_endpoint"])
def test_azure_gateway_does_not_get_the_stepfun_key(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    client = stepfun_compat.AzureOpenAI(
        api_key="azure-LEAK",
        api_version="v",
        http_client=httpx.Client(transport=httpx.MockTransport(wire)),
        **{place: "https://gateway.example/deployments/my-gpt4"},
    )
    for each in (client, client.with_options(timeout=3)):
        each.chat.completions.create(model="my-gpt4", messages=MESSAGES)
        assert wire.request.url.host == "api.stepfun.ai"
        assert "LEAK" not in sent_text(wire.request)


def test_fallback_never_sends_its_key_to_stepfun() -> None:
    wire = Wire({"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    other = stepfun_compat.stock.OpenAI(
        api_key=MARKED,
        base_url="https://other.example/v1",
        http_client=httpx.Client(transport=httpx.MockTransport(wire)),
    )
    client = wire.client(settings=Settings(fallback={"embeddings": other}))
    body = {"model": "m", "input": "x"}
    client.post(
        "https://api.stepfun.ai/v1/embeddings",
        body=body,
        cast_to=object,
        options={"headers": {"x-key": KEY}, "params": {"k": KEY}},
    )
    assert wire.request.url.host == "other.example"
    assert wire.request.headers["authorization"] == f"Bearer {MARKED}"
    assert KEY not in sent_text(wire.request)


def test_fallback_created_from_a_url_gets_no_openai_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-LEAK")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Corp-Secret: LEAK")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-LEAK")
    monkeypatch.setenv("STEPFUN_FALLBACK_EMBEDDINGS_API_KEY", "theirs")
    wire = Wire({"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    client = wire.client(settings=Settings(fallback={"embeddings": "https://other.example/v1"}))
    fallback = client._stepfun.fallback["embeddings"]
    fallback._client.close()
    fallback._client = httpx.Client(transport=httpx.MockTransport(wire))
    client.post("/embeddings", body={"model": "m", "input": "x"}, cast_to=object)
    assert wire.request.headers["authorization"] == "Bearer theirs"
    assert "LEAK" not in sent_text(wire.request)


def test_configured_gateway_gets_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_BASE_URL", "https://gateway.example/stepfun/v1")
    wire = Wire()
    ask(wire.client(default_headers={"api-key": "the-gateways"}))
    assert wire.request.headers["api-key"] == "the-gateways"
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.skipif(
    "admin_api_key" not in inspect.signature(openai.OpenAI).parameters, reason="this SDK has no such key"
)
def test_client_of_another_vendor_may_have_other_credentials_than_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    other: Any = OpenAI
    client = other(base_url="https://elsewhere.example/v1", admin_api_key="theirs")
    assert client.admin_api_key == "theirs"
    assert KEY not in (client.api_key or "")
    assert (
        other(base_url="https://elsewhere.example/v1", _enforce_credentials=False).base_url.host == "elsewhere.example"
    )


@pytest.mark.parametrize("make", [stepfun_compat.OpenAI, stepfun_compat.AsyncOpenAI])
@pytest.mark.parametrize("given", [None, "stepfun-compat-placeholder"])
def test_placeholder_of_run_is_not_a_credential_of_another_vendor(make: Any, given: Any, monkeypatch: Any) -> None:
    """As under plain python, a client of another vendor's host without a key is an error."""
    monkeypatch.setenv("OPENAI_API_KEY", "stepfun-compat-placeholder")
    with pytest.raises(openai.OpenAIError, match="api_key"):
        make(base_url="http://localhost:11434/v1", api_key=given)
    assert os.environ["OPENAI_API_KEY"] == "stepfun-compat-placeholder"
    assert make(base_url="http://localhost:11434/v1", api_key="ollama").api_key == "ollama"


@pytest.mark.parametrize("cls", [OpenAI, AsyncOpenAI])
def test_client_of_another_vendor_does_not_change_the_environment(cls: Any, monkeypatch: Any) -> None:
    touched: list[str] = []

    class Watched(dict[str, str]):
        def __delitem__(self, key: str) -> None:
            touched.append(key)
            super().__delitem__(key)

        def __setitem__(self, key: str, value: str) -> None:
            touched.append(key)
            super().__setitem__(key, value)

    monkeypatch.setattr(os, "environ", Watched({**os.environ, "OPENAI_API_KEY": "stepfun-compat-placeholder"}))
    with pytest.raises(openai.OpenAIError, match="OPENAI_API_KEY"):
        cls(base_url="https://other.example/v1")
    assert cls(base_url="https://other.example/v1", api_key="theirs").api_key == "theirs"
    assert touched == []
