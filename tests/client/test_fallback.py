"""Fallback routing sends one resource to another provider with that provider's key, and nothing else."""

from __future__ import annotations

import json
import warnings
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import Settings, stock
from tests.support.wire import KEY, Wire

EMBEDDING: Any = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}
THEIRS = "sk-proj-their-own-key"


def other(wire: Wire, asynchronous: bool = False) -> Any:
    transport = httpx.MockTransport(wire)
    if asynchronous:
        return stock.AsyncOpenAI(api_key=THEIRS, http_client=httpx.AsyncClient(transport=transport))
    return stock.OpenAI(api_key=THEIRS, http_client=httpx.Client(transport=transport))


def test_only_the_routed_resource_is_sent_with_the_fallback_key() -> None:
    theirs, ours = Wire(EMBEDDING), Wire()
    client = ours.client(settings=Settings(fallback={"embeddings": other(theirs)}))
    answer = client.embeddings.create(
        model="text-embedding-3-small", input="x", encoding_format="float", extra_headers={"x-leak": KEY}
    )
    assert answer.data[0].embedding == [0.5, 0.25]
    assert theirs.request.url.host == "api.openai.com"
    assert theirs.request.headers["authorization"] == f"Bearer {THEIRS}"
    assert KEY not in str(theirs.request.headers)
    with client.embeddings.with_streaming_response.create(model="m", input="x", encoding_format="float") as response:
        assert response.parse().data[0].embedding == [0.5, 0.25]
    assert theirs.requests.pop().headers["authorization"] == f"Bearer {THEIRS}"
    assert json.loads(theirs.request.content)["model"] == "text-embedding-3-small"
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert ours.request.headers["authorization"] == f"Bearer {KEY}"
    assert THEIRS not in str(ours.request.headers)
    assert len(theirs.requests) == len(ours.requests) == 1
    with pytest.raises(stepfun_compat.EndpointNotAvailableError):
        client.moderations.create(input="x")


def test_every_routable_resource_is_routed() -> None:
    """Every call, plain or raw, goes to the fallback with its key, and nothing is sent to StepFun."""
    answer = {"id": "x-1", "object": "list", "data": [], "results": [], "status": "completed", "text": "hi"}
    for name, use in {
        "moderations": lambda c: c.moderations.create(input="x"),
        "batches": lambda c: c.batches.with_raw_response.retrieve("batch-1"),
        "fine_tuning": lambda c: c.fine_tuning.jobs.create(model="m", training_file="f"),
        "assistants": lambda c: c.beta.assistants.create(model="m"),
        "threads": lambda c: c.beta.threads.create(),
        "audio_translations": lambda c: c.audio.translations.create(model="whisper-1", file=("a.wav", b"x")),
        "evals": lambda c: c.get("/evals/e", cast_to=object),
        "videos": lambda c: c.post("/videos", body={}, cast_to=object),
        "containers": lambda c: c.get("/containers", cast_to=object),
        "skills": lambda c: c.get("/skills/s", cast_to=object),
        "chatkit": lambda c: c.post("/chatkit/sessions", body={}, cast_to=object),
    }.items():
        theirs, ours = Wire(answer), Wire()
        client = ours.client(settings=Settings(fallback={name: other(theirs)}))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            use(client.with_options(timeout=3))
        assert theirs.request.headers["authorization"] == f"Bearer {THEIRS}", name
        assert KEY not in str(theirs.request.headers), name
        assert ours.requests == [], name


@pytest.mark.anyio
async def test_async_client_and_its_copies_use_the_fallback() -> None:
    theirs = Wire(EMBEDDING)
    client = Wire().async_client(settings=Settings(fallback={"embeddings": other(theirs, True)}))
    copied = client.with_options(timeout=3)
    answer = await copied.embeddings.create(model="m", input="x", encoding_format="float")
    assert answer.data[0].embedding == [0.5, 0.25]
    raw = await client.embeddings.with_raw_response.create(model="m", input="x", encoding_format="float")
    assert raw.parse().data[0].embedding == [0.5, 0.25]


