"""Find the expressions that are responses or parts of responses."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final

from .calls import Call
from .flow import Flow
from .functions import Functions
from .interfaces import Field, Listing, Object, Pending, Shape, Stream
from .tree import Function, Stop, Tree, Variable, literal

_WHAT: Final = {Listing: "a list of", Stream: "a stream of"}


class Answers:
    """The shapes of expressions. An expression without a shape is a plain value or unrelated to openai."""

    def __init__(self, tree: Tree, flow: Flow, functions: Functions, calls: Mapping[ast.AST, Call]) -> None:
        self.tree = tree
        self.flow = flow
        self.functions = functions
        self.calls = calls
        self._known: dict[ast.AST, Shape | None] = {}

    def shape(self, node: ast.AST) -> Shape | None:
        """Return the shape of an expression that is read.

        Raises:
            Stop: a variable holds both responses and other values.
        """
        if node not in self._known:
            self._known[node] = None  # ends the recursion for `x = x["choices"]`
            self._known[node] = self._shape(node)
        return self._known[node]

    def _shape(self, node: ast.AST) -> Shape | None:
        if isinstance(node, ast.Call):
            return self._called(node)
        if isinstance(node, ast.Name):
            return self._same(f"{node.id} holds", self.flow.bindings(node)) if isinstance(node.ctx, ast.Load) else None
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
            found = self._field(node.func.value, key)
            if found is not None:
                return found
        function = self.functions.called(node)
        return None if function is None else self._returned(function)

    def _returned(self, function: Function) -> Shape | None:
        """Return the shape of the result of a call of a function."""
        returns = self.functions.returns(function) or ()
        shape = self._one(f"{function.name}() returns", [(one, self.shape(one)) for one in returns])
        if shape is None:
            return None
        self.functions.relied.add(function.name)
        if not isinstance(function, ast.AsyncFunctionDef):
            return shape
        if isinstance(shape, Object | Stream):
            return Pending(shape)
        why = f"{described(shape)} is returned from an async function: return the response instead"
        raise Stop(function.lineno, why)

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

    def variable(self, variable: Variable) -> bool:
        """Whether a variable ever holds a response."""
        return any(shape is not None for one in variable.bindings for _, shape in self._bound(one))

    def may_be_none(self, node: ast.expr) -> bool:
        """Whether an expression with a shape may be None where it is read."""
        if isinstance(node, ast.Name):
            return any(self._holds_none(value) for one in self.flow.bindings(node) for value, _ in self._bound(one))
        if isinstance(node, ast.NamedExpr):
            return self.may_be_none(node.value)
        function = self.functions.called(node) if isinstance(node, ast.Call) else None
        return function is not None and (
            self.functions.may_end(function) or any(map(self._holds_none, self.functions.returns(function) or ()))
        )

    def _holds_none(self, node: ast.AST) -> bool:
        return _is_none(node) or (
            isinstance(node, ast.expr) and self.shape(node) is not None and self.may_be_none(node)
        )

    def _same(self, subject: str, bindings: Sequence[ast.AST]) -> Shape | None:
        return self._one(subject, [pair for one in bindings for pair in self._bound(one)])

    def _one(self, subject: str, found: Sequence[tuple[ast.AST, Shape | None]]) -> Shape | None:
        """Return the shape of all values. None is ignored: it means "no response" in both APIs.

        Raises:
            Stop: the values have different shapes. `subject` starts the reason: "x holds", "f() returns".
        """
        shapes = {shape for _, shape in found if shape is not None}
        others = [node for node, shape in found if shape is None and not _is_none(node)]
        if shapes and (len(shapes) > 1 or others):
            why = f"{subject} different kinds of values: keep responses, their parts and other values apart"
            raise Stop(getattr((others or [found[-1][0]])[0], "lineno", 1), why)
        return next(iter(shapes), None)

    def _bound(self, node: ast.AST) -> list[tuple[ast.AST, Shape | None]]:
        """Return the values a node may assign to its name, with their shapes."""
        parent = self.tree.parents.get(node)
        if isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node is not parent.value:
            value = parent.value
            return [] if value is None else [(value, self.shape(value))]
        if isinstance(node, ast.arg):
            given = self.functions.arguments(node)
            return [(node, None)] if given is None else [(one, self.shape(one)) for one in given]
        iterated = self._iterated(node, parent)
        return [(node, None if iterated is None else self._element(self.shape(iterated)))]

    def _iterated(self, node: ast.AST, parent: ast.AST | None) -> ast.expr | None:
        """Return the expression that a loop iterates over to assign a name."""
        if isinstance(parent, ast.For | ast.AsyncFor | ast.comprehension):
            return parent.iter
        loop = self.tree.parents.get(parent) if isinstance(parent, ast.Tuple) else None
        counted = isinstance(parent, ast.Tuple) and parent.elts[1:] == [node]
        return enumerated(loop.iter) if counted and isinstance(loop, ast.For | ast.comprehension) else None

    @staticmethod
    def _element(shape: Shape | None) -> Shape | None:
        return shape.of if isinstance(shape, Listing | Stream) else None


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


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
    """Return the description of a shape for reasons: "a response", "a list of choices"."""
    if isinstance(shape, Pending):
        return "a coroutine"
    if isinstance(shape, Object):
        article = "an" if shape.name[0] in "aeio" else "a"
        return "the usage of a response" if shape.name == "usage" else f"{article} {shape.name}"
    return f"{_WHAT[type(shape)]} {shape.of.name}s"
