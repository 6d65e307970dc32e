"""The parameters in `**name` of a call: from a dict in the same function, or from the callers of the function."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .functions import Functions
from .tree import Stop, Tree, Variable, literal


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The parameters that `**` may pass. With `maybe`, some of them may be missing."""

    values: tuple[tuple[str, ast.expr], ...]
    maybe: bool


def parameters_in(tree: Tree, functions: Functions, node: ast.expr, call: str) -> Unpacked:
    """Return the parameters that `**node` passes to a call.

    Raises:
        Stop: they are unknown.
    """
    variable = tree.variables.get(node) if isinstance(node, ast.Name) else None
    if variable is not None and not variable.declared and variable.scope.kind == "function":
        binding = variable.bindings[0]
        passed = None
        if isinstance(binding, ast.arg):
            passed = _of_callers(tree, functions, variable, binding)
        else:
            passed = list(_of_dict(tree, variable, call))
        if passed:
            return Unpacked(tuple(passed), True)
    raise _unseen(node, call)


def _unseen(node: ast.expr, call: str) -> Stop:
    return Stop(node.lineno, f"the parameters in ** of {call} are unknown: write them in the call itself")


def _of_callers(
    tree: Tree, functions: Functions, variable: Variable, parameter: ast.arg
) -> list[tuple[str, ast.expr]] | None:
    """Return the arguments of all callers for `**parameter`, if the function only passes it on; None if unknown."""
    uses = [node for node, other in tree.variables.items() if other is variable and node is not parameter]
    passed_on = all(isinstance(tree.parent(one), ast.keyword) for one in uses)
    return functions.passed_on(parameter) if passed_on and variable.bindings == [parameter] else None


def _of_dict(tree: Tree, variable: Variable, call: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield the keys and values of a variable that only holds dict literals, modified with literal keys."""
    for binding in variable.bindings:
        parent = tree.parents.get(binding)
        value = parent.value if isinstance(parent, ast.Assign | ast.AnnAssign) else None
        items = None if value is None else _items(tree, value)
        if items is None:
            return
        yield from items
    for node, other in tree.variables.items():
        if other is variable and isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield from _used(tree, node, call)


def _items(tree: Tree, value: ast.expr) -> list[tuple[str, ast.expr]] | None:
    """Return the items of `{"key": value}` or `dict(key=value)`; None for anything else."""
    if isinstance(value, ast.Dict):
        return _pairs(zip(map(literal, value.keys), value.values, strict=True))
    if isinstance(value, ast.Call) and _is_dict(tree, value.func) and not value.args:
        return _pairs((one.arg, one.value) for one in value.keywords)
    return None


def _is_dict(tree: Tree, func: ast.expr) -> bool:
    return isinstance(func, ast.Name) and func.id == "dict" and tree.variables.get(func) is None


def _pairs(found: Iterable[tuple[str | None, ast.expr]]) -> list[tuple[str, ast.expr]] | None:
    """Return the pairs as a list; None if one has no name."""
    pairs = list(found)
    named = [(name, value) for name, value in pairs if name is not None]
    return named if len(named) == len(pairs) else None


def _used(tree: Tree, node: ast.Name, call: str) -> Iterable[tuple[str, ast.expr]]:
    """Return the items that a use of the dict adds to it.

    Raises:
        Stop: the items are unknown, or the use is.
    """
    parent = tree.parent(node)
    added: Iterable[tuple[str, ast.expr]] | None = None
    if isinstance(parent, ast.keyword) and parent.arg is None:
        added = ()
    elif isinstance(parent, ast.Subscript) and parent.value is node:
        added = _by_key(tree, parent)
    elif isinstance(parent, ast.Attribute) and parent.attr == "update":
        added = _updated(tree, parent)
    if added is None:
        raise _unseen(node, call)
    return added


def _by_key(tree: Tree, node: ast.Subscript) -> Iterable[tuple[str, ast.expr]] | None:
    """Return the items that `x["key"]` or `x["key"] = value` adds; None if they are unknown."""
    if isinstance(node.ctx, ast.Load):
        return ()
    key, statement = literal(node.slice), tree.parent(node)
    if key is not None and isinstance(statement, ast.Assign) and statement.targets == [node]:
        return [(key, statement.value)]
    return None


def _updated(tree: Tree, func: ast.Attribute) -> Iterable[tuple[str, ast.expr]] | None:
    """Return the items that `x.update({"key": value}, key=value)` adds; None if they are unknown."""
    update = tree.parent(func)
    if not isinstance(update, ast.Call) or update.func is not func or not isinstance(tree.parent(update), ast.Expr):
        return None
    found = [_items(tree, value) for value in update.args] + [_pairs((one.arg, one.value) for one in update.keywords)]
    return None if None in found else [pair for items in found if items is not None for pair in items]
