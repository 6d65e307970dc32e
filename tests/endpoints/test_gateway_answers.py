"""Responses a gateway sends in OpenAI's form pass through unchanged: our client returns what the stock client returns
for the same bytes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest

from stepfun_compat import Settings
from tests.support.wire import Wire

MESSAGES: Any = [{"role": "user", "content": "hi"}]
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0},
}
HEAD = {"id": "chatcmpl-1", "created": 1700000000, "model": "gpt-4o-2024-08-06"}
MORE = {"service_tier": "default", "system_fingerprint": "fp_1"}
LOGPROBS = {"content": [{"token": "H", "logprob": -0.1, "bytes": [72], "top_logprobs": []}], "refusal": None}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
FUNCTION: Any = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
TOOLS: Any = [{"type": "function", "function": FUNCTION}]


def choice(finish: str = "stop", index: int = 0, logprobs: Any = None, **message: Any) -> dict[str, Any]:
    return {
        "index": index,
        "message": {"role": "assistant", "content": "Hello", "refusal": None, **message},
        "logprobs": logprobs,
        "finish_reason": finish,
    }


def whole(*choices: Any, **more: Any) -> Any:
    return {**HEAD, "object": "chat.completion", "choices": list(choices), "usage": USAGE, **MORE, **more}


WHOLE: dict[str, tuple[Any, dict[str, Any]]] = {
    "text": (whole(choice()), {}),
    "two choices": (whole(choice(), choice(index=1)), {"n": 2}),
    "refusal": (whole(choice(content=None, refusal="no")), {}),
    "logprobs": (whole(choice(logprobs=LOGPROBS)), {"logprobs": True}),
    "annotations": (
        whole(
            choice(
                annotations=[
                    {
                        "type": "url_citation",
                        "url_citation": {"start_index": 0, "end_index": 1, "title": "t", "url": "u"},
                    }
                ]
            )
        ),
        {},
    ),
    "audio": (
        whole(choice(content=None, audio={"id": "a", "data": "AA==", "expires_at": 1, "transcript": "t"})),
        {},
    ),
    "tools": (whole(choice("tool_calls", content=None, tool_calls=[CALL])), {"tools": TOOLS}),
    "a custom tool": (
        whole(
            choice(
                "tool_calls",
                content=None,
                tool_calls=[{"id": "call_2", "type": "custom", "custom": {"name": "c", "input": "x"}}],
            )
        ),
        {},
    ),
    "a function call": (
        whole(choice("function_call", content=None, function_call={"name": "f", "arguments": "{}"})),
        {"functions": [FUNCTION]},
    ),
    "length": (whole(choice("length")), {}),
    "content filter": (whole(choice("content_filter")), {}),
    "a gateway's own fields": (whole(choice(), citations=["x"], provider={"name": "p"}), {}),
    "no usage": ({**whole(choice()), "usage": None}, {}),
}


def piece(finish: str | None = None, index: int = 0, logprobs: Any = None, **delta: Any) -> dict[str, Any]:
    return {
        **HEAD,
        "object": "chat.completion.chunk",
        **MORE,
        "choices": [{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}],
    }


def fragment(index: int, arguments: str, **start: Any) -> dict[str, Any]:
    name = {"name": "f"} if start else {}
    return {"tool_calls": [{"index": index, **start, "function": {**name, "arguments": arguments}}]}


FIRST = piece(role="assistant", content="", refusal=None)
TEXT = [FIRST, piece(content="Hel"), piece(content="lo"), piece("stop")]
LAST = {**HEAD, "object": "chat.completion.chunk", **MORE, "choices": [], "usage": USAGE}

STREAMED: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "text": (TEXT, {}),
    "usage": ([*({**row, "usage": None} for row in TEXT), LAST], {"stream_options": {"include_usage": True}}),
    "obfuscation": ([{**row, "obfuscation": f"x{place}"} for place, row in enumerate(TEXT)], {}),
    "one field missing": ([{key: row[key] for key in row if key != "service_tier"} for row in TEXT], {}),
    "a gateway's own fields": ([{**row, "provider": "p", "n": {"a": [place]}} for place, row in enumerate(TEXT)], {}),
    "logprobs": ([FIRST, piece(content="H", logprobs=LOGPROBS), piece("stop")], {"logprobs": True}),
    "refusal": ([piece(role="assistant", refusal=""), piece(refusal="no"), piece("stop")], {}),
    "tools": (
        [
            piece(role="assistant", content=None, refusal=None),
            piece(**fragment(0, "", id="call_1", type="function")),
            piece(**fragment(0, '{"a": ')),
            piece(**fragment(0, "1}")),
            piece(**fragment(1, "", id="call_2", type="function")),
            piece(**fragment(1, "{}")),
            piece("tool_calls"),
        ],
        {"tools": TOOLS},
    ),
    "a function call": (
        [
            piece(role="assistant", content=None, function_call={"name": "f", "arguments": ""}),
            piece(function_call={"arguments": "{}"}),
            piece("function_call"),
        ],
        {"functions": [FUNCTION]},
    ),
    "two choices": (
        [
            FIRST,
            piece(index=1, role="assistant", content="", refusal=None),
            piece(content="a"),
            piece(index=1, content="b"),
            piece("stop"),
            piece("length", index=1),
        ],
        {"n": 2},
    ),
    "length": ([FIRST, piece(content="a"), piece("length")], {}),
}


def stock(answer: Any, **kwargs: Any) -> Any:
    client = openai.OpenAI(api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(Wire(answer))))
    return client.chat.completions.create(model="gpt-4o", messages=MESSAGES, **kwargs)


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore::stepfun_compat.StepfunCompatWarning")
@pytest.mark.parametrize("name", WHOLE)
async def test_complete_response_equals_the_stock_clients(name: str) -> None:
    answer, kwargs = WHOLE[name]
    expected = stock(answer, **kwargs)
    got = Wire(answer).client().chat.completions.create(model="gpt-4o", messages=MESSAGES, **kwargs)
    later = await Wire(answer).async_client().chat.completions.create(model="gpt-4o", messages=MESSAGES, **kwargs)
    assert got.model_dump() == later.model_dump() == expected.model_dump()
    assert type(got) is type(later) is type(expected)
    raw = Wire(answer).client().chat.completions.with_raw_response
    received = raw.create(model="gpt-4o", messages=MESSAGES, **kwargs)
    assert json.loads(received.text) == answer


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore::stepfun_compat.StepfunCompatWarning")
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n"])
@pytest.mark.parametrize("name", STREAMED)
async def test_stream_equals_the_stock_clients(name: str, end: str, fast: bool) -> None:
    rows, kwargs = STREAMED[name]
    text = "".join(f"data: {json.dumps(row)}{end}" for row in rows) + f"data: [DONE]{end}"
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)
    expected = [part.model_dump() for part in stock(answer, stream=True, **kwargs)]
    settings = Settings(fast_path=fast)
    got = (
        Wire(answer)
        .client(settings=settings)
        .chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, **kwargs)
    )
    assert [part.model_dump() for part in got] == expected
    later = (
        await Wire(answer)
        .async_client(settings=settings)
        .chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, **kwargs)
    )
    assert [part.model_dump() async for part in later] == expected


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503])
def test_error_equals_the_stock_clients(status: int) -> None:
    error = {"message": "boom", "type": "a_type", "param": "a_param", "code": "a_code"}
    answer = httpx.Response(status, headers={"x-request-id": "req_1"}, json={"error": error})
    with pytest.raises(openai.APIStatusError) as caught:
        Wire(answer).client(max_retries=0).chat.completions.create(model="gpt-4o", messages=MESSAGES)
    client = openai.OpenAI(
        api_key="k", max_retries=0, http_client=httpx.Client(transport=httpx.MockTransport(Wire(answer)))
    )
    with pytest.raises(openai.APIStatusError) as expected:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    for field in ("status_code", "code", "param", "type", "body", "request_id"):
        assert getattr(caught.value, field) == getattr(expected.value, field)
    assert type(caught.value) is type(expected.value)
    assert str(caught.value) == str(expected.value)
