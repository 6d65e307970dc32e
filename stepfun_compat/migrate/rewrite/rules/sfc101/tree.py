"""The syntax tree of a file for SFC101: parents, the variable of each name, and the bytes of each node."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ....facts import SourceText, parse
from .fstrings import places_in_fstrings


class Stop(Exception):
    """The file cannot be rewritten. Holds the line and the reason."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line
        self.why = why


@dataclass(eq=False)
class Scope:
    """A module, class, function or comprehension, and the variables it binds."""

    kind: str
    parent: Scope | None
    variables: dict[str, Variable] = field(default_factory=lambda: {})
    elsewhere: dict[str, str] = field(default_factory=lambda: {})
    """Names declared `global` or `nonlocal`."""

    def variable(self, name: str) -> Variable:
        """Return the variable that a binding of a name in this scope binds."""
        declared = self.elsewhere.get(name)
        if declared is None:
            return self.variables.setdefault(name, Variable(name, self))
        scope = self._module() if declared == "global" else self._enclosing(name)
        found = scope.variables.setdefault(name, Variable(name, scope))
        found.declared = True
        return found

    def _module(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def _enclosing(self, name: str) -> Scope:
        scope = self.parent
        while scope is not None and not (scope.kind == "function" and name in scope.variables):
            scope = scope.parent
        return scope or self._module()

    def find(self, name: str) -> Variable | None:
        """Return the variable that a name refers to in this scope; None if the file does not bind it."""
        if name in self.elsewhere:
            return self.variable(name)
        if name in self.variables:
            return self.variables[name]
        scope = self.parent
        while scope is not None:
            if scope.kind != "class" and name in scope.variables:
                return scope.variables[name]
            scope = scope.parent
        return None


@dataclass(eq=False)
class Variable:
    """A name in its scope. `bindings` are the nodes that bind it: `Name`, `alias`, `arg`, a definition, …"""

    name: str
    scope: Scope
    bindings: list[ast.AST] = field(default_factory=lambda: [])
    declared: bool = False
    """Whether another scope binds it by `global` or `nonlocal`."""


Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Tree:
    """A parsed file."""

    def __init__(self, text: SourceText) -> None:
        """Parse a file. Raises the errors of `ast.parse`."""
        self.text = text
        self.module = parse(text.utf8.decode("utf-8"))
        self.nodes: list[ast.AST] = []
        self.parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(self.module):
            self.nodes.append(node)
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
        self.top = Scope("module", None)
        self.variables: dict[ast.AST, Variable | None] = {}
        """The variable of each name that is read or bound."""
        walk = _Scopes()
        walk.body(self.module.body, self.top)
        for node, scope in walk.reads:
            self.variables[node] = scope.find(node.id)
        for node, variable in walk.bound:
            self.variables[node] = variable
        self.names = {node.id for node in self.nodes if isinstance(node, ast.Name)} | set(walk.names)
        """Every name that is read or bound anywhere."""
        self._placed: dict[ast.AST, tuple[int, int] | None] = {}
        self._place_fstrings()

    def _place_fstrings(self) -> None:
        for node in self.nodes:
            if isinstance(node, ast.JoinedStr) and not any(isinstance(one, ast.JoinedStr) for one in self.above(node)):
                self._placed.update(places_in_fstrings(node, self.text))

    def parent(self, node: ast.AST) -> ast.AST:
        """Return the parent of a node."""
        return self.parents[node]

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the ancestors of a node, innermost first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def span(self, node: ast.expr | ast.stmt | ast.keyword | ast.alias) -> tuple[int, int]:
        """Return the start and end of a node in the UTF-8 text.

        Raises:
            Stop: the node is in an f-string, and its position is unknown.
        """
        if node in self._placed:
            place = self._placed[node]
            if place is None:
                raise Stop(node.lineno, "this f-string cannot be edited: assign its expressions to variables first")
            return place
        end_line, end_column = node.end_lineno, node.end_col_offset
        assert end_line is not None
        assert end_column is not None
        return self.text.offset(node.lineno, node.col_offset), self.text.offset(end_line, end_column)

    def source(self, node: ast.expr | ast.stmt | ast.keyword | ast.alias) -> bytes:
        """Return the bytes of a node, without parentheses around it."""
        start, end = self.span(node)
        return self.text.utf8[start:end]

    def at_import(self, node: ast.AST) -> bool:
        """Whether a node runs when the module is imported, outside of all functions."""
        return not any(isinstance(one, FUNCTIONS) for one in self.above(node))


def literal(node: ast.AST | None) -> str | None:
    """Return the value of a string literal; None for any other expression."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def named(node: ast.AST) -> str:
    """Return the last name of a name or attribute; empty for other expressions."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def parameters(given: ast.arguments) -> list[ast.arg]:
    """Return the named parameters of a function, without `*args` and `**kwargs`."""
    return [*given.posonlyargs, *given.args, *given.kwonlyargs]


class _Scopes:
    """Resolve each name to its variable."""

    def __init__(self) -> None:
        self.reads: list[tuple[ast.Name, Scope]] = []
        self.bound: list[tuple[ast.AST, Variable]] = []
        self.names: list[str] = []

    def body(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        for statement in _flat(statements):  # declarations hold for the whole scope
            if isinstance(statement, ast.Global | ast.Nonlocal):
                kind = "global" if isinstance(statement, ast.Global) else "nonlocal"
                scope.elsewhere.update(dict.fromkeys(statement.names, kind))
        for statement in statements:
            self.visit(statement, scope)

    def visit(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Name):
            self.name(node, scope)
        elif isinstance(node, FUNCTIONS):
            self.function(node, scope)
        elif isinstance(node, ast.ClassDef):
            self.bind(node, node.name, scope)
            self.all([*node.decorator_list, *node.bases, *node.keywords], scope)
            self.body(node.body, Scope("class", scope))
        elif isinstance(node, _COMPREHENSIONS):
            self.comprehension(node, scope)
        else:
            self.other(node, scope)

    def all(self, nodes: Iterable[ast.AST | None], scope: Scope) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node, scope)

    def other(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.NamedExpr):
            while scope.kind == "comprehension" and scope.parent is not None:
                scope = scope.parent
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                bound = alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)
                self.bind(alias, bound, scope)
        else:
            name = getattr(node, "rest" if isinstance(node, ast.MatchMapping) else "name", None)
            if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping) and name:
                self.bind(node, name, scope)
        self.all(ast.iter_child_nodes(node), scope)

    def name(self, node: ast.Name, scope: Scope) -> None:
        if isinstance(node.ctx, ast.Load):
            self.reads.append((node, scope))
        else:
            self.bind(node, node.id, scope)

    def bind(self, node: ast.AST, name: str, scope: Scope) -> None:
        variable = scope.variable(name)
        variable.bindings.append(node)
        self.bound.append((node, variable))
        self.names.append(name)

    def function(self, node: Function | ast.Lambda, scope: Scope) -> None:
        given = node.args
        arguments = [*parameters(given), given.vararg, given.kwarg]
        self.all([*given.defaults, *given.kw_defaults], scope)
        self.all([one.annotation for one in arguments if one is not None], scope)
        inner = Scope("function", scope)
        if not isinstance(node, ast.Lambda):
            self.bind(node, node.name, scope)
            self.all([*node.decorator_list, node.returns], scope)
        for one in arguments:
            if one is not None:
                self.bind(one, one.arg, inner)
        if isinstance(node, ast.Lambda):
            self.visit(node.body, inner)
        else:
            self.body(node.body, inner)

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: Scope) -> None:
        inner = Scope("comprehension", scope)
        for number, one in enumerate(node.generators):
            self.visit(one.iter, inner if number else scope)
            self.visit(one.target, inner)
            self.all(one.ifs, inner)
        self.all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)


def _flat(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a scope, including nested blocks, without those of its functions and classes."""
    for statement in statements:
        yield statement
        if isinstance(statement, Function | ast.ClassDef):
            continue
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.stmt):
                yield from _flat([child])
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                yield from _flat(child.body)
