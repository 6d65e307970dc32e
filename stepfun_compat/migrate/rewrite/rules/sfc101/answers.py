"""Find the expressions that are responses ("answers") or parts of responses."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from .calls import Call
from .interfaces import Field, Listing, Object, Pending, Shape, Stream
from .tree import Stop, Tree, Variable

_WHAT: Final = {Listing: "a list of", Stream: "a stream of", Pending: "an awaitable"}


class Answers:
    """The shapes of expressions. An expression without a shape is a plain value or unrelated to openai."""

    def __init__(self, tree: Tree, calls: Mapping[ast.AST, Call]) -> None:
        self.tree = tree
        self.calls = calls
        self._known: dict[ast.AST, Shape | None] = {}
        self._variables: dict[Variable, Shape | None] = {}

    def shape(self, node: ast.AST) -> Shape | None:
        """Return the shape of an expression that is read.

        Raises:
            Stop: a variable holds both responses and other values.
        """
        if node not in self._known:
            self._known[node] = self._shape(node)
        return self._known[node]

    def _shape(self, node: ast.AST) -> Shape | None:
        if isinstance(node, ast.Call):
            return self._called(node)
        if isinstance(node, ast.Name):
            variable = self.tree.variables.get(node) if isinstance(node.ctx, ast.Load) else None
            return None if variable is None else self.variable(variable)
        if isinstance(node, ast.Attribute):
            return self._field(node.value, node.attr)
        if isinstance(node, ast.Subscript):
            return self._item(node)
        if isinstance(node, ast.Await):
            waited = self.shape(node.value)
            return waited.of if isinstance(waited, Pending) else None
        return self.shape(node.value) if isinstance(node, ast.NamedExpr) else None

    def _called(self, node: ast.Call) -> Shape | None:
        call = self.calls.get(node)
        if call is not None:
            return call.shape
        key = got_key(node)
        if key is not None and isinstance(node.func, ast.Attribute):
            return self._field(node.func.value, key)
        return None

    def _field(self, base: ast.expr, name: str) -> Shape | None:
        found = self.field(base, name)
        return None if found is None else found.shape

    def field(self, base: ast.expr, name: str) -> Field | None:
        """Return a field of a response by name; None if `base` is not a response or has no such field."""
        shape = self.shape(base)
        return shape.fields.get(name) if isinstance(shape, Object) else None

    def _item(self, node: ast.Subscript) -> Shape | None:
        shape = self.shape(node.value)
        if isinstance(shape, Listing):
            return shape if isinstance(node.slice, ast.Slice) else shape.of
        key = literal(node.slice)
        return None if key is None else self._field(node.value, key)

    # Variables

    def variable(self, variable: Variable) -> Shape | None:
        """Return the shape of a variable's value. Assignments of None are ignored: they mean "no response" in both APIs."""
        if variable in self._variables:
            return self._variables[variable]
        self._variables[variable] = None  # a variable may be assigned a part of itself
        found: set[Shape] = set()
        other: ast.AST | None = None
        for node in variable.bindings:
            shape, none = self._bound(node)
            if shape is not None:
                found.add(shape)
            elif not none:
                other = node
        if found and (len(found) > 1 or other is not None):
            line = getattr(other or variable.bindings[-1], "lineno", 1)
            raise Stop(line, f"{variable.name} holds different things at different times")
        shape = next(iter(found), None)
        self._variables[variable] = shape
        return shape

    def _bound(self, node: ast.AST) -> tuple[Shape | None, bool]:
        """Return the shape of the value a node assigns to its name, and whether the value is the literal None."""
        parent = self.tree.parents.get(node)
        if isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node is not parent.value:
            value = parent.value
            if value is None:
                return None, True
            return self.shape(value), isinstance(value, ast.Constant) and value.value is None
        if isinstance(parent, ast.For | ast.AsyncFor | ast.comprehension):
            return self._element(self.shape(parent.iter)), False
        if isinstance(parent, ast.Tuple):
            loop = self.tree.parents.get(parent)
            if isinstance(loop, ast.For | ast.comprehension) and parent.elts[1:] == [node]:
                counted = enumerated(loop.iter)
                return None if counted is None else self._element(self.shape(counted)), False
        return None, False

    @staticmethod
    def _element(shape: Shape | None) -> Shape | None:
        return shape.of if isinstance(shape, Listing | Stream) else None


def literal(node: ast.expr) -> str | None:
    """Return the value of a string literal; None for any other expression."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def got_key(node: ast.Call) -> str | None:
    """Return the key of `x.get("key")` or `x.get("key", default)`; None for any other call."""
    func = node.func
    if not isinstance(func, ast.Attribute) or func.attr != "get" or node.keywords or not 1 <= len(node.args) <= 2:
        return None
    return literal(node.args[0])


def enumerated(node: ast.expr) -> ast.expr | None:
    """Return `x` of `enumerate(x)`; None for any other expression."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "enumerate" and node.args:
        return node.args[0]
    return None


def described(shape: Shape) -> str:
    """Return the description of a shape, as used in reasons."""
    if isinstance(shape, Object):
        return {"answer": "an answer", "usage": "the usage of an answer"}.get(shape.name, f"a {shape.name}")
    return (
        f"{_WHAT[type(shape)]} {getattr(shape.of, 'name', 'answer')}s" if not isinstance(shape, Pending) else "a call"
    )
