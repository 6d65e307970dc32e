"""The batch worker: send the lines of open batches and store the answers. Any number of workers may run in parallel.

A worker leases lines from the journal, sends each through the StepFun client (so aliases, caps, tools and structured
output work as in a single call), and commits the answers. All state is in the journal, so another worker, in this process
or another, can continue at any time.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from ..report import log
from .files import InputReader, LiveFiles, write_results
from .journal import LEASE_SECONDS, Answer, Journal, Lease
from .limiter import WindowPlace
from .records import BatchError, BatchRecord, LineError, Status, new_id
from .sending import Outcome, Pricing, Sender, SenderClosed, Tally, failure_line, send_line
from .validation import Validation
from .workers import add_worker, dead_workers, remove_worker

_IDLE: Final = 1.0  # seconds between two checks for new batches
_LOOK: Final = 0.02  # seconds for which the state of the batches is cached
_AGAIN: Final = 0.1  # seconds until the next check for lines that others hold or that wait for a retry
_COMMIT_AFTER: Final = 0.02  # seconds an answer waits for others, to be committed in one group
KEEP_TRYING: Final = 30.0
"""Seconds for which answers stay in memory while the journal is not writable."""


class Worker:
    """Process the open batches of a journal until no work is left, or forever (`serve=True`).

    `price` converts tokens to cost, for the cost limit. `on_change` is called with a batch id after each commit.
    """

    def __init__(
        self,
        journal: Journal,
        sender: Sender,
        window: WindowPlace,
        *,
        price: Pricing | None = None,
        on_change: Callable[[str], None] | None = None,
        space: str | None = None,
        only: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.id = new_id("worker_")
        self._journal = journal
        self._sender = sender
        self._window = window
        self._price: Pricing = price or (lambda model, tokens: 0.0)  # noqa: ARG005
        self._on_change: Callable[[str], None] = on_change or (lambda batch: None)  # noqa: ARG005
        self._space = space
        self._only = only
        self._clock = clock
        self._live = LiveFiles(journal)
        self._ahead = 32
        """How many lines one lease request fetches."""
        self._tasks: dict[asyncio.Task[None], tuple[str, int]] = {}
        self._queues: dict[str, deque[Lease]] = {}
        self._readers: dict[str, InputReader] = {}
        self._unwritten: list[Answer] = []
        self._answered = asyncio.Event()
        self._seen: list[BatchRecord] = []
        self._look_at = self._release_at = 0.0
        self._tally = Tally()
        self._closing = self._leaving = self._awake = False
        self._failure: BatchError | None = None
        self._woken: asyncio.Future[None] | None = None

    async def run(self, *, serve: bool = False) -> None:
        """Process batches. Returns when no batch is open, unless `serve`. A worker that is closed, or stopped by a disk
        error, waits for the requests in flight; a cancelled one does not.

        Raises:
            BatchError: the journal cannot be read or written.
        """
        await self._call(self._journal.reserve.hold)
        await self._call(add_worker, self._journal, self.id, self._space if serve else None)
        writer, heart = asyncio.ensure_future(self._write()), asyncio.ensure_future(self._renew_leases())
        try:
            try:
                await self._work(serve)
            except asyncio.CancelledError:
                for task in self._tasks:
                    task.cancel()
                raise
            finally:
                if self._tasks:
                    await asyncio.wait(self._tasks)
        finally:
            heart.cancel()
            self._leaving = True
            self._answered.set()
            await asyncio.gather(writer, heart, return_exceptions=True)
            for reader in self._readers.values():
                reader.close()
            with suppress(BatchError):
                self._leave_window()
            with suppress(BatchError):  # on a full disk, other workers find this one dead by its process id
                self._settle()
                remove_worker(self._journal, self.id)
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop taking lines; `run` returns when those in flight are answered."""
        self._closing = True
        self._wake()

    async def _work(self, serve: bool) -> None:
        while not self._closing and self._failure is None:
            await self._release_dead()
            if await self._round():
                continue
            if not serve and not self._tasks and not await self._call(self._open):
                return
            await self._wait(_IDLE)

    async def _release_dead(self) -> None:
        """Periodically release the leases and the window slots of this machine's dead workers."""
        if time.monotonic() < self._release_at:
            return
        self._release_at = time.monotonic() + _IDLE
        await self._call(self._settle)

    def _leave_window(self) -> None:
        """Free the window slots of this worker, whose requests have all ended."""
        with self._window.open() as window:
            window.report(self.id, *self._tally.collect(), self._clock())
            window.flights.pop(self.id, None)

    def _settle(self) -> None:
        dead = dead_workers(self._journal)
        with self._window.open() as window:
            window.report(self.id, *self._tally.collect(), self._clock())
            window.keep_alive(self.id, self._clock() + LEASE_SECONDS)
            for id in dead:
                window.flights.pop(id, None)
        for id in dead:
            self._journal.remove_worker(id)

    # ------------------------------------------------------------ batches

    def _open(self) -> list[BatchRecord]:
        records = self._journal.open_batches(self._space)
        return [record for record in records if self._only in (None, record.id) and not record.stopped]

    async def _round(self) -> bool:
        """Check every open batch once. Returns whether there was work."""
        if time.monotonic() >= self._look_at:
            self._seen = await self._call(self._open)
            self._look_at = time.monotonic() + _LOOK
        busy = False
        for record in self._seen:
            if record.status == "validating":
                busy = await self._exclusively(record, self._validate) or busy
            elif record.status == "in_progress" and self._clock() < record.expires_at:
                busy = await self._advance(record) or busy
            elif record.status in ("in_progress", "cancelling"):
                busy = await self._end_stopped(record) or busy
            elif record.status == "finalizing":
                busy = await self._exclusively(record, self._finalize) or busy
        return busy

    async def _exclusively(self, record: BatchRecord, work: Callable[[BatchRecord], None]) -> bool:
        """Run `work` in at most one worker at a time. Returns False if another worker runs it."""
        self._look_at = 0.0

        def kept() -> bool:
            if not self._journal.keep(record.id, self.id, record.status, self._clock()):
                return False
            try:
                work(record)
            finally:
                self._journal.release_batch(record.id, self.id)
            return True

        done = await self._call(kept)
        if done:
            self._changed(record.id)
        else:
            await self._wait(_AGAIN)
        return done

    async def _advance(self, record: BatchRecord) -> bool:
        """Send lines of one batch, or end it when none are left."""
        if record.counts.pending == 0:
            self._look_at = 0.0
            now = int(self._clock())
            await self._call(self._change, record.id, "in_progress", {"status": "finalizing", "finalizing_at": now})
            return True
        if record.max_cost is not None and record.cost >= record.max_cost:
            await self._stop(record, f"The cost limit of {record.max_cost:g} is reached. Raise it with --max-cost.")
            return False
        queue = self._queues.setdefault(record.id, deque())
        allowed, wait = await self._call(self._take, record, queue)
        if allowed:
            self._send(record, [queue.popleft() for _ in range(allowed)])
        else:
            await self._wait(wait)
        return True

    def _send(self, record: BatchRecord, leases: list[Lease]) -> None:
        """Send the lines that the window allows."""
        for lease in leases:
            self._start(record.id, 1, self._line(record, lease))

    def _start(self, batch: str, lines: int, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[task] = batch, lines
        task.add_done_callback(self._line_ended)

    def _in_flight(self, batch: str) -> int:
        return sum(lines for owner, lines in list(self._tasks.values()) if owner == batch)

    def _take(self, record: BatchRecord, queue: deque[Lease]) -> tuple[int, float]:
        """Lease lines if the queue is empty, and request slots from the window. Returns (count, seconds to wait)."""
        if self._journal.status(record.id) != "in_progress":  # cancelled since the last check
            self._look_at = 0.0
            return 0, 0.0
        if not queue:
            self._live.follow(record.id)
            queue.extend(self._journal.claim(record.id, self.id, self._ahead, self._clock()))
            if not queue:
                return 0, _AGAIN
        wanted = len(queue)
        if record.max_cost is not None:
            wanted = min(wanted, self._affordable(record.id, record.max_cost))
            if not wanted:
                return 0, _AGAIN
        return self._allowed(wanted)

    def _allowed(self, wanted: int) -> tuple[int, float]:
        """How many of the wanted lines may start now, and, if none, the seconds to wait."""
        with self._window.open() as window:
            window.report(self.id, *self._tally.collect(), self._clock())
            return window.take(self.id, wanted, int(self._tally.mean_tokens), self._clock(), LEASE_SECONDS)

    def _affordable(self, id: str, limit: float) -> int:
        """How many more lines the cost limit allows, at the mean cost per line so far."""
        record = self._journal.batch(id)
        unwritten = [answer.cost for answer in self._unwritten.copy() if answer.batch == id]
        in_flight = self._in_flight(id)
        cost = sum(unwritten) + (record.cost if record else 0.0)
        done = len(unwritten) + (record.counts.completed + record.counts.failed if record else 0)
        if not cost:
            return self._ahead
        mean = cost / done
        return max(int((limit - cost - mean * in_flight) / mean), 0 if in_flight or unwritten else 1)

    async def _end_stopped(self, record: BatchRecord) -> bool:
        """End a cancelled or expired batch once the requests in flight of all workers have ended."""
        queue = self._queues.pop(record.id, None)
        if queue:
            await self._call(self._journal.return_leases, [(record.id, lease.number) for lease in queue], self.id)
        own = self._in_flight(record.id) or any(answer.batch == record.id for answer in self._unwritten)
        if own or await self._call(self._journal.leased, record.id, self._clock()):
            await self._wait(_AGAIN)
            return True
        return await self._exclusively(record, self._end_unanswered)

    def _change(self, id: str, expected: Status, fields: dict[str, Any]) -> None:
        self._journal.update(id, (expected,), **fields)

    async def _stop(self, record: BatchRecord, why: str) -> None:
        """Stop sending lines of a batch until it is resumed, and log the reason once."""
        self._look_at = 0.0
        self._seen = [seen for seen in self._seen if seen.id != record.id]
        current = await self._call(self._journal.batch, record.id)
        if current is None or current.stopped:
            return
        await self._call(self._change, record.id, "in_progress", {"stopped": why})
        queue = self._queues.pop(record.id, ())
        await self._call(self._journal.return_leases, [(record.id, lease.number) for lease in queue], self.id)
        log.warning("%s is stopped. %s %s", record.id, why, record.resume_hint)
        self._changed(record.id)

    def _changed(self, batch: str) -> None:
        try:
            self._on_change(batch)
        except Exception as error:  # an error in a progress display must not lose answers
            log.warning("%s: %s", type(error).__name__, error)

    def _wake(self) -> None:
        self._awake = True
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def _wait(self, seconds: float) -> None:
        """Wait until a line ends, for at most `seconds`."""
        if self._awake:
            self._awake = False
            return
        loop = asyncio.get_running_loop()
        self._woken = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await self._woken
        finally:
            timer.cancel()
            self._woken, self._awake = None, False

    def _validate(self, record: BatchRecord) -> None:
        validation = Validation(record.endpoint)
        now = int(self._clock())
        file = self._journal.file(record.input_file_id)
        try:
            with open(self._journal.folder / (file.path if file else "missing"), "rb") as raw:
                self._journal.add_lines(record.id, validation.lines(raw))
            errors = validation.errors
        except FileNotFoundError:
            errors = [LineError("file_not_found", f"The input file {record.input_file_id} no longer exists.")]
        if errors:
            self._journal.drop_lines(record.id)
            self._change(record.id, "validating", {"status": "failed", "failed_at": now, "errors": errors})
        else:
            fields = {"status": "in_progress", "in_progress_at": now, "model": validation.model}
            self._change(record.id, "validating", fields)

    def _end_unanswered(self, record: BatchRecord) -> None:
        """Write an error line for every unanswered request and end the batch as expired or cancelled."""
        if record.status == "cancelling":
            status, message = "cancelled", "This request was not executed: the batch was cancelled."
        else:
            status, message = (
                "expired",
                "This request could not be executed before the completion window expired.",
            )
        pending: list[Answer] = []
        for lease in self._journal.unfinished(record.id):
            text = failure_line(lease.custom_id, f"batch_{status}", message)
            pending.append(Answer(record.id, lease.number, True, text))
            if len(pending) >= 500:
                self._journal.finish(pending)
                pending.clear()
        self._journal.finish(pending)
        self._finalize(record, status)

    def _finalize(self, record: BatchRecord, status: str = "completed") -> None:
        """Write the output and error files in input order, then update the record."""
        now = int(self._clock())
        record = self._journal.batch(record.id) or record
        with self._journal.guarded():
            files = write_results(self._journal, record, now)
        fields = {"status": status, "output_file_id": files.output, "error_file_id": files.error, f"{status}_at": now}
        self._change(record.id, record.status, fields)
        self._live.remove(record.id)
        self._queues.pop(record.id, None)
        reader = self._readers.pop(record.id, None)
        if reader is not None:
            reader.close()

    # ------------------------------------------------------------ one line

    def _line_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._tally.ended += 1
        self._wake()
        error = None if task.cancelled() else task.exception()
        if error is not None and self._failure is None:
            self._failure = error if isinstance(error, BatchError) else BatchError(repr(error), status=500)

    async def _line(self, record: BatchRecord, lease: Lease) -> None:
        line = (record.id, lease.number)
        try:
            request = self._read(record, lease)
        except OSError as error:
            await self._call(self._journal.return_leases, [line], self.id)
            await self._stop(record, f"The input file {record.input_file_id} cannot be read: {error.strerror}.")
            return
        try:
            outcome = await send_line(self._sender, record.endpoint, lease, request, self._price)
        except SenderClosed:
            self.close()
            await self._call(self._journal.return_leases, [line], self.id)
            return
        await self._conclude(record, lease, outcome)

    async def _conclude(self, record: BatchRecord, lease: Lease, outcome: Outcome) -> None:
        """Handle the outcome of one request: store an answer, retry the line, or stop the whole batch."""
        line = (record.id, lease.number)
        self._tally.note(outcome)
        if outcome.answer is not None:
            self._unwritten.append(outcome.answer)
            self._answered.set()
        elif outcome.stop is not None:
            await self._stop(record, outcome.stop)
            await self._call(self._journal.return_leases, [line], self.id)
        else:
            at = self._clock() + (outcome.retry_after or 0.0)
            await self._call(self._return_failed, line, at)

    def _return_failed(self, line: tuple[str, int], at: float) -> None:
        self._journal.return_leases([line], self.id, at, failed=True)

    def _read(self, record: BatchRecord, lease: Lease) -> dict[str, Any]:
        reader = self._readers.get(record.id)
        if reader is None:
            file = self._journal.file(record.input_file_id)
            reader = self._readers[record.id] = InputReader(self._journal.folder / (file.path if file else "missing"))
        return json.loads(reader.read(lease.start, lease.length).decode("utf-8-sig"))

    # ------------------------------------------------------------ commits and leases

    async def _write(self) -> None:
        """Commit answers in groups."""
        while not self._leaving or self._unwritten:
            await self._answered.wait()
            if not self._leaving:
                await asyncio.sleep(_COMMIT_AFTER)
            self._answered.clear()
            group = self._unwritten.copy()
            await self._commit(group)
            del self._unwritten[: len(group)]
            for batch in {answer.batch for answer in group}:
                self._changed(batch)

    async def _commit(self, group: list[Answer]) -> None:
        """Store answers; on a full disk, use the reserved space."""
        until, pause = time.monotonic() + KEEP_TRYING, 0.0
        while True:
            try:
                await self._call(self._keep, group)
            except BatchError as error:
                self._failure = self._failure or error  # stops further sending
                self._wake()
                self._journal.reserve.release()
                if time.monotonic() >= until:
                    log.error("%d answers were not counted; %s. %s", len(group), self._journal.uncounted, error)
                    return
                await asyncio.sleep(pause)
                pause = 1.0
            else:
                return

    def _keep(self, group: list[Answer]) -> None:
        self._live.append(self._journal.finish(group))

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            try:
                await self._call(self._journal.renew, self.id, self._clock())
            except BatchError as error:
                log.warning("leases were not renewed: %s", error)

    async def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function in a thread, since it blocks on the disk."""
        return await asyncio.to_thread(function, *args)
