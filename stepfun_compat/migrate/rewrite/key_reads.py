"""Find where a program reads OpenAI's key from the environment, and how it uses the value."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..facts import parse
from .model import File
from .urls import is_openai_url

_CLIENTS: Final = frozenset({"OpenAI", "AsyncOpenAI", "Client", "AsyncClient"})
_OWN_MODULES: Final = frozenset({"stepfun_compat", "stepfun_compat.legacy"})
_QUOTED: Final = re.compile(rb"[rRuU]?([\"'])(\w+)\1")
_Place = tuple[int, int, int, int]
_Names = set[tuple[ast.AST, str]]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(slots=True, eq=False)
class KeyRead:
    """A string that is the name of the key: its position, and why it must not be changed.

    `problem` is empty if the value is only passed to a client or checked for presence. `name` is the module-level name
    that holds the value, if any.
    """

    line: int
    start: int
    end: int
    problem: str = ""
    name: str = ""


def key_reads(file: File, names: frozenset[str], redirected: bool) -> list[KeyRead]:
    """Return every string of a file that is one of the names, in source order.

    `redirected`: the module-level client may call another vendor, so the value of `openai.api_key` may be sent there.
    """
    return _Reader(file, names, redirected).read()


_REDIRECTS: Final = frozenset({"api_base", "base_url", "api_type", "azure_endpoint"})


def redirects(file: File) -> bool:
    """Whether a file sets an attribute that may point the module-level client to another host than OpenAI's."""
    if not any(name.encode() in file.text.utf8 for name in _REDIRECTS):
        return False
    for node in ast.walk(parse(file.text.utf8)):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr in _REDIRECTS and not _is_openais_url(node.value):
                    return True
    return False


def _is_openais_url(value: ast.expr | None) -> bool:
    """Whether a URL is the literal URL of OpenAI's API, or None."""
    if not isinstance(value, ast.Constant):
        return False
    return value.value is None or (isinstance(value.value, str) and is_openai_url(value.value))


