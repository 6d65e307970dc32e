"""Determine whether a client, which replaces settings, exists when code runs."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from .tree import Function, Tree, named

_LEAVES: Final = frozenset({"exit", "quit", "sys.exit", "os._exit"})
_PLAIN: Final = frozenset({"object", "ABC"})


class MadeBefore:
    """Find the code that only runs after a setting: in the same function, or after a call of a function with one."""

    def __init__(self, tree: Tree, settings: Sequence[ast.stmt], others: Sequence[bytes]) -> None:
        """`settings` are the first statements of the groups of settings, `others` the texts of other files."""
        self.tree = tree
        self.settings = set[ast.AST](settings)
        self.others = others
        self._setters = set[ast.AST]()
        """Functions and classes whose calls always run a setting."""
        self._kinds: dict[type[ast.AST], Callable[[ast.AST], bool]] = {
            ast.If: self._if_sets,
            ast.With: self._with_sets,
            ast.Try: self._try_sets,
            ast.Expr: self._calls_setter,
            ast.Assign: self._calls_setter,
            ast.AnnAssign: self._calls_setter,
        }

    def follow_calls(self) -> None:
        """From now on, also count calls of functions that always run a setting."""
        self._setters = set(self._found_setters())

    def runs_after_setting(self, node: ast.AST) -> bool:
        """Whether a node only runs after a setting in the same block or an enclosing one."""
        for above in self.tree.above(node):
            body = next((one for one in _blocks(above) if node in one), None)
            if body is not None and any(self.sets(one) for one in body[: body.index(node)]):
                return True
            node = above
        return False

    def sets(self, node: ast.AST) -> bool:
        """Whether a client always exists after a statement."""
        kind = self._kinds.get(type(node))
        return node in self.settings or (kind is not None and kind(node))

    def _if_sets(self, node: ast.AST) -> bool:
        assert isinstance(node, ast.If)
        return self._set_in(node.body) and self._set_in(node.orelse)

    def _with_sets(self, node: ast.AST) -> bool:
        """Whether a `with open(…)` runs a setting. Other context managers may suppress errors."""
        assert isinstance(node, ast.With)
        return all(_opens(one.context_expr) for one in node.items) and any(self.sets(one) for one in node.body)

    def _try_sets(self, node: ast.AST) -> bool:
        assert isinstance(node, ast.Try)
        if any(self.sets(one) for one in node.finalbody):
            return True
        tried = any(self.sets(one) for one in (*node.body, *node.orelse))
        return tried and all(self._set_in(one.body) for one in node.handlers)

    def _set_in(self, body: Sequence[ast.stmt]) -> bool:
        return any(self.sets(one) for one in body) or (bool(body) and _leaves(body[-1]))

    def _calls_setter(self, node: ast.AST) -> bool:
        """Whether a statement calls a function that always runs a setting, and may assign the result."""
        call = node.value if isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return False
        variable = self.tree.variables.get(call.func)
        return variable is not None and len(variable.bindings) == 1 and variable.bindings[0] in self._setters

    def _found_setters(self) -> Iterator[ast.AST]:
        for one in self.tree.nodes:
            if isinstance(one, ast.FunctionDef) and not one.decorator_list and self.place_in(one) is not None:
                outer = self.tree.parents.get(one)
                if not isinstance(outer, ast.ClassDef):
                    yield one
                elif one.name == "__init__" and self.is_plain(outer):
                    yield outer

    def place_in(self, function: Function) -> int | None:
        """Return the index of the statement after which a client exists in a function; None if there may be none."""
        place = next((number for number, one in enumerate(function.body) if self.sets(one)), None)
        before = [one for statement in function.body[:place] for one in ast.walk(statement)]
        ends = any(isinstance(one, ast.Return) for one in before)
        lazy = any(isinstance(one, ast.Yield | ast.YieldFrom) for one in ast.walk(function))
        return None if ends or lazy else place

    def is_plain(self, owner: ast.ClassDef) -> bool:
        """Whether a class has no subclasses, decorators, metaclass or bases that may create or call its instances."""
        if owner.decorator_list or owner.keywords or any(named(one) not in _PLAIN for one in owner.bases):
            return False
        subclass = re.compile(rb"\bclass[ \t]+\w+[ \t]*\([^)]*\b" + owner.name.encode() + rb"\b")
        return subclass.search(self.tree.text.utf8) is None and not any(map(subclass.search, self.others))


def _blocks(node: ast.AST) -> Iterable[list[ast.AST]]:
    """Yield the blocks of a compound statement."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def neighbours(node: ast.AST) -> Iterable[tuple[ast.AST, ast.AST]]:
    """Return the pairs of consecutive statements in a node."""
    return (pair for block in _blocks(node) for pair in itertools.pairwise(block))


def _leaves(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise | ast.Return):
        return True
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and ast.unparse(call.func) in _LEAVES


def _opens(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
