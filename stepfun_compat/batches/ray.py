"""Batches on a Ray cluster (extra `ray`): the driver program keeps the journal, actors on all machines send the lines in
blocks, and one named actor is the rate limiter of the account.

This uses Ray core actors rather than Ray Data: answers stream back while a block is running, so a lost machine costs the
requests in flight instead of a whole block, and one limiter sees every 429.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from typing_extensions import override

from ..settings import Settings
from . import workspace
from .engine import Worker
from .journal import LEASE_SECONDS, Lease
from .limiter import Rate, Window
from .records import BatchError, BatchRecord, new_id
from .runner import Account, BatchRunner, closing_at_a_signal
from .sending import AsyncSender, Outcome, Tally, backoff, send_line

if TYPE_CHECKING:
    from collections.abc import Generator

    from .sending import Pricing, Sender

BLOCK: Final = 64
"""Lines per block: in Ray, one task per line costs more than the request."""

_BLOCKS_PER_ACTOR: Final = 2  # one running, one queued
_GROUP_SECONDS: Final = 0.02  # seconds an outcome waits for others, to be returned in one group
_NAMESPACE: Final = "stepfun_compat"


def ray_module() -> Any:
    """Import the package ray.

    Raises:
        BatchError: ray is not installed.
    """
    try:
        return import_module("ray")
    except ImportError:
        raise BatchError("--engine ray needs the package ray: pip install 'stepfun_compat[ray]'.") from None


class Dataset(Protocol):
    """The part of a Ray Data dataset that `run` uses."""

    def iter_rows(self) -> Iterable[Mapping[str, Any]]: ...


def run(
    source: str | Path | Dataset,
    output: str | Path,
    *,
    settings: Settings | None = None,
    endpoint: str | None = None,
    completion_window: str = "24h",
    model: str | None = None,
    max_cost: float | None = None,
    address: str | None = None,
    actors: int | None = None,
    on_change: Callable[[str], None] | None = None,
) -> BatchRecord:
    """Run a batch on a Ray cluster and write the answers to `output` in input order, and failed lines to a file beside
    it. Continues an unfinished batch of the same file.

    `source` is an input file in OpenAI's format, or a Ray Data dataset whose rows are its lines (`custom_id`, `method`,
    `url`, `body`). `address` is the address of the cluster; None uses the cluster the program is connected to, or starts
    one on this machine. `actors` is the number of sending actors, by default one per CPU of the cluster. Returns the
    record of the batch; its `stopped` is the reason if it is incomplete.

    Raises:
        BatchError: the journal is not usable, the package ray is missing, or the settings cannot be serialized.
    """
    from ..client import OpenAI
    from .estimate import endpoint_of

    settings = settings or Settings()
    with OpenAI(settings=settings) as client:
        runner = BatchRunner(settings, client.api_key, str(client.base_url))
    with _as_file(source) as (path, name):
        id = runner.unfinished(path, source=name)
        if id is None:
            endpoint = endpoint or endpoint_of(path)
            id = runner.submit(path, endpoint, completion_window, model=model, max_cost=max_cost, source=name)
        else:
            runner.service(id).resume(id, max_cost=max_cost)
    work(runner, id, address=address, actors=actors, on_change=on_change)
    record = runner.service(id).record(id)
    runner.export(record, Path(output))
    return record


@contextmanager
def _as_file(source: str | Path | Dataset) -> Generator[tuple[Path, str | None], None, None]:
    """Yield the input file of a path or dataset, and the `source` name of its batch (None: the path)."""
    if isinstance(source, str | Path):
        yield Path(source), None
        return
    digest = hashlib.sha256()
    with NamedTemporaryFile(suffix=".jsonl") as file:
        for row in source.iter_rows():
            line = json.dumps(dict(row)).encode() + b"\n"
            digest.update(line)
            file.write(line)
        file.flush()
        yield Path(file.name), f"dataset {digest.hexdigest()}"


def work(
    runner: BatchRunner,
    id: str,
    *,
    address: str | None = None,
    actors: int | None = None,
    on_change: Callable[[str], None] | None = None,
) -> None:
    """Process one batch of a journal until no work is left.

    Raises:
        BatchError: the journal fails, the package ray is missing, or the settings cannot be serialized.
    """
    ray = ray_module()
    started = not ray.is_initialized()
    if started:
        try:
            ray.init(address=address, namespace=_NAMESPACE, include_dashboard=False, log_to_driver=False)
        except Exception as error:  # Ray has no public exception classes for this, and raises bare exceptions too
            where = f"The Ray cluster {address} is not reachable" if address else "Ray failed to start"
            raise BatchError(f"{where}: {error}", status=503, code="ray_failed") from error
    try:
        count = actors or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        asyncio.run(_work(runner, id, count, on_change))
    finally:
        if started:
            ray.shutdown()


async def _work(runner: BatchRunner, id: str, count: int, on_change: Callable[[str], None] | None) -> None:
    pool = Pool(runner, count)
    worker = RayWorker(runner, pool, id, on_change)
    try:
        with closing_at_a_signal(worker):
            await worker.run()
    finally:
        pool.close()


# ---------------------------------------------------------------- in the driver program


class _NoWindow:
    """The window of a worker that sends nothing itself: the actors use the account's limiter."""

    def open(self) -> nullcontext[Window]:
        return nullcontext(Window(Rate()))


