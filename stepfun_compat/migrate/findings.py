"""The findings of `scan`, in the documented format and order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Final

from .extract import Extract
from .facts import FileFacts, ignored_rules
from .generation import legacy_files
from .reasons import VERDICTS, Verdict, anchor
from .uses import Project, Use
from .verdicts import BY_GENERATION, Judgement, judge, judge_mark

_SECRET: Final = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf|ghp|AKIA)[-_A-Za-z0-9]{12,}|\b[0-9a-fA-F]{32,}\b|(?<=//)[^/@\s\"']+@|"
    r"\b[A-Za-z0-9_-]{24,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{10,}"
)
_LONGEST: Final = 300


@dataclass(slots=True)
class Finding:
    """One finding. Lines and columns count from 1, columns in characters; in notebooks lines count inside `cell`."""

    file: str
    line: int
    end_line: int
    column: int
    cell: int | None
    kind: str
    target: str
    generation: str | None
    known: str
    verdict: Verdict
    parameters: tuple[str, ...]
    why: str
    do: str
    doc: str
    rule: str | None
    reason: str
    """The id of the decisive reason; not part of the JSON."""
    excerpt: str = ""
    """The source line with secrets redacted; not part of the JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Return the finding in the format of the JSON output."""
        fields = asdict(self)
        del fields["reason"], fields["excerpt"]
        fields["parameters"] = list(self.parameters)
        return fields


@dataclass(slots=True)
class NotRead:
    """A file, or a part of one, that was not read; `verdict` is set if it mentions openai."""

    file: str
    why: str
    verdict: Verdict | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry in the format of the JSON output."""
        return asdict(self)


@dataclass(slots=True)
class ScanResult:
    """The complete result of a scan."""

    root: str
    files: int
    """The number of files checked."""
    findings: list[Finding] = field(default_factory=lambda: [])
    not_read: list[NotRead] = field(default_factory=lambda: [])

    def count(self, verdict: Verdict) -> int:
        """The number of findings and unread files with the given verdict."""
        return sum(one.verdict == verdict for one in (*self.findings, *self.not_read))

    def totals(self) -> dict[str, Any]:
        """Return the counts of the JSON output."""
        kinds: dict[str, int] = {}
        for one in self.findings:
            kinds[one.kind] = kinds.get(one.kind, 0) + 1
        return {
            "files": self.files,
            "files_with_findings": len({one.file for one in self.findings}),
            "findings": len(self.findings),
            "not_read": len(self.not_read),
            "verdicts": {verdict: self.count(verdict) for verdict in VERDICTS},
            "kinds": dict(sorted(kinds.items())),
        }

    def worst(self) -> Verdict | None:
        """The most severe verdict; None without findings."""
        return next((verdict for verdict in reversed(VERDICTS) if self.count(verdict)), None)


@lru_cache(maxsize=4096)
def redact(text: str) -> str:
    """Return a line with everything that looks like a key or password redacted."""
    return _SECRET.sub("…", text)


def findings_of(
    paths: Sequence[str],
    extracts: Sequence[Extract],
    lines: Callable[[str], list[str]],
    load: Callable[[bytes], FileFacts] | None = None,
) -> tuple[list[Finding], list[NotRead]]:
    """Return the findings and the unread parts of files, in a fixed order.

    `lines` returns the lines of a file by its path (for a notebook, of the joined text), for columns and excerpts.
    `load` loads the facts of files of which only the outline is in memory.
    """
    linked = [(path, one) for path, one in zip(paths, extracts, strict=True) if one.facts is not None]
    facts = [one.facts for _, one in linked if one.facts is not None]
    judged = list(_judged([path for path, _ in linked], facts, [one.packed for _, one in linked], load))
    uses = [use for use, _ in judged]
    legacy, _ = legacy_files(uses, facts)
    findings: list[Finding] = []
    for use, first in judged:
        path, extract = linked[use.file]
        judgement = judge(use, facts[use.file], True) if use.file in legacy and use.kind in BY_GENERATION else first
        if not _ignored(facts[use.file], use, judgement.rule):
            findings.append(_finding(path, extract, use, judgement, lines(path)))
    findings += _marked(paths, extracts, lines)
    findings.sort(key=_place)
    return findings, _unread(paths, extracts)


