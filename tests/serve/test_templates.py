"""Requests to StepFun that are made from an earlier one are those the SDK would have built."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest

from stepfun_compat import AsyncOpenAI, Settings
from stepfun_compat.http_objects import http_module_of
from stepfun_compat.serve import templates
from stepfun_compat.serve.metering import MeteredFamily

KEY = "stepfun-key-of-a-test"
HELLO: Any = [{"role": "user", "content": "hello"}]
COMPLETION: Any = {
    "id": "0",
    "object": "chat.completion",
    "created": 0,
    "model": "step-3.7-flash",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
}
Use = Callable[[Any], Awaitable[Any]]


class Upstream:
    """Keeps the requests of a client and answers each of them with what `answers` has next, or else a completion."""

    def __init__(self, *answers: tuple[int, dict[str, str]]) -> None:
        self.requests: list[Any] = []
        self.built = 0
        self.answers = list(answers)
        self.family = http_module_of(openai.DefaultAsyncHttpxClient)

    async def __call__(self, request: Any) -> Any:
        self.requests.append(request)
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        return self.family.Response(status, headers=headers, json=COMPLETION)

    def client(self, metered: bool = True) -> Any:
        """A client of the server; with `metered` False one that lets the SDK build every request."""
        http_client = openai.DefaultAsyncHttpxClient(transport=self.family.MockTransport(self))
        build_request = http_client.build_request

        def note(*args: Any, **kwargs: Any) -> Any:
            self.built += 1
            return build_request(*args, **kwargs)

        http_client.build_request = note
        settings = Settings(api_key=KEY)
        family = MeteredFamily(settings) if metered else None
        return AsyncOpenAI(settings=settings, http_client=http_client, _stepfun_shared=family)

    def sent(self) -> list[Any]:
        """Each request as it goes out: method, URL, headers in their order, body, and time limits."""
        return [
            (each.method, str(each.url), each.headers.raw, each.read(), each.extensions["timeout"])
            for each in self.requests
        ]


def both(use: Use, *answers: tuple[int, dict[str, str]]) -> Upstream:
    """Do the same with the server's client and one without templates; the requests are the same."""
    made: list[Upstream] = []
    for metered in (True, False):
        upstream = Upstream(*answers)

        async def run(upstream: Upstream = upstream, metered: bool = metered) -> None:
            async with upstream.client(metered) as client:
                await use(client)

        asyncio.run(run())
        made.append(upstream)
    assert made[0].sent() == made[1].sent()
    assert made[1].built >= len(made[1].requests)
    return made[0]


CONTENTS: Any = ["hello", 'héllo – 世界 \U0001f600 \u2028 \x00 "quoted" \\ </s>', "x" * 100_000, ""]


def test_requests_with_other_bodies_are_the_sdks_to_the_byte() -> None:
    async def use(client: Any) -> None:
        for content in CONTENTS:
            for extra in ({}, {"temperature": 0.1, "seed": 10**15, "stop": ["a"], "logit_bias": None}):
                messages = [{"role": "user", "content": content}]
                await client.chat.completions.create(model="step-3.7-flash", messages=messages, **extra)

    upstream = both(use)
    assert upstream.built == 1
    assert [json.loads(body)["messages"][0]["content"] for *_, body, _ in upstream.sent()][::2] == CONTENTS


def test_each_kind_of_request_has_its_own() -> None:
    async def use(client: Any) -> None:
        for _ in range(2):
            await client.chat.completions.create(model="gpt-4o", messages=HELLO)
            await client.chat.completions.with_raw_response.create(model="gpt-4o", messages=HELLO)
            await client.chat.completions.create(model="gpt-4o", messages=HELLO, extra_headers={"x-own": "1"})
            await client.chat.completions.create(model="gpt-4o", messages=HELLO, extra_headers={"x-own": "2"})

    upstream = both(use)
    assert upstream.built == 4
    assert [each.headers.get("x-own") for each in upstream.requests] == [None, None, "1", "2"] * 2


