"""Limit concurrent requests to StepFun with a fair queue: callers take turns, however many requests each has queued."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

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

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncGenerator[None, None]:
        """Wait for this caller's turn and hold it.

        Raises:
            Rejected: the queue is full.
        """
        await self._enter(caller)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, caller: str) -> None:
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
                self._leave()
            else:
                self.waiting -= 1
                line.remove(granted)
                if not line and self._callers.get(caller) is line:
                    del self._callers[caller]
            raise

    def _leave(self) -> None:
        self.active -= 1
        while self._callers and self.limit is not None and self.active < self.limit:
            caller, line = self._callers.popitem(last=False)
            granted = line.popleft()
            if line:
                self._callers[caller] = line  # at the end of the round: the other callers come first
            self.waiting -= 1
            self.active += 1
            granted.set()
