"""The names of callees, by which the linker indexes calls."""

from __future__ import annotations

from ..facts import FileFacts
from ..facts import model as m


def last_name(expr: m.Expr | None) -> str:
    """Return the last name of a name or chain; empty for anything else."""
    if isinstance(expr, m.Attribute):
        return expr.attr
    if isinstance(expr, m.Name):
        return expr.name
    if isinstance(expr, m.Item):
        return last_name(expr.base)
    if isinstance(expr, m.Call) and last_name(expr.func) == "super":
        return "super"
    return ""


def class_around(facts: FileFacts, scope: int) -> int | None:
    """Return the class whose body or method a scope belongs to."""
    here: int | None = scope
    while here is not None:
        current = facts.scopes[here]
        if current.kind == "function" and current.owner is not None:
            owner = facts.functions[current.owner].owner
            if owner is not None:
                return owner
        elif current.kind == "class":
            return current.owner
        here = current.parent
    return None


def called_names(facts: FileFacts, call: m.Call) -> list[str]:
    """Return the names of the functions and classes that a call may call: for `super().__init__(…)` the bases of the
    class, for `Base.__init__(self, …)` the base."""
    name = last_name(call.func)
    if name not in ("__init__", "__new__") or not isinstance(call.func, m.Attribute):
        return [name] if name else []
    if last_name(call.func.base) != "super":
        return [last_name(call.func.base)]
    owner = class_around(facts, call.scope)
    return [] if owner is None else [last_name(base) for base in facts.classes[owner].bases]


def passes_self(call: m.Call) -> bool:
    """Whether a call of a constructor passes the object itself: `Base.__init__(self, …)`."""
    func = call.func
    return isinstance(func, m.Attribute) and func.attr in ("__init__", "__new__") and last_name(func.base) != "super"
