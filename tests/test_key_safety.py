"""An OpenAI key never leaves for StepFun, nor a StepFun key for anyone else, whatever set it."""

from __future__ import annotations

import http.server
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, KeyRefusedError, OpenAI, Settings

from .wire import KEY, Wire, completion

THEIRS = "sk-proj-theirs0123456789abcdef"
MESSAGES: Any = [{"role": "user", "content": "x"}]
THEIR_KEYS = ("sk-proj-abc", "sk-svcacct-abc", "sk-admin-abc", "sk-abcT3BlbkFJdef")


def ask(client: Any, **more: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **more)


@pytest.mark.parametrize("key", THEIR_KEYS)
def test_a_key_that_is_openais_is_replaced_or_refused(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyRefusedError, match="STEPFUN_API_KEY") as caught:
        OpenAI(api_key=key)
    assert key not in str(caught.value)
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    ask(wire.client(api_key=key))
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


def test_the_programs_openai_key_is_openais_even_without_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-plain-but-theirs")
    with pytest.raises(KeyRefusedError):
        OpenAI()
    with pytest.raises(KeyRefusedError):
        OpenAI(api_key="sk-plain-but-theirs")
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    ask(wire.client(api_key="sk-plain-but-theirs"))
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


def test_openai_variables_that_name_stepfun_hold_a_stepfun_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-stepfun-in-their-variable")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.stepfun.com/v1")
    client = OpenAI()
    assert client.api_key == "sk-stepfun-in-their-variable"
    assert str(client.base_url) == "https://api.stepfun.com/v1/"
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert OpenAI(base_url="https://api.stepfun.com/v1").api_key == "sk-stepfun-in-their-variable"


def test_a_key_of_openais_in_the_stepfun_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", THEIRS)
    with pytest.raises(KeyRefusedError, match="STEPFUN_API_KEY") as caught:
        OpenAI()
    assert THEIRS not in str(caught.value)


def test_no_key_is_an_openai_error_that_names_the_variable() -> None:
    with pytest.raises(openai.OpenAIError, match="STEPFUN_API_KEY"):
        OpenAI()
    with pytest.raises(openai.OpenAIError, match="STEPFUN_API_KEY"):
        AsyncOpenAI()


def test_step_api_key_is_read_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEP_API_KEY", "second")
    assert OpenAI().api_key == "second"
    monkeypatch.setenv("STEPFUN_API_KEY", "first")
    assert OpenAI().api_key == "first"


@pytest.mark.anyio
async def test_callable_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    ask(wire.client(api_key=lambda: "from-a-call"))
    assert wire.request.headers["authorization"] == "Bearer from-a-call"
    ask(wire.client(api_key=lambda: "from-a-call").with_options(timeout=1))
    assert wire.request.headers["authorization"] == "Bearer from-a-call"

    async def provider() -> str:
        return "from-a-wait"

    await wire.async_client(api_key=provider).chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert wire.request.headers["authorization"] == "Bearer from-a-wait"
    sent = len(wire.requests)
    with pytest.raises(KeyRefusedError):
        ask(wire.client(api_key=lambda: THEIRS))
    assert len(wire.requests) == sent
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    ask(wire.client(api_key=lambda: THEIRS))
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


