"""Check whether other files of a project depend on the functions, errors and settings of a file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from ...model import File, Project
from .interfaces import ERRORS, NO_ERRORS
from .tree import FUNCTIONS, Stop, Tree

_SETS: Final = re.compile(rb"\.(api_key|api_base|api_type|api_version|organization|proxy)[ \t]*=[^=]")
_ERRORS: Final = re.compile(rb"\b(openai|legacy)\.error\b|\b(" + b"|".join(
    name.encode() for name in sorted((ERRORS.keys() | NO_ERRORS.keys()) - {"Timeout", "PermissionError", "TryAgain"})
) + rb")\b")  # fmt: skip
_PATCHED: Final = re.compile(rb"[\"'](?:[\w.]*\.)?openai\.[A-Za-z]\w*[\w.]*[\"']")
_OPENAI: Final = re.compile(rb"\bopenai\b|stepfun_compat")
_CAUGHT: Final = re.compile(rb"except[^\n]*\b(Base)?Exception\b[^\n]*\bas\b")
_FIELDS: Final = re.compile(rb"\.(content|role|function_call)\b")
_LOOPS: Final = re.compile(
    rb"\b(?:asyncio|anyio|trio|uvloop)\.run\b|\brun_until_complete\b|\brun_forever\b|\bnew_event_loop\b|\bRunner\b"
    rb"|\basync_to_sync\b|\bIsolatedAsyncioTestCase\b|\bmark\.(?:asyncio|anyio)\b|\bnest_asyncio\b|\bTestClient\b"
    rb"|\bfrom[ \t]+(?:asyncio|anyio|trio)\b"
)
_REFLECTION: Final = frozenset({"locals", "globals", "vars", "eval", "exec"})


def check_others(file: File, project: Project, line: int, sets: bool, kept: Iterable[str], as_dict: bool) -> None:
    """Raise Stop if rewriting the file may break another file.

    `sets`: the file sets the module's key. `kept`: variables and functions of the module that hold or return responses.
    `as_dict`: messages become dicts. `line`: the line to report.
    """
    stem = _stem(file).encode()
    words = [rf"\b{re.escape(one)}\b".encode() for one in kept]
    for other in project.python():
        text = other.text.utf8
        if other is file:
            continue
        if _OPENAI.search(text):
            _check_other(other, line, sets)
        if _PATCHED.search(text):
            raise Stop(line, f"{other.path} contains a name of openai in a string, as in a test that patches it")
        if re.search(rb"\b" + re.escape(stem) + rb"\b", text) is not None:
            _check_importer(other, line, words, as_dict)


def others_of(file: File, project: Project) -> tuple[list[bytes], bool]:
    """Return the texts of the other Python files, and whether one of them may import this file."""
    others = [one.text.utf8 for one in project.python() if one is not file]
    stem = re.compile(rb"\b" + re.escape(_stem(file).encode()) + rb"\b")
    return others, any(map(stem.search, others))


def _check_importer(other: File, line: int, words: Iterable[bytes], as_dict: bool) -> None:
    """Check another file that mentions this one and so may import it."""
    text = other.text.utf8
    if _CAUGHT.search(text):
        raise Stop(line, f"{other.path} catches all errors of this file, and their text is different in the client API")
    if as_dict and _FIELDS.search(text):
        raise Stop(line, f"{other.path} may read an attribute of a message that becomes a dict: use a key there")
    if b"import *" in text or any(re.search(word, text) for word in words):
        raise Stop(line, f"{other.path} may use a response that this file stores or returns")


def _has_own_names(node: ast.AST) -> bool:
    """Whether a call is `eval(code, names)`, which cannot access the file's names."""
    return (
        isinstance(node, ast.Call) and len(node.args) > 1 and not any(isinstance(one, ast.Starred) for one in node.args)
    )


def _stem(file: File) -> str:
    """Return the name by which other files import a file."""
    path = PurePosixPath(file.path)
    return path.parent.name or path.stem if path.stem == "__init__" else path.stem


def _check_other(other: File, line: int, sets: bool) -> None:
    """Check another file that uses openai."""
    if _SETS.search(other.text.utf8):
        raise Stop(line, f"{other.path} sets the key or another setting of openai: set it in each file with calls")
    if _ERRORS.search(other.text.utf8):
        raise Stop(line, f"{other.path} handles errors of openai<1.0, which this file would no longer raise")
    if sets:
        raise Stop(line, f"the key is set here for {other.path} too: set it in each file with calls")
    if any(one.known == "inferred" for one in other.uses):
        raise Stop(line, f"{other.path} uses openai through another file: import it there")


def check_loops(file: File, project: Project, tree: Tree, line: int) -> None:
    """Raise Stop for asynchronous calls that several event loops may make: a client's connections belong to one loop.

    The calls must run in a single module-level `asyncio.run(…)` or in the event loop of a notebook.
    """
    for other in project.python():
        if other is not file and _LOOPS.search(other.text.utf8):
            raise Stop(line, f"{other.path} runs event loops too, and a client works in one event loop only")
    runs = len(_LOOPS.findall(file.text.utf8))
    if file.kind == "notebook" and not runs:
        return
    if runs != 1 or not any(_runs(one) and _once(tree, one) for one in tree.nodes):
        why = "a client works in one event loop only: run the calls with a single asyncio.run() at module level"
        raise Stop(line, why)


def _runs(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    func = node.func
    return func.attr == "run_until_complete" or (
        func.attr == "run" and isinstance(func.value, ast.Name) and func.value.id == "asyncio"
    )


def _once(tree: Tree, node: ast.AST) -> bool:
    """Whether a node runs exactly once, when the module is imported."""
    return not any(
        isinstance(one, (*FUNCTIONS, ast.ClassDef, ast.For, ast.While, ast.comprehension, ast.ListComp))
        for one in tree.above(node)
    )


def check_text(file: File, tree: Tree) -> None:
    """Raise Stop if the file may access its own names through strings."""
    for node in tree.nodes:
        if isinstance(node, ast.Name) and node.id in _REFLECTION and tree.variables.get(node) is None:
            if node.id in ("eval", "exec") and _has_own_names(tree.parent(node)):
                continue
            raise Stop(node.lineno, f"{node.id}() may access names that the edits change")
    found = _PATCHED.search(file.text.utf8)
    if found is not None:
        line = file.text.utf8.count(b"\n", 0, found.start()) + 1
        raise Stop(line, "a string contains a name of openai, as in a test that patches it")
