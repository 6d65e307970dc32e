"""The stream fast path: the same objects as the SDK builds, and the SDK's path wherever equality is not certain."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import Settings, stock
from stepfun_compat.endpoints.chat.endpoint import ENDPOINT
from stepfun_compat.fast_path import eligibility, stream_objects
from stepfun_compat.fast_path.object_templates import NotTemplatable, compile_template, same
from stepfun_compat.fast_path.self_check import BODY, CHUNKS, EVENTS
from stepfun_compat.fast_path.sse_frames import Frames
from tests.support.exchange import exchange

from .fuzz_streams import URL, Runner
from .stream_cases import Body, make_case

TEXT: dict[str, Any] = {
    "id": "d4",
    "object": "chat.completion.chunk",
    "created": 1710146871,
    "model": "step-3.7-flash",
    "choices": [{"index": 0, "delta": {"role": "", "content": "word "}, "finish_reason": ""}],
    "usage": {"prompt_tokens": 90, "completion_tokens": 4, "total_tokens": 94},
}


def body(chunks: int) -> bytes:
    return (b"data: " + json.dumps(TEXT).encode() + b"\n\n") * chunks + b"data: [DONE]\n\n"


def client(content: Any, *, cls: Any = stepfun_compat.OpenAI, **more: Any) -> Any:
    """A client of ours that receives these bytes for every request."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=headers, content=content))
    settings = more.pop("settings", None) or Settings(base_url=URL, api_key="k")
    return cls(settings=settings, http_client=httpx.Client(transport=transport), **more)


def streamed(client: Any, **more: Any) -> Any:
    messages = [{"role": "user", "content": "x"}]
    return client.chat.completions.create(model="step-3.7-flash", messages=messages, stream=True, **more)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The rows the SDK builds itself during the test."""
    seen: list[Any] = []
    original = stepfun_compat._client.streaming.Reader.build

    def build(self: Any, row: Any) -> Any:
        seen.append(row)
        return original(self, row)

    monkeypatch.setattr(stepfun_compat._client.streaming.Reader, "build", build)
    return seen


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> stream_objects.TemplateCache:
    """An empty template cache, as in a new process."""
    monkeypatch.setattr(eligibility, "_templates", stream_objects.TemplateCache())
    monkeypatch.setattr(eligibility, "_compared", set())
    return eligibility._templates


# ---------------------------------------------------------------- the same objects


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()


def test_streams_in_every_shape_and_framing_equal_the_sdks(runner: Runner) -> None:
    assert sum(runner.compare(make_case(random.Random(seed))) for seed in range(40)) > 500
    assert eligibility.is_enabled()


def test_shortcut_for_common_chunks_equals_the_general_path() -> None:
    """The general path must also do nothing for the chunks `_common` handles."""
    for more in ({"logprobs": {}}, {"logprobs": []}, {"finish_reason": None}, {"x": 1}):
        chunk = {**TEXT, "choices": [{**TEXT["choices"][0], **more}]}
        received: list[Any] = []
        for common in (True, False):
            transform = ENDPOINT.transform_stream(exchange(ENDPOINT))
            if not common:
                transform._common = lambda body: None
            received.append([json.dumps([transform.feed(row) for row in (TEXT, chunk)]), transform.close()])
        assert received[0] == received[1]


def test_generated_streams_equal_the_sdks(runner: Runner) -> None:
    hypothesis = pytest.importorskip("hypothesis")

    @hypothesis.settings(max_examples=25, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(hypothesis.strategies.randoms(use_true_random=False))
    def check(choices: random.Random) -> None:
        runner.compare(make_case(choices))

    check()
    assert eligibility.is_enabled()


def test_template_builds_objects_equal_to_its_sample() -> None:
    from openai._models import construct_type
    from openai.types.chat import ChatCompletionChunk

    sample = construct_type(value=CHUNKS[1], type_=ChatCompletionChunk)
    made = compile_template(sample, ["Hm.\n"])
    assert same(made("Hm.\n"), sample)
    assert made("other").choices[0].delta.reasoning == "other"
    assert made("x").choices is not made("x").choices  # nothing is shared between two objects
    with pytest.raises(NotTemplatable):
        compile_template([object()], [])


# ---------------------------------------------------------------- frames


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_plain_frames_cut_at_any_byte_equal_the_sdks_events(end: bytes) -> None:
    raw = BODY.replace(b"\n", end)
    wanted = [event.data for event in stock.OpenAI(api_key="k")._make_sse_decoder().iter_bytes(iter([raw]))]
    for place in range(len(raw) + 1):
        frames = Frames()
        found = frames.feed(raw[:place])
        rest = [frames.rest, raw[place:]] if frames.needs_sdk_decoder else []
        found += [] if frames.needs_sdk_decoder else frames.feed(raw[place:])
        received = [data.decode().removeprefix(" ") for data in found]
        received += (
            [e.data for e in stock.OpenAI(api_key="k")._make_sse_decoder().iter_bytes(iter(rest))] if rest else []
        )
        assert received == wanted


@pytest.mark.parametrize(
    "odd",
    [b"id: 1\n", b"retry: 5\n", b"data: 1\ndata: 2\n", b": c\ndata: 1\n", b"\ndata: 1\n", b"\xef\xbb\xbfdata: 1\n", b"data:\n", b"data: 1\rx\n",
     "event: é\ndata: 1\n".encode(), b"event: x\n", b"event: x\n: c\n", b"nonsense\n"],
)  # fmt: skip
def test_other_frames_are_left_to_the_sdks_decoder(odd: bytes) -> None:
    frames = Frames()
    after = b"\ndata: 3\n\ndata: 4"
    found = frames.feed(b"data: 0\n\n" + odd + after)
    assert frames.needs_sdk_decoder
    assert b"".join([b"data:" + data + b"\n\n" for data in found]) + frames.rest == b"data: 0\n\n" + odd + after


def test_endless_frame_is_left_to_the_sdks_decoder() -> None:
    frames = Frames()
    for _ in range(20):
        if not frames.needs_sdk_decoder:
            frames.feed(b"x" * 4096)
    assert frames.needs_sdk_decoder


# ---------------------------------------------------------------- the cost of a chunk, without a clock


def calls_for(stream: Any) -> int:
    """Python functions entered while a stream is read."""
    count = 0

    def seen(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        for _ in stream:
            pass
    finally:
        sys.setprofile(before)
    return count


BUDGET = 12.1
"""Python functions entered for one chunk of text; openai's own client enters hundreds."""


