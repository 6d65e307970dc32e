"""This package's clients behave like openai's."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
import threading
import typing
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, OpenAI, Settings, stock
from tests.support.wire import KEY, Wire, call, completion, text_stream

MESSAGES: list[Any] = [{"role": "user", "content": "hello"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


# ---------------------------------------------------------------- identity


def test_clients_are_true_subclasses() -> None:
    assert issubclass(OpenAI, openai.OpenAI)
    assert issubclass(AsyncOpenAI, openai.AsyncOpenAI)
    assert stepfun_compat.Client is OpenAI
    assert stepfun_compat.AsyncClient is AsyncOpenAI
    assert issubclass(stepfun_compat.AzureOpenAI, openai.AzureOpenAI)
    assert OpenAI.__name__ == "OpenAI"


@pytest.mark.parametrize(("ours", "theirs"), [(OpenAI, stock.OpenAI), (AsyncOpenAI, stock.AsyncOpenAI)])
def test_signatures_are_openais_plus_settings(ours: type, theirs: type) -> None:
    for name in ("__init__", "copy", "with_options"):
        own = inspect.signature(getattr(ours, name)).parameters
        assert set(own) == {*inspect.signature(getattr(theirs, name)).parameters, "settings"}


def test_every_public_name_of_openai_resolves() -> None:
    import stepfun_compat as module

    for name in openai.__all__:
        assert getattr(module, name) is not None
    for name in ("NOT_GIVEN", "pydantic_function_tool", "RateLimitError", "types", "Stream"):
        assert getattr(module, name) is getattr(openai, name)
    assert module.__version__ == openai.__version__
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_the_kind'"):
        _ = module.nothing_of_the_kind


def test_resources_are_openais_own_classes() -> None:
    client = Wire().client()
    assert isinstance(client.chat.completions, openai.resources.chat.Completions)
    assert isinstance(client.beta.chat.completions, openai.resources.chat.Completions | object)


# ---------------------------------------------------------------- calls


def test_plain_call_is_sent_in_stepfuns_form_and_parsed() -> None:
    wire = Wire()
    answer = wire.client().chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert type(answer) is openai.types.chat.ChatCompletion
    assert answer.choices[0].message.content == "hi"
    assert answer._request_id == "trace-1"
    assert str(wire.request.url) == "https://api.stepfun.ai/v1/chat/completions"
    assert wire.request.headers["authorization"] == f"Bearer {KEY}"
    assert wire.body == {"model": "step-3.7-flash", "messages": MESSAGES, "reasoning_effort": "low"}


@pytest.mark.anyio
async def test_async_call_does_the_same() -> None:
    wire = Wire()
    async with wire.async_client() as client:
        answer = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert answer.choices[0].message.content == "hi"
    assert answer._request_id == "trace-1"
    assert wire.body == {"model": "step-3.7-flash", "messages": MESSAGES, "reasoning_effort": "low"}


def test_raw_response_has_openais_body_and_the_servers_headers() -> None:
    wire = Wire(completion("", tool_calls=[call()]))
    raw = wire.client().chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES, tools=[TOOL])
    assert raw.request_id == "trace-1"
    assert raw.headers["x-trace-id"] == "trace-1"
    assert raw.status_code == 200
    body = json.loads(raw.text)
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert raw.parse().choices[0].finish_reason == "tool_calls"
    assert raw.retries_taken == 0


@pytest.mark.anyio
async def test_async_raw_response() -> None:
    raw = (
        await Wire(completion("", tool_calls=[call()]))
        .async_client()
        .chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES, tools=[TOOL])
    )
    assert json.loads(raw.text)["choices"][0]["finish_reason"] == "tool_calls"
    assert raw.parse().choices[0].finish_reason == "tool_calls"


def test_streaming_response_of_a_plain_call() -> None:
    client = Wire(completion("", tool_calls=[call()])).client()
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o", messages=MESSAGES, tools=[TOOL]
    ) as response:
        assert json.loads(b"".join(response.iter_bytes()))["choices"][0]["finish_reason"] == "tool_calls"
        assert response.parse().choices[0].finish_reason == "tool_calls"


@pytest.mark.anyio
async def test_async_streaming_response_of_a_plain_call() -> None:
    client = Wire(completion("", tool_calls=[call()])).async_client()
    async with client.chat.completions.with_streaming_response.create(
        model="gpt-4o", messages=MESSAGES, tools=[TOOL]
    ) as response:
        assert json.loads(await response.read())["choices"][0]["finish_reason"] == "tool_calls"
        assert (await response.parse()).choices[0].finish_reason == "tool_calls"


def test_stream_is_openais_class_and_shape() -> None:
    stream = (
        Wire(text_stream("A", "I")).client().chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    )
    assert isinstance(stream, openai.Stream)
    chunks = list(stream)
    assert [c.choices[0].delta.content for c in chunks] == ["", "A", "I", None]
    assert [c.choices[0].finish_reason for c in chunks] == [None, None, None, "stop"]
    assert [c.choices[0].delta.role for c in chunks] == ["assistant", None, None, None]
    assert all(c.usage is None for c in chunks)


@pytest.mark.anyio
async def test_async_stream_is_openais_class_and_shape() -> None:
    client = Wire(text_stream("A", "I")).async_client()
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    assert isinstance(stream, openai.AsyncStream)
    chunks = [c async for c in stream]
    assert [c.choices[0].finish_reason for c in chunks[:-1]] == [None, None, None, "stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 90


def test_raw_response_of_a_stream_parses_into_openais_shape() -> None:
    raw = (
        Wire(text_stream("A"))
        .client()
        .chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES, stream=True)
    )
    assert [c.choices[0].finish_reason for c in raw.parse()] == [None, None, "stop"]


def test_stream_closes_early_and_as_context_manager() -> None:
    client = Wire(text_stream("A", "B", "C")).client()
    with client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True) as stream:
        next(iter(stream))
    assert stream.response.is_closed


def test_direct_post_is_translated() -> None:
    wire = Wire()
    answer = wire.client().post(
        "/chat/completions", body={"model": "gpt-4o", "messages": MESSAGES}, cast_to=openai.types.chat.ChatCompletion
    )
    assert answer.choices[0].message.content == "hi"
    assert wire.body["model"] == "step-3.7-flash"


# ---------------------------------------------------------------- options


def test_with_options_keeps_settings_and_shares_statistics_and_connections() -> None:
    wire = Wire()
    client = wire.client(settings=Settings(model="step-3.5-flash"))
    other = client.with_options(timeout=3, max_retries=0, default_headers={"x-mine": "1"})
    assert type(other) is OpenAI
    assert other._client is client._client
    other.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert wire.body["model"] == "step-3.5-flash"
    assert wire.request.headers["x-mine"] == "1"
    assert client.stepfun.prompt_cache is other.stepfun.prompt_cache
    assert client.stepfun.prompt_cache.stats().calls == 1
    assert client.with_options(settings=Settings()).stepfun.settings.model is None


def test_extra_headers_body_and_query_are_sent() -> None:
    wire = Wire()
    wire.client().chat.completions.create(
        model="gpt-4o",
        messages=MESSAGES,
        extra_headers={"x-extra": "h"},
        extra_query={"q": "1"},
        extra_body={"reasoning_format": "general", "something_new": {"deep": True}},
    )
    assert wire.request.headers["x-extra"] == "h"
    assert wire.request.url.params["q"] == "1"
    assert wire.body["reasoning_format"] == "general"
    assert wire.body["something_new"] == {"deep": True}


def test_extra_body_is_merged_before_translation() -> None:
    wire = Wire()
    wire.client().chat.completions.create(
        model="gpt-4o", messages=MESSAGES, extra_body={"max_completion_tokens": 7, "model": "step-3.5-flash"}
    )
    assert wire.body["model"] == "step-3.5-flash"
    assert wire.body["max_tokens"] == 7


def test_a_retry_sends_the_same_bytes() -> None:
    wire = Wire(httpx.Response(500, headers={"retry-after-ms": "1"}, json={}), completion())
    wire.client(max_retries=1).chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=5)
    assert wire.requests[0].content == wire.requests[1].content


def test_debug_logging_of_the_sdk_works(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    Wire().client().chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert KEY not in caplog.text


def test_results_pickle_and_copy() -> None:
    answer = Wire().client().chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert copy.deepcopy(answer) == answer


def test_threads_share_a_client() -> None:
    wire = Wire()
    client = wire.client()
    barrier = threading.Barrier(8)

    def ask(_: int) -> str | None:
        barrier.wait(timeout=10)
        return client.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices[0].message.content

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == ["hi"] * 8
    assert client.stepfun.prompt_cache.stats().calls == 8


@pytest.mark.anyio
async def test_1000_concurrent_calls() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)["messages"][0]["content"]
        return httpx.Response(200, json=completion(asked))

    client = Wire(echo).async_client()
    asked = [f"question {i}" for i in range(1000)]
    answers = await asyncio.gather(
        *(client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": q}]) for q in asked)
    )
    assert [answer.choices[0].message.content for answer in answers] == asked


def test_context_manager_closes_the_client() -> None:
    with Wire().client() as client:
        assert not client.is_closed()
    assert client.is_closed()


def test_httpx2_client_of_the_caller_is_used() -> None:
    httpx2 = pytest.importorskip("httpx2")
    if int(openai.__version__.split(".")[0]) < 3:
        pytest.skip("openai 3 and later accept httpx2 clients")
    seen: list[Any] = []

    def answer(request: Any) -> Any:
        seen.append(json.loads(request.content))
        return httpx2.Response(200, json=completion("", tool_calls=[call()]))

    client = OpenAI(api_key=KEY, http_client=httpx2.Client(transport=httpx2.MockTransport(answer)))
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=MESSAGES, tools=[TOOL], tool_choice="required"
    )
    assert isinstance(raw.http_response, httpx2.Response)
    assert raw.parse().choices[0].finish_reason == "tool_calls"
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES, tool_choice="required")
    assert isinstance(caught.value.response, httpx2.Response)


# ---------------------------------------------------------------- nothing is mutated


def test_arguments_are_not_mutated() -> None:
    wire = Wire(completion("", tool_calls=[call()]))
    arguments: dict[str, Any] = {
        "model": "gpt-4o",
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "a"}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,", "detail": "auto"}}]},
            {"role": "assistant", "content": None, "tool_calls": [call("1 name", "")]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "b"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "1 name", "strict": True}}],
        "tool_choice": "required",
        "max_tokens": 5,
        "extra_body": {"user": "u"},
        "extra_headers": {"x": "y"},
    }
    before = copy.deepcopy(arguments)
    wire.client().chat.completions.create(**arguments)
    assert arguments == before


# ---------------------------------------------------------------- second requests


@pytest.mark.anyio
async def test_missing_forced_call_is_requested_again() -> None:
    for asynchronous in (False, True):
        wire = Wire(completion("prose"), completion("", tool_calls=[call()]))
        arguments: Any = {"model": "gpt-4o", "messages": MESSAGES, "tools": [TOOL], "tool_choice": "required"}
        if asynchronous:
            answer = await wire.async_client().chat.completions.create(**arguments)
        else:
            answer = wire.client().chat.completions.create(**arguments)
        assert answer.choices[0].finish_reason == "tool_calls"
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == 2 * 591
        assert len(wire.requests) == 2
        assert wire.bodies[1]["messages"][: len(wire.bodies[0]["messages"])] == wire.bodies[0]["messages"]


def test_forced_call_that_never_arrives_is_reported() -> None:
    arguments: Any = {"model": "gpt-4o", "messages": MESSAGES, "tools": [TOOL], "tool_choice": "required"}
    stepfun_compat.reset_warnings()
    with pytest.warns(stepfun_compat.StepfunCompatWarning, match="tool_choice"):
        Wire(completion("prose")).client(settings=Settings(on_unsupported="warn")).chat.completions.create(**arguments)
    wire = Wire(completion("prose"))
    with pytest.raises(stepfun_compat.ToolChoiceNotHonouredError) as caught:
        wire.client(settings=Settings(on_unsupported="error")).chat.completions.create(**arguments)
    assert caught.value.code == "tool_choice_not_honoured"
    assert len(wire.requests) == 2
    wire = Wire(completion("prose"))
    wire.client(settings=Settings(max_corrections=0, on_unsupported="ignore")).chat.completions.create(**arguments)
    assert len(wire.requests) == 1


def test_requests_of_one_call_share_the_retry_budget() -> None:
    busy = httpx.Response(500, headers={"retry-after-ms": "1"}, json={})
    wire = Wire(busy, completion("prose"), busy, completion("never reached"))
    with pytest.raises(openai.InternalServerError):
        wire.client(max_retries=1).chat.completions.create(
            model="gpt-4o", messages=MESSAGES, tools=[TOOL], tool_choice="required"
        )
    assert len(wire.requests) == 3


def test_stream_is_never_requested_again() -> None:
    stepfun_compat.reset_warnings()
    wire = Wire(text_stream("prose"))
    with pytest.warns(stepfun_compat.StepfunCompatWarning, match="tool_choice"):
        list(
            wire.client(settings=Settings(on_unsupported="warn")).chat.completions.create(
                model="gpt-4o", messages=MESSAGES, tools=[TOOL], tool_choice="required", stream=True
            )
        )
    assert len(wire.requests) == 1


def test_echo_requested_model() -> None:
    client = Wire().client(settings=Settings(echo_requested_model=True))
    assert client.chat.completions.create(model="gpt-4o", messages=MESSAGES).model == "gpt-4o"


def test_prompt_cache_key_becomes_a_hashed_header() -> None:
    wire = Wire()
    wire.client().chat.completions.create(model="gpt-4o", messages=MESSAGES, extra_body={"prompt_cache_key": "team"})
    assert "prompt_cache_key" not in wire.body
    sent = wire.request.headers["x-session-id"]
    assert len(sent) == 32
    assert "team" not in sent
    wire.client(settings=Settings(prompt_cache_header="")).chat.completions.create(
        model="gpt-4o", messages=MESSAGES, extra_body={"prompt_cache_key": "team"}
    )
    assert "x-session-id" not in wire.request.headers


@pytest.mark.anyio
async def test_count_tokens_sync_and_async() -> None:
    def count(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/token/count"
        body = json.loads(request.content)
        assert set(body) == {"model", "messages"}
        return httpx.Response(200, json={"data": {"total_tokens": 85}})

    assert Wire(count).client().stepfun.count_tokens(MESSAGES) == 85
    assert await Wire(count).async_client().stepfun.count_tokens(MESSAGES, model="gpt-4o") == 85
    image: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]}]
    with pytest.raises(openai.BadRequestError, match=r"step-3\.5-flash accepts text"):
        Wire(count).client().stepfun.count_tokens(image, model="step-3.5-flash")
    with pytest.raises(openai.OpenAIError, match="no token count"):
        Wire({"data": {}}).client().stepfun.count_tokens(MESSAGES)
    with pytest.raises(openai.OpenAIError, match="no token count"):
        await Wire({"data": None}).async_client().stepfun.count_tokens(MESSAGES)


def test_catalog_overlay_is_used_by_the_client(tmp_path: Any) -> None:
    file = tmp_path / "rows.toml"
    file.write_text(
        '[[aliases]]\npattern = "my-model"\nmodel = "step-3.5-flash"\nsource = "mine"\nas_of = "2026-11-23"\n',
        encoding="utf-8",
    )
    wire = Wire()
    wire.client(settings=Settings(catalog_overlay=str(file))).chat.completions.create(
        model="my-model", messages=MESSAGES
    )
    assert wire.body["model"] == "step-3.5-flash"


def test_query_parameters_in_a_url_are_sent() -> None:
    wire = Wire({"object": "list", "data": []})
    wire.client().get("/files/a%2Fb?beta=true", cast_to=httpx.Response, options={"params": {"limit": "10"}})
    assert wire.request.url.raw_path == b"/v1/files/a%2Fb?beta=true&limit=10"


@pytest.mark.parametrize("name", ["OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI"])
@pytest.mark.parametrize("method", ["__init__", "copy", "with_options"])
def test_type_hints_are_openais_plus_settings(name: str, method: str) -> None:
    """Dependency injection and validation read them with `typing.get_type_hints`."""
    ours = typing.get_type_hints(getattr(getattr(stepfun_compat, name), method))
    theirs = typing.get_type_hints(getattr(getattr(stepfun_compat.stock, name), method))
    assert ours.pop("settings") in (Any, typing.Optional[Any])  # noqa: UP045 - Python 3.10 adds the default, None
    assert ours == theirs
