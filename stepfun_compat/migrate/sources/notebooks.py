"""Read the code cells of a notebook as one Python module, and map its lines back to cells."""

from __future__ import annotations

import ast
import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Final, cast

from .marks import Mark, Unread
from .texts import shell_marks

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_PYTHON_MAGICS: Final = frozenset({"time", "timeit", "capture", "prun", "python", "python3", "memit", "mprun"})
_ASSIGNED_MAGIC: Final = re.compile(r"(\s*)([\w, ]+?)\s*=\s*[!%](.*)")
_MAGIC_PYTHON: Final = re.compile(r"(\s*)%(?:time|timeit|prun|memit)\s+(?:-\S+\s+)*(.*)")
_AUTOMATIC_MAGIC: Final = re.compile(r"\s*(?:pip3?|conda|mamba|uv)\s+(?:pip\s+)?(?:un)?install\s")
"""Lines that IPython treats as a magic even without `%`."""
_HELP: Final = re.compile(r"\s*\??\??[\w.*\[\]'\"]+\?{1,2}\s*|\s*\?{1,2}[\w.*]+\s*")


class NotANotebook(Exception):
    """The file is not a notebook; the message is the reason."""


@dataclass(slots=True, eq=False)
class Cell:
    """One code cell: its number among all cells, its first line in the joined text, and its source."""

    number: int
    first_line: int
    source: str


@dataclass(slots=True, eq=False)
class Notebook:
    """The code of a notebook as one text. Lines other than Python are replaced by `pass`."""

    text: str
    cells: list[Cell]
    marks: list[Mark] = field(default_factory=lambda: [])
    unread: list[Unread] = field(default_factory=lambda: [])

    def place(self, line: int) -> tuple[int, int]:
        """Return the cell of a line of the joined text, and the line within the cell, from 1."""
        starts = [cell.first_line for cell in self.cells]
        cell = self.cells[max(0, bisect_right(starts, line) - 1)]
        return cell.number, line - cell.first_line + 1


def read_notebook(data: bytes) -> Notebook:
    """Return the code of a notebook in format 3 or 4. Cells in other languages are listed as unread.

    Raises:
        NotANotebook: the JSON is invalid, or not a notebook.
    """
    cells = _cells(data)
    joined: list[str] = []
    notebook = Notebook("", [])
    line = 1
    for number, cell in enumerate(cells):
        if cell.get("cell_type", "code") != "code":
            continue
        source = _source(cell)
        if source is None:
            notebook.unread.append(Unread(f"cell {number}: its source is not text"))
            continue
        python = _python(notebook, number, source)
        notebook.cells.append(Cell(number, line, source))
        joined.append(python)
        line += len(_LINE_END.findall(python)) + 1
    notebook.text = "\n".join(joined)
    return notebook