def test_one_chunk_of_text_stays_within_its_call_budget() -> None:
    few, many = streamed(client(body(100))), streamed(client(body(600)))
    list(streamed(client(body(2))))  # one-time work
    assert (calls_for(many) - calls_for(few)) / 500 <= BUDGET


# ---------------------------------------------------------------- when the SDK's path is used


def test_sdk_builds_no_chunk_after_the_first(built: list[Any]) -> None:
    list(streamed(client(body(5))))
    built.clear()
    assert len(list(streamed(client(body(50))))) == 50
    assert built == []


def test_setting_disables_the_fast_path(built: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(list(streamed(client(body(5), settings=Settings(base_url=URL, api_key="k", fast_path=False))))) == 5
    monkeypatch.setenv("STEPFUN_FAST_PATH", "0")
    assert len(list(streamed(client(body(5))))) == 5
    assert len(built) == 10


class Watching(stepfun_compat.OpenAI):
    seen = 0

    def _process_response_data(self, **given: Any) -> Any:
        Watching.seen += 1
        return super()._process_response_data(**given)


def test_subclass_that_processes_chunks_receives_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watching, "seen", 0)
    assert len(list(streamed(client(body(5), cls=Watching)))) == 5
    assert Watching.seen == 5


def test_patched_sdk_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    from openai import _base_client, _models

    list(streamed(client(body(2))))
    for owner, name in (
        (_base_client, "construct_type"),
        (_models, "_construct_field"),
        (openai.Stream, "_iter_events"),
    ):
        seen: list[Any] = []
        original = getattr(owner, name)

        def patched(*args: Any, seen: list[Any] = seen, original: Any = original, **given: Any) -> Any:
            seen.append(original)
            return original(*args, **given)

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, patched)
            assert len(list(streamed(client(body(5))))) == 5
        assert seen


