"""The errors of openai<1.0 in a file: where they are caught, and how handlers use them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Mapping
from typing import Final

from ...model import Edit
from .calls import Call
from .interfaces import ERRORS, WITH_STATUS
from .names import Names, Reference, check_error
from .tree import Function, Stop, Tree

_BROAD: Final = frozenset({"Exception", "BaseException"})
_TRANSPORT: Final = frozenset({"requests", "aiohttp", "urllib3"})
"""Packages whose errors openai<1.0 does not wrap when a stream fails."""
_TAKES_TUPLE: Final = frozenset({"on_exception", "retry_if_exception_type", "retry_if_not_exception_type"})
"""Functions of backoff and tenacity that take one error class or a tuple of classes."""
_TEXT_OF_ERRORS: Final = frozenset({"exc_info", "format_exc", "format_exception", "TracebackException"})
_HARMLESS: Final = frozenset(
    [
        "append",
        "close",
        "dumps",
        "endswith",
        "extend",
        "format",
        "get",
        "items",
        "join",
        "keys",
        "loads",
        "lower",
        "pop",
        "read",
        "replace",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "upper",
        "values",
        "write",
    ]
)
"""Methods of strings, lists, dicts and files, none of which sends a request."""


_TEXT_DIFFERS: Final = "the text of errors is different in the client API: use a text of your own"


class Errors:
    """Collect the edits of error classes and of caught errors."""

    def __init__(self, tree: Tree, names: Names, calls: Mapping[ast.AST, Call]) -> None:
        self.tree = tree
        self.names = names
        self.calls = calls
        self.edits: list[Edit] = []
        self._references: dict[ast.AST, Reference] = {
            one.node: one for one in names.references if one.path[:1] == ("error",)
        }
        functions = [one for one in tree.nodes if isinstance(one, Function)]
        self._functions = {one.name for one in functions}

    def collect(self) -> list[Edit]:
        """Return the edits.

        Raises:
            Stop: an error is used in a way that may differ in the client API.
        """
        for one in self._references.values():
            self._class(one)
        for node in self.tree.nodes:
            if isinstance(node, ast.Try):
                self._try(node)
            elif type(node).__name__ == "TryStar":
                raise Stop(getattr(node, "lineno", 1), "`except*` is not translated")
            elif isinstance(node, ast.Attribute | ast.Name) and _named(node) in _TEXT_OF_ERRORS:
                raise Stop(node.lineno, _TEXT_DIFFERS)
        return self.edits

    # Classes

    def _class(self, reference: Reference) -> None:
        node, path = reference.node, reference.path
        if len(path) != 2:
            raise Stop(node.lineno, "the module openai.error itself is used as a value: use its classes directly")
        check_error(path[1], node.lineno)
        place, beside = self._place(node)
        if path[1] == "APIConnectionError" and "Timeout" not in beside | self._before(place):
            why = "APIConnectionError includes timeouts in the client API: handle Timeout together with it or before it"
            raise Stop(node.lineno, why)
        new = ERRORS[path[1]]
        if self.names.renamed(reference):
            return
        if node is reference.root:
            self._check_free(new, path[1], node.lineno)
        written = ", ".join(self.names.new_name(reference, one) for one in new)
        parent = self.tree.parent(node)
        if len(new) > 1 and not isinstance(parent, ast.Tuple):
            if isinstance(parent, ast.Call) and _called(parent) not in _TAKES_TUPLE | {"isinstance"}:
                raise Stop(node.lineno, f"{path[1]} becomes {' and '.join(new)}, and this call may take one class only")
            written = f"({written})"
        if written.encode() != self.tree.source(node):
            self.edits.append(Edit(*self.tree.span(node), written.encode()))

    def _check_free(self, new: Iterable[str], old: str, line: int) -> None:
        for one in new:
            if one != old and one in self.tree.names:
                raise Stop(line, f"the name {one} is already used: rename it")

    def _place(self, node: ast.expr) -> tuple[ast.AST, set[str]]:
        """Return the handler, call or decorator that an error class is used in, and the classes used with it.

        Raises:
            Stop: it is used in another way.
        """
        parent = self.tree.parent(node)
        whole: ast.expr = node
        if isinstance(parent, ast.Tuple):
            whole, parent = parent, self.tree.parent(parent)
        if isinstance(parent, ast.ExceptHandler):
            return parent, self._classes(whole)
        if isinstance(parent, ast.Call) and _called(parent) == "isinstance" and parent.args[1:] == [whole]:
            return parent, self._classes(whole)
        for one in self.tree.above(node):
            above = self.tree.parents.get(one)
            if isinstance(above, Function) and one in above.decorator_list:
                return one, self._classes(one)
            if isinstance(above, ast.stmt):
                break
        raise Stop(node.lineno, "an error class is used outside of except, isinstance() and decorators")

    def _classes(self, node: ast.AST) -> set[str]:
        """Return the error classes of openai<1.0 in an expression."""
        return {one.path[-1] for one in map(self._references.get, ast.walk(node)) if one is not None}

    def _before(self, handler: ast.AST) -> set[str]:
        """Return the classes that earlier handlers of the same `try` catch."""
        attempt = self.tree.parents.get(handler)
        found: set[str] = set()
        if isinstance(attempt, ast.Try):
            for one in attempt.handlers:
                if one is handler:
                    break
                found |= set() if one.type is None else self._classes(one.type)
        return found

    # Handlers

    def _try(self, node: ast.Try) -> None:
        for handler in node.handlers:
            classes = set[str]() if handler.type is None else self._classes(handler.type)
            if "OpenAIError" in self._before(handler):
                return
            if _roots(handler) & _TRANSPORT and self._may_request(node.body):
                why = "the client API raises APIConnectionError instead of errors of requests, aiohttp and urllib3"
                raise Stop(handler.lineno, why)
            if handler.name and (classes or (_roots(handler) & _BROAD and self._may_request(node.body))):
                self._caught(handler, classes)

    def _caught(self, handler: ast.ExceptHandler, classes: set[str]) -> None:
        """Collect the edits of an error that a handler names."""
        variable = self.tree.variables[handler]
        assert handler.type is not None
        only = _count(handler.type) == len(classes)
        for node in ast.walk(handler):
            if isinstance(node, ast.Name) and self.tree.variables.get(node) is variable:
                self._used(node, classes if only else set())

    def _used(self, node: ast.Name, classes: set[str]) -> None:
        parent = self.tree.parent(node)
        if isinstance(parent, ast.Raise):
            return
        if isinstance(parent, ast.Call) and _called(parent) == "isinstance" and parent.args[:1] == [node]:
            return
        if not isinstance(parent, ast.Attribute) or not isinstance(parent.ctx, ast.Load):
            raise Stop(node.lineno, _TEXT_DIFFERS)
        self._field(parent, classes)

    def _field(self, node: ast.Attribute, classes: set[str]) -> None:
        """Collect the edit of a field of an error. `classes` is empty if the error may have other classes."""
        if node.attr == "http_status" and classes and classes <= WITH_STATUS:
            _, end = self.tree.span(node)
            self.edits.append(Edit(end - len(node.attr), end, b"status_code"))
        elif node.attr not in ("code", "param") or classes != {"InvalidRequestError"}:
            raise Stop(node.lineno, f"the {node.attr} of an error may be different in the client API")

    def _may_request(self, body: list[ast.stmt]) -> bool:
        """Whether statements, or a function that they may call, may send a request."""
        return any(self._may_send(node) for one in body for node in ast.walk(one))

    def _may_send(self, node: ast.AST) -> bool:
        if node in self.calls or isinstance(node, ast.Await | ast.AsyncFor | ast.For | ast.comprehension | ast.Yield):
            return True
        if isinstance(node, ast.Name):
            variable = self.tree.variables.get(node)
            return variable is not None and any(isinstance(one, Function | ast.ClassDef) for one in variable.bindings)
        if isinstance(node, ast.Attribute) and node.attr in self._functions:
            return True
        return isinstance(node, ast.Call) and not self._harmless(node.func)

    def _harmless(self, func: ast.expr) -> bool:
        """Whether a callee is a builtin, something imported, or a method of plain values."""
        if isinstance(func, ast.Attribute) and func.attr in _HARMLESS:
            return True
        root = func
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return False
        variable = self.tree.variables.get(root)
        if variable is None:
            return root is func and hasattr(builtins, root.id)
        return all(isinstance(one, ast.alias) for one in variable.bindings)


def _named(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _called(node: ast.Call) -> str:
    """Return the last name of a callee."""
    return _named(node.func) if isinstance(node.func, ast.Attribute | ast.Name) else ""


def _roots(handler: ast.ExceptHandler) -> set[str]:
    """Return the names in the classes of a handler; BaseException for a bare `except`."""
    if handler.type is None:
        return {"BaseException"}
    return {one.id for one in ast.walk(handler.type) if isinstance(one, ast.Name)}


def _count(node: ast.expr) -> int:
    """Return the number of classes that a handler catches."""
    return len(node.elts) if isinstance(node, ast.Tuple) else 1
