"""Extract the facts of one file from its bytes, without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from .facts import FileFacts, Undecodable, decode, facts_of, parse
from .facts.trim import trim
from .sources.kinds import FileKind, mentions_openai
from .sources.marks import Mark, Unread
from .sources.notebooks import NotANotebook, Notebook, read_notebook
from .sources.texts import read_text_file


@dataclass(slots=True, eq=False)
class Extract:
    """The result for one file: the facts of its Python, the marks in other text, and its unread parts.

    `cells` lists the code cells of a notebook: their number and their first line in the joined text, to which lines in
    facts refer. `packed` holds the serialized facts if `facts` is only their outline.
    """

    facts: FileFacts | None = None
    cells: list[tuple[int, int]] | None = None
    marks: list[Mark] = field(default_factory=lambda: [])
    unread: list[Unread] = field(default_factory=lambda: [])
    packed: bytes | None = None

    def outlined(self) -> Extract:
        """Return a copy with the facts reduced to their outline."""
        outline = None if self.facts is None else self.facts.outline()
        return Extract(outline, self.cells, self.marks, self.unread)


def extract(path: str, kind: FileKind, data: bytes) -> Extract:
    """Extract the facts of a file. Never raises for invalid contents."""
    if kind == "python":
        found = _python(data)
        if path.rpartition("/")[2] == "setup.py" and found.facts is not None:
            from .sources.setup_py import requirements

            found.marks += requirements(data)
        return found
    if kind == "notebook":
        return _notebook(data)
    text = read_text_file(kind, data)
    for one in text.unread:
        one.mentions = one.mentions or mentions_openai(data)
    return Extract(marks=text.marks, unread=text.unread)


def _python(data: bytes) -> Extract:
    if b"\0" in data:
        return _unread("contains NUL bytes", data)
    try:
        return Extract(facts=_facts(decode(data).utf8))
    except Undecodable as error:
        return _unread(str(error), data)
    except SyntaxError as error:
        return _unread(_syntax(error), data)
    except (RecursionError, MemoryError):
        return _unread("nested too deeply for this version of Python", data)
    except ValueError as error:
        return _unread(f"cannot be parsed: {error}", data)


def _unread(why: str, data: bytes) -> Extract:
    return Extract(unread=[Unread(why, mentions_openai(data))])


def _facts(utf8: bytes) -> FileFacts:
    text = utf8.decode("utf-8") if b"stepfun:" in utf8 or b"coding" in utf8[:400] else None
    return trim(facts_of(parse(utf8 if text is None else text), text))  # parsing str ignores the coding line


def _syntax(error: SyntaxError) -> str:
    import sys

    version = ".".join(map(str, sys.version_info[:2]))
    where = f" in line {error.lineno}" if error.lineno else ""
    return f"Python {version} cannot parse it: {error.msg}{where}"


def _notebook(data: bytes) -> Extract:
    try:
        notebook: Notebook = read_notebook(data)
    except NotANotebook as error:
        return _unread(str(error), data)
    found = Extract(
        cells=[(cell.number, cell.first_line) for cell in notebook.cells], marks=notebook.marks, unread=notebook.unread
    )
    try:
        found.facts = trim(facts_of(parse(notebook.text), notebook.text))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        found.unread.append(Unread(f"its joined cells cannot be parsed: {error}", mentions_openai(data)))
    return found
