# pyright: strict, reportPrivateUsage=false
"""A user's program for type checkers only (`.ci/run` runs pyright and mypy over it): the types are openai's."""

from __future__ import annotations

from openai import AsyncStream, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel
from typing_extensions import assert_type

import stepfun_compat
from stepfun_compat import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, Explanation, OpenAI, Settings


class Point(BaseModel):
    x: int


def sync(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert_type(answer, ChatCompletion)
    stream = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "hi"}], stream=True, seed=1, extra_headers={"x": "y"}
    )
    assert_type(stream, Stream[ChatCompletionChunk])
    for chunk in stream:
        assert_type(chunk, ChatCompletionChunk)
    parsed = client.beta.chat.completions.parse(model="gpt-4o", messages=[], response_format=Point)
    assert_type(parsed.choices[0].message.parsed, Point | None)
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[])
    assert_type(raw.parse(), ChatCompletion)
    assert_type(client.stepfun.explain(model="gpt-4o", messages=[]), Explanation)
    assert_type(client.stepfun.settings, Settings)
    assert_type(client.with_options(timeout=3, settings=Settings()), OpenAI)
    assert_type(client.copy(max_retries=3), OpenAI)
    assert_type(client.api_key, str)
    assert_type(client.max_retries, int)
    with client as opened:
        assert_type(opened, OpenAI)


async def asynchronous(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="gpt-4o", messages=[])
    assert_type(answer, ChatCompletion)
    stream = await client.chat.completions.create(model="gpt-4o", messages=[], stream=True)
    assert_type(stream, AsyncStream[ChatCompletionChunk])
    assert_type(client.with_options(timeout=3), AsyncOpenAI)
    async with client as opened:
        assert_type(opened, AsyncOpenAI)


def stock(client: stepfun_compat.stock.OpenAI) -> None:
    del client


async def later() -> str:
    return "key"


stock(OpenAI(api_key=lambda: "key", settings=Settings(model="step-3.5-flash"), timeout=3.0, max_retries=1))
AsyncOpenAI(api_key=later, base_url="https://api.stepfun.com/v1", settings=None)
azure = AzureOpenAI(azure_endpoint="https://x.openai.azure.com", api_version="v", api_key="k", settings=Settings())
assert_type(azure.with_options(azure_deployment="d"), AzureOpenAI)
assert_type(azure.chat.completions.create(model="gpt-4o", messages=[]), ChatCompletion)
assert_type(AsyncAzureOpenAI(azure_ad_token_provider=later).with_options(timeout=1), AsyncAzureOpenAI)

stepfun_compat.api_key = "key"
try:
    assert_type(stepfun_compat.chat.completions.create(model="gpt-4o", messages=[]), ChatCompletion)
except stepfun_compat.RateLimitError as error:
    assert_type(error.response.status_code, int)
