"""Replace every use of a response in a file. A use without a replacement excludes the whole file."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, Final

from ...model import Edit
from .answers import Answers, described, enumerated, got_key
from .interfaces import MESSAGE, Field, Listing, Object, Pending, Shape, Stream
from .printed import check_printed, containers_of
from .tree import FUNCTIONS, Stop, Tree, literal, named

_OPENING: Final = re.compile(rb"[\s)]*\[\s*")
_CLOSING: Final = re.compile(rb"\s*\]")
_GET: Final = re.compile(rb"\.\s*get")
_MISSING_FIELD: Final = frozenset(
    {"KeyError", "AttributeError", "LookupError", "TypeError", "Exception", "BaseException"}
)
"""Exceptions whose handlers may catch the access to a missing field."""


class Uses:
    """Collect the edits of all uses of responses."""

    def __init__(self, tree: Tree, answers: Answers) -> None:
        self.tree = tree
        self.answers = answers
        self.edits: list[Edit] = []
        self.containers = set[str]()
        """The names of lists that messages are added to."""
        self.as_dict = False
        """Whether a message becomes a plain dict somewhere."""
        self._known: dict[type[ast.AST], Callable[[ast.expr, Any, Any], bool]] = {
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.Compare: self._compare,
            ast.Call: self._argument,
            ast.List: self._in_list,
            ast.Dict: self._in_dict,
            ast.keyword: self._unpacked,
            ast.Assign: self._assigned,
            ast.AnnAssign: self._assigned,
            ast.NamedExpr: self._assigned,
            ast.For: self._iterated,
            ast.AsyncFor: self._iterated,
            ast.comprehension: self._looped,
            ast.If: self._truth,
            ast.While: self._truth,
            ast.IfExp: self._truth,
            ast.Assert: self._truth,
            ast.UnaryOp: self._truth,
            ast.BoolOp: self._truth,
            ast.Expr: self._discarded,
            ast.Await: self._awaited,
            ast.Return: self._returned,
        }

    def collect(self) -> list[Edit]:
        """Return the edits.

        Raises:
            Stop: a response is used in an unknown way.
        """
        for node in self.tree.nodes:
            if isinstance(node, ast.expr):
                shape = self.answers.shape(node)
                if shape is not None:
                    self._use(node, shape)
        self._check_variables()
        if self.as_dict:
            self._check_attributes()
            check_printed(self.tree, self.containers)
        return self.edits

    def _use(self, node: ast.expr, shape: Shape) -> None:
        parent = self.tree.parent(node)
        known = self._known.get(type(parent))
        if known is None or not known(node, shape, parent):
            raise Stop(node.lineno, f"{described(shape)} is {_usage_of(parent)}: {_advice(shape)}")

    # One method per kind of parent node. Each returns whether the use is known.

    def _attribute(self, node: ast.expr, shape: Shape, parent: ast.Attribute) -> bool:
        call = self.tree.parent(parent)
        if isinstance(call, ast.Call) and call.func is parent and isinstance(shape, Object):
            return self._method(shape, parent, call)
        if not isinstance(parent.ctx, ast.Load):
            raise Stop(node.lineno, f"{described(shape)} is modified: copy its values and modify the copy")
        self._read(shape, parent.attr, parent)
        return True

    def _method(self, shape: Object, func: ast.Attribute, call: ast.Call) -> bool:
        key = got_key(call)
        if key is None:
            raise Stop(func.lineno, f".{func.attr}() of {described(shape)} is not translated")
        field = self._field(shape, key, call)
        written = f".{field.attribute or key}"
        if len(call.args) == 2 and field.optional:
            written += self._default(call.args[1], field)
        elif len(call.args) == 2 and not _is_plain(call.args[1]):
            raise Stop(call.lineno, "the default of .get() has no effect here, but evaluating it may: remove it")
        start, _ = self.tree.span(call)
        _, value_end = self.tree.span(func.value)
        _, func_end = self.tree.span(func)
        _, end = self.tree.span(call)
        dot = self.tree.text.utf8.rfind(b".", value_end, func_end)
        if dot < 0 or not _GET.fullmatch(self.tree.text.utf8[dot:func_end]):
            raise Stop(call.lineno, ".get() has a comment or parentheses before it: remove them")
        if " or " in written and not self._needs_no_parentheses(call):
            self.edits.append(Edit(start, start, b"("))
            written += ")"
        self.edits.append(Edit(dot, end, written.encode()))
        return True

    def _default(self, default: ast.expr, field: Field) -> str:
        """Return the code that replaces the default of `.get()` after a field. Only `or ""` is equivalent: `or` with
        another default would also replace an empty value."""
        if isinstance(default, ast.Constant) and default.value is None:
            return ""
        if field.shape is None and literal(default) == "":
            return f" or {self.tree.source(default).decode('utf-8')}"
        raise Stop(default.lineno, ".get() has a default other than None and an empty string: use one of these")

    def _needs_no_parentheses(self, node: ast.expr) -> bool:
        """Whether `a or b` can replace an expression without parentheses."""
        parent = self.tree.parent(node)
        if isinstance(parent, ast.Call):
            return parent.func is not node
        free = (ast.Assign, ast.AugAssign, ast.Return, ast.Expr, ast.keyword, ast.FormattedValue, ast.List, ast.Tuple)
        return isinstance(parent, free)

    def _subscript(self, node: ast.expr, shape: Shape, parent: ast.Subscript) -> bool:
        if node is not parent.value:
            return False
        if not isinstance(parent.ctx, ast.Load):
            raise Stop(node.lineno, f"{described(shape)} is modified: copy its values and modify the copy")
        if isinstance(shape, Listing):
            return literal(parent.slice) is None
        key = literal(parent.slice)
        if key is None:
            raise Stop(node.lineno, f"a field of {described(shape)} is not selected by a string literal")
        field = self._read(shape, key, parent)
        _, value_end = self.tree.span(node)
        key_start, key_end = self.tree.span(parent.slice)
        _, end = self.tree.span(parent)
        text = self.tree.text.utf8
        if not _OPENING.fullmatch(text[value_end:key_start]) or not _CLOSING.fullmatch(text[key_end:end]):
            raise Stop(parent.lineno, "a subscript has a comment or parentheses in it: remove them")
        self.edits.append(Edit(text.index(b"[", value_end), end, f".{field.attribute or key}".encode()))
        return True

    def _read(self, shape: Shape, name: str, node: ast.expr) -> Field:
        """Return a field that is read. Raises Stop if a handler may catch the error for a missing field."""
        if not isinstance(shape, Object):
            raise Stop(node.lineno, f"{described(shape)} is used in a way that is not translated")
        field = self._field(shape, name, node)
        if field.optional:
            for handler in self.tree.nodes:
                if isinstance(handler, ast.ExceptHandler) and _catches_missing_field(handler):
                    why = f"this handler may be for a missing {name}, which is None in the client API: use .get()"
                    raise Stop(handler.lineno, why)
        return field

    def _field(self, shape: Object, name: str, node: ast.expr) -> Field:
        field = shape.fields.get(name)
        if field is None:
            raise Stop(node.lineno, f"the field {name} of {described(shape)} is not translated")
        return field

    def _compare(self, node: ast.expr, shape: Shape, parent: ast.Compare) -> bool:
        if len(parent.ops) != 1:
            return False
        operator, other = parent.ops[0], parent.comparators[0]
        if isinstance(operator, ast.Is | ast.IsNot):
            return isinstance(other, ast.Constant) and other.value is None and not isinstance(shape, Pending)
        key = literal(parent.left)
        if node is not other or not isinstance(operator, ast.In | ast.NotIn) or key is None:
            return False
        if not isinstance(shape, Object) or not self._field(shape, key, node).optional:
            why = f"a test whether {key} is in {described(shape)} is not translated: test its value instead"
            raise Stop(node.lineno, why)
        start, value_start = self.tree.span(parent)[0], self.tree.span(node)[0]
        _, value_end = self.tree.span(node)
        between = self.tree.text.utf8[self.tree.span(parent.left)[1] : value_start]
        if not re.fullmatch(rb"\s*(not\s+)?in\s+", between) or self.tree.span(parent)[1] != value_end:
            raise Stop(parent.lineno, "a comparison has a comment or parentheses in it: remove them")
        written = f".{key} is {'not ' if isinstance(operator, ast.In) else ''}None"
        self.edits += [Edit(start, value_start, b""), Edit(value_end, value_end, written.encode())]
        return True

    def _argument(self, node: ast.expr, shape: Shape, parent: ast.Call) -> bool:
        func = parent.func
        if node is func:
            return False
        if self.answers.functions.parameter(parent, node) is not None:
            return True
        if parent.keywords:
            return False
        if isinstance(shape, Listing):
            return self._listed(node, parent)
        if isinstance(func, ast.Attribute) and func.attr == "append" and shape is MESSAGE:
            self.containers |= {named(func.value)}
            return self._as_dict(node)
        return False

    def _listed(self, node: ast.expr, call: ast.Call) -> bool:
        """Whether a list is an argument of `len` or `enumerate`."""
        func = call.func
        if not isinstance(func, ast.Name) or self.tree.variables.get(func) is not None:
            return False
        return func.id == "len" or (enumerated(call) is node and self._counted(call))

    def _counted(self, call: ast.Call) -> bool:
        """Whether `enumerate(…)` is iterated as `for number, one in`."""
        loop = self.tree.parent(call)
        return (
            isinstance(loop, ast.For | ast.comprehension)
            and loop.iter is call
            and isinstance(loop.target, ast.Tuple)
            and len(loop.target.elts) == 2
            and all(isinstance(one, ast.Name) for one in loop.target.elts)
        )

    def _in_list(self, node: ast.expr, shape: Shape, parent: ast.List) -> bool:
        if shape is not MESSAGE or not isinstance(parent.ctx, ast.Load):
            return False
        self.containers |= containers_of(self.tree, parent)
        return self._as_dict(node)

    def _in_dict(self, node: ast.expr, shape: Shape, parent: ast.Dict) -> bool:
        unpacked = any(key is None and value is node for key, value in zip(parent.keys, parent.values, strict=True))
        return unpacked and shape is MESSAGE and self._as_dict(node)

    def _unpacked(self, node: ast.expr, shape: Shape, parent: ast.keyword) -> bool:
        call = self.tree.parent(parent)
        if isinstance(call, ast.Call) and self.answers.functions.parameter(call, node) is not None:
            return True
        plain = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "dict"
        return parent.arg is None and plain and shape is MESSAGE and self._as_dict(node)

    def _as_dict(self, node: ast.expr) -> bool:
        """Convert a message that is added to a list or dict to a dict, which openai<1.0 accepts there."""
        self.as_dict = True
        return self._to_dict(node)

    def _to_dict(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call) or self.answers.may_be_none(node):
            return False
        _, end = self.tree.span(node)
        self.edits.append(Edit(end, end, b".to_dict()"))
        return True

    def _assigned(self, node: ast.expr, shape: Shape, parent: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> bool:
        del shape
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        if node is not parent.value or not all(isinstance(one, ast.Name) for one in targets):
            return False
        return not isinstance(parent, ast.NamedExpr) or self.answers.shape(parent) is not None

    def _iterated(self, node: ast.expr, shape: Shape, parent: ast.For | ast.AsyncFor | ast.comprehension) -> bool:
        if node is not parent.iter or not isinstance(parent.target, ast.Name):
            return False
        waits = isinstance(parent, ast.AsyncFor) or (isinstance(parent, ast.comprehension) and bool(parent.is_async))
        if isinstance(shape, Stream):
            return shape.is_async == waits
        return isinstance(shape, Listing) and not waits

    def _truth(self, node: ast.expr, shape: Shape, parent: ast.AST) -> bool:
        """Whether an expression is tested for truth: `if response`, `not message.get("function_call")`."""
        if isinstance(shape, Pending | Stream) or not self._is_test(node, parent):
            return False
        return not (isinstance(shape, Object) and shape.may_be_empty) or self._not_empty(node)

    def _is_test(self, node: ast.AST, parent: ast.AST) -> bool:
        if isinstance(parent, ast.BoolOp):
            return self._is_test(parent, self.tree.parent(parent))
        if isinstance(parent, ast.UnaryOp):
            return isinstance(parent.op, ast.Not)
        if isinstance(parent, ast.comprehension):
            return node in parent.ifs
        return isinstance(parent, ast.If | ast.While | ast.IfExp | ast.Assert) and node is parent.test

    def _not_empty(self, node: ast.expr) -> bool:
        """Test the dict of an object instead, because it may be empty and so falsy in openai<1.0."""
        return self._to_dict(node)

    def _discarded(self, node: ast.expr, shape: Shape, parent: ast.AST) -> bool:
        del node, parent
        return not isinstance(shape, Pending)

    def _awaited(self, node: ast.expr, shape: Shape, parent: ast.AST) -> bool:
        del node, parent
        return isinstance(shape, Pending)

    def _returned(self, node: ast.expr, shape: Shape, parent: ast.AST) -> bool:
        del shape, parent
        return self.answers.functions.around(node) is not None

    def _looped(self, node: ast.expr, shape: Shape, parent: ast.comprehension) -> bool:
        return self._iterated(node, shape, parent) or self._truth(node, shape, parent)

    # The file as a whole

    def _check_variables(self) -> None:
        """Allow responses in variables of functions and of the module, but not in class attributes or `global`s."""
        for node, variable in self.tree.variables.items():
            if variable is None or not (variable.declared or variable.scope.kind == "class"):
                continue
            if self.answers.variable(variable):
                why = f"{variable.name} holds a response in a class or a `global` variable: use a local variable"
                raise Stop(getattr(node, "lineno", 1), why)

    def _check_attributes(self) -> None:
        """Raise Stop for an attribute that may be read from a message converted to a dict."""
        for node in self.tree.nodes:
            if (
                isinstance(node, ast.Attribute)
                and node.attr in MESSAGE.fields
                and self.answers.shape(node.value) is None
            ):
                why = f'.{node.attr} may be read from a message that becomes a dict: use ["{node.attr}"]'
                raise Stop(node.lineno, why)

    def kept_in_module(self) -> set[str]:
        """Return the names of module variables that hold responses, and of functions that take or return them."""
        variables = self.tree.top.variables.values()
        return {one.name for one in variables if self.answers.variable(one)} | self.answers.functions.relied


def _is_plain(node: ast.expr) -> bool:
    """Whether an expression has no side effects: a literal, or an empty list or dict."""
    if isinstance(node, ast.List | ast.Dict):
        return not (node.elts if isinstance(node, ast.List) else node.values)
    return isinstance(node, ast.Constant)


def _catches_missing_field(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches the error of reading a missing field."""
    if handler.type is None:
        return True
    names = {one.id for one in ast.walk(handler.type) if isinstance(one, ast.Name)}
    return bool(names & _MISSING_FIELD)


def _usage_of(parent: ast.AST) -> str:
    """Return how an expression is used, for a reason."""
    if isinstance(parent, ast.Yield | ast.YieldFrom):
        return "yielded"
    if isinstance(parent, (ast.Return, *FUNCTIONS)):
        return "returned from a function whose calls are not all known"
    if isinstance(parent, ast.Call | ast.keyword | ast.Starred):
        return "passed to a function that cannot be checked"
    if isinstance(parent, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return "stored somewhere other than in one variable"
    if isinstance(parent, ast.FormattedValue):
        return "formatted into a string"
    return "used in a way that is not translated"


def _advice(shape: Shape) -> str:
    if isinstance(shape, Pending):
        return "await it directly"
    return "use a for loop" if isinstance(shape, Stream) else "use its text or other plain values instead"