def test_fallback_to_stepfun_is_refused_at_construction() -> None:
    ours = Wire().client()
    elsewhere = stepfun_compat.OpenAI(api_key="k", base_url="http://localhost:11434/v1")
    named = stock.OpenAI(api_key="k", base_url="https://api.stepfun.com/v1")
    for wrong in (ours, elsewhere, named):
        with pytest.raises(stepfun_compat.SettingsError, match="StepFun"):
            Wire().client(settings=Settings(fallback={"embeddings": wrong}))
    gateway = Settings(
        base_url="https://gateway.example/stepfun/v1",
        api_key=KEY,
        fallback={"embeddings": stock.OpenAI(api_key="k", base_url="https://gateway.example/stepfun/v1/")},
    )
    with pytest.raises(stepfun_compat.SettingsError, match=r"gateway\.example"):
        stepfun_compat.OpenAI(settings=gateway)
    with pytest.raises(stepfun_compat.SettingsError, match="StepFun"):
        Settings(fallback={"embeddings": "https://api.stepfun.ai/v1"})


def test_fallback_must_be_sync_or_async_like_the_client() -> None:
    with pytest.raises(stepfun_compat.SettingsError, match="AsyncOpenAI"):
        Wire().async_client(settings=Settings(fallback={"embeddings": other(Wire())}))
    with pytest.raises(stepfun_compat.SettingsError, match="OpenAI"):
        Wire().client(settings=Settings(fallback={"embeddings": other(Wire(), True)}))


def test_stepfun_key_is_refused_for_a_fallback() -> None:
    same = stock.OpenAI(api_key=KEY, base_url="https://other.example/v1")
    for settings in (Settings(api_key=KEY, fallback={"embeddings": same}), Settings(fallback={"embeddings": same})):
        with pytest.raises(stepfun_compat.SettingsError, match=r"never sent to other\.example"):
            stepfun_compat.OpenAI(api_key=KEY, settings=settings)
    # one gateway in front of both vendors accepts the same key for both
    behind = stock.OpenAI(api_key=KEY, base_url="https://gateway.example/other/v1")
    settings = Settings(base_url="https://gateway.example/stepfun/v1", api_key=KEY, fallback={"embeddings": behind})
    assert stepfun_compat.OpenAI(settings=settings)._stepfun.fallback["embeddings"] is behind


def test_fallback_is_a_client_or_a_url() -> None:
    with pytest.raises(stepfun_compat.SettingsError, match="https://"):
        Settings(fallback={"embeddings": "nowhere"})
    with pytest.raises(stepfun_compat.SettingsError, match="int"):
        stepfun_compat.OpenAI(api_key=KEY, settings=Settings(fallback={"embeddings": 7}))


def test_only_unavailable_resources_can_be_routed() -> None:
    with pytest.raises(stepfun_compat.SettingsError, match="embeddings"):
        Settings(fallback={"chat": other(Wire())})


def test_fallback_url_needs_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPFUN_FALLBACK_EMBEDDINGS", "https://other.example/v1")
    monkeypatch.setenv("STEPFUN_API_KEY", KEY)
    with pytest.raises(stepfun_compat.SettingsError, match="STEPFUN_FALLBACK_EMBEDDINGS_API_KEY"):
        stepfun_compat.OpenAI()
    monkeypatch.setenv("STEPFUN_FALLBACK_EMBEDDINGS_API_KEY", KEY)
    with pytest.raises(stepfun_compat.SettingsError, match="never sent"):
        stepfun_compat.OpenAI()
    monkeypatch.setenv("STEPFUN_FALLBACK_EMBEDDINGS_API_KEY", "other-key")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-leak")
    client: Any = stepfun_compat.OpenAI()
    fallback = client._stepfun.fallback["embeddings"]
    assert type(fallback) is openai.OpenAI
    assert (fallback.api_key, str(fallback.base_url), fallback.organization) == (
        "other-key",
        "https://other.example/v1/",
        None,
    )
    assert client.with_options(timeout=1)._stepfun.fallback["embeddings"] is fallback  # so the connections are shared
    assert Settings().source("fallback") == "STEPFUN_FALLBACK_*"
    assert "other-key" not in repr(Settings())
