"""The files of batches, beside the journal: inputs as uploaded, outputs and errors in the order of their input."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from ..endpoints.batches import FILE_PREFIX
from .journal import Journal
from .records import BatchRecord, StoredFile, new_id


class InputReader:
    """Read lines of an input file by their place; safe for several threads."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed with its worker
        self._lock = threading.Lock()

    def read(self, start: int, length: int) -> bytes:
        """The bytes of one line."""
        with self._lock:
            self._file.seek(start)
            return self._file.read(length)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True)
class Results:
    """The ids of a batch's result files; None where there is nothing to put into one."""

    output: str | None
    error: str | None


def write_results(journal: Journal, record: BatchRecord, now: int) -> Results:
    """Write a batch's output and error files, each whole or not at all, and register them."""
    space = journal.space_of(record.id)
    made: list[str | None] = []
    for failed, name in ((False, "output"), (True, "error")):
        id = new_id(FILE_PREFIX)
        path = journal.folder / "files" / f"{id}.jsonl"
        temporary = path.with_suffix(".part")
        rows = 0
        with open(temporary, "wb") as file:
            for text in journal.answers(record.id, failed=failed):
                file.write(text.encode("utf-8", "surrogatepass") + b"\n")
                rows += 1
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        if not rows:
            temporary.unlink()
            made.append(None)
            continue
        os.replace(temporary, path)
        journal.add_file(
            space,
            StoredFile(id, f"{record.id}_{name}.jsonl", "batch_output", size, now, f"files/{path.name}"),
        )
        made.append(id)
    return Results(*made)
