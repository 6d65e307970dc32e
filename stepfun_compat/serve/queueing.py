"""Limit concurrent requests to StepFun with a fair queue: callers take turns, however many requests each has queued."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

import anyio

from .rejections import Rejected


class FairQueue:
    """A concurrency limit with a bounded queue, for one event loop (no locks). `limit` None: no limit."""

    def __init__(self, limit: int | None, most_waiting: int) -> None:
        self.limit = limit
        self.most_waiting = most_waiting
        self.active = 0
        self.waiting = 0
        self._callers: OrderedDict[str, deque[anyio.Event]] = OrderedDict()

    def turn(self, caller: str) -> Turn:
        """Wait for this caller's turn and hold it, in an `async with` block."""
        return Turn(self, caller)

    async def enter(self, caller: str) -> None:
        """Wait for this caller's turn. `leave` ends it.

        Raises:
            Rejected: the queue is full.
        """
        if self.limit is None or (self.active < self.limit and not self.waiting):
            self.active += 1
            return
        if self.waiting >= self.most_waiting:
            raise Rejected(
                429,
                f"{self.active} requests are running and {self.waiting} are waiting, the most this server queues (--max-queue).",
                code="rate_limit_exceeded",
                headers={"retry-after": "1"},
            )
        granted = anyio.Event()
        line = self._callers.setdefault(caller, deque())
        line.append(granted)
        self.waiting += 1
        try:
            await granted.wait()
        except BaseException:  # cancelled: the caller hung up, or the time limit passed
            if granted.is_set():
                self.leave()
            else:
                self.waiting -= 1
                line.remove(granted)
                if not line and self._callers.get(caller) is line:
                    del self._callers[caller]
            raise

    def leave(self) -> None:
        """End a turn, and let the next in line have theirs."""
        self.active -= 1
        while self._callers and self.limit is not None and self.active < self.limit:
            caller, line = self._callers.popitem(last=False)
            granted = line.popleft()
            if line:
                self._callers[caller] = line  # at the end of the round: the other callers come first
            self.waiting -= 1
            self.active += 1
            granted.set()


class Turn:
    """A caller's turn while the block runs."""

    __slots__ = ("_caller", "_queue")

    def __init__(self, queue: FairQueue, caller: str) -> None:
        self._queue: Final = queue
        self._caller: Final = caller

    async def __aenter__(self) -> None:
        await self._queue.enter(self._caller)

    async def __aexit__(self, *_: object) -> None:
        self._queue.leave()
