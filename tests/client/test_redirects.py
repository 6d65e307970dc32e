"""Every redirect is checked like a separate request: no key follows one to a wrong host."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from stepfun_compat import AsyncOpenAI, OpenAI, Settings
from tests.support.key_places import VENDOR
from tests.support.redirects import Redirecting, visible_text
from tests.support.wire import KEY

MESSAGES: Any = [{"role": "user", "content": "x"}]
OURS = "https://api.stepfun.ai/v1"
STATUSES = (301, 302, 303, 307, 308)


@pytest.mark.anyio
@pytest.mark.parametrize("header", ["Authorization", "x-api-key", "Proxy-Authorization"])
@pytest.mark.parametrize("status", STATUSES)
async def test_redirect_to_a_stepfun_host_keeps_the_allowed_headers(
    header: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cls, later in ((OpenAI, False), (AsyncOpenAI, True)):
        wire = Redirecting(status, "/v1/other", "https://api.stepfun.ai/v1/third")
        made = cls(api_key=KEY, http_client=wire.http_client(later)).chat.completions.create(
            model="gpt-4o", messages=MESSAGES, extra_headers={header: f"Bearer {KEY}"}
        )
        if later:
            await made
        assert [request.url.path for request in wire.requests] == ["/v1/chat/completions", "/v1/other", "/v1/third"]
        assert all(KEY in visible_text(request) for request in wire.requests)


@pytest.mark.anyio
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("target", [f"{OURS}/embeddings", "https://third.example/x", "https://api．stepfun．ai/v1/x"])
async def test_fallback_created_from_a_url_sends_its_key_nowhere_else(
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
    assert VENDOR not in visible_text(hop)
    assert KEY not in visible_text(first) + visible_text(hop)


@pytest.mark.parametrize("options", [{"follow_redirects": False}, {}])
def test_redirect_options_of_the_caller_are_respected(options: dict[str, Any]) -> None:
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


def test_endless_redirects_raise_connection_errors() -> None:
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
def test_host_is_recognized_in_every_spelling(host: str) -> None:
    from stepfun_compat.credentials.urls import host_kind, origin

    assert host_kind(f"https://{host}/v1") == "stepfun"
    assert origin(f"https://{host}/v1") == "https://api.stepfun.ai:443"
