"""Every redirect is checked like a separate request: a table of ways a key could follow one to a wrong host.

A way is a client, a place of the key and its spelling there, the key, the status and the target.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, OpenAI, Settings
from tests.support.key_places import MARKED, PLACES, PLAIN, VENDOR, Given
from tests.support.redirects import Redirecting, visible_text
from tests.support.wire import KEY

MESSAGES: Any = [{"role": "user", "content": "x"}]
STATUSES = (301, 302, 303, 307, 308)
HOME = "https://api.stepfun.ai/v1/chat/completions"
AWAY = (
    ("https://elsewhere.example/v1/chat/completions",),
    ("http://api.stepfun.ai/v1/chat/completions",),  # not encrypted
    ("https://api.stepfun.ai.elsewhere.example/x",),
    ("//elsewhere.example/x?kept=1",),
    (f"https://{KEY}@elsewhere.example/x?k={KEY}",),
    ("/v1/other", "https://elsewhere.example/x", "https://third.example/x"),
)
"""Chains of targets that leave StepFun."""
TO_STEPFUN = (
    (HOME,),
    ("https://api.stepfun.com/v1/x",),
    ("https://api。stepfun。ai/v1/x",),
    ("https://api．StepFun．ai./v1/x",),
    ("https://third.example/x", HOME),
)
"""Chains of targets that end at StepFun."""
PLACES_HTTP = {name: make for name, make in PLACES.items() if not name.startswith(("options header", "http header"))}
PLACES_HTTP |= {f"{where} header x-api-key": PLACES[f"{where} header x-api-key"] for where in ("options", "http")}
PLACES_HTTP["options header Authorization"] = PLACES["options header Authorization"]
PLACES_HTTP["http header Authorization"] = PLACES["http header Authorization"]
OURS = ("sync", "async", "azure", "async azure", "module")
ATTRIBUTES = ("api_key", "http_client", "max_retries", "default_headers", "default_query")
OTHERS = ("vendor", "async vendor", "fallback", "async fallback")


def ways(chains: tuple[tuple[str, ...], ...], place: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Pair every status with one of the chains, starting at another one for each place, so the table covers all pairs."""
    start = list(PLACES_HTTP).index(place)
    for number, status in enumerate(STATUSES):
        yield status, chains[(start + number) % len(chains)]


@lru_cache(maxsize=2)
def with_fallback(cls: Any) -> Any:
    """A client with a fallback created from a URL, whose connections and defaults a test replaces."""
    return cls(settings=Settings(api_key=KEY, fallback={"embeddings": "https://other.example/v1"}))


class CheckedClient:
    """One kind of client with the arguments of a program, over a transport that redirects."""

    def __init__(self, kind: str, given: Given) -> None:
        self.wire, self.kind, self.call = Redirecting(307), kind, dict(given.call)
        later = kind.startswith("async")
        http = self.wire.http_client(later, **given.http)
        made: dict[str, Any] = {"api_key": KEY, "http_client": http, "max_retries": 0, **given.made}
        cls: Any = AsyncOpenAI if later else OpenAI
        if "azure" in kind:
            cls = stepfun_compat.AsyncAzureOpenAI if later else stepfun_compat.AzureOpenAI
            made |= {"azure_endpoint": "https://x.openai.azure.com", "api_version": "v"}
        elif "vendor" in kind:
            made |= {"base_url": "https://gateway.example/v1", "api_key": VENDOR}
        self.made, self.http = made, http
        if "fallback" in kind:
            self.client: Any = with_fallback(cls)
        else:
            self.client = stepfun_compat if kind == "module" else cls(**made)
            if given.options and kind != "module":
                self.client = self.client.with_options(**given.options)

    def install(self) -> None:
        """Copy this client's configuration to the shared module or fallback client."""
        if self.kind == "module":
            for name in ATTRIBUTES:
                setattr(stepfun_compat, name, self.made.get(name))
        if "fallback" in self.kind:
            fallback = self.client._stepfun.fallback["embeddings"]
            fallback._client = self.http
            fallback._custom_headers = self.made.get("default_headers", {})
            fallback._custom_query = self.made.get("default_query", {})

    async def ask(self, status: int, targets: tuple[str, ...]) -> list[httpx.Request]:
        """Return the requests that one call sends. The call may fail where a redirect drops the body, as a 303 does."""
        self.install()
        self.wire.__init__(status, *targets)
        with contextlib.suppress(openai.OpenAIError):
            if "fallback" in self.kind:
                names = {"extra_headers": "headers", "extra_query": "params"}
                options = {names[name]: value for name, value in self.call.items()}
                made = self.client.post(
                    "/embeddings", body={"model": "m", "input": "x"}, cast_to=object, options=options
                )
            else:
                made = self.client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **self.call)
            if inspect.isawaitable(made):
                await made
        assert self.wire.requests
        return self.wire.requests


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", PLAIN)
    monkeypatch.setenv("STEPFUN_FALLBACK_EMBEDDINGS_API_KEY", VENDOR)
    for name in ATTRIBUTES:
        monkeypatch.setattr(stepfun_compat, name, getattr(stepfun_compat, name))


