"""The report of a run, as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ..findings import NotRead
from ..report.text import plain
from .diff import unified
from .model import File, Left
from .plan import FileChange, Plan

Mode = Literal["diff", "write", "check"]


@dataclass(slots=True, eq=False)
class Run:
    """The result of one run of `migrate`."""

    mode: Mode
    root: str
    looked_at: int
    plan: Plan
    not_read: list[NotRead]
    vendors: frozenset[str]
    written: list[str] = field(default_factory=lambda: [])
    not_written: dict[str, str] = field(default_factory=lambda: {})
    uncommitted: list[str] = field(default_factory=lambda: [])
    interrupted: bool = False

    @property
    def refused(self) -> list[tuple[str, Left]]:
        """The places that require a manual check."""
        return [(path, one) for path, one in self.left if one.severity == "refused"]

    @property
    def left(self) -> list[tuple[str, Left]]:
        return [(path, one) for path in sorted(self.plan.left) for one in self.plan.left[path]]

    @property
    def changes(self) -> list[FileChange]:
        return [self.plan.changes[path] for path in sorted(self.plan.changes)]

    def exit_code(self) -> int:
        """Return 0: done; 1: `--check` found changes; 2: the tool failed; 3: a place requires a manual check; 130:
        interrupted."""
        if self.interrupted:
            return 130
        if self.plan.failed or self.not_written:
            return 2
        if self.mode == "check" and self.plan.changes:
            return 1
        return 3 if self.refused or any(one.verdict for one in self.not_read) else 0


def place(file: File, line: int) -> tuple[int | None, int]:
    """Return the cell and the line in it, or None and the line for a file without cells."""
    if not file.extract.cells:
        return None, line
    number, first = file.extract.cells[0]
    for one, start in file.extract.cells:
        if start > line:
            break
        number, first = one, start
    return number, line - first + 1


def as_json(run: Run) -> str:
    """Return the run in its documented JSON format."""
    files = {file.path: file for file in run.plan.project.files}
    document: dict[str, Any] = {
        "version": 1,
        "root": run.root,
        "mode": run.mode,
        "exit_code": run.exit_code(),
        "totals": {
            "files": run.looked_at,
            "changed": len(run.changes),
            "written": len(run.written),
            "left": len(run.refused),
            "not_read": len(run.not_read),
            "rules": dict(sorted(Counter(fix.rule for one in run.changes for fix in one.fixes).items())),
        },
        "changes": [_change(run, one) for one in run.changes],
        "left": [_left(files[path], one) for path, one in run.left],
        "failed": [{"file": path, "why": why} for path, why in sorted({**run.plan.failed, **run.not_written}.items())],
        "uncommitted": sorted(run.uncommitted),
        "not_read": [{"file": one.file, "why": one.why} for one in run.not_read],
        "reason": nothing_matched(run),
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _change(run: Run, change: FileChange) -> dict[str, Any]:
    fixes: list[dict[str, Any]] = []
    for fix in sorted(change.fixes, key=lambda one: (one.line, one.rule)):
        cell, line = place(change.file, fix.line)
        fixes.append({"rule": fix.rule, "line": line, "cell": cell, "what": fix.what})
    return {"file": change.path, "written": change.path in run.written, "fixes": fixes, "diff": unified(change)}


def _left(file: File, one: Left) -> dict[str, Any]:
    cell, line = place(file, one.line)
    return {"file": file.path, "line": line, "cell": cell, "rule": one.rule, "severity": one.severity, "why": one.why}


def as_text(run: Run) -> str:
    """Return the diffs in mode `diff`, and a summary of the run."""
    parts: list[str] = []
    if run.mode == "diff":
        parts += [unified(one) for one in run.changes]
    parts += [line + "\n" for line in _summary(run)]
    return "".join(parts)


def _summary(run: Run) -> Iterator[str]:
    yield from _changed(run)
    for path, why in sorted(run.not_written.items()):
        yield f"not written {plain(path)}: {plain(why)}"
    for path, why in sorted(run.plan.failed.items()):
        yield f"left alone {plain(path)}: {plain(why)}. This is a bug in stepfun-compat; please report it."
    yield from _left_alone(run)
    yield from (f"not read {plain(one.file)}: {plain(one.why)}" for one in run.not_read if one.verdict)
    yield _last_line(run)


def _changed(run: Run) -> Iterator[str]:
    if run.mode == "check":
        yield from (f"would change {plain(one.path)} ({_rules(one)})" for one in run.changes)
    if run.mode == "write":
        yield from (f"wrote {plain(path)} ({_rules(run.plan.changes[path])})" for path in run.written)


def _left_alone(run: Run) -> Iterator[str]:
    files = {file.path: file for file in run.plan.project.files}
    for path, one in run.left:
        cell, line = place(files[path], one.line)
        where = str(line) if cell is None else f"cell {cell}:{line}"
        yield f"{'left alone' if one.severity == 'refused' else 'note'} {plain(path)}:{where}: {one.rule}: {plain(one.why)}"


def _rules(change: FileChange) -> str:
    counts = Counter(fix.rule for fix in change.fixes)
    return ", ".join(f"{rule} {number}" for rule, number in sorted(counts.items()))


def _last_line(run: Run) -> str:
    reason = nothing_matched(run)
    if reason is not None:
        return f"Nothing to change: {reason}."
    edits = sum(len(one.fixes) for one in run.changes)
    if run.mode == "write":
        missing = len(run.changes) - len(run.written)
        rest = f", {missing} not written" if missing else ""
        return f"Changed {_count(len(run.written), 'file')}{rest}; {_left_over(run)}."
    doing = f"{_count(edits, 'change')} in {_count(len(run.changes), 'file')}; {_left_over(run)}"
    return f"{doing}. Nothing was written; use --write to apply the changes."


def _left_over(run: Run) -> str:
    number = len(run.refused)
    return "nothing was left alone" if not number else f"{_count(number, 'place')} left alone"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def nothing_matched(run: Run) -> str | None:
    """Return why nothing was changed; None if something was."""
    plan = run.plan
    if plan.changes or plan.failed or run.refused:
        return None
    unread = f"; {_count(len(run.not_read), 'file')} not read" if run.not_read else ""
    looked = f" in {_count(run.looked_at, 'file')}"
    if any(use.kind in ("import", "api_call", "client_construction") for one in plan.project.files for use in one.uses):
        return f"no selected rule applies to the uses of openai here{unread}"
    if plan.project.migrated:
        return f"already migrated: stepfun_compat is imported{unread}"
    if run.vendors:
        return f"no openai{looked}, only other vendors' packages ({', '.join(sorted(run.vendors)[:5])}){unread}"
    return f"no openai{looked}{unread}"
