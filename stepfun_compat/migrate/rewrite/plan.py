"""Select the edits and verify their results. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .edits import NoSuchPlace, merge, new_bytes, spans
from .model import Edit, File, Fix, Left, Project, RuleOutcome
from .project import Reading, link
from .rules import Rule

_ROUNDS = 4


@dataclass(slots=True, eq=False)
class FileChange:
    """A file to change: its bytes before and after, and the applied fixes."""

    file: File
    fixes: list[Fix]
    edits: list[Edit]
    after: bytes

    @property
    def path(self) -> str:
        return self.file.path


@dataclass(slots=True, eq=False)
class Plan:
    """All planned changes."""

    project: Project
    changes: dict[str, FileChange] = field(default_factory=lambda: {})
    left: dict[str, list[Left]] = field(default_factory=lambda: {})
    failed: dict[str, str] = field(default_factory=lambda: {})
    """Files that stay unchanged because their edits failed verification, with the reason. That is a bug."""


def make_plan(reading: Reading, rules: Sequence[Rule]) -> Plan:
    """Return the verified edits of the rules. Each edited file must parse and have no new findings, and a second run
    must not change it again."""
    project = link(reading)
    plan = Plan(project)
    results = outcomes(project, rules)
    for file in project.files:
        _plan_file(file, results[file.path], plan, reading.locked.get(file.path))
    for _ in range(_ROUNDS):
        problems = _verify(reading, plan, rules)
        if not problems:
            break
        for path, why in problems.items():
            del plan.changes[path]
            plan.failed[path] = why
    return plan


def outcomes(project: Project, rules: Sequence[Rule]) -> dict[str, RuleOutcome]:
    """Return the results of all rules by file. Each rule runs on all files before the next rule starts."""
    totals = {file.path: RuleOutcome() for file in project.files}
    for rule in rules:
        for file in project.files:
            total = totals[file.path]
            if total.whole and file.is_python:
                continue
            one = rule.apply(file, project)
            total.fixes += one.fixes
            total.left += one.left
            total.whole = total.whole or one.whole
            if total.whole:
                total.fixes.clear()
    return totals


def _plan_file(file: File, outcome: RuleOutcome, plan: Plan, locked: str | None) -> None:
    if locked == "":  # a link to a file that is edited under its own name
        return
    made, late = merge(outcome.fixes)
    if made and locked is not None:
        outcome.left.append(Left(made[0].rule, made[0].line, locked))
        made = []
    outcome.left += [Left(fix.rule, fix.line, "overlaps with another edit: run the command again") for fix in late]
    edits = spans(made)
    if edits:
        try:
            after = new_bytes(file, edits)
        except (NoSuchPlace, UnicodeError) as problem:
            outcome.left.append(Left(made[0].rule, made[0].line, str(problem)))
        else:
            if after != file.data:
                plan.changes[file.path] = FileChange(file, made, edits, after)
    if outcome.left:
        plan.left[file.path] = sorted(outcome.left, key=lambda one: (one.line, one.rule, one.why))


# Verification


def _verify(reading: Reading, plan: Plan, rules: Sequence[Rule]) -> dict[str, str]:
    """Return the edited files that fail verification, with the reasons."""
    if not plan.changes:
        return {}
    after = link(reading, {path: change.after for path, change in plan.changes.items()})
    by_path = {file.path: file for file in after.files}
    again = outcomes(after, rules)
    problems: dict[str, str] = {}
    for path, change in plan.changes.items():
        file = by_path.get(path)
        why = "the edited file cannot be decoded" if file is None else _problem(change.file, file, again[path])
        if why is not None:
            problems[path] = why
    return problems


def _problem(before: File, after: File, again: RuleOutcome) -> str | None:
    if before.is_python and not after.is_python:
        return "the edited file cannot be parsed"
    if len(after.extract.unread) > len(before.extract.unread):
        return f"a part of the edited file cannot be read: {after.extract.unread[-1].why}"
    new = _found(after) - _found(before)
    if new:
        kind, target = sorted(new)[0]
        return f"the edits would add {target} ({kind})"
    if again.fixes:
        return f"a second run would change line {again.fixes[0].line} again ({again.fixes[0].rule})"
    return None


def _found(file: File) -> Counter[tuple[str, str]]:
    uses = Counter((use.kind, use.target) for use in file.uses)
    marks = Counter((mark.kind, mark.target) for mark in file.extract.marks)
    return Counter({(str(kind), target): number for (kind, target), number in (uses + marks).items()})