class _Reader:
    def __init__(self, file: File, names: frozenset[str], redirected: bool) -> None:
        self.file = file
        self.names = names
        self.tree = parse(file.text.utf8)
        self.parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
        self.clients: set[_Place] = set()
        self.settings: set[_Place] = set()
        if file.moved:
            self.clients, self.settings = _moved_clients(file)
        self._own_clients()
        if redirected:
            self.settings.clear()

    def read(self) -> list[KeyRead]:
        found = [
            self._read(node)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in self.names
        ]
        return sorted(found, key=lambda one: one.start)

    def _own_clients(self) -> None:
        """Record the uses of clients that are already imported from stepfun_compat."""
        classes, modules = self._own_names()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                if self._is_client(node.func, classes, modules) and not _redirected(node):
                    self.clients.add(_place(node.func))
            elif isinstance(node, ast.Attribute) and node.attr == "api_key" and self._is_one_of(node.value, modules):
                self.settings.add(_place(node))

    def _own_names(self) -> tuple[_Names, _Names]:
        """Return the names that imports bind to clients and modules of stepfun_compat, with the scopes of the imports."""
        classes: _Names = set()
        modules: _Names = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module in ("stepfun_compat", "stepfun_compat.client"):
                classes |= {(self._scope(node), name) for name in _bound(node, _CLIENTS)}
            elif isinstance(node, ast.Import):
                modules |= {(self._scope(node), name) for name in _bound(node, _OWN_MODULES)}
        return classes, modules

    def _is_client(self, func: ast.expr, classes: _Names, modules: _Names) -> bool:
        """Whether an expression is a client class: one of the classes, or an attribute of one of the modules."""
        if isinstance(func, ast.Attribute):
            return func.attr in _CLIENTS and self._is_one_of(func.value, modules)
        return self._is_one_of(func, classes)

    def _is_one_of(self, node: ast.expr, names: _Names) -> bool:
        """Whether an expression is a name that one of the imports binds in its scope or an enclosing one."""
        if not isinstance(node, ast.Name):
            return False
        scope = self._scope(node)
        while (scope, node.id) not in names:
            if isinstance(scope, ast.Module):
                return False
            scope = self._scope(scope)
            while isinstance(scope, ast.ClassDef):  # its names are not visible in its methods
                scope = self._scope(scope)
        return True

    def _read(self, node: ast.Constant) -> KeyRead:
        start = self.file.text.offset(node.lineno, node.col_offset)
        end = self.file.text.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        quoted = _QUOTED.fullmatch(self.file.text.utf8[start:end])
        if quoted is None:
            return KeyRead(node.lineno, start, end, "is not a plain string literal")
        read = KeyRead(node.lineno, start + quoted.start(2), start + quoted.end(2))
        parent = self.parents[node]
        if isinstance(parent, ast.Compare):
            if not (_is_membership(parent) and parent.left is node and _is_environ(parent.comparators[0])):
                read.problem = "is compared"
            return read
        value = self._environment_read(node)
        if value is None:
            read.problem = "is not only read from the environment"
        else:
            self._value(value, read)
        return read

    def _environment_read(self, node: ast.Constant) -> ast.expr | None:
        """Return the expression that reads the variable: `os.environ["…"]`, `os.environ.get("…")`, `os.getenv("…")`."""
        parent = self.parents[node]
        if isinstance(parent, ast.Subscript):
            loaded = isinstance(parent.ctx, ast.Load) and parent.slice is node and _is_environ(parent.value)
            return parent if loaded else None
        if not isinstance(parent, ast.Call) or not _takes_one(parent, node):
            return None
        return parent if _reads_environment(parent.func) else None

    def _value(self, value: ast.expr, read: KeyRead) -> None:
        """Set `problem` or `name` according to how the value is used."""
        if self._handed_over(value) or self._checked(value):
            return
        target = self._kept_as(value)
        if not isinstance(target, ast.Name):
            read.problem = "is passed to something other than a client"
            return
        scope = self._scope(value)
        if isinstance(scope, ast.ClassDef):
            read.problem = f"is stored in the class attribute {target.id}"
        elif not self._name_is_understood(scope, target.id):
            read.problem = f"is stored as {target.id}, which is not only passed to a client"
        elif isinstance(scope, ast.Module):
            read.name = target.id

    def _kept_as(self, value: ast.expr) -> ast.expr | None:
        """Return the target of a plain assignment of the value."""
        parent = self.parents[value]
        if isinstance(parent, ast.Assign):
            return parent.targets[0] if len(parent.targets) == 1 else None
        if isinstance(parent, ast.NamedExpr):
            return parent.target if self._handed_over(parent) or self._checked(parent) else None
        return parent.target if isinstance(parent, ast.AnnAssign) else None

    def _handed_over(self, value: ast.expr) -> bool:
        """Whether a value is the `api_key` of a client or of the module."""
        parent = self.parents[value]
        if isinstance(parent, ast.keyword) and parent.arg == "api_key":
            call = self.parents[parent]
            return isinstance(call, ast.Call) and _place(call.func) in self.clients and not _redirected(call)
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
            return _place(parent.targets[0]) in self.settings
        return False

    def _checked(self, value: ast.expr) -> bool:
        """Whether a value is only checked for presence."""
        parent = self.parents[value]
        if isinstance(parent, ast.UnaryOp):
            return isinstance(parent.op, ast.Not)
        if isinstance(parent, ast.If | ast.While | ast.Assert | ast.IfExp):
            return parent.test is value
        if isinstance(parent, ast.Compare):
            equal = (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)
            return parent.left is value and len(parent.ops) == 1 and isinstance(parent.ops[0], equal) and _is_empty(parent.comparators[0])  # fmt: skip
        if isinstance(parent, ast.BoolOp):
            return self._checked(parent)
        return isinstance(parent, ast.Call) and _is_name(parent.func, "bool") and parent.args == [value]

    def _scope(self, node: ast.AST) -> ast.AST:
        while not isinstance(node, ast.Module):
            node = self.parents[node]
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                break
        return node

    def _name_is_understood(self, scope: ast.AST, name: str) -> bool:
        """Whether a name only holds the key and is only passed to clients or checked."""
        for node in _inside(scope, name):
            if isinstance(node, ast.Name):
                good = (
                    self._store(node)
                    if isinstance(node.ctx, ast.Store)
                    else self._handed_over(node) or self._checked(node)
                )
                if not good or isinstance(node.ctx, ast.Del):
                    return False
            else:  # an argument, an import, a declaration or a definition of the same name
                return False
        return True

    def _store(self, node: ast.Name) -> bool:
        parent = self.parents[node]
        if isinstance(parent, ast.Assign):
            value: ast.expr | None = parent.value if parent.targets == [node] else None
        elif isinstance(parent, ast.AnnAssign | ast.NamedExpr):
            value = parent.value
            if value is None:
                return True
        else:
            return False
        return value is not None and (_is_empty(value) or self._reads_the_key(value))

    def _reads_the_key(self, value: ast.expr) -> bool:
        return any(
            isinstance(one, ast.Constant) and one.value in self.names and self._environment_read(one) is value
            for one in ast.walk(value)
            if not isinstance(one, ast.Constant) or isinstance(one.value, str)
        )


