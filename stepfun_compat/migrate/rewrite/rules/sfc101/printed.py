"""Find lists of messages that are printed. Messages become dicts, which openai<1.0 prints differently."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Final

from .tree import Function, Stop, Tree, literal, named, parameters

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


_COPYING: Final = frozenset(
    [
        "copy",
        "deepcopy",
        "enumerate",
        "filter",
        "get",
        "iter",
        "list",
        "next",
        "pop",
        "reversed",
        "sorted",
        "tuple",
        "zip",
    ]
)
"""Functions and methods that return one or all elements of their argument."""
_BOUND: Final = frozenset({"self", "cls"})
_PUT_TOGETHER: Final = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.BinOp, ast.BoolOp, ast.Starred, ast.Await)


def containers_of(tree: Tree, node: ast.AST) -> set[str]:
    """Return the names that a list, or a sum with it, is assigned to, returned from or passed as."""
    parent = tree.parent(node)
    while isinstance(parent, ast.BinOp):
        node, parent = parent, tree.parent(parent)
    if isinstance(parent, ast.Assign):
        return set[str]().union(*map(_whole, parent.targets))
    if isinstance(parent, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
        return _whole(parent.target)
    if isinstance(parent, ast.Return):
        return {f"{one.name}()" for one in tree.above(parent) if isinstance(one, Function)}
    call = tree.parent(parent) if isinstance(parent, ast.keyword) else parent
    own = _parameters(tree).get(named(call.func), ()) if isinstance(call, ast.Call) else ()
    return {one.arg for given in own for one in parameters(given)} - _BOUND


def check_printed(tree: Tree, containers: Collection[str]) -> None:
    """Raise Stop if the file may print a list of messages or one of its messages."""
    names = _aliases(tree, {*containers} - {""})
    for node in tree.nodes:
        if isinstance(node, ast.Name | ast.Attribute) and named(node) in names and _is_printed(tree, node):
            raise Stop(node.lineno, "messages become dicts, which are printed differently: print their content")


def _aliases(tree: Tree, names: set[str]) -> set[str]:
    """Return all names that may hold the same values as these names, or elements of them."""
    pairs = [*_assigned(tree), *_passed(tree)]
    known = set[str]()
    while known != names:
        known = names
        names = known.union(*(pair for pair in pairs if known & pair))
    return names


def _assigned(tree: Tree) -> Iterator[set[str]]:
    """Yield the names on both sides of each assignment and loop, and a function with the names it returns."""
    for node in tree.nodes:
        if isinstance(node, ast.Assign):
            yield set[str]().union(*map(_whole, [node.value, *node.targets]))
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            yield _whole(node.target) | _whole(node.value)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            yield _whole(node.target) | _whole(node.iter)
        elif isinstance(node, Function):
            returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value is not None]
            yield set[str]().union([f"{node.name}()"], *map(_whole, returned))


def _passed(tree: Tree) -> Iterator[set[str]]:
    """Yield each parameter of a function of the file with the names that calls of that name pass for it."""
    functions = _parameters(tree)
    for call in tree.nodes:
        if isinstance(call, ast.Call):
            for own in functions.get(named(call.func), ()):
                names = [one.arg for one in (*own.posonlyargs, *own.args) if one.arg not in _BOUND]
                yield from ({name} | _whole(value) for name, value in zip(names, call.args, strict=False))
                yield from ({one.arg} | _whole(one.value) for one in call.keywords if one.arg is not None)


def _parameters(tree: Tree) -> dict[str, list[ast.arguments]]:
    """Return the parameters of the functions of a file by name; those of `__init__` by the name of its class."""
    functions: dict[str, list[ast.arguments]] = {}
    for node in tree.nodes:
        if isinstance(node, Function):
            owner = tree.parents.get(node)
            name = owner.name if isinstance(owner, ast.ClassDef) and node.name == "__init__" else node.name
            functions.setdefault(name, []).append(node.args)
    return functions


def _whole(node: ast.AST) -> set[str]:
    """Return the names whose values, or elements of them, an expression may evaluate to."""
    if isinstance(node, ast.Name | ast.Attribute):
        return {named(node)}
    if isinstance(node, ast.Subscript):
        return set() if literal(node.slice) is not None else _whole(node.value)
    if isinstance(node, ast.Call):
        return _copied(node)
    if isinstance(node, ast.IfExp):
        return _whole(node.body) | _whole(node.orelse)
    parts = ast.iter_child_nodes(node) if isinstance(node, _PUT_TOGETHER) else ()
    return set[str]().union(*map(_whole, parts))


def _copied(node: ast.Call) -> set[str]:
    """Return the names of the lists that a call copies or takes elements from, else the name of the called function."""
    name = named(node.func)
    if name not in _COPYING:
        return {f"{name}()"}
    whole = set[str]().union(*map(_whole, node.args))
    return whole | _whole(node.func.value) if isinstance(node.func, ast.Attribute) else whole


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
