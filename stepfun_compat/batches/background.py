"""Process batches in a thread of the process that created them, until no batch of its namespace is open."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from importlib import import_module
from typing import Any, TypeAlias

from ..report import log
from .engine import Worker
from .journal import Journal
from .limiter import WindowPlace
from .records import BatchError
from .sending import Pricing, Sender
from .workers import has_standing_worker

_LEAVE_SECONDS = 5.0
"""How long an exiting process waits for the lines in flight."""

MakeSender: TypeAlias = Callable[[], AbstractAsyncContextManager[Sender]]
"""Creates the sender of the lines, in the event loop that sends them."""


def _at_exit(function: Callable[[], None]) -> None:
    """Call a function at exit while threads are still usable. `atexit` runs too late: by then the executors of
    `concurrent.futures` accept no more work."""
    import_module("concurrent.futures.thread")  # callbacks run in reverse order of registration
    register: Any = getattr(threading, "_register_atexit", atexit.register)
    register(function)


class Background:
    """One worker thread for a journal, a namespace and a host. `start` is cheap; call it before each use."""

    def __init__(self, journal: Journal, space: str, window: WindowPlace, price: Pricing) -> None:
        self.journal = journal
        self._price = price
        self._space = space
        self._window = window
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: Worker | None = None
        self.error: BatchError | None = None
        """The error that ended the thread, if any."""

    def start(self, make_sender: MakeSender) -> None:
        """Ensure that a worker is running: this thread, or a `stepfun-compat batch work` process."""
        with self._lock:
            if self._process != os.getpid():  # a forked child inherits the object, but not the thread
                self._thread, self._process = None, os.getpid()
            if self._thread is not None and self._thread.is_alive():
                return
            if not self.journal.open_batches(self._space) or has_standing_worker(self.journal, self._space):
                return
            self._stopping = False
            self._thread = threading.Thread(target=self._run, args=(make_sender,), name="stepfun-batches", daemon=True)
            self._thread.start()
            _at_exit(self.stop)

    def stop(self, seconds: float = _LEAVE_SECONDS) -> None:
        """Stop sending lines and wait for those in flight."""
        self._stopping = True
        thread, loop, worker = self._thread, self._loop, self._worker
        if thread is None or self._process != os.getpid() or not thread.is_alive():
            return
        if loop is not None and worker is not None:
            with suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(worker.close)
        thread.join(seconds)

    def _run(self, make_sender: MakeSender) -> None:
        try:
            asyncio.run(self._main(make_sender))
            self.error = None
        except BaseException as error:
            if not isinstance(error, BatchError):
                error = BatchError(f"{type(error).__name__}: {error}", status=500, code="worker_failed")
            self.error = error
            if not self._stopping:
                log.error("the batch worker stopped: %s", error)

    async def _main(self, make_sender: MakeSender) -> None:
        self._loop = asyncio.get_running_loop()
        async with make_sender() as sender:
            self._worker = Worker(self.journal, sender, self._window, price=self._price, space=self._space)
            await self._worker.run()
