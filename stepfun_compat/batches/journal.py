"""What a journal of batches does, and the values it deals in.

A journal knows what batches there are, which line is where, and every answer. `sqlite_journal` keeps all of it in one
file of a machine; `redis.journal` keeps leases and counters on a Redis server and the answers in a folder that several
machines share.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

from .disk import Reserve
from .records import BatchRecord, Status, StoredFile, Tokens
from .validation import InputLine

LEASE_SECONDS: Final = 60.0
"""How long a line belongs to a worker that does not say it is alive."""


@dataclass(frozen=True)
class Lease:
    """One line that belongs to a worker until `until` (Unix seconds)."""

    batch: str
    number: int
    custom_id: str
    start: int
    length: int
    attempts: int


@dataclass(frozen=True)
class Answer:
    """The end of one line: the text of its row in the output (or, if `failed`, the error) file, without line end."""

    batch: str
    number: int
    failed: bool
    text: str
    tokens: Tokens = field(default_factory=Tokens)
    cost: float = 0.0


@dataclass(frozen=True)
class WorkerRow:
    """Who a worker is. `standing` is the namespace of one that stays when there is nothing to do."""

    id: str
    host: str
    pid: int
    started: str
    standing: str | None


class Journal(Protocol):
    """The books of batches, for several threads and processes. An answer counts once `finish` has returned.

    Every method raises `BatchError` where the disk or the server fails.
    """

    folder: Path
    reserve: Reserve

    uncounted: ClassVar[str]
    """What happens to answers that `finish` could not count."""

    def add_batch(self, space: str, record: BatchRecord) -> None:
        """Keep a new batch."""
        ...

    def batch(self, id: str, space: str | None = None) -> BatchRecord | None:
        """One batch, if it is there and belongs to the namespace."""
        ...

    def status(self, id: str) -> Status | None:
        """The status of one batch."""
        ...

    def space_of(self, id: str) -> str:
        """The namespace a batch belongs to."""
        ...

    def batches(self, space: str | None, *, after: str | None = None, limit: int = 20) -> list[BatchRecord] | None:
        """Batches, newest first; None if `after` names none of them."""
        ...

    def open_batches(self, space: str | None = None) -> list[BatchRecord]:
        """Batches that are not in a final state, oldest first."""
        ...

    def update(self, id: str, expected: Sequence[Status] | None = None, **fields: Any) -> BatchRecord | None:
        """Change fields of a batch with nobody in between; None, and nothing is done, unless its status is `expected`."""
        ...

    def add_lines(self, batch: str, lines: Iterable[InputLine]) -> int:
        """Keep the lines of a batch that is being validated; returns how many. What an earlier try left is replaced."""
        ...

    def drop_lines(self, batch: str) -> None:
        """Forget the lines of a batch that failed validation."""
        ...

    def claim(self, batch: str, owner: str, limit: int, now: float | None = None) -> list[Lease]:
        """Lease up to `limit` lines that nobody works on, in the order of the file. What the owner has is its own, even if
        the lease has expired while the machine slept."""
        ...

    def leased(self, batch: str, now: float | None = None) -> bool:
        """Whether a worker that is alive has a line of a batch."""
        ...

    def keep(self, batch: str, owner: str, status: Status, now: float | None = None) -> bool:
        """Become the one worker that checks or ends a batch, while its status is `status`; False if another one is."""
        ...

    def unkeep(self, batch: str, owner: str) -> None:
        """Let others check or end a batch again."""
        ...

    def renew(self, owner: str, now: float | None = None) -> None:
        """Say that a worker is alive: its leases last again."""
        ...

    def give_back(self, lines: Iterable[tuple[str, int]], owner: str, at: float = 0.0, *, failed: bool = False) -> None:
        """End leases without an answer; the lines may be sent again from `at` (Unix seconds) on. `failed` counts the
        attempt."""
        ...

    def finish(self, answers: Sequence[Answer]) -> list[Answer]:
        """Keep answers and count them, once each; returns those that were new. Durable when this returns."""
        ...

    def unfinished(self, batch: str) -> Iterator[Lease]:
        """Lines of a batch without an answer, in the order of the file."""
        ...

    def reopen_failed(self, batch: str) -> int:
        """Make the failed lines of a batch pending again; returns how many."""
        ...

    def answers(self, batch: str, *, failed: bool) -> Iterator[str]:
        """The rows of the output file, or of the error file, in the order of the input file."""
        ...

    def latest(self, batch: str, *, after: int | None = None, limit: int = 100) -> list[tuple[int, str]]:
        """(sequence, row) of answered lines in the order they came: those after a sequence, or else the last ones."""
        ...

    def add_file(self, space: str, file: StoredFile) -> None:
        """Keep what is known of a file whose bytes are in place."""
        ...

    def file(self, id: str, space: str | None = None) -> StoredFile | None:
        """One file, if it is there and belongs to the namespace."""
        ...

    def files(self, space: str) -> list[StoredFile]:
        """The files of a namespace, newest first."""
        ...

    def remove_file(self, id: str) -> None:
        """Forget a file; its bytes are the caller's to remove."""
        ...

    def add_worker(self, id: str, host: str, pid: int, started: str, standing: str | None = None) -> None:
        """Say who a worker is, so that its leases can be taken over at once when its process is gone.

        `standing` is the namespace of a worker that stays when there is nothing to do.
        """
        ...

    def workers(self) -> list[WorkerRow]:
        """Every worker that did not say goodbye."""
        ...

    def remove_worker(self, id: str) -> None:
        """End all leases of a worker that is gone."""
        ...

    def guarded(self) -> contextlib.AbstractContextManager[None]:
        """What the disk refuses in this block, as `BatchError` with the fix."""
        ...
