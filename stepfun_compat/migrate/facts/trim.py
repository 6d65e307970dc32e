"""Remove the facts of a file that linking does not use, to save memory and time."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from typing import Final

from . import model as m

_KEPT_BUILTINS: Final = frozenset(
    {"getattr", "setattr", "delattr", "hasattr", "super", "type", "__import__", "next", "iter"}
)
_BUILTINS: Final = frozenset(dir(builtins)) - _KEPT_BUILTINS
_PLAIN_METHODS: Final = frozenset(
    [
        "append",
        "strip",
        "lstrip",
        "rstrip",
        "split",
        "rsplit",
        "join",
        "lower",
        "upper",
        "startswith",
        "endswith",
        "replace",
        "extend",
        "encode",
        "decode",
        "info",
        "debug",
        "warning",
        "error",
        "exception",
        "isoformat",
        "dumps",
        "loads",
        "add_argument",
        "group",
        "sub",
        "match",
        "exists",
        "mkdir",
        "group",
        "groups",
    ]
)

_TYPING: Final = frozenset({"__future__", "typing", "typing_extensions"})
"""Modules whose names only occur in annotations, and are most of the names that a file reads."""


def trim(facts: m.FileFacts) -> m.FileFacts:
    """Remove reads of single names that no import binds, and calls of builtins and common methods. Bound expressions
    stay complete."""
    imported = _imports(facts)
    read = {name for name, worth in imported.items() if worth}
    bound = {name for scope in facts.scopes for name in scope.bindings}
    if any(scope.stars for scope in facts.scopes):
        facts.reads = [
            one for one in facts.reads if type(one) is not m.Name or one.name in read or one.name not in bound
        ]
    else:
        facts.reads = [one for one in facts.reads if type(one) is not m.Name or one.name in read]
    facts.calls = [one for one in facts.calls if _kept(one, imported, bound)]
    return facts


def imported_names(facts: m.FileFacts) -> frozenset[str]:
    """Return the names that imports bind anywhere in a file."""
    return frozenset(_imports(facts))


def _imports(facts: m.FileFacts) -> dict[str, bool]:
    """Return the names that imports bind, each with whether it may occur outside annotations."""
    found: dict[str, bool] = {}
    for scope in facts.scopes:
        for name, values in scope.bindings.items():
            for one in values:
                if type(one) is m.Imported:
                    found[name] = found.get(name, False) or one.module not in _TYPING or one.level > 0
    return found


def _kept(call: m.Call, imported: Collection[str], bound: set[str]) -> bool:
    func = call.func
    if type(func) is m.Name:
        return func.name not in _BUILTINS or func.name in bound
    if type(func) is m.Attribute and func.attr in _PLAIN_METHODS:
        root: m.Expr | None = func
        while isinstance(root, m.CHAINED):
            root = root.base
        return type(root) is m.Name and root.name in imported
    return func is not None
