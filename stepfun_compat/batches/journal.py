"""The interface of a batch journal, and its data types.

A journal stores the batches, the state of every line, and every answer. `sqlite_journal` stores all of it in one file on
one machine; `redis.journal` stores leases and counters on a Redis server and the answers in a folder that several machines
share.
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
"""How long the lease of a line lasts without renewal."""


@dataclass(frozen=True)
class Lease:
    """One line that a worker has leased. `start` and `length` locate it in the input file, in bytes."""

    batch: str
    number: int
    custom_id: str
    start: int
    length: int
    attempts: int


@dataclass(frozen=True)
class Answer:
    """The result of one line. `text` is its row in the output file, or in the error file if `failed`, without line end."""

    batch: str
    number: int
    failed: bool
    text: str
    tokens: Tokens = field(default_factory=Tokens)
    cost: float = 0.0


@dataclass(frozen=True)
class WorkerRow:
    """A registered worker. `standing` is the namespace of a worker that keeps running when there is no work."""

    id: str
    host: str
    pid: int
    started: str
    standing: str | None


class Journal(Protocol):
    """The storage of batches, shared by threads and processes. An answer counts once `finish` has returned.

    Every method raises `BatchError` if the disk or the server fails.
    """

    folder: Path
    reserve: Reserve

    uncounted: ClassVar[str]
    """For the log: what happens to answers that `finish` failed to count."""

    def add_batch(self, space: str, record: BatchRecord) -> None:
        """Store a new batch."""
        ...

    def batch(self, id: str, space: str | None = None) -> BatchRecord | None:
        """The batch, or None if it does not exist or belongs to another namespace."""
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
        """Change fields of a batch atomically. Does nothing and returns None if its status is not in `expected`."""
        ...

    def add_lines(self, batch: str, lines: Iterable[InputLine]) -> int:
        """Store the lines of a batch in validation, replacing those of an earlier attempt. Returns how many."""
        ...

    def drop_lines(self, batch: str) -> None:
        """Delete the lines of a batch that failed validation."""
        ...

    def claim(self, batch: str, owner: str, limit: int, now: float | None = None) -> list[Lease]:
        """Lease up to `limit` unleased lines, in file order. Lines of `owner` are not leased to it again, even if their
        lease expired while the machine was suspended."""
        ...

    def leased(self, batch: str, now: float | None = None) -> bool:
        """Whether any line of a batch has an unexpired lease."""
        ...

    def keep(self, batch: str, owner: str, status: Status, now: float | None = None) -> bool:
        """Take the exclusive right to validate or end a batch in `status`. Returns False if another worker holds it."""
        ...

    def release_batch(self, batch: str, owner: str) -> None:
        """Release the exclusive right to validate or end a batch."""
        ...

    def renew(self, owner: str, now: float | None = None) -> None:
        """Extend the leases of a live worker."""
        ...

    def return_leases(
        self, lines: Iterable[tuple[str, int]], owner: str, at: float = 0.0, *, failed: bool = False
    ) -> None:
        """End leases without an answer. The lines may be sent again from `at` (Unix seconds); `failed` counts the
        attempt."""
        ...

    def finish(self, answers: Sequence[Answer]) -> list[Answer]:
        """Store and count answers, each exactly once. Durable on return. Returns the new ones."""
        ...

    def unfinished(self, batch: str) -> Iterator[Lease]:
        """The unanswered lines of a batch, in file order."""
        ...

    def reopen_failed(self, batch: str) -> int:
        """Make the failed lines of a batch pending again. Returns how many."""
        ...

    def answers(self, batch: str, *, failed: bool) -> Iterator[str]:
        """The rows of the output file or the error file, in input order."""
        ...

    def latest(self, batch: str, *, after: int | None = None, limit: int = 100) -> list[tuple[int, str]]:
        """(sequence, row) of answered lines in order of arrival: the ones after a sequence number, or the last ones."""
        ...

    def add_file(self, space: str, file: StoredFile) -> None:
        """Register a file whose bytes are in place."""
        ...

    def file(self, id: str, space: str | None = None) -> StoredFile | None:
        """The file, or None if it does not exist or belongs to another namespace."""
        ...

    def files(self, space: str) -> list[StoredFile]:
        """The files of a namespace, newest first."""
        ...

    def remove_file(self, id: str) -> None:
        """Unregister a file; the caller removes its bytes."""
        ...

    def add_worker(self, id: str, host: str, pid: int, started: str, standing: str | None = None) -> None:
        """Register a worker, so that others can take over its leases as soon as its process is dead.

        `standing` is the namespace of a worker that keeps running when there is no work.
        """
        ...

    def workers(self) -> list[WorkerRow]:
        """All registered workers."""
        ...

    def remove_worker(self, id: str) -> None:
        """Unregister a worker and end all its leases."""
        ...

    def guarded(self) -> contextlib.AbstractContextManager[None]:
        """Turn disk errors in this block into `BatchError` with the fix."""
        ...
