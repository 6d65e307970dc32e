"""An OpenAI key never leaves for StepFun, nor a StepFun key for anyone else, whatever set it."""

from __future__ import annotations

import base64
import http.server
import inspect
import json
import logging
import os
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, KeyRefusedError, OpenAI, Settings, module_client
from tests.support.wire import KEY, Wire, completion

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


# ---------------------------------------------------------------- every place a key can stand in, both ways


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"user:{key}".encode()).decode()


def told(request: httpx.Request) -> str:
    """Everything of a request in which a key could be read, decoded."""
    values = [value for _, value in request.headers.multi_items()]
    values += [base64.b64decode(value[6:]).decode() for value in values if value.startswith("Basic ")]
    return " ".join([str(request.url), request.url.userinfo.decode(), *values, *request.url.params.values()])


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "lower case": lambda key: {"extra_headers": {"authorization": f"Bearer {key}"}},
    "upper case": lambda key: {"extra_headers": {"AUTHORIZATION": f"bearer {key}"}},
    "two spaces": lambda key: {"extra_headers": {"Authorization": f"Bearer  {key}"}},
    "no scheme": lambda key: {"extra_headers": {"Authorization": key}},
    "basic": lambda key: {"extra_headers": {"Authorization": basic(key)}},
    "bytes": lambda key: {"extra_headers": {"Authorization": f"Bearer {key}".encode()}},
    "bytes for a name": lambda key: {"extra_headers": {b"authorization": f"Bearer {key}".encode()}},
    "another header": lambda key: {"extra_headers": {"api-key": key}},
    "inside of a header": lambda key: {"extra_headers": {"x-note": f"key={key};"}},
    "cookie": lambda key: {"extra_headers": {"Cookie": f"session={key}"}},
    "query": lambda key: {"extra_query": {"api_key": key, "kept": "1"}},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("theirs", [THEIRS, "sk-plain-key-of-openai"])
