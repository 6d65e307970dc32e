"""OpenAI's own client against the emulator: the documented incompatibilities occur (stepfun-api 4, 9.2, 12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ASK: Any = {"model": "step-3.7-flash", "messages": [{"role": "user", "content": "What is the weather in Paris?"}]}


@pytest.fixture
def stock(server: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=server.api_key, base_url=server.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def completions(stock: openai.OpenAI) -> Any:
    """The resource with the stream helper, which left `beta` in 1.92."""
    return stock.chat.completions if hasattr(stock.chat.completions, "stream") else stock.beta.chat.completions


def test_plain_call_works(stock: openai.OpenAI) -> None:
    done = stock.chat.completions.create(**ASK)
    assert done.choices[0].message.content == "What is the weather in Paris?"


def test_tool_calls_have_stop_and_empty_content(stock: openai.OpenAI) -> None:
    choice = stock.chat.completions.create(**ASK, tools=[TOOL]).choices[0]
    assert choice.message.tool_calls
    assert (choice.finish_reason, choice.message.content) == ("stop", "")


def test_small_cap_leaves_empty_content(stock: openai.OpenAI) -> None:
    choice = stock.chat.completions.create(**ASK, max_tokens=64).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("", "length")


def test_usage_is_cumulative_over_chunks(stock: openai.OpenAI) -> None:
    chunks = list(stock.chat.completions.create(**ASK, stream=True))
    counted = [chunk.usage.completion_tokens for chunk in chunks if chunk.usage]
    assert sum(counted) > 2 * counted[-1]


def test_finish_reason_is_an_empty_string_in_shape_a(stock: openai.OpenAI, server: Any) -> None:
    server.configure(stream_shape="a")
    first = next(iter(stock.chat.completions.create(**ASK, stream=True)))
    assert first.choices[0].finish_reason == ""  # type: ignore[comparison-overlap]


def test_stream_helper_concatenates_roles(completions: Any) -> None:
    with completions.stream(**ASK) as events:
        role = events.get_final_completion().choices[0].message.role
    assert role.startswith("assistantassistant")


def test_stream_helper_needs_an_index(completions: Any, server: Any) -> None:
    server.configure(tool_delta="missing_index")
    with pytest.raises(TypeError), completions.stream(**ASK, tools=[TOOL]) as events:
        events.get_final_completion()


def test_stream_helper_concatenates_repeated_names(completions: Any, server: Any) -> None:
    server.configure(stream_shape="c")
    with completions.stream(**ASK, tools=[TOOL]) as events:
        call = events.get_final_completion().choices[0].message.tool_calls[0]  # type: ignore[index]
    assert call.function.name.startswith("get_weatherget_weather")


@pytest.mark.parametrize("status", [402, 451])
def test_quota_and_moderation_are_bare_status_errors(stock: openai.OpenAI, server: Any, status: int) -> None:
    server.fault(status)
    with pytest.raises(openai.APIStatusError) as raised:
        stock.chat.completions.create(**ASK)
    assert type(raised.value) is openai.APIStatusError
    assert (raised.value.status_code, raised.value.code, raised.value.request_id) == (status, None, None)


def test_mid_stream_error_is_an_api_error(stock: openai.OpenAI, server: Any) -> None:
    server.fault("error")
    with pytest.raises(openai.APIError, match="overloaded"):
        list(stock.chat.completions.create(**ASK, stream=True))


def test_retries_are_counted_by_the_sdk(server: Any) -> None:
    server.fault(429, times=2, headers={"retry-after-ms": "1"})
    with openai.OpenAI(api_key=server.api_key, base_url=server.base_url, max_retries=2) as client:
        client.chat.completions.create(**ASK)
    assert [item.status for item in server.requests] == [429, 429, 200]


def test_unknown_models_are_bad_requests(stock: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="does not exist"):
        stock.chat.completions.create(**{**ASK, "model": "gpt-4o"})


def test_missing_endpoints_are_not_found_without_a_body(stock: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        stock.embeddings.create(model="x", input="y")
    assert raised.value.code is None
