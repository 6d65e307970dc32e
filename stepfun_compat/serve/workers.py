"""Run several processes on one socket. Each is spawned; a process that ends is replaced until the parent stops."""

from __future__ import annotations

import multiprocessing
import signal
import socket
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

from ..settings import Settings
from .launch import Launch, run_one, start_logging
from .options import ServeOptions


def run_workers(launch: Launch, options: ServeOptions, listener: socket.socket) -> None:
    """Run `launch.workers` processes until a signal, then let each finish its requests."""
    limit = options.max_concurrency
    if limit is not None:  # the account's limit, divided among the workers
        options = replace(options, max_concurrency=max(1, limit // launch.workers))
    context = multiprocessing.get_context("spawn")

    def start() -> Any:
        process = context.Process(target=_work, args=(launch, options, listener))
        process.start()
        return process

    with _stop_signals() as stopping:
        processes = [start() for _ in range(launch.workers)]
        try:
            while not stopping.wait(0.5):
                for place, process in enumerate(processes):
                    if process.exitcode is not None:
                        processes[place] = start()
            _terminate(processes, launch.grace + 5)
        finally:
            _kill(processes)


@contextmanager
def _stop_signals() -> Generator[threading.Event, None, None]:
    """An event that SIGINT and SIGTERM set, for as long as the block runs."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(processes: Sequence[Any], seconds: float) -> None:
    """Send SIGTERM to every process and wait for all of them, at most `seconds`."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))


def _kill(processes: Sequence[Any]) -> None:
    """End the processes that still run."""
    for process in processes:
        if process.exitcode is None:
            process.kill()
            process.join()


def _work(launch: Launch, options: ServeOptions, listener: socket.socket) -> None:
    start_logging(launch.log_level)
    run_one(launch, options, Settings(), listener)
