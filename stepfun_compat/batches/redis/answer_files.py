"""The answers of batches, in a folder that several machines share.

Each process appends to its own file, `answers/<batch>/<writer>.jsonl`, so no two machines write to the same file. A row
is a JSON array of the counted values, a tab, and the row of the output or error file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from typing_extensions import Self

from ..journal import Answer
from ..records import Tokens, new_id


@dataclass(frozen=True)
class Place:
    """The position of one answer's row; `start` and `length` are in bytes."""

    number: int
    failed: bool
    file: str
    start: int
    length: int

    def dump(self) -> str:
        """Serialize a place."""
        return f"{self.number} {int(self.failed)} {self.file} {self.start} {self.length}"

    @classmethod
    def load(cls, text: str) -> Self:
        """Load a place serialized by `dump`."""
        number, failed, file, start, length = text.split(" ")
        return cls(int(number), failed == "1", file, int(start), int(length))


@dataclass(frozen=True)
class PlacedAnswer:
    """One answer on disk: its position and its counted values."""

    place: Place
    tokens: Tokens
    cost: float


@dataclass
class _Writer:
    name: str
    descriptor: int
    process: int
    end: int = 0


class AnswerFiles:
    """The answers below `folder`. Methods raise OSError if the disk fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, _Writer] = {}

    def append(self, batch: str, answers: Sequence[Answer]) -> list[PlacedAnswer]:
        """Write answers of one batch. Durable on return."""
        writer = self._writer(batch)
        placed: list[PlacedAnswer] = []
        rows: list[bytes] = []
        end = writer.end
        for answer in answers:
            row = _row(answer)
            place = Place(answer.number, answer.failed, writer.name, end, len(row))
            placed.append(PlacedAnswer(place, answer.tokens, answer.cost))
            rows.append(row)
            end += len(row)
        try:
            _write_all(writer.descriptor, b"".join(rows))
            os.fsync(writer.descriptor)
        except OSError:
            self.close(batch)  # the file may end in a partial row: the next answers start a new file
            raise
        writer.end = end
        return placed

    def close(self, batch: str) -> None:
        """Close the file this process writes."""
        writer = self._writers.pop(batch, None)
        if writer is not None:
            os.close(writer.descriptor)

    def after(self, batch: str, counted: Mapping[str, int]) -> Iterator[list[PlacedAnswer]]:
        """The answers after the counted part of each file; `counted` maps file names to lengths in bytes."""
        for path in sorted((self._folder / batch).glob("*.jsonl")):
            start = counted.get(path.stem, 0)
            if path.stat().st_size > start:
                placed = list(_read_after(path, start))
                if placed:
                    yield placed

    def texts(self, batch: str, places: Iterable[Place]) -> Iterator[str]:
        """The rows of the output or error file at these places."""
        files: dict[str, BufferedReader] = {}
        try:
            for place in places:
                file = files.get(place.file)
                if file is None:
                    file = files[place.file] = (self._folder / batch / f"{place.file}.jsonl").open("rb")
                file.seek(place.start)
                yield file.read(place.length).rstrip(b"\n").partition(b"\t")[2].decode()
        finally:
            for file in files.values():
                file.close()

    def _writer(self, batch: str) -> _Writer:
        writer = self._writers.get(batch)
        if writer is None or writer.process != os.getpid():  # a forked child starts its own file
            folder, name = self._folder / batch, new_id("")
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(folder / f"{name}.jsonl", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            writer = self._writers[batch] = _Writer(name, descriptor, os.getpid())
        return writer


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _row(answer: Answer) -> bytes:
    tokens = answer.tokens
    counted = (
        answer.number,
        int(answer.failed),
        answer.cost,
        tokens.input,
        tokens.cached,
        tokens.output,
        tokens.reasoning,
    )
    return f"{json.dumps(counted)}\t{answer.text}\n".encode()


def _read_after(path: Path, start: int) -> Iterator[PlacedAnswer]:
    with path.open("rb") as file:
        file.seek(start)
        for row in file:
            if not row.endswith(b"\n"):  # still being written, or its writer was killed
                return
            number, failed, cost, *tokens = _counted(row)
            place = Place(number, bool(failed), path.stem, start, len(row))
            yield PlacedAnswer(place, Tokens(*tokens), cost)
            start += len(row)


def _counted(row: bytes) -> list[Any]:
    return json.loads(row.partition(b"\t")[0])
