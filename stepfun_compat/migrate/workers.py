"""Worker processes that read files.

They run as `python -c` instead of by `multiprocessing`, which imports the caller's main module again and fails if that
is not possible. No directory of the scanned project is on their path.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

_START: Final = (
    "import sys, pickle; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from stepfun_compat.migrate.workers import serve; serve(sys.stdin.buffer, sys.stdout.buffer)"
)
Files = list[tuple[str, Any]]
"""Paths relative to the root, and their kinds."""


def run(root: str, chunks: Sequence[Files], processes: int) -> Iterator[list[bytes] | None]:
    """Yield the serialized facts of the files of each chunk, in order; None for a chunk whose worker failed."""
    workers: list[_Worker] = []
    here = threading.local()

    def work(chunk: Files) -> list[bytes] | None:
        worker: _Worker | None = getattr(here, "worker", None)
        if worker is None:
            worker = here.worker = _Worker(root)
            workers.append(worker)
        return worker.read(chunk)

    pool = ThreadPoolExecutor(processes)
    try:
        yield from pool.map(work, chunks)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.stop()
        pool.shutdown()


class _Worker:
    """One process, which handles one chunk at a time."""

    def __init__(self, root: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._send(_path())
            self._send(root)
        except (OSError, ValueError):
            self.stop()

    def read(self, chunk: Files) -> list[bytes] | None:
        """Return the serialized facts of the files; None if the process could not be started or has died."""
        process = self._process
        if process is None or process.stdout is None:
            return None
        try:
            self._send(chunk)
            found: list[bytes] = pickle.load(process.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            self.stop()
            return None
        return found if len(found) == len(chunk) else None

    def _send(self, value: object) -> None:
        if self._process is None or self._process.stdin is None:
            raise OSError
        pickle.dump(value, self._process.stdin)
        self._process.stdin.flush()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                _close(stream)


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:
        return


def _path() -> list[str]:
    """Return the module search path without the working directory, which may be the scanned project."""
    here = os.getcwd()
    own = str(Path(__file__).resolve().parents[2])
    return [*(one for one in sys.path if one and os.path.abspath(one) != here), own]


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Process chunks until the input ends, in the worker process."""
    from .scan import on_a_deep_stack

    root: str = pickle.load(requests)
    while True:
        try:
            chunk: Files = pickle.load(requests)
        except EOFError:
            return
        pickle.dump(on_a_deep_stack(partial(_packed, root, chunk)), answers)
        answers.flush()


def _packed(root: str, chunk: Files) -> list[bytes]:
    from .scan import pack_file

    return [pack_file(root, path, kind) for path, kind in chunk]
