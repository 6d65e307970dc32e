"""Send the lines of open batches and write down what comes back: one asyncio worker, and as many as one likes.

A worker leases lines from the journal, sends each through our own async client (so aliases, caps, tools and structured
output hold as for a single call), and commits the answers. It knows no batch but from the journal, so another worker, in
this process or another, may go on at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import openai

from ..endpoints.json_values import as_dict
from ..report import log
from .files import InputReader, write_results
from .journal import LEASE_SECONDS, Answer, Journal, Lease
from .limiter import SharedWindow
from .records import BatchRecord, LineError, Tokens, new_id, tokens_of
from .validation import Validation

MAX_ATTEMPTS: Final = 8
"""How often one line is sent before it becomes an error line; for 429, 5xx, timeouts and broken connections only."""

_RETRY_FIRST: Final = 0.5
_RETRY_MOST: Final = 60.0
_IDLE: Final = 1.0  # seconds between two looks for new batches
_COMMIT_AFTER: Final = 0.05  # seconds an answer may wait for others to be committed with it
_COMMIT_MOST: Final = 64


Pricing: TypeAlias = Callable[[str | None, Tokens], float]
"""What an answered line costs, given its model and tokens."""


@dataclass(frozen=True)
class Outcome:
    """What became of one request that was sent: an answer or error line, a retry, or the end of the whole batch."""

    answer: Answer | None = None
    retry_after: float | None = None
    limited: bool = False
    stop: str | None = None


class Worker:
    """Work on the open batches of a journal until there is nothing left to do, or for ever (`serve=True`).

    `client` is our async client; its own retries are switched off, since the engine's window has to see each 429.
    `price` turns tokens into money for the cost limit. `on_change` is called with a batch id after each commit.
    """

    def __init__(
        self,
        journal: Journal,
        client: openai.AsyncOpenAI,
        window: SharedWindow,
        *,
        price: Pricing | None = None,
        on_change: Callable[[str], None] | None = None,
        space: str | None = None,
        only: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.id = new_id("worker_")
        self._journal = journal
        self._client = client.with_options(max_retries=0)
        self._window = window
        self._price: Pricing = price or (lambda model, tokens: 0.0)  # noqa: ARG005
        self._on_change: Callable[[str], None] = on_change or (lambda batch: None)  # noqa: ARG005
        self._space = space
        self._only = only
        self._clock = clock
        self._tasks: dict[asyncio.Task[None], tuple[str, int]] = {}
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()
        self._readers: dict[str, InputReader] = {}
        self._reading = threading.Lock()
        self._mean_tokens = 1000.0
        self._closing = False

    async def run(self, *, serve: bool = False) -> None:
        """Work. Returns when no batch is open, unless `serve`; a cancelled worker ends its leases first."""
        started = process_start(os.getpid()) or ""
        standing = self._space if serve else None
        await self._call(self._journal.add_worker, self.id, socket.gethostname(), os.getpid(), started, standing)
        writer, heart = asyncio.ensure_future(self._write()), asyncio.ensure_future(self._beat())
        try:
            while not self._closing:
                await self._call(self._release_dead)
                busy = await self._round()
                if busy:
                    continue
                if not serve and not self._tasks and not await self._call(self._open):
                    break
                await self._wait(_IDLE)
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            heart.cancel()
            await self._answers.join()
            writer.cancel()
            await asyncio.gather(writer, heart, return_exceptions=True)
            for reader in self._readers.values():
                reader.close()
            self._journal.remove_worker(self.id)

    def close(self) -> None:
        """Take no further line; `run` returns when those in flight are answered."""
        self._closing = True

    def _release_dead(self) -> None:
        """Take back what dead workers of this machine held: their lines, and their requests in the window."""
        dead = release_dead_workers(self._journal)
        if dead:
            with self._window.open() as window:
                for id in dead:
                    window.flights.pop(id, None)

    # ------------------------------------------------------------ batches

    def _open(self) -> list[BatchRecord]:
        records = self._journal.open_batches(self._space)
        return [record for record in records if self._only in (None, record.id) and not record.stopped]

    async def _round(self) -> bool:
        """One look at every open batch; whether there was anything to do."""
        busy = False
        for record in await self._call(self._open):
            if record.status == "validating":
                await self._call(self._validate, record)
                busy = True
            elif record.status == "in_progress":
                busy = await self._advance(record) or busy
            elif record.status == "cancelling" and not self._in_flight(record.id):
                busy = await self._call(self._end, record, "cancelled") or busy
            elif record.status == "finalizing":
                await self._call(self._finalize, record)
                busy = True
        return busy

    async def _advance(self, record: BatchRecord) -> bool:
        """Send lines of one batch, or end it when there are none."""
        if self._clock() >= record.expires_at:
            return await self._call(self._end, record, "expired")
        counts = record.counts
        if counts.pending == 0:
            self._journal.update(record.id, ("in_progress",), status="finalizing", finalizing_at=int(self._clock()))
            return True
        if record.max_cost is not None and record.cost >= record.max_cost:
            self._stop(record, f"The cost limit of {record.max_cost:g} is reached.")
            return False
        with self._window.open() as window:
            allowed, wait = window.take(self.id, 16, int(self._mean_tokens), self._clock(), LEASE_SECONDS)
        if not allowed:
            await self._wait(wait)
            return True
        leases = await self._call(self._journal.claim, record.id, self.id, allowed, self._clock())
        if len(leases) < allowed:
            with self._window.open() as window:
                window.done(self.id, allowed - len(leases), self._clock())
        for lease in leases:
            task = asyncio.ensure_future(self._line(record, lease))
            self._tasks[task] = (record.id, lease.number)
            task.add_done_callback(lambda done: self._tasks.pop(done, None))
        if not leases:
            await self._wait(0.1)
        return True

    def _stop(self, record: BatchRecord, why: str) -> None:
        """Send no further line of a batch until it is resumed, and say so once."""
        current = self._journal.batch(record.id)
        if current is None or current.stopped:
            return
        self._journal.update(record.id, ("in_progress",), stopped=why)
        log.warning("%s is stopped. %s %s", record.id, why, record.way_on)
        self._on_change(record.id)

    def _in_flight(self, batch: str) -> int:
        return sum(1 for owner, _ in self._tasks.values() if owner == batch)

    async def _wait(self, seconds: float) -> None:
        """Wait for a line to end, or for the time to pass."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(seconds)

    def _validate(self, record: BatchRecord) -> None:
        file = self._journal.file(record.input_file_id)
        validation = Validation(record.endpoint)
        now = int(self._clock())
        if file is None:
            errors = [LineError("file_not_found", f"The input file {record.input_file_id} is not there any more.")]
        else:
            with open(self._journal.folder / file.path, "rb") as raw:
                self._journal.add_lines(record.id, validation.lines(raw))
            errors = validation.errors
        if errors:
            self._journal.drop_lines(record.id)
            self._journal.update(record.id, ("validating",), status="failed", failed_at=now, errors=errors)
        else:
            self._journal.update(
                record.id, ("validating",), status="in_progress", in_progress_at=now, model=validation.model
            )
        self._on_change(record.id)

    def _end(self, record: BatchRecord, status: str) -> bool:
        """Turn what was not answered into error lines and end the batch as expired or cancelled."""
        code, message = {
            "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
            "cancelled": ("batch_cancelled", "This request was not executed: the batch was cancelled."),
        }[status]
        pending: list[Answer] = []
        for lease in self._journal.unfinished(record.id):
            pending.append(Answer(record.id, lease.number, True, failure_line(lease.custom_id, code, message)))
            if len(pending) >= 500:
                self._journal.finish(pending)
                pending.clear()
        self._journal.finish(pending)
        current = self._journal.batch(record.id)
        if current is not None:
            self._finalize(current, status)
        return True

    def _finalize(self, record: BatchRecord, status: str = "completed") -> None:
        """Write the output and error files in the order of the input, then say so."""
        files = write_results(self._journal, record, int(self._clock()))
        now = int(self._clock())
        self._journal.update(
            record.id,
            ("finalizing", "in_progress", "cancelling"),
            status=status,
            output_file_id=files.output,
            error_file_id=files.error,
            **{f"{status}_at": now},
        )
        self._on_change(record.id)

    # ------------------------------------------------------------ one line

    async def _line(self, record: BatchRecord, lease: Lease) -> None:
        outcome = Outcome()
        try:
            request = await self._call(self._read, record, lease)
            outcome = await self._send(record, lease, request)
        finally:
            with self._window.open() as window:
                window.done(self.id, 1, self._clock(), limited=outcome.limited, retry_after=outcome.retry_after)
            if outcome.answer is None:
                at = 0.0 if outcome.retry_after is None else self._clock() + outcome.retry_after
                self._journal.give_back([(record.id, lease.number)], self.id, at)
        if outcome.stop:
            self._stop(record, outcome.stop)
        if outcome.answer is not None:
            tokens = outcome.answer.tokens
            self._mean_tokens += ((tokens.input + tokens.output) - self._mean_tokens) * 0.05
            await self._answers.put(outcome.answer)

    def _read(self, record: BatchRecord, lease: Lease) -> dict[str, Any]:
        with self._reading:  # lines are read in several threads
            reader = self._readers.get(record.id)
            if reader is None:
                file = self._journal.file(record.input_file_id)
                path = self._journal.folder / (file.path if file else "missing")
                reader = self._readers[record.id] = InputReader(path)
        return json.loads(reader.read(lease.start, lease.length).decode("utf-8-sig"))

    async def _send(self, record: BatchRecord, lease: Lease, request: Mapping[str, Any]) -> Outcome:
        body: dict[str, Any] = request["body"]
        if body.get("stream"):
            message = "Streaming is not supported in the Batch API."
            error = {"message": message, "type": "invalid_request_error", "param": "stream", "code": None}
            return Outcome(self._answered(lease, 400, None, {"error": error}, failed=True))
        try:
            raw: Any = await cast("Any", self._client).post(
                record.endpoint.removeprefix("/v1"),
                cast_to=object,
                body=body,
                options={"headers": {"X-Stainless-Raw-Response": "true"}},
            )
        except openai.APIStatusError as error:
            return self._refused(lease, error)
        except (openai.APIConnectionError, openai.APIResponseValidationError) as error:
            if lease.attempts + 1 < MAX_ATTEMPTS:
                return Outcome(retry_after=backoff(lease.attempts))
            text = failure_line(lease.custom_id, "server_error", f"{type(error).__name__}: {error}")
            return Outcome(Answer(record.id, lease.number, True, text))
        answer = json.loads(raw.text)
        return Outcome(self._answered(lease, raw.status_code, raw.headers.get("x-request-id"), answer))

    def _refused(self, lease: Lease, error: openai.APIStatusError) -> Outcome:
        status = error.status_code
        quota = getattr(error, "code", None) == "insufficient_quota"
        if status == 401 or quota:
            why = "The account has no balance left" if quota else "The key was refused"
            return Outcome(stop=f"{why}: {error.message}")
        if (status == 429 or status >= 500 or status in (408, 409)) and lease.attempts + 1 < MAX_ATTEMPTS:
            after = seconds_of(error.response.headers.get("retry-after")) or backoff(lease.attempts)
            return Outcome(retry_after=after, limited=status == 429)
        body: Any = {"error": as_dict(error.body) or {"message": error.message}}
        return Outcome(self._answered(lease, status, error.request_id, body, failed=True), limited=status == 429)

    def _answered(
        self, lease: Lease, status: int, request_id: str | None, body: Any, *, failed: bool = False
    ) -> Answer:
        tokens = tokens_of(body)
        model: Any = (as_dict(body) or {}).get("model")
        line = {
            "id": new_id("batch_req_"),
            "custom_id": lease.custom_id,
            "response": {"status_code": status, "request_id": request_id, "body": body},
            "error": None,
        }
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        return Answer(lease.batch, lease.number, failed, text, tokens, self._price(model, tokens))

    # ------------------------------------------------------------ the books

    async def _write(self) -> None:
        """Commit answers in groups."""
        while True:
            first = await self._answers.get()
            group = [first]
            until = time.monotonic() + _COMMIT_AFTER
            while len(group) < _COMMIT_MOST and (left := until - time.monotonic()) > 0:
                try:
                    group.append(await asyncio.wait_for(self._answers.get(), left))
                except asyncio.TimeoutError:
                    break
            try:
                await self._call(self._journal.finish, group)
            finally:
                for _ in group:
                    self._answers.task_done()
            for batch in {answer.batch for answer in group}:
                self._on_change(batch)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            await self._call(self._journal.renew, self.id, self._clock())

    async def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run what waits for the disk in a thread."""
        return await asyncio.to_thread(function, *args)


def failure_line(custom_id: str, code: str, message: str) -> str:
    """The row of a request that was not answered."""
    line = {
        "id": new_id("batch_req_"),
        "custom_id": custom_id,
        "response": None,
        "error": {"code": code, "message": message},
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def backoff(attempts: int) -> float:
    """Seconds before a line is sent again: exponential, with full jitter above the first step."""
    return _RETRY_FIRST + random.uniform(0, min(_RETRY_FIRST * 2**attempts, _RETRY_MOST))


def seconds_of(text: str | None) -> float | None:
    """The value of a Retry-After header in seconds, if it is a number."""
    with contextlib.suppress(TypeError, ValueError):
        return min(max(float(cast("str", text)), 0.0), _RETRY_MOST)
    return None


def process_start(pid: int) -> str | None:
    """When a process started, as text to compare; None if it is gone or the system does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def release_dead_workers(journal: Journal) -> list[str]:
    """End the leases of workers of this machine whose process is gone, and return their ids; those of other machines
    expire."""
    dead: list[str] = []
    here = socket.gethostname()
    for id, host, pid, started in journal.workers():
        if host != here or pid == os.getpid():
            continue
        try:
            os.kill(pid, 0)
            alive = not started or process_start(pid) in (started, None)
        except ProcessLookupError:
            alive = False
        except OSError:
            alive = True
        if not alive:
            journal.remove_worker(id)
            dead.append(id)
    return dead