async def _nowhere(path: str, body: Mapping[str, Any]) -> Any:
    raise NotImplementedError("lines are sent by actors")


class RayWorker(Worker):
    """A worker that assigns its lines to actors in blocks. Journal, retries, cost limit and completion are inherited."""

    def __init__(self, runner: BatchRunner, pool: Pool, id: str, on_change: Callable[[str], None] | None) -> None:
        super().__init__(runner.journal, _nowhere, _NoWindow(), price=runner.price, on_change=on_change, only=id)
        self._ahead = BLOCK
        self._pool = pool

    @override
    def _allowed(self, wanted: int) -> tuple[int, float]:
        self._tally.collect()  # the actors report to the limiter themselves
        return (wanted, 0.0) if self._pool.has_capacity() else (0, 0.1)

    @override
    def _send(self, record: BatchRecord, leases: list[Lease]) -> None:
        self._start(record.id, len(leases), self._block(record, leases))

    async def _block(self, record: BatchRecord, leases: list[Lease]) -> None:
        """Send one block through an actor and handle each outcome as it arrives."""
        try:
            lines = [Line(lease, self._read(record, lease)) for lease in leases]
        except OSError as error:
            await self._return_leases(record, leases)
            await self._stop(record, f"The input file {record.input_file_id} cannot be read: {error.strerror}.")
            return
        open_lines = {lease.number: lease for lease in leases}
        actor = self._pool.take()
        try:
            async for reference in actor.handle.send.remote(record.id, record.endpoint, lines):
                for number, outcome in cast("list[tuple[int, Outcome | None]]", await reference):
                    lease = open_lines.pop(number)
                    if outcome is None:
                        await self._return_leases(record, [lease])
                    else:
                        await self._conclude(record, lease, outcome)
        except self._pool.errors as error:
            self._pool.lost(actor, error)
            for lease in open_lines.values():  # possibly sent, so the attempt counts
                await self._conclude(record, lease, Outcome(retry_after=backoff(lease.attempts)))
        finally:
            self._pool.give(actor)

    async def _return_leases(self, record: BatchRecord, leases: Sequence[Lease]) -> None:
        await self._call(self._journal.return_leases, [(record.id, lease.number) for lease in leases], self.id)

    @override
    async def _end_stopped(self, record: BatchRecord) -> bool:
        self._pool.stop(record.id)
        return await super()._end_stopped(record)

    @override
    async def _stop(self, record: BatchRecord, why: str) -> None:
        self._pool.stop(record.id)
        await super()._stop(record, why)


@dataclass
class Actor:
    """One sending actor, and the number of its blocks."""

    id: str
    handle: Any
    blocks: int = 0


class Pool:
    """The actors of a batch, and the rate limiter of its account.

    Raises:
        BatchError: the settings cannot be serialized for other machines.
    """

    def __init__(self, runner: BatchRunner, count: int) -> None:
        ray = ray_module()
        self.errors: tuple[type[Exception], ...] = (ray.exceptions.RayError,)
        self._ray = ray
        account = runner.account
        limiter = ray.remote(Limiter).options(
            name=f"rate:{account.name}", namespace=_NAMESPACE, get_if_exists=True, num_cpus=0, max_restarts=-1
        )
        self._limiter = limiter.remote(account.rate)
        self._account = account
        try:
            self._actors = [self._new() for _ in range(count)]
        except TypeError as error:
            raise BatchError(
                f"The settings cannot be sent to other machines: {error}. Configure other providers by environment "
                "variables (STEPFUN_FALLBACK_…) instead of client objects.",
                code="settings_not_portable",
            ) from error

    def _new(self) -> Actor:
        id = new_id("actor_")
        actor = self._ray.remote(LineActor).options(num_cpus=1, max_concurrency=_BLOCKS_PER_ACTOR + 2)
        return Actor(id, actor.remote(id, self._limiter, self._account))

    def has_capacity(self) -> bool:
        """Whether any actor accepts another block."""
        return any(actor.blocks < _BLOCKS_PER_ACTOR for actor in self._actors)

    def take(self) -> Actor:
        """Assign a block to the least busy actor, and return the actor."""
        actor = min(self._actors, key=lambda actor: actor.blocks)
        actor.blocks += 1
        return actor

    def give(self, actor: Actor) -> None:
        """Mark a block of an actor as done."""
        actor.blocks -= 1

    def lost(self, actor: Actor, error: Exception) -> None:
        """Replace a lost actor."""
        from ..report import log

        if actor in self._actors:
            log.warning("a Ray actor was lost; its lines are sent again: %s", str(error).splitlines()[0])
            self._actors[self._actors.index(actor)] = self._new()
            self._limiter.forget.remote(actor.id)

    def stop(self, batch: str) -> None:
        """Stop sending lines of a batch."""
        for actor in self._actors:
            actor.handle.stop.remote(batch)

    def close(self) -> None:
        """End the actors; the limiter ends with the driver program."""
        for actor in self._actors:
            with suppress(Exception):
                self._ray.kill(actor.handle)


