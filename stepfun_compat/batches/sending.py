"""Send one line of a batch and return its outcome. The engine uses a `Sender` instead of an HTTP client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, cast

import openai

from ..endpoints.json_values import as_dict, compact_json
from .journal import Answer, Lease
from .records import Tokens, new_id, tokens_of

MAX_ATTEMPTS: Final = 8
"""The maximum number of attempts per line; only 429, 5xx, timeouts and connection errors are retried."""

_RETRY_FIRST: Final = 0.5
_RETRY_MOST: Final = 60.0
_RAW: Final = {"X-Stainless-Raw-Response": "true"}

Pricing: TypeAlias = Callable[[str | None, Tokens], float]
"""Computes the cost of an answered line from its model and tokens."""


@dataclass(frozen=True)
class Sent:
    """One response, with the text of its body in OpenAI's format."""

    status: int
    request_id: str | None
    text: str


class SenderClosed(Exception):
    """The caller's client is closed; its lines wait for another worker."""


class Sender(Protocol):
    """POST a body to a path of the API. Raises the exceptions of openai's clients, and `SenderClosed`."""

    async def __call__(self, path: str, body: Mapping[str, Any]) -> Sent: ...


class AsyncSender:
    """Send with an async client in the worker's event loop."""

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client: Any = client.with_options(max_retries=0)  # the engine's window must see each 429

    async def __call__(self, path: str, body: Mapping[str, Any]) -> Sent:
        return _sent(await self._client.post(path, cast_to=object, body=body, options={"headers": _RAW}))


class ThreadSender:
    """Send in threads with a sync client that uses the caller's HTTP client."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client: Any = client.with_options(max_retries=0)

    async def __call__(self, path: str, body: Mapping[str, Any]) -> Sent:
        """Send from a daemon thread per line: unlike a thread pool, it does not delay the program's exit."""
        future: Future[Sent] = Future()

        def run() -> None:
            try:
                future.set_result(self._post(path, body))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=run, name="stepfun-batch-line", daemon=True).start()
        return await asyncio.wrap_future(future)

    def _post(self, path: str, body: Mapping[str, Any]) -> Sent:
        try:
            return _sent(self._client.post(path, cast_to=object, body=body, options={"headers": _RAW}))
        except (RuntimeError, openai.APIConnectionError):
            if self._client.is_closed():
                raise SenderClosed from None
            raise


class LoopSender:
    """Send with an async client that uses the caller's HTTP client, in the event loop of that client."""

    def __init__(self, client: openai.AsyncOpenAI, loop: asyncio.AbstractEventLoop) -> None:
        self._client: Any = client.with_options(max_retries=0)
        self._loop = loop

    async def __call__(self, path: str, body: Mapping[str, Any]) -> Sent:
        if self._loop.is_closed():
            raise SenderClosed
        call = self._post(path, body)
        try:
            future = asyncio.run_coroutine_threadsafe(call, self._loop)
        except RuntimeError:
            call.close()
            raise SenderClosed from None
        return await self._result(future)

    async def _post(self, path: str, body: Mapping[str, Any]) -> Sent:
        try:
            return _sent(await self._client.post(path, cast_to=object, body=body, options={"headers": _RAW}))
        except (RuntimeError, openai.APIConnectionError):
            if self._client.is_closed():
                raise SenderClosed from None
            raise

    async def _result(self, future: Future[Sent]) -> Sent:
        """Wait for the result of a call in the caller's loop, which may close first."""
        waiting = asyncio.wrap_future(future)
        while not waiting.done():
            await asyncio.wait((waiting,), timeout=0.5)
            if self._loop.is_closed() and not waiting.done():
                raise SenderClosed
        try:
            return waiting.result()
        except asyncio.CancelledError:
            raise SenderClosed from None  # the caller's loop closed; a cancelled worker does not get here


