"""Compare streams through the fast path, the SDK's path, and the plain client on the normalised stream.

`python -m tests.fast_path.fuzz_streams --events 1000000 [--seed N]` generates streams in the recorded shapes (stepfun-api
4.5, 5.3) and hostile variations of them, in every framing and split into reads in every way, with errors in the middle,
early closes and cancellations, and compares the objects that three clients return:

- ours with its defaults;
- ours without `fast_path`, including the exception, the state of the connection and the recorded state;
- the plain client of the same SDK, on the rows of the general translation of the stream.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
import random
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import httpx
import openai
import pydantic

import stepfun_compat
from stepfun_compat import stock
from stepfun_compat._client import EXTENSION, streaming
from stepfun_compat._client.streaming import _GUESSES
from stepfun_compat.endpoints.base import StoreOperation
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.json_values import UnexpectedBody
from stepfun_compat.endpoints.sse import error_in, error_named
from stepfun_compat.fast_path import eligibility
from stepfun_compat.fast_path.object_templates import same

from .stream_cases import ERRORS, Body, Case, make_case

URL = "http://stepfun.test/v1"


@dataclass
class Outcome:
    """The visible results of a stream."""

    items: list[Any] = field(default_factory=lambda: [])
    error: str = ""
    closed: Any = None
    call: Any = None
    response: Any = None
    numbers: Numbers = field(default_factory=lambda: Numbers())
    ids: int = 0

    def started(self, stream: Any) -> None:
        """Record the response of a started stream; `ids` is the number of ids its request used."""
        self.response, self.ids = stream.response, self.numbers.next
        self.call = self.response.request.extensions.get(EXTENSION)


class Clients:
    """Clients with prepared response bodies, one of each kind for all cases."""

    def __init__(self) -> None:
        self.body = Body([], None)
        self._made: dict[Any, Any] = {}

    def client(self, plain: bool, is_async: bool, settings: dict[str, Any]) -> Any:
        key = (plain, is_async, *sorted(settings.items()))
        if key not in self._made:
            transport = httpx.MockTransport(self._answer_later if is_async else self._answer)
            http: Any = (httpx.AsyncClient if is_async else httpx.Client)(transport=transport)
            name = "AsyncOpenAI" if is_async else "OpenAI"
            more: dict[str, Any] = {"http_client": http, "max_retries": 0}
            if plain:
                self._made[key] = getattr(stock, name)(api_key="k", base_url=URL, **more)
            else:
                ours = stepfun_compat.Settings(base_url=URL, api_key="k", **settings)
                self._made[key] = getattr(stepfun_compat, name)(settings=ours, **more)
        return self._made[key]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, stream=self.body, request=request)

    async def _answer_later(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request)


def _create(client: Any, case: Case) -> Any:
    if case.api == "chat":
        return client.chat.completions.create(messages=[{"role": "user", "content": "x"}], stream=True, **case.asked)
    return client.responses.create(input="x", stream=True, **case.asked)


def _read(case: Case, client: Any, outcome: Outcome) -> None:
    stream: Any = _create(client, case)
    outcome.started(stream)
    if case.end == "with":
        with stream:
            for item in stream:
                outcome.items.append(item)
                if len(outcome.items) == case.take:
                    break
    else:
        while len(outcome.items) != case.take:
            try:
                outcome.items.append(next(stream))
            except StopIteration:
                break
        if case.end == "close":
            stream.close()


async def _read_later(case: Case, client: Any, outcome: Outcome, body: Body) -> None:
    stream: Any = await _create(client, case)
    outcome.started(stream)

    async def read() -> None:
        async for item in stream:
            outcome.items.append(item)
            if len(outcome.items) == case.take:
                break

    task = asyncio.ensure_future(read())
    while case.hangs and not body.waits and not task.done():
        await asyncio.sleep(0)
    if case.hangs:
        task.cancel()
    await task
    if case.end in ("close", "with"):
        await stream.close()


class Runner:
    """Runs cases, one after another."""

    def __init__(self) -> None:
        self.clients = Clients()
        self.loop = asyncio.new_event_loop()

    def close(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def outcome(self, case: Case, *, plain: bool = False, fast: bool = True) -> Outcome:
        """Run a case with one client and return the visible results."""
        settings = {} if plain else {**case.settings, "fast_path": fast}
        body = self.clients.body = Body(case.reads, case.error, case.hangs)
        out = Outcome()
        client = self.clients.client(plain, case.is_async, settings)
        try:
            with fixed(out.numbers):
                if case.is_async:
                    self.loop.run_until_complete(_read_later(case, client, out, body))
                else:
                    _read(case, client, out)
        except (Exception, asyncio.CancelledError) as error:
            out.error = _told(error)
        assert out.response is not None, out.error
        out.closed = (out.response.is_closed, body.closed)
        return out

    def oracle(self, case: Case, ours: Outcome) -> Outcome:
        """Run the plain client on the stream, normalised by the general translation, as a compliant server would send it."""
        rows: list[Any] = []
        with fixed(Numbers(ours.ids)):
            call = ours.call
            transform = call.endpoint.transform_stream(call.request_context)
            chat = getattr(transform, "_chat", transform)
            if hasattr(chat, "_common"):
                chat._common = lambda body: None
            try:
                self._rows(case, transform, call.endpoint_reads_errors, rows)
            except (UnexpectedBody, RequestRejected, ValueError, RecursionError, *ERRORS):
                pass
        wire = b"".join(
            b"data: " + json.dumps(row).encode() + b"\n\n" for row in rows if not isinstance(row, StoreOperation)
        )
        normal = Case(case.api, case.asked, {}, [wire + b"data: [DONE]\n\n"], None, case.take, "next", case.is_async)
        return self.outcome(normal, plain=True)

    def _rows(self, case: Case, transform: Any, reads_errors: bool, rows: list[Any]) -> None:
        decoder = self.clients.client(True, False, {})._make_sse_decoder()
        chunks = getattr(transform, "reads_chunks", False)
        for event in decoder.iter_bytes(iter(Body(case.reads, case.error))):
            if event.data.startswith("[DONE]"):
                break
            if chunks and event.event == "error":
                data: Any = {"error": error_named(event.data)}
            else:
                data = json.loads(event.data)
            if isinstance(data, dict):
                error = data.get("error")
                if not error and chunks and not data.get("choices") and (error := error_in(data)):
                    data = {**data, "error": error}
                if error and not reads_errors:
                    return
            out = transform.feed(data)
            rows += out
            if not chunks and any(isinstance(row, dict) and row.get("type") in streaming._FINAL for row in out):
                break
        if not case.hangs:
            rows += transform.close()

    def compare(self, case: Case, *, three: bool = True) -> int:
        """Compare all three clients on one case, or ours and the plain client; return the number of compared objects.

        Raises:
            AssertionError: The objects differ.
        """
        if _GUESSES:  # this SDK guesses differently the first time, before it has built its validators
            self.outcome(case, fast=False)
        ours = self.outcome(case)
        if three:
            slow = self.outcome(case, fast=False)
            assert same(ours.items, slow.items), _difference(ours.items, slow.items)
            assert ours.error == slow.error, (ours.error, slow.error)
            assert ours.closed == slow.closed, (ours.closed, slow.closed)
        plain = self.oracle(case, ours)
        assert not plain.error or plain.error == ours.error, (ours.error, plain.error)  # objects the SDK cannot build
        wanted = plain.items
        if case.api != "chat" and _GUESSES:  # there the plain client guesses the class
            return len(ours.items)
        assert same(ours.items, wanted), _difference(ours.items, wanted)
        for a, b in itertools.islice(zip(ours.items, wanted, strict=True), 0, None, 7):
            assert a == b or "nan" in repr(a).lower()
            assert repr(a) == repr(b)
            assert a.model_fields_set == b.model_fields_set
            assert _dumped(a) == _dumped(b)
        return len(ours.items)


def _dumped(item: Any) -> str:
    try:
        return repr(item.to_dict(warnings=False))
    except TypeError as error:  # a hostile key collides with a parameter of the SDK
        return str(error)


def _told(error: BaseException) -> str:
    fields = {name: repr(getattr(error, name, None)) for name in ("code", "param", "type", "body", "status_code")}
    return f"{type(error).__qualname__}: {error} {fields} from {type(error.__cause__).__name__}"


def _difference(a: list[Any], b: list[Any]) -> str:
    for i, (x, y) in enumerate(itertools.zip_longest(a, b)):
        if not same(x, y):
            shown = [f"{z!r} {getattr(z, '__dict__', None)!r} {getattr(z, 'model_fields_set', None)!r}" for z in (x, y)]
            return f"object {i} of {len(a)} and {len(b)}:\n{shown[0]}\n{shown[1]}"
    return "none"


class Numbers:
    """Deterministic ids."""

    def __init__(self, start: int = 0) -> None:
        self.next = start

    def token_hex(self, size: int = 16) -> str:
        self.next += 1
        return f"{self.next:0{2 * size}x}"


@contextmanager
def fixed(numbers: Numbers) -> Iterator[None]:
    """Patch ids and times to be the same in every run."""
    with (
        mock.patch.object(secrets, "token_hex", numbers.token_hex),
        mock.patch.object(time, "time", return_value=1_780_000_000.5),
    ):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="objects to compare")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable()
    sys.setrecursionlimit(10_000)  # the comparison recurses as deep as the hostile events
    runner, done, streams = Runner(), 0, 0
    seed = options.seed * 1_000_000_000
    started = time.monotonic()
    while done < options.events:
        seed += 1
        case = make_case(random.Random(seed), long=True)
        ends_early = case.error is not None or case.take is not None or case.hangs
        try:
            done += runner.compare(case, three=ends_early or seed % 4 == 0)
        except BaseException:
            print(f"seed {seed}: {case}", file=sys.stderr)
            raise
        streams += 1
        if streams % 500 == 0:
            print(f"{done:,} objects of {streams:,} streams, {time.monotonic() - started:.0f} s", flush=True)
    runner.close()
    assert eligibility.is_enabled(), "the fast path was turned off on the way"
    versions = f"openai {openai.__version__}, pydantic {pydantic.VERSION}, Python {sys.version.split()[0]}"
    print(f"{done:,} objects of {streams:,} streams are the same: {versions}")


if __name__ == "__main__":
    main()
