"""Lists of messages that are printed: openai<1.0 prints a message in another way than a dict."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Final

from .made_before import named
from .tree import Stop, Tree, literal

_PRINTING: Final = frozenset(
    [
        "critical",
        "debug",
        "error",
        "exception",
        "format",
        "info",
        "log",
        "pformat",
        "pprint",
        "print",
        "repr",
        "str",
        "warn",
        "warning",
        "write",
    ]
)


def assigned_names(tree: Tree, node: ast.AST) -> set[str]:
    """Return the names that a list, or a sum with it, is assigned to."""
    parent = tree.parent(node)
    while isinstance(parent, ast.BinOp):
        node, parent = parent, tree.parent(parent)
    if isinstance(parent, ast.Assign):
        return set(map(named, parent.targets))
    return {named(parent.target)} if isinstance(parent, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) else set()


def check_printed(tree: Tree, containers: Collection[str]) -> None:
    """Refuse a file that may print a list with messages, or a message of it.

    Raises:
        Stop: with the line.
    """
    names = {*containers} - {""}
    for node in tree.nodes:
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension) and named(node.iter) in names:
            names |= {named(one) for one in ast.walk(node.target)} - {""}
    for node in tree.nodes:
        if isinstance(node, ast.Name | ast.Attribute) and named(node) in names and _is_printed(tree, node):
            raise Stop(node.lineno, "openai<1.0 prints a message in another way than a dict")


def _is_printed(tree: Tree, node: ast.AST) -> bool:
    parent = tree.parent(node)
    while isinstance(parent, ast.Subscript) and parent.value is node and literal(parent.slice) is None:
        node, parent = parent, tree.parent(parent)
    if isinstance(parent, ast.Starred):
        parent = tree.parent(parent)
    if isinstance(parent, ast.Call):
        return node is not parent.func and named(parent.func) in _PRINTING
    modulo = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mod)
    return modulo or isinstance(parent, ast.FormattedValue)