# ---------------------------------------------------------------- in the actors


@dataclass(frozen=True)
class Line:
    """One line sent to an actor."""

    lease: Lease
    request: Mapping[str, Any]


class Limiter:
    """The actor that holds the rate window of an account."""

    def __init__(self, rate: Rate) -> None:
        self._window = Window(rate)

    async def exchange(
        self, worker: str, ended: int, limited: float | None, wanted: int, tokens: int
    ) -> tuple[int, float]:
        """Record ended requests and grant new ones. Returns (how many may start, seconds to wait if none)."""
        now = time.time()
        self._window.report(worker, ended, limited, now)
        self._window.keep_alive(worker, now + LEASE_SECONDS)
        return self._window.take(worker, wanted, tokens, now, LEASE_SECONDS) if wanted else (0, 0.0)

    async def forget(self, worker: str) -> None:
        """Free the window slots of a lost actor."""
        self._window.flights.pop(worker, None)


class LineActor:
    """The actor that sends lines."""

    def __init__(self, id: str, limiter: Any, account: Account) -> None:
        self._id = id
        self._limiter = limiter
        self._account = account
        self._stopped: set[str] = set()
        self._tally = Tally()
        self._sender: Sender | None = None
        self._price: Pricing = workspace.pricing(account.settings)

    async def process(self) -> int:
        """The process id of the actor."""
        return os.getpid()

    async def stop(self, batch: str) -> None:
        """Stop sending lines of a batch."""
        self._stopped.add(batch)

    async def send(
        self, batch: str, endpoint: str, lines: Sequence[Line]
    ) -> AsyncGenerator[list[tuple[int, Outcome | None]], None]:
        """Send the lines of a block as the limiter permits. Yields groups of (number, outcome) as they arrive; the
        outcome of an unsent line is None."""
        if self._sender is None:
            account = self._account
            self._sender = AsyncSender(workspace.async_client(account.settings, account.key, account.base_url))
        waiting, running = deque(lines), set[asyncio.Task[tuple[int, Outcome]]]()
        while waiting or running:
            if waiting and batch in self._stopped:
                yield [(line.lease.number, None) for line in waiting]
                waiting.clear()
                continue
            wait = await self._start(endpoint, waiting, running)
            outcomes = await _ended(running, wait)
            if any(outcome.stop for _, outcome in outcomes):
                self._stopped.add(batch)
            if outcomes:
                yield list(outcomes)
            if not waiting:
                await self._permits(0)

    async def _start(
        self, endpoint: str, waiting: deque[Line], running: set[asyncio.Task[tuple[int, Outcome]]]
    ) -> float:
        """Start the lines that the limiter permits. Returns the seconds to wait afterwards."""
        if not waiting:
            return LEASE_SECONDS / 3
        allowed, wait = await self._permits(len(waiting))
        for _ in range(allowed):
            running.add(asyncio.ensure_future(self._line(endpoint, waiting.popleft())))
        return wait or _GROUP_SECONDS

    async def _permits(self, wanted: int) -> tuple[int, float]:
        ended, limited = self._tally.collect()
        return await self._limiter.exchange.remote(self._id, ended, limited, wanted, int(self._tally.mean_tokens))

    async def _line(self, endpoint: str, line: Line) -> tuple[int, Outcome]:
        assert self._sender is not None
        outcome = await send_line(self._sender, endpoint, line.lease, line.request, self._price)
        self._tally.ended += 1
        self._tally.note(outcome)
        return line.lease.number, outcome


async def _ended(running: set[asyncio.Task[tuple[int, Outcome]]], wait: float) -> list[tuple[int, Outcome]]:
    """Remove and return the tasks that end within `wait` seconds, including those that end shortly after the first."""
    if running:
        await asyncio.wait(running, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(_GROUP_SECONDS)
    else:
        await asyncio.sleep(wait)
    done = [task for task in running if task.done()]
    running.difference_update(done)
    return [task.result() for task in done]
