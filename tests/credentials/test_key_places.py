"""An OpenAI key in any place of a request is never sent to StepFun, nor the StepFun key to any other host."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from stepfun_compat import AsyncOpenAI, OpenAI
from tests.support.key_places import ARGUMENTS, MARKED, MESSAGES, ask, basic, sent_text
from tests.support.wire import KEY, Wire, completion


@pytest.mark.parametrize("where", ["extra_headers", "default_headers"])
def test_openai_key_in_a_header_of_the_caller_is_not_sent(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    headers = {"Authorization": f"Bearer {MARKED}", "api-key": MARKED, "x-mine": "kept"}
    wire = Wire()
    if where == "default_headers":
        ask(wire.client(default_headers=headers))
    else:
        ask(wire.client(), extra_headers=headers)
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"
    assert wire.request.headers["x-mine"] == "kept"
    assert MARKED not in str(wire.request.headers)


def test_openai_key_without_a_scheme_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    ask(wire.client(), extra_headers={"Authorization": MARKED})
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("place", ARGUMENTS)
@pytest.mark.parametrize("theirs", [MARKED, "sk-plain-key-of-openai"])
def test_openai_key_in_any_place_of_a_call_is_not_sent(
    place: str, theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-plain-key-of-openai")
    wire = Wire()
    ask(wire.client(), **ARGUMENTS[place](theirs))
    assert theirs not in sent_text(wire.request)
    assert wire.request.headers.get_list("authorization") == [f"Bearer {KEY}"]
    if place == "query":
        assert dict(wire.request.url.params) == {"kept": "1"}


@pytest.mark.anyio
@pytest.mark.parametrize("place", ARGUMENTS)
async def test_openai_key_in_any_place_of_an_async_call_is_not_sent(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    client = wire.async_client()
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **ARGUMENTS[place](MARKED))
    assert MARKED not in sent_text(wire.request)
    assert wire.request.headers.get_list("authorization") == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "kwargs",
    [
        {"default_headers": {"authorization": f"Bearer {MARKED}"}},
        {"default_headers": {b"authorization": f"Bearer {MARKED}".encode()}},
        {"default_headers": {"Authorization": basic(MARKED)}},
        {"default_headers": {"x-key": MARKED}},
        {"default_query": {"api_key": MARKED}},
        {"base_url": f"https://{MARKED}@api.stepfun.ai/v1"},
        {"base_url": f"https://user:{MARKED}@api.stepfun.ai/v1"},
        {"api_key": f"Bearer {MARKED}"},
        {"api_key": f" {MARKED}\n"},
    ],
)
def test_openai_key_in_any_constructor_argument_is_not_sent(
    kwargs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    client = wire.client(**kwargs)
    for each in (client, client.with_options(timeout=3)):
        ask(each)
        assert MARKED not in sent_text(wire.request)
        assert wire.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "kwargs",
    [
        {"auth": ("user", MARKED)},
        {"headers": {"authorization": f"Bearer {MARKED}", "api-key": MARKED}},
        {"params": {"key": MARKED}},
        {"cookies": {"key": MARKED}},
        {"base_url": "https://elsewhere.example/"},
    ],
)
async def test_openai_key_in_the_callers_http_client_is_not_sent(
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
        assert MARKED not in sent_text(request)
        assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.anyio
async def test_auth_of_the_callers_http_client_still_works() -> None:
    """Covers an `auth=` that adds an unknown key, and one that responds to a challenge."""
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


def test_hooks_of_the_callers_http_client_get_the_checked_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    seen: list[str] = []
    hooks: Any = {"request": [lambda request: seen.append(sent_text(request))]}
    transport = httpx.MockTransport(Wire())
    ask(OpenAI(api_key=MARKED, http_client=httpx.Client(transport=transport, event_hooks=hooks)))
    assert len(seen) == 1
    assert MARKED not in seen[0]


def test_replaced_http_client_passes_the_same_credential_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    wire = Wire()
    client = OpenAI()
    client._client.close()
    client._client = httpx.Client(transport=httpx.MockTransport(wire), auth=("user", MARKED))
    ask(client)
    assert MARKED not in sent_text(wire.request)


@pytest.mark.parametrize("place", [*ARGUMENTS, "api key"])
def test_stepfun_key_in_any_place_of_a_call_to_another_host_is_not_sent(place: str) -> None:
    wire = Wire()
    client = wire.client()
    if place == "api key":
        client.get("https://elsewhere.example/x", cast_to=object)
        assert KEY not in sent_text(wire.request)
        client.get("http://api.stepfun.ai/v1/models", cast_to=object)  # not encrypted
    elif place == "query":
        client.get("https://elsewhere.example/x", cast_to=object, options={"params": {"k": KEY, "kept": "1"}})
        assert dict(wire.request.url.params) == {"kept": "1"}
    else:
        headers = ARGUMENTS[place](KEY)["extra_headers"]
        client.get("https://elsewhere.example/x", cast_to=object, options={"headers": headers})
    assert KEY not in sent_text(wire.request)
    client.base_url = "https://elsewhere.example/v1"  # type: ignore[assignment]
    ask(client, **(ARGUMENTS[place](KEY) if place in ARGUMENTS else {}))
    assert wire.request.url.host == "elsewhere.example"
    assert KEY not in sent_text(wire.request)


def test_openai_key_in_the_user_part_of_a_url_is_not_sent() -> None:
    wire = Wire()
    wire.client().get(f"https://{KEY}@elsewhere.example/x", cast_to=object)
    assert KEY not in sent_text(wire.request)


def test_short_key_removes_nothing_else() -> None:
    wire = Wire()
    wire.client(api_key="k").get("https://elsewhere.example/x", cast_to=object)
    assert "authorization" not in wire.request.headers
    assert "user-agent" in wire.request.headers
    assert "x-stainless-lang" in wire.request.headers