def _bound(node: ast.Import | ast.ImportFrom, names: frozenset[str]) -> set[str]:
    """Return the names that an import statement binds to any of the given names."""
    return {one.asname or one.name for one in node.names if one.name in names}


def _takes_one(call: ast.Call, node: ast.expr) -> bool:
    """Whether a call has one argument, optionally followed by an empty default."""
    if not call.args or call.args[0] is not node or call.keywords:
        return False
    return len(call.args) == 1 or (len(call.args) == 2 and _is_empty(call.args[1]))


def _reads_environment(func: ast.expr) -> bool:
    """Whether a function reads a variable: `os.environ.get`, `os.getenv`, `getenv`."""
    if isinstance(func, ast.Attribute):
        return _is_environ(func.value) if func.attr == "get" else func.attr == "getenv" and _is_name(func.value, "os")
    return _is_name(func, "getenv")


def _inside(scope: ast.AST, name: str) -> Iterator[ast.AST]:
    """Yield the nodes that use or bind a name in a scope and in nested functions that do not rebind it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, _FUNCTIONS) and _binds(node, name):
            waiting.extend(_outer_parts(node))
            continue
        names = _NAMES_OF.get(type(node))
        if names is not None and name in names(node):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


_NAMES_OF: Final[Mapping[type[ast.AST], Callable[[Any], Sequence[object]]]] = {
    ast.Name: lambda node: (node.id,),
    ast.arg: lambda node: (node.arg,),
    ast.alias: lambda node: (node.asname or node.name.partition(".")[0],),
    ast.Global: lambda node: node.names,
    ast.Nonlocal: lambda node: node.names,
    ast.FunctionDef: lambda node: (node.name,),
    ast.AsyncFunctionDef: lambda node: (node.name,),
    ast.ClassDef: lambda node: (node.name,),
    ast.ExceptHandler: lambda node: (node.name,),
    ast.MatchAs: lambda node: (node.name,),
    ast.MatchStar: lambda node: (node.name,),
    ast.Constant: lambda node: (node.value,),  # __all__, globals()["…"], getattr(…, "…")
}
"""Functions that return the names that a node reads or binds, by its class."""


def _binds(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> bool:
    """Whether a name is local to a function: a parameter, or assigned without a global or nonlocal declaration."""
    if any(isinstance(one, ast.arg) and one.arg == name for one in ast.iter_child_nodes(function.args)):
        return True
    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    nodes = [node for part in body for node in ast.walk(part)]
    if any(isinstance(node, ast.Global | ast.Nonlocal) and name in node.names for node in nodes):
        return False
    return any(isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store) for node in nodes)


def _outer_parts(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[ast.AST]:
    """Return the parts of a function that are evaluated in its enclosing scope: defaults and decorators."""
    parts: list[ast.AST] = [*function.args.defaults, *(one for one in function.args.kw_defaults if one is not None)]
    if not isinstance(function, ast.Lambda):
        parts += function.decorator_list
    return parts


def _moved_clients(file: File) -> tuple[set[_Place], set[_Place]]:
    """Return the positions of clients created and keys set through a moved import."""
    clients = {
        (use.line, use.column, use.end_line, use.end_column)
        for use in file.uses
        if use.kind == "client_construction" and use.known == "resolved" and use.target.rpartition(".")[2] in _CLIENTS
    }
    settings = {
        (use.line, use.column, use.end_line, use.end_column)
        for use in file.uses
        if use.kind == "module_config" and use.how == "write" and use.target == "openai.api_key"
    }
    return clients, settings


def _redirected(call: ast.Call) -> bool:
    """Whether a client gets unknown arguments, or a URL that may be another vendor's."""
    return any(one.arg is None or (one.arg == "base_url" and not _is_openais_url(one.value)) for one in call.keywords)


def _place(node: ast.expr) -> _Place:
    return node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_environ(node: ast.expr) -> bool:
    return _is_name(node, "environ") or (
        isinstance(node, ast.Attribute) and node.attr == "environ" and _is_name(node.value, "os")
    )


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (None, "")


def _is_membership(node: ast.Compare) -> bool:
    return len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn)
