"""SFC101: rewrite calls of openai<1.0 as calls of a client.

A file is rewritten only if every use of openai and of every response in it has a known replacement with the same
meaning. Otherwise the file is left alone, and the first use without a replacement is reported; the file still runs with
`stepfun_compat.legacy`.

    interfaces   the responses and parameters of openai<1.0, as data
    tree         the syntax tree: parents, variables, positions
    names        imports of openai and references to its names
    flow         the assignments that may produce the value of a name
    functions    functions whose calls are all known
    calls        calls and their parameters
    unpacked     parameters passed by `**`
    files        expressions that are files opened in binary mode
    answers      expressions that are responses or parts of responses
    uses         how the code uses responses
    printed      lists of messages that the code prints
    errors       how the code uses errors
    clients      where the clients are created
    placement    whether a client can replace a setting that is assigned at run time
    made_before  whether a client exists when a statement runs
    surroundings how other files depend on this one
"""

from __future__ import annotations

import ast
from typing import Final

from ...model import Edit, File, Fix, Project, RuleOutcome
from .answers import Answers
from .calls import Call, call_edits, call_of
from .clients import Clients, Setting, setting_of
from .errors import Errors
from .flow import Flow
from .functions import Functions
from .interfaces import ENDPOINTS, OTHER_RESOURCES
from .names import Names, Reference
from .surroundings import check_loops, check_others, check_text, others_of
from .tree import Stop, Tree
from .uses import Uses

ID: Final = "SFC101"


def apply(file: File, project: Project) -> RuleOutcome:
    """Return the edits of a file written for openai<1.0, or the reason why it is left alone."""
    outcome = RuleOutcome()
    if not file.is_python or file.number not in project.legacy:
        return outcome
    try:
        line, edits = _rewritten(file, project)
    except Stop as stop:
        if file.ignored(ID, stop.line):
            outcome.note(ID, stop.line, "excluded by a comment")
        else:
            outcome.refuse(ID, stop.line, stop.why)
    except RecursionError:
        outcome.refuse(ID, 1, "the code is nested too deeply for this version of Python")
    else:
        outcome.fixes.append(Fix(ID, line, "use the client API", tuple(edits)))
        file.moved = file.partly_moved = True
    return outcome


def _rewritten(file: File, project: Project) -> tuple[int, list[Edit]]:
    """Return the line of the first call, and all edits.

    Raises:
        Stop: the file contains something that is not translated.
    """
    _check_comments(file)
    tree = Tree(file.text)
    names = Names(tree)
    if not names.statements:
        raise Stop(_first_line(file), "openai is used here without an import statement: add `import openai`")
    flow = Flow(tree)
    functions = Functions(tree, flow)
    calls, settings = _sorted(tree, flow, functions, names)
    if not calls:
        raise Stop(
            names.statements[0].lineno, "this file makes no calls: its settings and error handlers are for other files"
        )
    first = min(one.node.lineno for one in calls.values())
    _check_scan(file, names)
    check_text(file, tree)
    if any(one.is_async for one in calls.values()):
        check_loops(file, project, tree, min(one.node.lineno for one in calls.values() if one.is_async))
    uses = Uses(tree, Answers(tree, flow, functions, calls))
    edits = uses.collect()
    edits += Errors(tree, names, calls).collect()
    check_others(file, project, first, bool(settings), uses.kept_in_module(), uses.as_dict)
    clients = Clients(tree, names, calls, settings, *others_of(file, project))
    for call in calls.values():
        edits += call_edits(tree, call, clients.name[call.is_async])
    edits += names.import_edits(clients.classes)
    edits += clients.edits(file)
    return first, edits


def _sorted(tree: Tree, flow: Flow, functions: Functions, names: Names) -> tuple[dict[ast.AST, Call], list[Setting]]:
    """Return the calls and settings among the references. `errors` handles references to error classes."""
    calls: dict[ast.AST, Call] = {}
    settings: list[Setting] = []
    for one in sorted(names.references, key=_place):
        first = one.path[0] if one.path else ""
        if first in ENDPOINTS or first in OTHER_RESOURCES:
            call = call_of(tree, flow, functions, one)
            calls[call.node] = call
        elif first != "error":
            settings.append(setting_of(tree, one))
    return calls, settings


def _place(reference: Reference) -> tuple[int, int]:
    return reference.root.lineno, reference.root.col_offset


def _first_line(file: File) -> int:
    return min((use.line for use in file.uses), default=1)


def _check_comments(file: File) -> None:
    """Raise Stop if a comment excludes a line, because a file is rewritten completely or not at all."""
    for line in sorted(file.facts.ignores):
        if file.ignored(ID, line):
            raise Stop(line, "excluded by a comment")


def _check_scan(file: File, names: Names) -> None:
    """Raise Stop for a use of openai that the scan found, but that this rule cannot trace to an import."""
    known = {(one.root.lineno, one.root.col_offset) for one in names.references}
    known |= {(one.lineno, one.col_offset) for one in names.statements}
    for use in file.uses:
        of_openai = use.kind in (
            "import",
            "api_call",
            "module_config",
            "error_class",
            "type_use",
            "client_construction",
        )
        if of_openai and (use.line, use.column) not in known:
            raise Stop(use.line, f"{use.target} is not used through a name that this file imports")