def test_a_key_assigned_later_passes_the_same_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    client = wire.client()
    client.api_key = "another-stepfun-key"
    ask(client)
    assert wire.request.headers["authorization"] == "Bearer another-stepfun-key"
    client.api_key = THEIRS
    with pytest.raises(KeyRefusedError):
        ask(client)
    assert len(wire.requests) == 1
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    client = wire.client()
    client.api_key = THEIRS
    ask(client)
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("where", ["extra_headers", "default_headers"])
def test_openais_key_in_a_header_of_the_callers(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    headers = {"Authorization": f"Bearer {THEIRS}", "api-key": THEIRS, "x-mine": "kept"}
    wire = Wire()
    if where == "default_headers":
        ask(wire.client(default_headers=headers))
    else:
        ask(wire.client(), extra_headers=headers)
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"
    assert wire.request.headers["x-mine"] == "kept"
    assert THEIRS not in str(wire.request.headers)


@pytest.mark.anyio
async def test_identity_of_openai_variables_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-LEAK")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-LEAK")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Corp-Secret: LEAK")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-LEAK")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-LEAK")
    wire = Wire()
    client = wire.client(default_headers={"x-mine": "kept"})
    for each in (client, client.with_options(timeout=1), client.copy(default_headers={"y": "z"})):
        ask(each)
        assert "LEAK" not in str(wire.request.headers)
        assert wire.request.headers["x-mine"] == "kept"
        assert each.organization is None
        assert each.project is None
        assert getattr(each, "admin_api_key", None) is None
    await wire.async_client().with_options(max_retries=0).chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert "LEAK" not in str(wire.request.headers)


def test_an_organisation_of_the_callers_stays_here() -> None:
    wire = Wire()
    client = wire.client(organization="org-mine", project="proj-mine")
    ask(client)
    assert client.organization == "org-mine"
    assert "mine" not in str(wire.request.headers)


def test_absolute_urls_do_not_take_the_key_along() -> None:
    wire = Wire()
    wire.client().get("https://elsewhere.example/file", cast_to=object)
    assert wire.request.url.host == "elsewhere.example"
    assert KEY not in str(wire.request.headers)
    wire.client().get("https://api.stepfun.ai/v1/accounts", cast_to=object)
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.anyio
async def test_absolute_urls_async() -> None:
    wire = Wire()
    await wire.async_client().get("https://elsewhere.example/file", cast_to=object)
    assert KEY not in str(wire.request.headers)


def test_a_base_url_assigned_later_does_not_take_the_key_along() -> None:
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
    """(base URL of the first, which redirects to the second; what each was sent)."""
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


def test_a_redirect_to_another_host_does_not_take_the_key_along(two_servers: Any) -> None:
    url, first, second = two_servers
    with OpenAI(settings=Settings(base_url=url, api_key=KEY)) as client:
        ask(client)
    assert first[0]["authorization"] == f"Bearer {KEY}"
    assert len(second) == 1
    assert KEY not in str(second)


@pytest.mark.anyio
async def test_an_async_redirect_does_not_take_the_key_along(two_servers: Any) -> None:
    url, first, second = two_servers
    async with AsyncOpenAI(settings=Settings(base_url=url, api_key=KEY)) as client:
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert first[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(second)


# ---------------------------------------------------------------- other vendors


@pytest.mark.parametrize(
    "url", ["http://localhost:11434/v1", "https://api.groq.com/openai/v1", "https://gw.example/v1"]
)
def test_a_client_of_another_vendors_host_is_stock(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_configured_host_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
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


# ---------------------------------------------------------------- nothing tells


def test_keys_are_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = Settings(api_key=KEY)
    wire = Wire(
        httpx.Response(401, json={"error": {"message": "Incorrect API key provided", "type": "invalid_api_key"}})
    )
    client = wire.client(settings=settings)
    with pytest.raises(openai.AuthenticationError) as caught:
        ask(client, max_tokens=9)
    for text in (repr(settings), str(settings), repr(client), str(caught.value), repr(caught.value), caplog.text):
        assert KEY not in text


def test_debug_bodies_are_redacted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="stepfun_compat")
    ours = logging.getLogger("stepfun_compat")
    messages: Any = [{"role": "user", "content": f"my key is {THEIRS} " + "long " * 500}]
    Wire().client().chat.completions.create(model="gpt-4o", messages=messages)
    told = "\n".join(record.getMessage() for record in caplog.records if record.name == ours.name)
    assert THEIRS not in told
    assert len(told) < 3000


def test_azure_credentials_go_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
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
async def test_async_azure(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_openais_key_without_a_scheme_is_replaced_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    ask(wire.client(), extra_headers={"Authorization": THEIRS})
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"
