"""The files of batches, stored beside the journal: inputs as uploaded, outputs and errors in input order."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..endpoints.batches import FILE_PREFIX
from .journal import Answer, Journal
from .records import BATCH_PREFIX, BatchRecord, StoredFile


class InputReader:
    """Read lines of an input file by byte offset."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed with its worker

    def read(self, start: int, length: int) -> bytes:
        """The bytes of one line."""
        self._file.seek(start)
        return self._file.read(length)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class LiveFiles:
    """The rows of output and error files in order of arrival, for people to inspect. Nothing reads them back: the journal
    is the source of truth, and a worker that takes over rewrites them from it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._followed: set[str] = set()

    def path(self, batch: str, *, failed: bool) -> Path:
        """The path of the rows of an unfinished batch."""
        return _path(self._journal, result_id(batch, failed=failed)).with_suffix(".live.jsonl")

    def follow(self, batch: str) -> None:
        """Write the rows the journal already has, unless another worker does."""
        if batch in self._followed:
            return
        self._followed.add(batch)
        if len(self._journal.workers()) > 1:
            return
        for failed in (False, True):
            path = self.path(batch, failed=failed)
            with contextlib.suppress(OSError), open(path, "wb") as file:
                for text in self._journal.answers(batch, failed=failed):
                    file.write(text.encode() + b"\n")

    def append(self, answers: Iterable[Answer]) -> None:
        """Append rows with a single write per file, so that the rows of several workers do not interleave."""
        rows: dict[Path, list[bytes]] = {}
        for answer in answers:
            rows.setdefault(self.path(answer.batch, failed=answer.failed), []).append(answer.text.encode() + b"\n")
        for path, lines in rows.items():
            with contextlib.suppress(OSError), open(path, "ab", buffering=0) as file:
                file.write(b"".join(lines))

    def remove(self, batch: str) -> None:
        """Remove the rows of a batch whose result files are written."""
        self._followed.discard(batch)
        for failed in (False, True):
            self.path(batch, failed=failed).unlink(missing_ok=True)


@dataclass(frozen=True)
class Results:
    """The ids of a batch's result files; None for a file that would be empty."""

    output: str | None
    error: str | None


def result_id(batch: str, *, failed: bool) -> str:
    """The id of a batch's output file, or of its error file."""
    return f"{FILE_PREFIX}{batch.removeprefix(BATCH_PREFIX)}_{'error' if failed else 'output'}"


def write_results(journal: Journal, record: BatchRecord, now: int) -> Results:
    """Write a batch's output and error files atomically, and register them."""
    return Results(_write_result(journal, record, now, failed=False), _write_result(journal, record, now, failed=True))


def _write_result(journal: Journal, record: BatchRecord, now: int, *, failed: bool) -> str | None:
    id = result_id(record.id, failed=failed)
    path = _path(journal, id)
    if not (record.counts.failed if failed else record.counts.completed):
        journal.remove_file(id)
        path.unlink(missing_ok=True)
        return None
    temporary = path.with_suffix(".part")
    with open(temporary, "wb") as file:
        for text in journal.answers(record.id, failed=failed):
            file.write(text.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    os.replace(temporary, path)
    name = f"{record.id}_{'error' if failed else 'output'}.jsonl"
    journal.add_file(journal.space_of(record.id), StoredFile(id, name, "batch_output", size, now, f"files/{path.name}"))
    return id


def _path(journal: Journal, id: str) -> Path:
    return journal.folder / "files" / f"{id}.jsonl"
