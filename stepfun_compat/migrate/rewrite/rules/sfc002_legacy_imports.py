"""SFC002: replace imports of openai<1.0 by stepfun_compat.legacy."""

from __future__ import annotations

from typing import Final

from ... import surface
from ...facts import model as m
from ...moved_names import LEGACY_NAMES, is_openai, legacy_submodule
from ..imports import CannotMove, Destination, move_statement
from ..model import File, Fix, Project, RuleOutcome
from ..patched_names import move_patched_names

ID: Final = "SFC002"
TO: Final = Destination("stepfun_compat.legacy", legacy_submodule, lambda _: True)


def apply(file: File, project: Project) -> RuleOutcome:
    """Return the moved imports of a file written for openai<1.0."""
    outcome = RuleOutcome()
    if file.moved or not file.is_python or not project.linker.openai_here(file.number):
        return outcome
    if file.number not in project.legacy:
        if _only_tests(file, project):
            move_patched_names(ID, file, TO.module, _patched, outcome)
        return outcome
    statements = [use.statement for use in file.uses if use.kind == "import" and use.statement is not None]
    if statements:
        _move(file, project, statements, outcome)
    return outcome


def _move(file: File, project: Project, statements: list[m.Import], outcome: RuleOutcome) -> None:
    """Move all imports of a file, or none."""
    _check_names(file, project, outcome)
    for statement in statements:
        _statement(file, statement, outcome)
    if outcome.whole:
        outcome.fixes.clear()
        return
    file.moved, file.partly_moved = bool(outcome.fixes) and not outcome.left, bool(outcome.fixes)
    move_patched_names(ID, file, TO.module, _patched, outcome)


def _statement(file: File, statement: m.Import, outcome: RuleOutcome) -> None:
    if file.ignored(ID, statement.line, statement.end_line):
        outcome.note(ID, statement.line, "excluded by a comment")
        return
    try:
        _check_statement(statement)
        edits = move_statement(statement, file.text, TO, rebind=False)
    except CannotMove as problem:
        outcome.refuse(ID, statement.line, str(problem), whole=True)
        return
    if edits:
        outcome.fixes.append(Fix(ID, statement.line, "import stepfun_compat.legacy", tuple(edits)))


def _check_statement(statement: m.Import) -> None:
    """Raise CannotMove for names that stepfun_compat.legacy lacks."""
    modules = [statement.module] if statement.module is not None else [one.name for one in statement.names]
    names = [one.name for one in statement.names] if statement.module == "openai" else []
    missing = [one for one in modules if is_openai(one) and one != "openai" and legacy_submodule(one) is None]
    missing += [one for one in names if one != "*" and one not in LEGACY_NAMES]
    if missing:
        raise CannotMove(f"stepfun_compat.legacy has no {missing[0]}")


def _check_names(file: File, project: Project, outcome: RuleOutcome) -> None:
    """Refuse a file that uses a name of openai 0.x that stepfun_compat.legacy lacks."""
    facts = file.facts
    for chain in (*facts.reads, *(one.func for one in facts.calls)):
        here: m.Expr | None = chain
        while isinstance(here, m.Attribute):
            if here.attr not in LEGACY_NAMES and _is_package(project, file, here.base):
                outcome.refuse(ID, here.line, f"stepfun_compat.legacy has no {here.attr}", whole=True)
                return
            here = here.base


def _is_package(project: Project, file: File, expr: m.Expr | None) -> bool:
    return isinstance(expr, m.Name) and any(
        one.kind == "module" and one.name == "openai" for one in project.linker.values(file.number, expr).values
    )


def _only_tests(file: File, project: Project) -> bool:
    """Whether a file does not import openai, in a project written for openai<1.0."""
    importing = {use.file for one in project.files for use in one.uses if use.kind == "import"}
    return file.number not in importing and bool(importing) and importing <= project.legacy


def _patched(name: str) -> bool:
    """Whether a patched name moves: `ChatCompletion`, `ChatCompletion.create`, `api_key`."""
    first, _, rest = name.partition(".")
    if first == "error":
        return "." not in rest
    return first in LEGACY_NAMES and (not rest or surface.legacy_method(first, rest) is not None)
