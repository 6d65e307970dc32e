"""SFC001: replace imports of openai by stepfun_compat."""

from __future__ import annotations

import re
from typing import Final

from ... import surface
from ...facts import model as m
from ...moved_names import moves, private_client, stays, submodule
from ..imports import CannotMove, Destination, move_statement
from ..model import File, Fix, Project, RuleOutcome
from ..patched_names import move_patched_names

ID: Final = "SFC001"

_SHADOWED: Final = frozenset({"_client"})
"""Private modules of openai that share their name with a module of stepfun_compat."""
_EXTRAS: Final = frozenset(
    {
        "ContentFilteredError",
        "EndpointNotAvailableError",
        "Explanation",
        "KeyRefusedError",
        "ModelNotFoundError",
        "NoSubscriptionError",
        "QuotaExceededError",
        "Settings",
        "SettingsError",
        "StepfunCompatWarning",
        "ToolChoiceNotHonouredError",
        "UnsupportedParameterError",
        "explain",
        "patch",
        "reset_warnings",
        "stock",
        "unpatch",
    }
)
"""Names that `from stepfun_compat import *` binds and `from openai import *` does not."""
_PATCHED: Final = surface.CLIENT_CLASSES | surface.SETTINGS


TO: Final = Destination("stepfun_compat", submodule, moves)


def apply(file: File, project: Project) -> RuleOutcome:
    """Return the moved imports of a file written for openai>=1."""
    outcome = RuleOutcome()
    if not file.is_python or file.number in project.legacy or not project.linker.openai_here(file.number):
        return outcome
    statements = [use.statement for use in file.uses if use.kind == "import" and use.statement is not None]
    if not statements:
        if _moves_elsewhere(project):
            move_patched_names(ID, file, "stepfun_compat", _PATCHED.__contains__, outcome)
        return outcome
    setting = next((use for use in file.uses if use.kind == "module_config"), None)
    if setting is not None and file.number in project.unclear:
        why = "the project uses openai<1.0 and openai>=1, and this file may be for either: change its import by hand"
        outcome.refuse(ID, setting.line, why, whole=True)
        return outcome
    _check_file(file, project, outcome)
    rebind = _through_the_module(file)
    for statement in statements:
        _statement(file, statement, rebind, outcome)
    if outcome.whole:
        outcome.fixes.clear()
    file.moved, file.partly_moved = bool(outcome.fixes) and not outcome.left, bool(outcome.fixes)
    move_patched_names(ID, file, "stepfun_compat", _PATCHED.__contains__, outcome)
    return outcome


def _moves_elsewhere(project: Project) -> bool:
    """Whether any file of the project has an import that this rule can move."""
    return any(use.kind == "import" and use.file not in project.legacy for file in project.files for use in file.uses)


def _statement(file: File, statement: m.Import, rebind: bool, outcome: RuleOutcome) -> None:
    if file.ignored(ID, statement.line, statement.end_line):
        outcome.note(ID, statement.line, "excluded by a comment")
        return
    if stays(statement) and not (rebind and statement.module is None and statement.call is None):
        private = private_client(statement)
        if private is not None:
            why = f"{private} is imported from a private module of openai: import it from openai"
            outcome.refuse(ID, statement.line, why)
        return
    try:
        _check_statement(file, statement)
        edits = move_statement(statement, file.text, TO, rebind)
    except CannotMove as problem:
        outcome.refuse(ID, statement.line, str(problem), whole=True)
        return
    if edits:
        outcome.fixes.append(Fix(ID, statement.line, "import stepfun_compat", tuple(edits)))


def _check_statement(file: File, statement: m.Import) -> None:
    """Raise CannotMove if the moved statement would have a different meaning."""
    names = {one.name for one in statement.names}
    if statement.module == "openai.lib.azure" and not names <= {"AzureOpenAI", "AsyncAzureOpenAI"}:
        raise CannotMove("stepfun_compat.azure only has AzureOpenAI and AsyncAzureOpenAI: import others separately")
    if statement.module is None and "openai.lib.azure" in names:
        raise CannotMove("openai.lib.azure is imported as a module: import the class from openai")
    if statement.module == "openai" and "*" in names:
        _check_star(file)


def _check_star(file: File) -> None:
    """Raise CannotMove if `from stepfun_compat import *` would shadow a name of the file."""
    words = set(re.findall(rb"(?<![\w.])[A-Za-z]\w*", file.text.utf8))
    for name in sorted(_EXTRAS):
        if name.encode() in words:
            why = f"`from stepfun_compat import *` would bind {name}, which the file uses: import each name explicitly"
            raise CannotMove(why)
    if words & {b"ChatCompletion", b"Completion", b"Embedding"}:
        raise CannotMove("`from openai import *` with names of openai<1.0: import each name explicitly")


def _check_file(file: File, project: Project, outcome: RuleOutcome) -> None:
    """Refuse a file that accesses a private module of openai through a moved name."""
    facts = file.facts
    chains = [*facts.reads, *(one.func for one in facts.calls), *(one.target for one in facts.writes)]
    for chain in chains:
        here: m.Expr | None = chain
        while isinstance(here, m.Attribute):
            if here.attr in _SHADOWED and _is_the_module(project, file, here.base):
                why = f"openai.{here.attr} is private and stays openai's: use `from openai import {here.attr}`"
                outcome.refuse(ID, here.line, why, whole=True)
                return
            here = here.base


def _is_the_module(project: Project, file: File, expr: m.Expr | None) -> bool:
    return isinstance(expr, m.Name) and any(
        one.kind == "module" and one.name == "openai" for one in project.linker.values(file.number, expr).values
    )


def _through_the_module(file: File) -> bool:
    """Whether clients, calls or settings are accessed through the name `openai`."""
    if any(
        use.kind == "import"
        and use.statement is not None
        and use.statement.module is None
        and _binds_itself(use.statement)
        for use in file.uses
    ):
        return True
    return any(
        use.kind in ("client_construction", "api_call", "module_config")
        and file.text.slice(use.line, use.column, use.end_line, use.end_column).startswith(b"openai")
        for use in file.uses
    )  # fmt: skip


def _binds_itself(statement: m.Import) -> bool:
    return statement.call is None and any(one.name == "openai" and one.bound == "openai" for one in statement.names)
