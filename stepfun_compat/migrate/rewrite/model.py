"""The input and output types of rules."""

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
    """Replace the bytes from `start` to `end` of a file's text by `new`.

    Offsets refer to the UTF-8 text of the file without BOM; in a notebook, to the joined text of its code cells. An
    insertion has `start == end`.
    """

    start: int
    end: int
    new: bytes


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits of one rule, applied together or not at all. `what` is a short description."""

    rule: RuleId
    line: int
    what: str
    edits: tuple[Edit, ...]


Severity = Literal["refused", "note"]


@dataclass(frozen=True, slots=True)
class Left:
    """A place that a rule leaves alone: `refused` requires a manual check, `note` requires no action."""

    rule: RuleId
    line: int
    why: str
    severity: Severity = "refused"


@dataclass(slots=True)
class RuleOutcome:
    """The result of a rule for one file. With `whole`, a refusal excludes the entire Python file from edits."""

    fixes: list[Fix] = field(default_factory=lambda: [])
    left: list[Left] = field(default_factory=lambda: [])
    whole: bool = False

    def refuse(self, rule: RuleId, line: int, why: str, whole: bool = False) -> None:
        """Report a place that is left alone and requires a manual check."""
        self.left.append(Left(rule, line, why))
        self.whole = self.whole or whole

    def note(self, rule: RuleId, line: int, why: str) -> None:
        """Report a place that is left alone and requires no action."""
        self.left.append(Left(rule, line, why, "note"))


@dataclass(eq=False)
class File:
    """One file, as passed to rules. `text` is the joined text of the code cells for a notebook."""

    path: str
    kind: FileKind
    data: bytes
    text: SourceText
    extract: Extract
    number: int
    """Its index in the facts of the project; -1 for a file other than Python."""
    uses: list[Use]
    moved: bool = False
    """Whether all its clients come from stepfun_compat after the fixes; set by the rules for imports."""
    partly_moved: bool = False
    """Whether some of its clients do."""

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
        """Whether a comment on one of the lines suppresses the rule: `# stepfun: ignore[SFC001]`."""
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
        """The first line end used in the file."""
        found = re.search(rb"\r\n|\r|\n", self.text.utf8)
        return b"\n" if found is None else found.group()


@dataclass(eq=False)
class Project:
    """The files to edit and the linker that resolves their names."""

    root: str
    files: list[File]
    linker: Linker
    legacy: frozenset[int]
    """Indexes of the files written for openai<1.0."""
    unclear: frozenset[int]
    """Indexes of the files that may be written for either version, in a project that uses both."""
    named: frozenset[str]
    """Files named on the command line."""
    migrated: bool
    """Whether a file imports stepfun_compat."""

    memo: dict[str, Any] = field(default_factory=lambda: {})
    """Project-wide results of rules, by rule id."""

    @property
    def moves(self) -> bool:
        """Whether clients of the project come from stepfun_compat after the fixes."""
        return self.migrated or any(one.moved or one.partly_moved for one in self.files)

    def stock(self) -> File | None:
        """Return a file whose clients stay openai's, or None."""
        for file in self.python():
            statements = [use.statement for use in file.uses if use.kind == "import" and use.statement is not None]
            clients = any(file.number in self.legacy or not stays(one) or private_client(one) for one in statements)
            if clients and not file.moved:
                return file
        return None

    def python(self) -> Iterable[File]:
        """The Python files and notebooks."""
        return (one for one in self.files if one.is_python)