NOT_COPIED: dict[str, Use] = {
    "a query": lambda client: client.chat.completions.create(model="gpt-4o", messages=HELLO, extra_query={"a": "b"}),
    "a time limit": lambda client: client.chat.completions.create(model="gpt-4o", messages=HELLO, timeout=7),
    "no body": lambda client: client.models.list(),
    "a form": lambda client: client.files.create(file=("a.txt", b"text"), purpose="assistants"),
}


@pytest.mark.parametrize("kind", NOT_COPIED)
def test_a_request_with_more_than_a_json_body_is_the_sdks(kind: str) -> None:
    upstream = Upstream()

    async def run() -> None:
        async with upstream.client() as client:
            for _ in range(2):
                with contextlib.suppress(openai.APIResponseValidationError):
                    await NOT_COPIED[kind](client)

    asyncio.run(run())
    assert upstream.built == len(upstream.requests) == 2


def test_a_retry_says_that_it_is_one() -> None:
    async def use(client: Any) -> None:
        await client.chat.completions.create(model="gpt-4o", messages=HELLO)
        await client.chat.completions.create(model="gpt-4o", messages=HELLO)
        await client.chat.completions.create(model="gpt-4o", messages=HELLO)

    upstream = both(use, (200, {}), (500, {"retry-after-ms": "1"}))
    assert [each.headers["x-stainless-retry-count"] for each in upstream.requests] == ["0", "0", "1", "0"]


def test_cookies_of_the_provider_are_sent_back() -> None:
    async def use(client: Any) -> None:
        for _ in range(3):
            await client.chat.completions.create(model="gpt-4o", messages=HELLO)

    upstream = both(use, (200, {}), (200, {"set-cookie": "place=3; path=/"}))
    assert [each.headers.get("cookie") for each in upstream.requests] == [None, None, "place=3"]


def test_a_new_key_is_sent() -> None:
    async def use(client: Any) -> None:
        for key in ("stepfun-key-a-000000", "stepfun-key-a-000000", "stepfun-key-b-000000"):
            client.api_key = key
            await client.chat.completions.create(model="gpt-4o", messages=HELLO)

    upstream = both(use)
    assert [each.headers["authorization"][-8] for each in upstream.requests] == ["a", "a", "b"]


def test_what_one_request_is_changed_to_is_not_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(client: Any) -> None:
        for _ in range(3):
            await client.chat.completions.create(model="gpt-4o", messages=HELLO)

    upstream = Upstream()

    async def run() -> None:
        async with upstream.client() as client:
            prepare = client._prepare_request

            async def mark(request: Any) -> None:
                assert "x-mark" not in request.headers
                assert request.extensions["timeout"]["read"] != 1.0
                await prepare(request)
                request.headers["x-mark"] = "1"
                request.extensions["timeout"]["read"] = 1.0

            client._prepare_request = mark
            await use(client)

    asyncio.run(run())
    assert [each.headers["x-mark"] for each in upstream.requests] == ["1"] * 3
    assert upstream.built == 1


def test_a_body_that_is_no_json_is_the_sdks_error() -> None:
    async def use(client: Any) -> Any:
        for value in (0.5, float("nan"), object()):
            try:
                await client.chat.completions.create(model="gpt-4o", messages=HELLO, extra_body={"x_own": value})
            except Exception as error:
                errors.append((type(error), str(error).partition(" at 0x")[0]))

    errors: list[Any] = []
    both(use)
    assert len(errors) == 4
    assert errors[:2] == errors[2:]


def test_no_more_than_a_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "_MOST", 2)
    upstream = Upstream()

    async def run() -> None:
        async with upstream.client() as client:
            for number in (1, 2, 3, 3, 2, 1):
                headers = {"x-own": str(number)}
                await client.chat.completions.create(model="gpt-4o", messages=HELLO, extra_headers=headers)
            assert len(client._stepfun.request_builder._known) == 2

    asyncio.run(run())
    assert upstream.built == 4