def test_methods_replaced_on_a_client_are_called(built: list[Any]) -> None:
    ours, seen = client(body(5)), []
    original = ours._process_response_data
    ours._process_response_data = lambda **given: seen.append(1) or original(**given)
    assert len(list(streamed(ours))) == 5
    assert len(seen) == 5


def test_strict_validation_and_other_types_use_the_sdks_path(built: list[Any]) -> None:
    from openai.types.chat import ChatCompletionChunk

    list(streamed(client(body(5), _strict_response_validation=True)))
    assert len(built) == 5

    class Mine(ChatCompletionChunk):
        pass

    stream: Any = client(body(5)).post(
        "/chat/completions",
        cast_to=Mine,
        body={"model": "step-3.7-flash", "messages": [{"role": "user", "content": "x"}], "stream": True},
        stream=True,
        stream_cls=openai.Stream[Mine],
    )
    assert [type(item) for item in stream] == [Mine] * 5


def test_decoder_of_the_caller_is_used() -> None:
    from openai._streaming import SSEDecoder

    class Counting(SSEDecoder):
        seen = 0

        def decode(self, line: str) -> Any:
            Counting.seen += 1
            return super().decode(line)

    class WithDecoder(stepfun_compat.OpenAI):
        def _make_sse_decoder(self) -> Any:
            return Counting()

    assert len(list(streamed(client(body(5), cls=WithDecoder)))) == 5
    assert Counting.seen >= 10


# ---------------------------------------------------------------- the comparison before first use


@pytest.mark.parametrize("what", ["an object", "JSON", "a frame"])
def test_difference_disables_the_fast_path_with_one_log_line(
    what: str,
    fresh: stream_objects.TemplateCache,
    built: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if what == "an object":
        monkeypatch.setattr(stream_objects, "compile_template", lambda sample, marks: lambda *values: sample)
    elif what == "JSON":
        monkeypatch.setattr(eligibility, "_from_json", lambda data: {**json.loads(data), "x": 1})
    else:
        monkeypatch.setattr(eligibility, "BODY", BODY + b"id: 1\ndata: {}\n\n")
    with caplog.at_level(logging.INFO, "stepfun_compat"):
        for _ in range(3):
            assert [chunk.choices[0].delta.content for chunk in streamed(client(body(3)))] == ["word "] * 3
    assert not eligibility.is_enabled()
    assert len([r for r in caplog.records if "the fast path is off" in r.getMessage()]) == 1
    assert len(built) >= 9


def test_each_kind_is_compared_once(fresh: stream_objects.TemplateCache, built: list[Any]) -> None:
    list(streamed(client(body(1))))
    assert eligibility.is_enabled()
    assert len(fresh) >= len({tuple(row["choices"][0]["delta"]) for row in CHUNKS})
    assert len(built) >= len(CHUNKS)
    built.clear()
    list(streamed(client(body(9))))
    assert built == []


def test_every_compared_event_has_a_template(fresh: stream_objects.TemplateCache) -> None:
    from openai.types.responses import ResponseStreamEvent

    ours = client(b"")
    members = stepfun_compat._client.streaming._members(ResponseStreamEvent)
    response = httpx.Response(200, request=httpx.Request("POST", URL))
    cast = stream_objects.EventBuilder(
        fresh,
        lambda row: ours._process_response_data(data=row, cast_to=ResponseStreamEvent, response=response),
        lambda row: members.get(row["type"]),
    )
    for row in EVENTS:
        cast(row)
    known = [row for row in EVENTS if row["type"] in members]
    assert len({(row["type"]) for row in known}) == len([made for made in fresh.values() if made])


# ---------------------------------------------------------------- ends of streams


def test_async_stream_ends_at_done_on_an_open_connection() -> None:
    pytest.importorskip("openai._streaming_cleanup")
    silent = Body([body(3)], None, hangs=True)
    headers = {"content-type": "text/event-stream"}

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, stream=silent, request=request)

    async def main() -> int:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            ours = stepfun_compat.AsyncOpenAI(settings=Settings(base_url=URL, api_key="k"), http_client=http)
            return len([chunk async for chunk in await streamed(ours)])

    assert asyncio.run(main()) == 3
    assert silent.closed
