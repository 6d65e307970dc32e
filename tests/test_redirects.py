"""Every hop of a redirect is a request of its own: no key follows one to where it must not go."""

from __future__ import annotations

import base64
import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, OpenAI, Settings

from .wire import KEY, completion

THEIRS = "sk-proj-theirs0123456789abcdef"
VENDOR = "vendor-key-0123456789"
MESSAGES: Any = [{"role": "user", "content": "x"}]
OURS = "https://api.stepfun.ai/v1"
STATUSES = (301, 302, 303, 307, 308)
ELSEWHERE = (
    "https://elsewhere.example/v1/chat/completions",
    "http://api.stepfun.ai/v1/chat/completions",  # not encrypted
    "https://api.stepfun.ai.elsewhere.example/x",
    "//elsewhere.example/x?kept=1",
    f"https://{KEY}@elsewhere.example/x?k={KEY}",
)


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"user:{key}".encode()).decode()


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "authorization": lambda key: {"extra_headers": {"Authorization": f"Bearer {key}"}},
    "x-api-key": lambda key: {"extra_headers": {"x-api-key": key}},
    "x-auth": lambda key: {"extra_headers": {"X-Auth": f"Bearer {key}"}},
    "proxy-authorization": lambda key: {"extra_headers": {"Proxy-Authorization": f"Bearer {key}"}},
    "basic": lambda key: {"extra_headers": {"x-auth": basic(key)}},
    "unpadded basic": lambda key: {"extra_headers": {"x-auth": basic(key).rstrip("=")}},
    "cookie": lambda key: {"extra_headers": {"Cookie": f"session={key}"}},
    "query": lambda key: {"extra_query": {"k": key}},
    "none": lambda key: {},
}


class Redirecting:
    """Answers the first request with a redirect, and keeps everything it was sent."""

    def __init__(self, status: int, *targets: str) -> None:
        self.status = status
        self.targets = iter(targets)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        target = next(self.targets, None)
        if target is not None:
            return httpx.Response(self.status, headers=[(b"location", target.encode())])
        return httpx.Response(200, json=completion())

    def http_client(self, later: bool, **more: Any) -> Any:
        made = httpx.AsyncClient if later else httpx.Client
        return made(transport=httpx.MockTransport(self), follow_redirects=True, **more)


def told(request: httpx.Request) -> str:
    """Everything of a request in which a key could be read, decoded."""
    values = [value for _, value in request.headers.multi_items()]
    values += [base64.b64decode(v[6:] + "==").decode("utf-8", "replace") for v in values if v.startswith("Basic ")]
    return " ".join([str(request.url), request.url.userinfo.decode(), *values, *request.url.params.values()])


async def ask(client: Any, **more: Any) -> None:
    with contextlib.suppress(openai.APIStatusError):  # for a body that is lost on the way, as a 303 does
        answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **more)
        if isinstance(client, openai.AsyncOpenAI):
            await answer


CLIENTS: dict[str, tuple[Any, bool, bool]] = {
    "sync": (OpenAI, False, False),
    "async": (AsyncOpenAI, True, False),
    "azure": (stepfun_compat.AzureOpenAI, False, True),
    "async azure": (stepfun_compat.AsyncAzureOpenAI, True, True),
}