def _sent(raw: Any) -> Sent:
    return Sent(raw.status_code, raw.headers.get("x-request-id"), raw.text)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one request: an answer or error line, a retry, or a stop of the whole batch."""

    answer: Answer | None = None
    retry_after: float | None = None
    limited: bool = False
    stop: str | None = None


@dataclass
class Tally:
    """The outcomes of a worker's requests since its last report to the limiter."""

    ended: int = 0
    limited: float | None = None
    """The longest Retry-After of a 429, in seconds; None without a 429."""
    mean_tokens: float = 1000.0
    """Tokens per request, as a moving average."""

    def note(self, outcome: Outcome) -> None:
        """Record one outcome."""
        if outcome.limited:
            self.limited = max(self.limited or 0.0, outcome.retry_after or 0.0)
        if outcome.answer is not None:
            tokens = outcome.answer.tokens
            self.mean_tokens += ((tokens.input + tokens.output) - self.mean_tokens) * 0.05

    def collect(self) -> tuple[int, float | None]:
        """Return (ended, limited) and reset both."""
        collected = self.ended, self.limited
        self.ended, self.limited = 0, None
        return collected


async def send_line(sender: Sender, endpoint: str, lease: Lease, request: Mapping[str, Any], price: Pricing) -> Outcome:
    """Send one line once.

    Raises:
        SenderClosed: the caller's client is closed.
    """
    body: dict[str, Any] = request["body"]
    if body.get("stream"):
        message = "Streaming is not supported in the Batch API."
        error = {"message": message, "type": "invalid_request_error", "param": "stream", "code": None}
        return Outcome(_answered(lease, 400, None, {"error": error}, price, failed=True))
    try:
        sent = await sender(endpoint.removeprefix("/v1"), body)
        return Outcome(_answered(lease, sent.status, sent.request_id, json.loads(sent.text), price))
    except openai.APIStatusError as error:
        return _refused(lease, error, price)
    except SenderClosed:
        raise
    except Exception as error:  # a connection error, a response that is not JSON, a key function that raises
        if lease.attempts + 1 < MAX_ATTEMPTS:
            return Outcome(retry_after=backoff(lease.attempts))
        text = failure_line(lease.custom_id, "server_error", f"{type(error).__name__}: {error}")
        return Outcome(Answer(lease.batch, lease.number, True, text))


def _refused(lease: Lease, error: openai.APIStatusError, price: Pricing) -> Outcome:
    status, why = error.status_code, _stop_reason(error)
    if why is not None:
        return Outcome(stop=f"{why}: {error.message}")
    if (status == 429 or status >= 500 or status in (408, 409)) and lease.attempts + 1 < MAX_ATTEMPTS:
        after = seconds_of(error.response.headers.get("retry-after")) or backoff(lease.attempts)
        return Outcome(retry_after=after, limited=status == 429)
    body: Any = {"error": as_dict(error.body) or {"message": error.message}}
    answer = _answered(lease, status, error.request_id, body, price, failed=True)
    return Outcome(answer, limited=status == 429)


def _stop_reason(error: openai.APIStatusError) -> str | None:
    """Why no line of the batch can succeed, or None if others may."""
    if error.status_code == 402 or getattr(error, "code", None) == "insufficient_quota":
        return "The account has no balance left"
    return "The API key was rejected" if error.status_code == 401 else None


def _answered(
    lease: Lease, status: int, request_id: str | None, body: Any, price: Pricing, *, failed: bool = False
) -> Answer:
    tokens = tokens_of(body)
    model: Any = (as_dict(body) or {}).get("model")
    line = {
        "id": new_id("batch_req_"),
        "custom_id": lease.custom_id,
        "response": {"status_code": status, "request_id": request_id, "body": body},
        "error": None,
    }
    return Answer(lease.batch, lease.number, failed, _dump(line), tokens, price(model, tokens))


def failure_line(custom_id: str, code: str, message: str) -> str:
    """The row of a failed request in the error file."""
    line = {
        "id": new_id("batch_req_"),
        "custom_id": custom_id,
        "response": None,
        "error": {"code": code, "message": message},
    }
    return _dump(line)


def _dump(line: Mapping[str, Any]) -> str:
    text = compact_json(line)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which neither SQLite nor UTF-8 can store
        text = json.dumps(line, separators=(",", ":"))
    return text


def backoff(attempts: int) -> float:
    """Seconds before the next attempt of a line: exponential, with full jitter above the first step."""
    return _RETRY_FIRST + random.uniform(0, min(_RETRY_FIRST * 2**attempts, _RETRY_MOST))


def seconds_of(text: str | None) -> float | None:
    """The value of a Retry-After header in seconds, if it is a number."""
    with contextlib.suppress(TypeError, ValueError):
        return min(max(float(cast("str", text)), 0.0), _RETRY_MOST)
    return None
