"""Find the expressions that are files opened in binary mode."""

from __future__ import annotations

import ast

from .flow import Flow
from .tree import Tree


def is_binary_file(tree: Tree, flow: Flow, node: ast.expr) -> bool:
    """Whether an expression is `open(…, "rb")`, or a name that only holds its result."""
    if isinstance(node, ast.Call):
        return _opens(tree, node)
    if not isinstance(node, ast.Name):
        return False
    bindings = flow.bindings(node)
    return bool(bindings) and all(_bound_to_file(tree, one) for one in bindings)


def _bound_to_file(tree: Tree, binding: ast.AST) -> bool:
    parent = tree.parents.get(binding)
    if isinstance(parent, ast.withitem):
        value: ast.expr | None = parent.context_expr
    else:
        value = parent.value if isinstance(parent, ast.Assign | ast.NamedExpr) else None
    return isinstance(value, ast.Call) and _opens(tree, value)


def _opens(tree: Tree, node: ast.Call) -> bool:
    func = node.func
    if not isinstance(func, ast.Name) or func.id != "open" or tree.variables.get(func) is not None:
        return False
    modes = [*node.args[1:2], *(one.value for one in node.keywords if one.arg == "mode")]
    return len(modes) == 1 and isinstance(modes[0], ast.Constant) and modes[0].value == "rb"