def _place(one: Finding) -> tuple[str, int, int, int, str, str]:
    return (one.file, -1 if one.cell is None else one.cell, one.line, one.column, one.kind, one.target)


def _unread(paths: Sequence[str], extracts: Sequence[Extract]) -> list[NotRead]:
    return [
        NotRead(path, one.why, "needs a decision" if one.mentions else None)
        for path, extract in zip(paths, extracts, strict=True)
        for one in extract.unread
    ]


def _judged(
    paths: list[str],
    facts: list[FileFacts],
    packed: list[bytes | None],
    load: Callable[[bytes], FileFacts] | None,
) -> Iterator[tuple[Use, Judgement]]:
    """Yield the uses in files, by file and position, each with its verdict for a file written for openai>=1. The facts
    of outlined files are only loaded while their group is linked."""
    project = Project(paths, facts)
    found: list[tuple[Use, Judgement]] = []
    for members in project.members():
        if not any(packed[file] or _has_facts(facts[file]) for file in members):
            continue
        outlines = {file: facts[file] for file in members}
        for file in members:
            data = packed[file]
            if data is not None and load is not None:
                facts[file] = load(data)
        for use in project.uses(project.linker(members)):
            found.append((use, judge(use, facts[use.file], False)))
            use.release()
        for file in members:
            facts[file] = outlines[file]
    found.sort(key=lambda pair: pair[0].file)
    yield from found


def _has_facts(facts: FileFacts) -> bool:
    return bool(facts.reads or facts.calls or facts.imports or facts.literals)


def _marked(paths: Sequence[str], extracts: Sequence[Extract], lines: Callable[[str], list[str]]) -> Iterator[Finding]:
    """Yield the findings in files other than Python."""
    for path, extract in zip(paths, extracts, strict=True):
        for mark in extract.marks:
            judgement = judge_mark(mark)
            text = _line(lines(path), mark.line) if mark.cell is None else ""
            ids = ignored_rules(text)
            if ids is not None and (not ids or judgement.rule in ids):
                continue
            shown = f"{mark.target}=…" if mark.kind == "env_var" else text
            yield _made(path, mark.line, mark.line, _column(text, mark.column), mark.cell, mark.kind, mark.target,
                        None, "resolved", judgement, shown)  # fmt: skip


def _ignored(facts: FileFacts, use: Use, rule: str | None) -> bool:
    """Whether a comment on the first or last line suppresses the use: `# stepfun: ignore[SFC001]`."""
    for line in (use.line, use.end_line):
        ids = facts.ignores.get(line)
        if ids is not None and (not ids or rule in ids):
            return True
    return False


def _line(lines: list[str], number: int) -> str:
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _column(text: str, column: int) -> int:
    if text.isascii():
        return column + 1
    return len(text.encode("utf-8", "replace")[:column].decode("utf-8", "ignore")) + 1


def _finding(path: str, extract: Extract, use: Use, judgement: Judgement, lines: list[str]) -> Finding:
    line, end_line, cell = use.line, use.end_line, None
    text = _line(lines, line)
    if extract.cells:
        cell, offset = _cell(extract.cells, line)
        line, end_line = line - offset, end_line - offset
    return _made(path, line, end_line, _column(text, use.column), cell, use.kind, use.target, use.generation,
                 use.known, judgement, text)  # fmt: skip


def _cell(cells: list[tuple[int, int]], line: int) -> tuple[int, int]:
    number, first = cells[0]
    for one, start in cells:
        if start > line:
            break
        number, first = one, start
    return number, first - 1


def _made(path: str, line: int, end_line: int, column: int, cell: int | None, kind: str, target: str,
          generation: str | None, known: str, judgement: Judgement, text: str) -> Finding:  # fmt: skip
    decisive, detail = judgement.reasons[0]
    why = "; ".join(reason.why.format(detail=part) for reason, part in judgement.reasons)
    rule_do = decisive.do.format(detail=detail)
    excerpt = redact(text.strip())[:_LONGEST]
    return Finding(path, line, end_line, column, cell, kind, redact(target), generation, known, judgement.verdict,
                   judgement.parameters, redact(why), rule_do, anchor(decisive.id), judgement.rule, decisive.id,
                   excerpt)  # fmt: skip
