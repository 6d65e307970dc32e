"""Check that clients can replace settings that are not set once when the module is imported.

openai<1.0 keeps its settings in the module, and a call uses the latest values. A client that replaces them must exist
before every call that uses it, and must be accessible there: as a variable of the function that makes all calls, or
else of the module.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from .made_before import MadeBefore
from .tree import Function, Stop, Tree, literal, named

_PROCESSES: Final = re.compile(
    rb"\b(multiprocessing|ProcessPoolExecutor|joblib|pickle|dill|concurrent\.futures\.process)\b"
)
_WRAPPERS: Final = frozenset(
    [
        "backoff",
        "cached_property",
        "classmethod",
        "functools",
        "property",
        "retry",
        "staticmethod",
        "tenacity",
        "wraps",
    ]
)
"""Decorators that do not call the function by themselves."""
EARLY: Final = "this may run before the key is set, when no client exists yet: set the key at the start of the module"
_CALLED: Final = (
    "this may be called before the key is set, when no client exists yet: set it at the start of the module"
)


class Placement:
    """Check that each call runs after its client is created. `is_local`: the client can be a variable of a function."""

    def __init__(
        self,
        tree: Tree,
        settings: Sequence[ast.stmt],
        calls: Collection[ast.AST],
        others: Sequence[bytes],
        imported: bool,
    ) -> None:
        """`settings` are the first statements of the groups of settings, `others` the texts of the other files.
        `imported`: one of them may call functions of this file.

        Raises:
            Stop: a call may run before a client exists.
        """
        self.tree = tree
        self.settings = settings
        self.imported = imported
        self.homes = [self._function(one) for one in settings]
        self.made = MadeBefore(tree, settings, others)
        if _PROCESSES.search(tree.text.utf8) is not None:
            why = (
                "the key is set at run time, but other processes have no client then: set it at the start of the module"
            )
            raise _stop(settings[0], why)
        for one in settings:
            self._check_place(one)
        self.is_local = all(map(self.made.runs_after_setting, calls)) and self._is_for_itself()
        self.made.follow_calls()
        self._check_entry(
            one for one in calls if not self.made.runs_after_setting(one) and not self._is_of_instance(one)
        )

    def _check_place(self, setting: ast.stmt) -> None:
        for one in self.tree.above(setting):
            if isinstance(one, ast.For | ast.AsyncFor | ast.While | ast.Match):
                raise _stop(setting, "openai.api_key is set in a loop or a match statement: set it once before")
            if isinstance(one, ast.ClassDef):
                raise _stop(setting, "openai.api_key is set in the body of a class: set it at module level")
            if isinstance(one, Function):
                return

    def _function(self, node: ast.AST) -> Function | None:
        return next((one for one in self.tree.above(node) if isinstance(one, Function)), None)

    # Functions whose settings only they use

    def _is_for_itself(self) -> bool:
        """Whether the settings of a function only apply to the same call of it: nothing changes them in between."""
        homes = {one for one in self.homes if one is not None}
        if None in self.homes or any(homes.intersection(self.tree.above(one)) for one in homes):
            return False
        values = [one.value for one in self.settings if isinstance(one, ast.Assign)]
        if len(homes) > 1 and len(set(map(ast.dump, values))) > 1:
            return False
        environment = all(map(_of_environment, values)) and len(homes) == len(self.homes)
        return environment or not self._runs_again(homes)

    def _runs_again(self, homes: Collection[Function]) -> bool:
        """Whether one of these functions may run during another call of one of them."""
        names = {one.name for one in homes}
        if any(_pauses(one) or names & self._named_from(one) for one in homes):
            return True
        return any(named(one) in names and not self._is_called(one) for one in self.tree.nodes)

    def _is_called(self, node: ast.AST) -> bool:
        parent = self.tree.parents.get(node)
        return isinstance(parent, ast.Call) and parent.func is node

    def _named_from(self, function: Function) -> set[str]:
        """Return the names that a function, or a function that it may call, uses."""
        found = set[str]()
        waiting: list[Function] = [function]
        while waiting:
            new = {named(one) for one in ast.walk(waiting.pop())} - found - {""}
            found |= new
            waiting += [one for one in self.tree.nodes if isinstance(one, Function) and one.name in new]
        return found

    # Methods of an instance whose `__init__` sets something

    def _is_of_instance(self, node: ast.AST) -> bool:
        """Whether a call is in a method of a class whose `__init__` always runs a setting."""
        found = self._method(node)
        if found is None or found[0].name in ("__init__", "__new__") or found[0].decorator_list:
            return False
        owner = found[1]
        start = next((one for one in owner.body if isinstance(one, Function) and one.name == "__init__"), None)
        if start is None or start.decorator_list or not self.made.is_plain(owner):
            return False
        return self._starts_with_setting(start, owner)

    def _starts_with_setting(self, start: Function, owner: ast.ClassDef) -> bool:
        """Whether methods of an instance can only be called after the setting in `__init__`."""
        place = self.made.place_in(start)
        methods = {one.name for one in owner.body if isinstance(one, Function)}
        before = [one for statement in start.body[:place] for one in ast.walk(statement)]
        if place is None or methods & set(map(named, before)):
            return False
        called = [one.value for one in self.tree.nodes if isinstance(one, ast.Attribute) and one.attr in methods]
        return owner.name not in map(named, called)

    def _method(self, node: ast.AST) -> tuple[Function, ast.ClassDef] | None:
        """Return the method that contains a node, and its class."""
        for one, outer in itertools.pairwise(self.tree.above(node)):
            if isinstance(outer, ast.ClassDef):
                return (one, outer) if isinstance(one, Function) else None
        return None

    # Functions that are only called after a setting

    def _check_entry(self, loose: Iterable[ast.AST]) -> None:
        """Check all places where functions with API calls are used.

        Raises:
            Stop: one may run before a setting.
        """
        waiting = list(loose)
        known = set[str]()
        while waiting:
            name = self._reached_by(waiting.pop())
            if name not in known:
                known.add(name)
                waiting += [
                    one for one in self.tree.nodes if named(one) == name and not self.made.runs_after_setting(one)
                ]

    def _reached_by(self, node: ast.AST) -> str:
        """Return the name through which the function or class that contains a node is used."""
        method = self._method(node)
        function = self._function(node)
        if function is None or self.imported or function in self.homes:
            raise _stop(node, EARLY)
        self._check_decorators(function)
        if method is not None and (function is not method[0] or self._is_hidden(*method)):
            return method[1].name
        if function.name in map(literal, self.tree.nodes):
            raise _stop(function, _CALLED)
        return function.name

    def _check_decorators(self, function: Function) -> None:
        for one in function.decorator_list:
            if named(_root(one)) not in _WRAPPERS:
                raise _stop(one, _CALLED)

    def _is_hidden(self, method: Function, owner: ast.ClassDef) -> bool:
        """Whether a method may be called implicitly: by an operator, a base class or `getattr`."""
        special = re.fullmatch(r"__\w+__", method.name) is not None
        return special or not self.made.is_plain(owner) or "getattr" in self.tree.names


def _stop(node: ast.AST, why: str) -> Stop:
    return Stop(getattr(node, "lineno", 1), why)


def _pauses(function: Function) -> bool:
    """Whether other code may run during a call of a function."""
    return isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(one, ast.Yield | ast.YieldFrom | ast.Await) for one in ast.walk(function)
    )


def _of_environment(value: ast.expr) -> bool:
    """Whether an expression is a constant or reads an environment variable."""
    names = {one.id for one in ast.walk(value) if isinstance(one, ast.Name)}
    return _repeatable(value) and names <= {"os", "environ", "getenv"}


def _repeatable(value: ast.expr) -> bool:
    """Whether an expression has no side effects and always the same value."""
    if isinstance(value, ast.Constant | ast.Name):
        return True
    if isinstance(value, ast.Attribute | ast.Subscript):
        constant = isinstance(value, ast.Attribute) or isinstance(value.slice, ast.Constant)
        return constant and _repeatable(value.value)
    if not isinstance(value, ast.Call) or value.keywords:
        return False
    reads = ast.unparse(value.func) in ("os.getenv", "os.environ.get", "getenv", "environ.get")
    return reads and all(isinstance(one, ast.Constant) for one in value.args)


def _root(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Call | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node