def test_openais_key_in_any_place_of_a_call(place: str, theirs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-plain-key-of-openai")
    wire = Wire()
    ask(wire.client(), **PLACES[place](theirs))
    assert theirs not in told(wire.request)
    assert wire.request.headers.get_list("authorization") == [f"Bearer {KEY}"]
    if place == "query":
        assert dict(wire.request.url.params) == {"kept": "1"}


@pytest.mark.anyio
@pytest.mark.parametrize("place", PLACES)
async def test_openais_key_in_any_place_of_an_async_call(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    client = wire.async_client()
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **PLACES[place](THEIRS))
    assert THEIRS not in told(wire.request)
    assert wire.request.headers.get_list("authorization") == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "kwargs",
    [
        {"default_headers": {"authorization": f"Bearer {THEIRS}"}},
        {"default_headers": {b"authorization": f"Bearer {THEIRS}".encode()}},
        {"default_headers": {"Authorization": basic(THEIRS)}},
        {"default_headers": {"x-key": THEIRS}},
        {"default_query": {"api_key": THEIRS}},
        {"base_url": f"https://{THEIRS}@api.stepfun.ai/v1"},
        {"base_url": f"https://user:{THEIRS}@api.stepfun.ai/v1"},
        {"api_key": f"Bearer {THEIRS}"},
        {"api_key": f" {THEIRS}\n"},
    ],
)
def test_openais_key_in_any_argument_of_the_constructor(
    kwargs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    client = wire.client(**kwargs)
    for each in (client, client.with_options(timeout=3)):
        ask(each)
        assert THEIRS not in told(wire.request)
        assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "kwargs",
    [
        {"auth": ("user", THEIRS)},
        {"headers": {"authorization": f"Bearer {THEIRS}", "api-key": THEIRS}},
        {"params": {"key": THEIRS}},
        {"cookies": {"key": THEIRS}},
        {"base_url": "https://elsewhere.example/"},
    ],
)
async def test_openais_key_in_the_callers_own_http_client(
    kwargs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    transport = httpx.MockTransport(wire)
    if "cookies" in kwargs:
        kwargs = {"cookies": httpx.Cookies(kwargs["cookies"])}
    ask(OpenAI(http_client=httpx.Client(transport=transport, **kwargs)))
    client = AsyncOpenAI(http_client=httpx.AsyncClient(transport=transport, **kwargs))
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    for request in wire.requests:
        assert request.url.host == "api.stepfun.ai"
        assert THEIRS not in told(request)
        assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.anyio
async def test_a_signature_of_the_callers_own_http_client_still_works() -> None:
    """`auth=` that adds what is nobody's key, and one that answers a challenge."""
    wire = Wire(httpx.Response(401, headers={"www-authenticate": 'Digest realm="r", nonce="n"'}), completion())

    class Signed(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            request.headers["x-signature"] = "signed"
            response = yield request
            if response.status_code == 401:
                request.headers["x-signature"] = "signed again"
                yield request

    transport = httpx.MockTransport(wire)
    ask(OpenAI(api_key=KEY, http_client=httpx.Client(transport=transport, auth=Signed())))
    assert [request.headers["x-signature"] for request in wire.requests][-1] == "signed again"
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"
    wire = Wire()
    transport = httpx.MockTransport(wire)
    client = AsyncOpenAI(api_key=KEY, http_client=httpx.AsyncClient(transport=transport, auth=Signed()))
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert wire.request.headers["x-signature"] == "signed"


def test_hooks_of_the_callers_own_http_client_are_given_a_request_that_is_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    seen: list[str] = []
    hooks: Any = {"request": [lambda request: seen.append(told(request))]}
    transport = httpx.MockTransport(Wire())
    ask(OpenAI(api_key=THEIRS, http_client=httpx.Client(transport=transport, event_hooks=hooks)))
    assert len(seen) == 1
    assert THEIRS not in seen[0]


def test_another_http_client_put_in_later_passes_the_same_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    client = OpenAI()
    client._client.close()
    client._client = httpx.Client(transport=httpx.MockTransport(wire), auth=("user", THEIRS))
    ask(client)
    assert THEIRS not in told(wire.request)


def test_a_client_of_another_vendor_does_not_take_openais_key_to_stepfun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-plain-key-of-openai")
    for key in (THEIRS, "sk-plain-key-of-openai"):
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


@pytest.mark.parametrize("place", [*PLACES, "api key"])
def test_the_stepfun_key_in_any_place_of_a_call_to_another_host(place: str) -> None:
    wire = Wire()
    client = wire.client()
    if place == "api key":
        client.get("https://elsewhere.example/x", cast_to=object)
        assert KEY not in told(wire.request)
        client.get("http://api.stepfun.ai/v1/models", cast_to=object)  # not encrypted
    elif place == "query":
        client.get("https://elsewhere.example/x", cast_to=object, options={"params": {"k": KEY, "kept": "1"}})
        assert dict(wire.request.url.params) == {"kept": "1"}
    else:
        headers = PLACES[place](KEY)["extra_headers"]
        client.get("https://elsewhere.example/x", cast_to=object, options={"headers": headers})
    assert KEY not in told(wire.request)
    client.base_url = "https://elsewhere.example/v1"  # type: ignore[assignment]
    ask(client, **(PLACES[place](KEY) if place in PLACES else {}))
    assert wire.request.url.host == "elsewhere.example"
    assert KEY not in told(wire.request)


def test_the_stepfun_key_in_a_client_of_another_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    for place in PLACES:
        wire = Wire()
        ask(wire.client(base_url="https://gateway.example/v1", api_key="theirs"), **PLACES[place](KEY))
        assert KEY not in told(wire.request)
    wire = Wire()
    client = wire.client(base_url="https://gateway.example/v1", api_key="theirs")
    client.api_key = KEY
    ask(client)
    assert KEY not in told(wire.request)
    http_client = httpx.Client(transport=httpx.MockTransport(wire), auth=("user", KEY))
    ask(OpenAI(base_url="https://gateway.example/v1", api_key="theirs", http_client=http_client))
    assert KEY not in told(wire.request)
    with pytest.raises(KeyRefusedError):
        client.with_options(base_url="https://api.stepfun.ai/v1")


def test_the_user_part_of_an_absolute_url_is_a_place_too() -> None:
    wire = Wire()
    wire.client().get(f"https://{KEY}@elsewhere.example/x", cast_to=object)
    assert KEY not in told(wire.request)


def test_a_short_key_takes_nothing_else_along() -> None:
    wire = Wire()
    wire.client(api_key="k").get("https://elsewhere.example/x", cast_to=object)
    assert "authorization" not in wire.request.headers
    assert "user-agent" in wire.request.headers
    assert "x-stainless-lang" in wire.request.headers


def test_a_changed_environment_does_not_reach_a_client_that_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    client = wire.client()
    monkeypatch.setenv("OPENAI_API_KEY", THEIRS)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-LEAK")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example/v1")
    monkeypatch.setenv("STEPFUN_BASE_URL", "https://elsewhere.example/v1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Corp-Secret: LEAK")
    for each in (client, client.with_options(timeout=3)):
        ask(each)
        assert wire.request.url.host == "api.stepfun.ai"
        assert wire.request.headers["authorization"] == f"Bearer {KEY}"
        assert "LEAK" not in told(wire.request)


@pytest.mark.parametrize("how", ["assigned", "argument"])
def test_an_admin_key_is_openais_alone(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    admin = "sk-admin-theirs0123456789abcdef"
    client: Any = wire.client(**({"admin_api_key": admin} if how == "argument" and "admin_api_key" in NEWER else {}))
    if how == "assigned":
        client.admin_api_key = admin
    client.get("/accounts", cast_to=object)
    assert admin not in told(wire.request)
    if hasattr(client, "admin"):
        with pytest.raises(openai.APIError):
            client.admin.organization.projects.list()
        assert len(wire.requests) == 1


NEWER = openai.OpenAI.__init__.__kwdefaults__ or {}


def test_the_modules_own_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setattr(stepfun_compat, "api_key", THEIRS)
    monkeypatch.setattr(stepfun_compat, "organization", "org-LEAK")
    monkeypatch.setattr(stepfun_compat, "default_headers", {"api-key": THEIRS})
    monkeypatch.setattr(stepfun_compat, "default_query", {"key": THEIRS})
    monkeypatch.setattr(stepfun_compat, "http_client", httpx.Client(transport=httpx.MockTransport(wire)))
    module_client.reset(stepfun_compat)
    try:
        stepfun_compat.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    finally:
        module_client.reset(stepfun_compat)
    assert THEIRS not in told(wire.request)
    assert "LEAK" not in told(wire.request)
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("place", ["base_url", "azure_endpoint"])
def test_a_gateway_to_azure_does_not_get_the_stepfun_key(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
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
        assert "LEAK" not in told(wire.request)


def test_a_fallback_never_takes_its_key_to_stepfun() -> None:
    wire = Wire({"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    other = stepfun_compat.stock.OpenAI(
        api_key=THEIRS,
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
    assert wire.request.headers["authorization"] == f"Bearer {THEIRS}"
    assert KEY not in told(wire.request)


def test_a_fallback_given_as_a_url_gets_nothing_of_openais(monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert "LEAK" not in told(wire.request)


# ---------------------------------------------------------------- nothing tells, part two

PASSWORD = "password-0123456789"


@pytest.mark.parametrize(
    "make",
    [
        lambda url: OpenAI(base_url=url),
        lambda url: OpenAI(api_key=KEY).with_options(base_url=url),
        lambda url: Settings(base_url=url.replace("https", "ftp")),
        lambda url: OpenAI(api_key=KEY, settings=Settings(fallback={"embeddings": url})),
    ],
)
def test_a_password_in_a_url_is_not_told_in_errors(make: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    for url in (f"https://user:{PASSWORD}@gateway.example/v1", f"https://gateway.example/v1?key={PASSWORD}"):
        with pytest.raises(openai.OpenAIError) as caught:
            make(url)
        shown = "".join(traceback.format_exception_only(caught.type, caught.value))
        assert PASSWORD not in shown
        assert KEY not in shown


def test_a_connection_that_fails_tells_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_BASE_URL", f"http://user:{PASSWORD}@127.0.0.1:9/v1")
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    with OpenAI(max_retries=0) as client, pytest.raises(openai.APIConnectionError) as caught:
        ask(client)
    chain = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in chain
    assert KEY not in chain
    doctor = subprocess.run(
        [sys.executable, "-m", "stepfun_compat", "doctor", "--json"],
        env={**os.environ, "OPENAI_API_KEY": THEIRS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert doctor.returncode == 1
    assert json.loads(doctor.stdout)["ok"] is False
    for secret in (PASSWORD, KEY, THEIRS):
        assert secret not in doctor.stdout + doctor.stderr


def test_objects_of_ours_do_not_show_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setenv("STEPFUN_BASE_URL", f"https://user:{PASSWORD}@gateway.example/v1")
    client = OpenAI(default_headers={"x-key": THEIRS})
    plain = vars(openai.OpenAI(api_key="k"))
    own = {name: value for name, value in vars(client).items() if name not in plain}
    shown = [
        client,
        client.stepfun,
        client.stepfun.settings,
        own,
        client._stepfun,
        client._stepfun.guard,
        client._stepfun.target,
    ]
    for each in shown:
        for text in (repr(each), str(each)):
            assert KEY not in text
            assert PASSWORD not in text


def test_explain_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-plain-key-of-openai")
    for key in (KEY, THEIRS, "sk-plain-key-of-openai"):
        for place in PLACES:
            given = PLACES[place](key)
            if any(isinstance(name, bytes) for name in given.get("extra_headers", {})):
                continue
            told_of = stepfun_compat.explain(model="gpt-4o", messages=MESSAGES, **given)
            assert key not in str(told_of)
            assert key not in json.dumps(told_of.to_dict())


def test_logs_and_warnings_show_no_key(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """At DEBUG, of every logger; what the SDK and httpx guard, they guard for ours as well."""
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx", "httpcore", "stepfun_compat"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stepfun_compat.reset_warnings()
        for place in ("lower case", "another header"):
            ask(
                wire.client(api_key=THEIRS, settings=stepfun_compat.Settings(on_unsupported="warn")),
                seed=1,
                logit_bias={"1": 1},
                **PLACES[place](THEIRS),
            )
        wire.client().get("https://elsewhere.example/x", cast_to=object)
    assert caught
    said = caplog.text + "".join(str(w.message) for w in caught)
    assert KEY not in said
    # the SDK hides `api-key` and `Authorization` of the options it logs
    assert THEIRS not in said


@pytest.mark.parametrize("emulate", [True, False])
def test_run_gives_a_program_no_key_it_did_not_have(emulate: bool) -> None:
    """The placeholder for frameworks goes nowhere, and the user's own key does not go to the emulator."""
    pytest.importorskip("uvicorn")
    code = (
        "import os, subprocess, sys; print(os.environ['OPENAI_API_KEY']); print(os.environ['STEPFUN_API_KEY'], flush=True); "
        "subprocess.run([sys.executable, '-c', 'import os; print(os.environ[\"STEPFUN_API_KEY\"])'])"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "stepfun_compat", "run", *(["--emulate"] if emulate else []), "-c", code],
        env={**os.environ, "STEPFUN_API_KEY": KEY, "STEP_API_KEY": KEY},
        capture_output=True,
        text=True,
        check=True,
    )
    placeholder, own, *child = ran.stdout.split()
    assert placeholder != KEY
    assert (own == KEY) is not emulate
    assert child == [own]


def test_a_gateway_of_the_users_own_gets_the_header_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_BASE_URL", "https://gateway.example/stepfun/v1")
    wire = Wire()
    ask(wire.client(default_headers={"api-key": "the-gateways"}))
    assert wire.request.headers["api-key"] == "the-gateways"
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.skipif(
    "admin_api_key" not in inspect.signature(openai.OpenAI).parameters, reason="this SDK has no such key"
)
def test_another_vendors_client_may_have_other_credentials_than_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    other: Any = OpenAI
    client = other(base_url="https://elsewhere.example/v1", admin_api_key="theirs")
    assert client.admin_api_key == "theirs"
    assert KEY not in (client.api_key or "")
    assert (
        other(base_url="https://elsewhere.example/v1", _enforce_credentials=False).base_url.host == "elsewhere.example"
    )


@pytest.mark.parametrize("kwargs", [{"default_headers": {"Authorization": f"Bearer {THEIRS}"}}, {}])
def test_the_clients_own_key_takes_the_place_of_openais(kwargs: dict[str, Any]) -> None:
    """Also where no variable holds it, and from behind the SDK's own hooks."""
    wire = Wire()
    ask(wire.client(**kwargs), extra_headers={"authorization": f"Bearer {THEIRS}"})
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"
    ask(OpenAI(api_key=KEY, http_client=httpx.Client(transport=httpx.MockTransport(wire), auth=("u", THEIRS))))
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"
    assert len(wire.requests) == 2


@pytest.mark.parametrize("make", [stepfun_compat.OpenAI, stepfun_compat.AsyncOpenAI])
@pytest.mark.parametrize("given", [None, "stepfun-compat-placeholder"])
def test_placeholder_of_run_is_no_credential_of_another_vendor(make: Any, given: Any, monkeypatch: Any) -> None:
    """As under plain python: a client of another vendor's host without a key is an error, not a made-up key."""
    monkeypatch.setenv("OPENAI_API_KEY", "stepfun-compat-placeholder")
    with pytest.raises(openai.OpenAIError, match="api_key"):
        make(base_url="http://localhost:11434/v1", api_key=given)
    assert os.environ["OPENAI_API_KEY"] == "stepfun-compat-placeholder"
    assert make(base_url="http://localhost:11434/v1", api_key="ollama").api_key == "ollama"


@pytest.mark.parametrize("cls", [OpenAI, AsyncOpenAI])
def test_a_client_of_another_vendor_leaves_the_environment_as_it_is(cls: Any, monkeypatch: Any) -> None:
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
