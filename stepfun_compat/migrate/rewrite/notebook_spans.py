"""Map the source of a notebook's code cells to its JSON, character by character.

Bytes outside of edits stay unchanged: indentation, key order, escapes, outputs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..facts import SourceText
from ..sources.notebooks import read_notebook
from .model import Edit

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)  # fmt: skip
_LINE_END: Final = re.compile(r"\r\n|\r|\n")

_Path = tuple[str | int, ...]


class NoSuchPlace(Exception):
    """An edit cannot be applied to the JSON; the message is the reason."""


@dataclass(slots=True)
class _Open:
    """An open object or list, and the key or index of its next value."""

    is_object: bool
    key: str | int
    awaits_key: bool

    def next(self) -> None:
        """Advance to the next value, after a comma."""
        if isinstance(self.key, int):
            self.key += 1
        self.awaits_key = self.is_object


@dataclass(slots=True)
class _Source:
    """The strings of a cell's source, each with its position in the JSON text, after the opening quote."""

    strings: list[tuple[int, str]] = field(default_factory=lambda: [])


def _strings(text: str) -> Iterator[tuple[_Path, int, str]]:
    """Yield each string value of a JSON text: its path, the position after its opening quote, and its contents."""
    stack: list[_Open] = []
    for found in _TOKEN.finditer(text):
        token = found.group()
        here = stack[-1] if stack else None
        if token in "{[":
            stack.append(_Open(token == "{", "" if token == "{" else 0, token == "{"))
        elif token in "}]":
            stack.pop()
        elif token == "," and here is not None:
            here.next()
        elif token[0] == '"':
            if here is not None and here.awaits_key:
                here.key, here.awaits_key = str(json.loads(token, strict=False)), False
            else:
                yield tuple(one.key for one in stack), found.start() + 1, token[1:-1]


class NotebookSpans:
    """The code cells of a notebook, and the mapping of positions in a cell to positions in the file."""

    def __init__(self, data: bytes) -> None:
        self._bom = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        self._data = data
        self._json = data[self._bom :].decode("utf-8")
        self._notebook = read_notebook(data)
        self._cells = {cell.number: cell for cell in self._notebook.cells}
        self._sources = self._find()

    def _find(self) -> dict[int, _Source]:
        sources: dict[int, dict[str, _Source]] = {}
        sheets: dict[int, int] = {}
        for path, start, inside in _strings(self._json):
            if path[:1] == ("cells",) and len(path) in (3, 4):
                number, key = path[1], path[2]
            elif path[:1] == ("worksheets",) and path[2:3] == ("cells",) and len(path) in (5, 6):
                number, key = _in_sheet(path[1], path[3], sheets), path[4]
            else:
                continue
            if isinstance(number, int) and key in ("source", "input"):
                sources.setdefault(number, {}).setdefault(str(key), _Source()).strings.append((start, inside))
        return {number: found.get("source") or found["input"] for number, found in sources.items()}

    def apply(self, text: SourceText, edits: Sequence[Edit]) -> bytes:
        """Return the bytes of the notebook with edits of the joined text applied.

        Raises:
            NoSuchPlace: an edit cannot be located in the JSON.
        """
        changes: list[tuple[int, int, str]] = []
        for edit in edits:
            changes.append(self._change(text, edit))
        result = self._json
        for start, end, new in sorted(changes, reverse=True):
            result = result[:start] + new + result[end:]
        return self._data[: self._bom] + result.encode("utf-8")

    def _change(self, text: SourceText, edit: Edit) -> tuple[int, int, str]:
        """Return the span of an edit in the JSON text, and its replacement."""
        old = text.utf8[edit.start : edit.end].decode("utf-8")
        before = text.utf8[: edit.start].decode("utf-8")
        line = len(_LINE_END.findall(before)) + 1
        column = len(before) - max(before.rfind("\n"), before.rfind("\r")) - 1
        number, inner = self._notebook.place(line)
        cell = self._cells[number]
        lines = _lines(cell.source)
        joined = text.utf8.decode("utf-8").split("\n")[line - 1]
        own = _LINE_END.sub("", lines[inner - 1]) if inner <= len(lines) else ""
        if own != joined:
            if not joined.strip() or not own.endswith(joined.lstrip()):
                raise NoSuchPlace("the line in the cell is not only Python: edit it by hand")
            column += len(own) - len(joined)  # after a magic: `%time import openai`
        start = sum(map(len, lines[: inner - 1])) + column
        if _LINE_END.sub("\n", cell.source[start : start + len(old)]) != old:
            raise NoSuchPlace("the source is not at the expected position in the cell: edit it by hand")
        return self._raw(number, cell.source, start, start + len(old), edit.new.decode("utf-8"))

    def _raw(self, number: int, source: str, start: int, end: int, new: str) -> tuple[int, int, str]:
        """Return the span of a part of a cell's source in the JSON text, and its replacement."""
        found = self._sources.get(number)
        if found is None:
            raise NoSuchPlace("the source of the cell cannot be located in the JSON: edit it by hand")
        position = 0
        for at, inside in found.strings:
            pieces = _ESCAPE.findall(inside)
            if source[position : position + len(pieces)] != "".join(map(_decoded, pieces)):
                raise NoSuchPlace("the source of the cell cannot be located in the JSON: edit it by hand")
            if start >= position and end <= position + len(pieces):
                first = at + sum(map(len, pieces[: start - position]))
                last = first + sum(map(len, pieces[start - position : end - position]))
                return first, last, json.dumps(new)[1:-1]
            position += len(pieces)
        raise NoSuchPlace("the source spans several strings of the JSON: edit it by hand")


def _in_sheet(sheet: str | int, number: str | int, sheets: dict[int, int]) -> str | int:
    """Return the number of a cell across all worksheets. `sheets` counts the cells found so far in each worksheet."""
    if not isinstance(sheet, int) or not isinstance(number, int):
        return number
    sheets[sheet] = max(sheets.get(sheet, 0), number + 1)
    return number + sum(size for one, size in sheets.items() if one < sheet)


def _lines(source: str) -> list[str]:
    """Return the lines of a cell with their line ends."""
    ends = [found.end() for found in _LINE_END.finditer(source)]
    return [source[start:end] for start, end in zip([0, *ends], [*ends, len(source)], strict=True)]


def _decoded(piece: str) -> str:
    return piece if len(piece) == 1 else str(json.loads(f'"{piece}"'))
