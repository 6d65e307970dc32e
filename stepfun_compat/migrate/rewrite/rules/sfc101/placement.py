"""Where clients are made in place of settings that are not set once and for all when the module is imported.

openai<1.0 keeps its settings in the module: a call uses what was set last. A client that takes their place has to be
made, then, before every call that may use it, and calls elsewhere have to see it: a variable of the function that
makes all calls, or else one of the module.
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
"""Decorators that call a function only where it is called."""
_EARLY: Final = "this may run before the key is set, when there is no client"
_CALLED: Final = "what calls this may do so before the key is set, when there is no client"


class Placement:
    """Whether the client of each call has been made by then; `is_local` says that it can be a variable of a function."""

    def __init__(
        self,
        tree: Tree,
        settings: Sequence[ast.stmt],
        calls: Collection[ast.AST],
        others: Sequence[bytes],
        imported: bool,
    ) -> None:
        """`settings` are the first statements of the groups that set something; `others` are the texts of the other
        files, `imported` says that one of them may call what is defined here.

        Raises:
            Stop: a call may run before.
        """
        self.tree = tree
        self.settings = settings
        self.imported = imported
        self.homes = [self._function(one) for one in settings]
        self.made = MadeBefore(tree, settings, others)
        if _PROCESSES.search(tree.text.utf8) is not None:
            raise _stop(settings[0], "the key is set at run time, and other processes do not see that")
        for one in settings:
            self._check_place(one)
        self.is_local = all(map(self.made.is_behind, calls)) and self._is_for_itself()
        self.made.follow_calls()
        self._check_entry(one for one in calls if not self.made.is_behind(one) and not self._is_of_instance(one))

    def _check_place(self, setting: ast.stmt) -> None:
        for one in self.tree.above(setting):
            if isinstance(one, ast.For | ast.AsyncFor | ast.While | ast.Match):
                raise _stop(setting, "openai.api_key is set in a loop or a match")
            if isinstance(one, ast.ClassDef):
                raise _stop(setting, "openai.api_key is set in the body of a class")
            if isinstance(one, Function):
                return

    def _function(self, node: ast.AST) -> Function | None:
        return next((one for one in self.tree.above(node) if isinstance(one, Function)), None)

    # Functions that set something for themselves

    def _is_for_itself(self) -> bool:
        """Whether what a function sets is used by this run of it alone: nothing else sets anything in between."""
        homes = {one for one in self.homes if one is not None}
        if None in self.homes or any(homes.intersection(self.tree.above(one)) for one in homes):
            return False
        values = [one.value for one in self.settings if isinstance(one, ast.Assign)]
        if len(homes) > 1 and len(set(map(ast.dump, values))) > 1:
            return False
        environment = all(map(_of_environment, values)) and len(homes) == len(self.homes)
        return environment or not self._runs_again(homes)

    def _runs_again(self, homes: Collection[Function]) -> bool:
        """Whether one of these functions may run while one of them does."""
        names = {one.name for one in homes}
        if any(_pauses(one) or names & self._named_from(one) for one in homes):
            return True
        return any(named(one) in names and not self._is_called(one) for one in self.tree.nodes)

    def _is_called(self, node: ast.AST) -> bool:
        parent = self.tree.parents.get(node)
        return isinstance(parent, ast.Call) and parent.func is node

    def _named_from(self, function: Function) -> set[str]:
        """The names of functions that a function may come to call, by itself or by those it calls."""
        found = set[str]()
        waiting: list[Function] = [function]
        while waiting:
            new = {named(one) for one in ast.walk(waiting.pop())} - found - {""}
            found |= new
            waiting += [one for one in self.tree.nodes if isinstance(one, Function) and one.name in new]
        return found

    # Methods of an instance that was made

    def _is_of_instance(self, node: ast.AST) -> bool:
        """Whether a call stands in a method of a class whose `__init__` sets something."""
        found = self._method(node)
        if found is None or found[0].name in ("__init__", "__new__") or found[0].decorator_list:
            return False
        owner = found[1]
        start = next((one for one in owner.body if isinstance(one, Function) and one.name == "__init__"), None)
        if start is None or start.decorator_list or not self.made.is_plain(owner):
            return False
        return self._starts_with_setting(start, owner)

    def _starts_with_setting(self, start: Function, owner: ast.ClassDef) -> bool:
        """Whether a method of an instance can only be called behind the setting in `__init__`."""
        place = self.made.place_in(start)
        methods = {one.name for one in owner.body if isinstance(one, Function)}
        before = [one for statement in start.body[:place] for one in ast.walk(statement)]
        if place is None or methods & set(map(named, before)):
            return False
        called = [one.value for one in self.tree.nodes if isinstance(one, ast.Attribute) and one.attr in methods]
        return owner.name not in map(named, called)

    def _method(self, node: ast.AST) -> tuple[Function, ast.ClassDef] | None:
        """The method that a node stands in, and its class."""
        for one, outer in itertools.pairwise(self.tree.above(node)):
            if isinstance(outer, ast.ClassDef):
                return (one, outer) if isinstance(one, Function) else None
        return None

    # Functions that are only called behind a setting

    def _check_entry(self, loose: Iterable[ast.AST]) -> None:
        """Follow the functions that make calls to where they are named.

        Raises:
            Stop: one may run before a setting.
        """
        waiting = list(loose)
        known = set[str]()
        while waiting:
            name = self._reached_by(waiting.pop())
            if name not in known:
                known.add(name)
                waiting += [one for one in self.tree.nodes if named(one) == name and not self.made.is_behind(one)]

    def _reached_by(self, node: ast.AST) -> str:
        """The name that the function, or the class, in which a node stands is reached by."""
        method = self._method(node)
        function = self._function(node)
        if function is None or self.imported or function in self.homes:
            raise _stop(node, _EARLY)
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
        """Whether a method may be called without its name, by an operator, a base class or `getattr`."""
        special = re.fullmatch(r"__\w+__", method.name) is not None
        return special or not self.made.is_plain(owner) or "getattr" in self.tree.names


def _stop(node: ast.AST, why: str) -> Stop:
    return Stop(getattr(node, "lineno", 1), why)


def _pauses(function: Function) -> bool:
    """Whether something else may run while a function does."""
    return isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(one, ast.Yield | ast.YieldFrom | ast.Await) for one in ast.walk(function)
    )


def _of_environment(value: ast.expr) -> bool:
    """Whether an expression is a constant, or reads a variable of the environment."""
    names = {one.id for one in ast.walk(value) if isinstance(one, ast.Name)}
    return _repeatable(value) and names <= {"os", "environ", "getenv"}


def _repeatable(value: ast.expr) -> bool:
    """Whether an expression gives the same again, and does nothing else."""
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