def is_stepfun(request: httpx.Request) -> bool:
    return request.url.host.lower().rstrip(".").endswith(("stepfun.ai", "stepfun.com"))


@pytest.mark.anyio
@pytest.mark.parametrize("place", PLACES_HTTP)
@pytest.mark.parametrize("kind", OURS)
async def test_stepfun_key_follows_no_redirect_to_another_host(kind: str, place: str) -> None:
    asked = CheckedClient(kind, PLACES_HTTP[place](KEY))
    for status, targets in ways(AWAY, place):
        first, *hops = await asked.ask(status, targets)
        assert len(hops) == len(targets)
        assert KEY in visible_text(first)
        for hop in hops:
            trusted = is_stepfun(hop) and hop.url.scheme == "https"
            assert trusted or KEY not in visible_text(hop), (status, targets)


@pytest.mark.anyio
@pytest.mark.parametrize("place", PLACES_HTTP)
@pytest.mark.parametrize("kind", OURS)
async def test_openai_key_follows_no_redirect_to_stepfun(kind: str, place: str) -> None:
    keys = (MARKED, PLAIN)
    clients = [CheckedClient(kind, PLACES_HTTP[place](key)) for key in keys]
    chains = (AWAY[0], ("/v1/other",), TO_STEPFUN[2], TO_STEPFUN[4])
    for number, (status, targets) in enumerate(ways(chains, place)):
        for request in await clients[number % 2].ask(status, targets):
            assert not is_stepfun(request) or keys[number % 2] not in visible_text(request), (status, targets)
            assert is_stepfun(request) or KEY not in visible_text(request), (status, targets)


@pytest.mark.anyio
@pytest.mark.parametrize("place", PLACES_HTTP)
@pytest.mark.parametrize("kind", OTHERS)
async def test_client_of_another_host_sends_no_key_to_stepfun(kind: str, place: str) -> None:
    """It sends StepFun neither OpenAI's key nor its own, and the StepFun key to no other host."""
    if "fallback" in kind and place.startswith("options"):
        pytest.skip("a fallback has no separate options")
    clients = [CheckedClient(kind, PLACES_HTTP[place](key)) for key in (VENDOR, MARKED, KEY)]
    start = list(PLACES_HTTP).index(place)
    for number, (status, targets) in enumerate(ways(TO_STEPFUN, place)):
        requests = await clients[(start + number) % 3].ask(status, targets)
        assert len(requests) == len(targets) + 1
        for request in requests:
            text = visible_text(request)
            assert not is_stepfun(request) or (VENDOR not in text and MARKED not in text), (status, targets)
            assert is_stepfun(request) or KEY not in text, (status, targets)


def test_table_covers_every_case() -> None:
    assert len(STATUSES) * len(PLACES_HTTP) * (2 * len(OURS) + len(OTHERS)) >= 1350
