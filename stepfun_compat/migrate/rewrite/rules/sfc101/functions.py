"""Functions whose calls are all known, so that their arguments and results can be followed."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from typing import Final

from .flow import Flow
from .tree import Function, Tree, named, parameters

_OF_OTHERS: Final = frozenset(
    name for kind in vars(builtins).values() if isinstance(kind, type) for name in vars(kind)
) | {"read", "write", "close", "run", "send", "create", "invoke", "call", "execute", "submit"}
"""Method names that other objects have as well."""


class Functions:
    """The functions and methods of a file, and their calls."""

    def __init__(self, tree: Tree, flow: Flow) -> None:
        self.tree = tree
        self.flow = flow
        self.relied: set[str] = set()
        """Names of the functions that take or return a response: other files must not call them."""
        self._calls: dict[Function, list[ast.Call] | None] = {}
        self._texts = {one.value for one in tree.nodes if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        self._is_program = any(_acts(one) for one in tree.module.body)
        """Whether the file runs code when it is executed. The functions of other files are for importers."""
        self._methods: dict[str, list[Function]] = {}
        for node in tree.nodes:
            if isinstance(node, Function):
                self._methods.setdefault(node.name, []).append(node)

    def calls(self, function: Function) -> list[ast.Call] | None:
        """Return all calls of a function; None if there may be others."""
        if function not in self._calls:
            self._calls[function] = self._found(function)
        return self._calls[function]

    def _found(self, function: Function) -> list[ast.Call] | None:
        if function.decorator_list or function.name in self._texts:
            return None
        parent = self.tree.parents.get(function)
        if isinstance(parent, ast.ClassDef):
            found = list(self._of_method(function, parent))
        else:
            found = list(self._of_function(function))
        if None in found or not found or not (self._is_program or self._is_inside(function)):
            return None
        return [one for one in found if one is not None]

    def _is_inside(self, function: Function) -> bool:
        return any(isinstance(one, Function) for one in self.tree.above(function))

    def _of_function(self, function: Function) -> Iterator[ast.Call | None]:
        variable = self.tree.variables[function]
        if variable is None or variable.bindings != [function] or variable.scope.kind == "class":
            yield None
            return
        for node, other in self.tree.variables.items():
            if other is variable and isinstance(node, ast.Name):
                yield self._call(node)

    def _of_method(self, function: Function, owner: ast.ClassDef) -> Iterator[ast.Call | None]:
        known = self._is_plain(owner) and function.args.args and self._is_only(function)
        if not known:
            yield None
        for node in self.tree.nodes:
            if isinstance(node, ast.Attribute) and node.attr == function.name:
                yield self._call(node) if self._is_instance(node.value, owner) else None

    def _is_only(self, function: Function) -> bool:
        """Whether the name of a method is unique."""
        variables = [one.id for one in self.tree.nodes if isinstance(one, ast.Name)]
        return self._methods[function.name] == [function] and function.name not in {*_OF_OTHERS, *variables}

    def _call(self, node: ast.expr) -> ast.Call | None:
        parent = self.tree.parent(node)
        return parent if isinstance(parent, ast.Call) and parent.func is node else None

    def _is_plain(self, owner: ast.ClassDef) -> bool:
        """Whether a class has no bases, subclasses, decorators or keywords, and is bound once."""
        variable = self.tree.variables[owner]
        if owner.keywords or owner.decorator_list or variable is None or variable.bindings != [owner]:
            return False
        bases = [base for one in self.tree.nodes if isinstance(one, ast.ClassDef) for base in one.bases]
        return not set(map(ast.unparse, owner.bases)) - {"object"} and not any(self._names(one, owner) for one in bases)

    def _names(self, node: ast.AST, owner: ast.ClassDef) -> bool:
        return any(self.tree.variables.get(one) is self.tree.variables[owner] for one in ast.walk(node))

    def _is_instance(self, node: ast.expr, owner: ast.ClassDef) -> bool:
        """Whether an expression is an instance of a class: a call of the class, or the first parameter of a method."""
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Name) and self._names(node.func, owner)
        if not isinstance(node, ast.Name):
            return False
        bindings = self.flow.bindings(node)
        return bool(bindings) and all(self._binds_instance(one, owner) for one in bindings)

    def _binds_instance(self, node: ast.AST, owner: ast.ClassDef) -> bool:
        parent = self.tree.parents.get(node)
        if isinstance(parent, ast.Assign | ast.AnnAssign) and isinstance(parent.value, ast.Call):
            return self._is_instance(parent.value, owner)
        method = self.tree.parents.get(parent) if isinstance(parent, ast.arguments) else None
        return (
            isinstance(method, Function)
            and isinstance(parent, ast.arguments)
            and parent.args[:1] == [node]
            and self.tree.parents.get(method) is owner
            and not method.decorator_list
        )

    # Arguments

    def called(self, node: ast.Call) -> Function | None:
        """Return the function that a call calls; None if it is not in this file or not all of its calls are known."""
        for function in self._methods.get(named(node.func), ()):
            calls = self.calls(function)
            if calls is not None and node in calls:
                return function
        return None

    def parameter(self, node: ast.Call, argument: ast.expr) -> ast.arg | None:
        """Return the parameter that an argument of a call sets; None if it is unknown."""
        function = self.called(node)
        if function is None:
            return None
        for one in parameters(function.args):
            if self.argument(function, node, one) is argument:
                self.relied.add(function.name)
                return one
        return None

    def argument(self, function: Function, node: ast.Call, parameter: ast.arg) -> ast.expr | None:
        """Return the argument of a call for a parameter, or its default; None if it is unknown."""
        if any(isinstance(one, ast.Starred) for one in node.args) or any(one.arg is None for one in node.keywords):
            return None
        given = function.args
        names = [*given.posonlyargs, *given.args]
        values = [one.value for one in node.keywords if one.arg == parameter.arg]
        if parameter in names:
            place = names.index(parameter) - isinstance(self.tree.parents.get(function), ast.ClassDef)
            values = [*node.args[place : place + 1], *values] if place >= 0 else []
        if values:
            return values[0]
        defaults: dict[ast.arg, ast.expr | None] = dict(zip(given.kwonlyargs, given.kw_defaults, strict=True))
        defaults.update(zip(reversed(names), reversed(given.defaults), strict=False))
        return defaults.get(parameter)

    def arguments(self, parameter: ast.arg) -> list[ast.expr] | None:
        """Return the arguments of all calls for a parameter; None if they are unknown."""
        function = self.tree.parents.get(self.tree.parents[parameter])
        if not isinstance(function, Function) or parameter not in parameters(function.args):
            return None
        calls = self.calls(function)
        if calls is None:
            return None
        found = [self.argument(function, one, parameter) for one in calls]
        return None if None in found else [one for one in found if one is not None]

    def passed_on(self, parameter: ast.arg) -> list[tuple[str, ast.expr]] | None:
        """Return the names and values that all calls pass to `**parameter`; None if they are unknown."""
        function = self.tree.parents.get(self.tree.parents[parameter])
        calls = self.calls(function) if isinstance(function, Function) else None
        if not isinstance(function, Function) or function.args.kwarg is not parameter or calls is None:
            return None
        own = {one.arg for one in parameters(function.args)}
        found: list[tuple[str, ast.expr]] = []
        for call in calls:
            for one in call.keywords:
                if one.arg is None:
                    return None
                if one.arg not in own:
                    found.append((one.arg, one.value))
        self.relied.add(function.name)
        return found

    # Results

    def returns(self, function: Function) -> list[ast.expr] | None:
        """Return the expressions that a function returns; None for a generator."""
        found: list[ast.expr] = []
        for node in _own(function):
            if isinstance(node, ast.Yield | ast.YieldFrom):
                return None
            if isinstance(node, ast.Return) and node.value is not None:
                found.append(node.value)
        return found

    def may_end(self, function: Function) -> bool:
        """Whether a function may return None implicitly: by a bare `return`, or at the end of its body."""
        bare = any(isinstance(one, ast.Return) and one.value is None for one in _own(function))
        return bare or not isinstance(function.body[-1], ast.Return | ast.Raise)

    def around(self, node: ast.AST) -> Function | None:
        """Return the function that contains a `return` statement, if all of its calls are known."""
        for one in self.tree.above(node):
            if isinstance(one, Function):
                known = self.calls(one) is not None and self.returns(one) is not None
                if known:
                    self.relied.add(one.name)
                return one if known else None
            if isinstance(one, ast.Lambda):
                return None
        return None


def _own(function: Function) -> Iterator[ast.AST]:
    """Yield the nodes in a function, without those of inner functions and classes."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _acts(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call | ast.Await)
    return isinstance(statement, ast.If | ast.For | ast.While | ast.With)