def _cells(data: bytes) -> list[dict[str, Any]]:
    try:
        loaded: Any = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotANotebook(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise NotANotebook("JSON nested too deeply") from None
    except ValueError as error:
        raise NotANotebook(f"invalid JSON: {error}") from None
    if not isinstance(loaded, dict):
        raise NotANotebook("not a notebook: the JSON is not an object")
    found = _listed(cast("dict[str, Any]", loaded))
    if not isinstance(found, list):
        raise NotANotebook("not a notebook: it has no cells")
    cells = cast("list[Any]", found)
    return [cast("dict[str, Any]", cell) if isinstance(cell, dict) else {"cell_type": "unknown"} for cell in cells]


def _listed(top: dict[str, Any]) -> Any:
    """Return the cells of a notebook; in format 3, those of all worksheets."""
    sheets = top.get("worksheets")
    if top.get("cells") is not None or not isinstance(sheets, list):
        return top.get("cells")
    found: list[Any] = []
    for sheet in cast("list[Any]", sheets):
        if isinstance(sheet, dict):
            found += cast("dict[str, Any]", sheet).get("cells") or []
    return found


def _source(cell: dict[str, Any]) -> str | None:
    source: Any = cell.get("source", cell.get("input", ""))
    if isinstance(source, str):
        return source
    if isinstance(source, list) and all(isinstance(part, str) for part in cast("list[Any]", source)):
        return "".join(cast("list[str]", source))
    return None


def _python(notebook: Notebook, number: int, source: str) -> str:
    """Return the Python of a cell, with the same line numbers. Other lines are added to `unread`."""
    lines = _LINE_END.split(source)
    first = next((index for index, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].lstrip().startswith("%%"):
        magic = lines[first].lstrip()[2:].split()
        name = magic[0] if magic else ""
        if name not in _PYTHON_MAGICS:
            _keep_cell(notebook, number, name, lines[first + 1 :], first + 2, "openai" in source.lower())
            return "\n" * (len(lines) - 1)
        lines[first] = ""
    replaced, skipped = _replace_lines(notebook, number, lines)
    text = "\n".join(replaced)
    if skipped:
        notebook.unread.append(Unread(f"cell {number}: {', '.join(skipped)} is not Python"))
    problem = _problem(text)
    if problem is not None:
        notebook.unread.append(Unread(f"cell {number}: {problem}", "openai" in source.lower()))
        return "\n" * (len(lines) - 1)
    return text


def _problem(text: str) -> str | None:
    """Return why a text is not valid Python; None if it is."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error) or type(error).__name__
        line = getattr(error, "lineno", None)
        return f"{reason} in line {line}" if line else str(reason)
    return None


def _keep_cell(notebook: Notebook, number: int, magic: str, lines: list[str], first: int, mentions: bool) -> None:
    """Collect the marks of a cell in another language. The cell itself is added to `unread`."""
    for index, line in enumerate(lines, first):
        _keep(notebook, number, index, line)
    mentions = mentions and not any(mark.cell == number for mark in notebook.marks)
    notebook.unread.append(Unread(f"cell {number}: %%{magic} is not Python", mentions))


def _replace_lines(notebook: Notebook, number: int, lines: list[str]) -> tuple[list[str], list[str]]:
    """Replace the shell and IPython lines that are not part of a Python expression."""
    if _problem("\n".join(lines)) is None:
        return lines, []
    replaced: list[str] = []
    skipped: list[str] = []
    continued = False
    for index, line in enumerate(lines, 1):
        instead = "" if continued else _instead(line)
        timed = None if continued else _MAGIC_PYTHON.fullmatch(line)
        if timed is not None and timed.group(2):
            replaced.append(timed.group(1) + timed.group(2))
        elif instead is None:
            replaced.append(line)
        else:
            replaced.append(instead)
            _keep(notebook, number, index, line)
            if not continued:
                skipped.append(_name_of(line.lstrip()))
            continued = line.rstrip().endswith("\\")
    return replaced, list(dict.fromkeys(skipped))


def _instead(line: str) -> str | None:
    """Return the replacement of a shell or IPython line; None for any other line."""
    assigned = _ASSIGNED_MAGIC.fullmatch(line)
    if assigned is not None:
        return f"{assigned.group(1)}{assigned.group(2)} = None"
    stripped = line.lstrip()
    if stripped[:1] in ("!", "%") or _AUTOMATIC_MAGIC.match(line) or _HELP.fullmatch(line):
        return f"{line[: len(line) - len(stripped)]}pass"
    return None


def _name_of(line: str) -> str:
    if line.startswith(("!", "%")):
        return line.split()[0][:24]
    return "obj?" if line.rstrip().endswith("?") or line.startswith("?") else "a shell line"


def _keep(notebook: Notebook, number: int, index: int, line: str) -> None:
    """Collect the marks of a shell line: installed requirements and environment variables."""
    text = re.sub(r"^(\s*)[!%]+", lambda found: found.group(1) + " " * (len(found.group()) - len(found.group(1))), line)
    for mark in shell_marks(index, text):
        mark.cell = number
        notebook.marks.append(mark)