@pytest.mark.anyio
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("status", STATUSES)
async def test_the_stepfun_key_follows_no_redirect_to_another_host(
    client: str, place: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    cls, later, azure = CLIENTS[client]
    more = {"azure_endpoint": "https://x.openai.azure.com", "api_version": "v"} if azure else {}
    for target in ELSEWHERE:
        wire = Redirecting(status, target)
        await ask(cls(http_client=wire.http_client(later), api_key=KEY, **more), **PLACES[place](KEY))
        first, hop = wire.requests
        assert KEY in told(first)
        assert KEY not in told(hop), target


@pytest.mark.anyio
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("status", STATUSES)
async def test_another_vendors_client_takes_no_key_to_stepfun(
    place: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither OpenAI's nor its own, whichever header they travel in."""
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    for (cls, later, _), key, target in itertools.product(
        list(CLIENTS.values())[:2], (THEIRS, VENDOR), (f"{OURS}/chat/completions", "https://api。stepfun。ai/v1/x")
    ):
        wire = Redirecting(status, target)
        client = cls(base_url="https://gateway.example/v1", api_key=key, http_client=wire.http_client(later))
        await ask(client, **PLACES[place](key))
        first, hop = wire.requests
        assert key in told(first)
        assert key not in told(hop)
        assert hop.url.host.endswith("stepfun.ai")


@pytest.mark.anyio
@pytest.mark.parametrize("place", ["authorization", "x-api-key", "proxy-authorization"])
@pytest.mark.parametrize("status", STATUSES)
async def test_a_redirect_to_a_host_of_ours_keeps_what_may_go_there(
    place: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cls, later, _ in list(CLIENTS.values())[:2]:
        wire = Redirecting(status, "/v1/other", "https://api.stepfun.ai/v1/third")
        await ask(cls(api_key=KEY, http_client=wire.http_client(later)), **PLACES[place](KEY))
        assert [request.url.path for request in wire.requests] == ["/v1/chat/completions", "/v1/other", "/v1/third"]
        assert all(KEY in told(request) for request in wire.requests)


@pytest.mark.anyio
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("target", [f"{OURS}/embeddings", "https://third.example/x", "https://api．stepfun．ai/v1/x"])
async def test_a_fallback_made_of_a_url_takes_its_key_nowhere_else(
    target: str, status: int, later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_FALLBACK_EMBEDDINGS_API_KEY", VENDOR)
    wire = Redirecting(status, target)
    client: Any = (AsyncOpenAI if later else OpenAI)(
        settings=Settings(api_key=KEY, fallback={"embeddings": "https://other.example/v1"})
    )
    fallback = client._stepfun.fallback["embeddings"]
    fallback._client = wire.http_client(later, headers={"x-api-key": VENDOR})
    answer = client.post("/embeddings", body={"model": "m", "input": "x"}, cast_to=object)
    if later:
        await answer
    first, hop = wire.requests
    assert first.headers["authorization"] == f"Bearer {VENDOR}"
    assert VENDOR not in told(hop)
    assert KEY not in told(first) + told(hop)


@pytest.mark.parametrize("options", [{"follow_redirects": False}, {}])
def test_what_the_caller_says_of_redirects_is_kept(options: dict[str, Any]) -> None:
    if options and "follow_redirects" not in openai._models.FinalRequestOptions.model_fields:
        pytest.skip("this SDK has no such option")
    wire = Redirecting(307, f"{OURS}/other")
    client = OpenAI(api_key=KEY, http_client=wire.http_client(False))
    if options:
        with pytest.raises(openai.APIStatusError) as caught:
            client.with_options(max_retries=0).get("/models", cast_to=object, options=options)
        assert caught.value.response.headers["location"] == f"{OURS}/other"
        assert len(wire.requests) == 1
    else:
        raw = client.models.with_raw_response.list()
        assert [r.status_code for r in raw.http_response.history] == [307]
    wire = Redirecting(307, f"{OURS}/other")
    still = httpx.Client(transport=httpx.MockTransport(wire), follow_redirects=False)
    with pytest.raises(openai.APIStatusError):
        OpenAI(api_key=KEY, http_client=still, max_retries=0).get("/models", cast_to=object)
    assert len(wire.requests) == 1


def test_redirects_without_end_are_an_error_as_before() -> None:
    wire = Redirecting(307, *[f"{OURS}/again"] * 99)
    client = OpenAI(api_key=KEY, http_client=wire.http_client(False, max_redirects=3), max_retries=0)
    with pytest.raises(openai.APIConnectionError) as caught:
        client.get("/models", cast_to=object)
    assert isinstance(caught.value.__cause__, httpx.TooManyRedirects)
    assert len(wire.requests) == 4
    with pytest.raises(openai.APIConnectionError):
        wire = Redirecting(307, "https://host:bad/")
        OpenAI(api_key=KEY, http_client=wire.http_client(False), max_retries=0).get("/models", cast_to=object)


@pytest.mark.parametrize("host", ["api。stepfun。ai", "api．stepfun．ai", "ａｐｉ.stepfun.ai", "API.StepFun.AI."])
def test_a_host_counts_however_it_is_written(host: str) -> None:
    from stepfun_compat.credentials.urls import host_kind, origin

    assert host_kind(f"https://{host}/v1") == "stepfun"
    assert origin(f"https://{host}/v1") == "https://api.stepfun.ai:443"
