"""A minimal StepFun for exact checks of requests: a transport that answers from a function and records all requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx

import stepfun_compat

KEY = "stepfun-test-key"


def completion(content: str | None = "hi", **message: Any) -> dict[str, Any]:
    """A response as StepFun documents it (stepfun-api 4.1)."""
    return {
        "id": "e2eb4b00d2c226517de3882f17d9664b.ffead889783a0bcd8d2bd17ea4d4c2af",
        "object": "chat.completion",
        "created": 1772624997,
        "model": "step-3.7-flash",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": "stop"}
        ],
        "usage": {"cached_tokens": 512, "prompt_tokens": 591, "completion_tokens": 120, "total_tokens": 711},
    }


def call(name: str = "get_weather", arguments: str = '{"city": "Paris"}', id: str = "call_1") -> dict[str, Any]:
    """A function call as StepFun documents it (stepfun-api 4.2)."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def chunk(delta: dict[str, Any], finish: str | None = "", created: int = 1710146871, **more: Any) -> dict[str, Any]:
    """A chunk of shape A (stepfun-api 4.5)."""
    return {
        "id": "d4",
        "object": "chat.completion.chunk",
        "created": created,
        "model": "step-3.7-flash",
        "choices": [{"index": 0, "delta": {"role": "", **delta}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 90, "completion_tokens": 4, "total_tokens": 94},
        **more,
    }


def sse(*chunks: dict[str, Any], done: bool = True) -> httpx.Response:
    """A stream of these chunks."""
    text = "".join(f"data: {json.dumps(c)}\n\n" for c in chunks) + ("data: [DONE]\n\n" if done else "")
    return httpx.Response(200, headers={"content-type": "text/event-stream", "x-trace-id": "trace-1"}, text=text)


def text_stream(*texts: str) -> httpx.Response:
    """A stream of these texts, finished with `stop`."""
    first = chunk({"role": "assistant", "content": ""}, created=0)
    return sse(first, *(chunk({"content": text}) for text in texts), chunk({"content": ""}, "stop"))


Answer = Callable[[httpx.Request], httpx.Response]


class Wire:
    """Records the sent requests and returns the given responses: one for all, or one after another."""

    def __init__(self, *answers: Any) -> None:
        self.requests: list[httpx.Request] = []
        self._answers: Iterator[Any] | None = iter(answers) if len(answers) > 1 else None
        self._answer: Any = answers[0] if answers else completion()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = next(self._answers) if self._answers is not None else self._answer
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return httpx.Response(200, headers={"x-trace-id": "trace-1"}, json=answer)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]

    @property
    def body(self) -> Any:
        return self.bodies[-1]

    @property
    def request(self) -> httpx.Request:
        return self.requests[-1]

    def client(self, **kwargs: Any) -> stepfun_compat.OpenAI:
        """A sync client over this transport, with StepFun's base URL."""
        kwargs.setdefault("api_key", KEY)
        return stepfun_compat.OpenAI(http_client=httpx.Client(transport=httpx.MockTransport(self)), **kwargs)

    def async_client(self, **kwargs: Any) -> stepfun_compat.AsyncOpenAI:
        """An async client over this transport, with StepFun's base URL."""
        kwargs.setdefault("api_key", KEY)
        return stepfun_compat.AsyncOpenAI(http_client=httpx.AsyncClient(transport=httpx.MockTransport(self)), **kwargs)
