"""What rules work on and what they return."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from ..extract import Extract
from ..facts import FileFacts, SourceText, ignored_rules
from ..link.linker import Linker
from ..moved_names import private_client, stays
from ..sources.kinds import FileKind
from ..uses import Use

RuleId = str


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """The bytes from `start` to `end` of a file's text become `new`.

    Offsets count in the UTF-8 text of the file without its BOM; in a notebook in the joined text of its code cells.
    An insertion has `start == end`.
    """

    start: int
    end: int
    new: bytes


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits of one rule that are made together or not at all; `line` counts in the file's text, `what` is for people."""

    rule: RuleId
    line: int
    what: str
    edits: tuple[Edit, ...]


Severity = Literal["refused", "note"]


@dataclass(frozen=True, slots=True)
class Left:
    """A place that a rule leaves alone: `refused` wants somebody to look at it, a `note` needs nothing done."""

    rule: RuleId
    line: int
    why: str
    severity: Severity = "refused"


@dataclass(slots=True)
class RuleOutcome:
    """What a rule says about one file. `whole` says that a refusal concerns the file: no Python of it is edited."""

    fixes: list[Fix] = field(default_factory=lambda: [])
    left: list[Left] = field(default_factory=lambda: [])
    whole: bool = False

    def refuse(self, rule: RuleId, line: int, why: str, whole: bool = False) -> None:
        """Leave a place alone, and say why."""
        self.left.append(Left(rule, line, why))
        self.whole = self.whole or whole

    def note(self, rule: RuleId, line: int, why: str) -> None:
        """Mention a place where nothing needs to be done."""
        self.left.append(Left(rule, line, why, "note"))


@dataclass(eq=False)
class File:
    """One file as rules see it. `text` is the joined text of the code cells for a notebook."""

    path: str
    kind: FileKind
    data: bytes
    text: SourceText
    extract: Extract
    number: int
    """Its number in the facts of the project; -1 for a file that is no Python."""
    uses: list[Use]
    moved: bool = False
    """Whether its clients come from stepfun_compat once the fixes are made; set by the rules for imports."""
    partly_moved: bool = False
    """Whether some of them do."""

    @property
    def facts(self) -> FileFacts:
        """The facts of a Python file or notebook."""
        return self.extract.facts or FileFacts()

    @property
    def is_python(self) -> bool:
        """Whether it is a Python file or a notebook that was read."""
        return self.extract.facts is not None

    def line_bytes(self, line: int) -> bytes:
        """Return a line of the text with its line end."""
        starts = self.text.line_starts
        end = starts[line] if line < len(starts) else len(self.text.utf8)
        return self.text.utf8[starts[line - 1] : end]

    def ignored(self, rule: RuleId, *lines: int) -> bool:
        """Whether a comment on one of the lines says to leave it alone: `# stepfun: ignore[SFC001]`."""
        for line in lines:
            if not self.is_python:
                ids = ignored_rules(self.line_bytes(line).decode("utf-8", "replace"))
            else:
                ids = self.facts.ignores.get(line)
            if ids is not None and (not ids or rule in ids):
                return True
        return False

    @cached_property
    def newline(self) -> bytes:
        """The line end that the file uses first."""
        found = re.search(rb"\r\n|\r|\n", self.text.utf8)
        return b"\n" if found is None else found.group()


@dataclass(eq=False)
class Project:
    """All files with something in them, and what links them."""

    root: str
    files: list[File]
    linker: Linker
    legacy: frozenset[int]
    """Numbers of the files written for openai<1.0."""
    unclear: frozenset[int]
    """Numbers of the files that could be written for either, in a project that has both."""
    named: frozenset[str]
    """Files that were named on the command line."""
    migrated: bool
    """Whether a file imports stepfun_compat."""

    memo: dict[str, Any] = field(default_factory=lambda: {})
    """What a rule has found out about the project as a whole, by its id."""

    @property
    def moves(self) -> bool:
        """Whether clients of the project come from stepfun_compat once the fixes are made."""
        return self.migrated or any(one.moved or one.partly_moved for one in self.files)

    def stock(self) -> File | None:
        """Return a file whose clients stay openai's own."""
        for file in self.python():
            statements = [use.statement for use in file.uses if use.kind == "import" and use.statement is not None]
            clients = any(file.number in self.legacy or not stays(one) or private_client(one) for one in statements)
            if clients and not file.moved:
                return file
        return None

    def python(self) -> Iterable[File]:
        """The Python files and notebooks."""
        return (one for one in self.files if one.is_python)
