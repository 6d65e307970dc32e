"""Find evidence that a chain that looks like an openai client's belongs to another vendor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..facts import FileFacts
from ..facts import model as m
from .callees import class_around, last_name, passes_self

if TYPE_CHECKING:
    from .linker import Linker

_STEPS: Final = 4
_SITES: Final = 40


def from_other_distributions(linker: Linker, file: int, expr: m.Expr | None, steps: int = _STEPS) -> bool:
    """Whether all known values of an expression come from other distributions. Follows names, attributes of `self`, and
    parameters to the project's calls."""
    if expr is None or steps == 0:
        return False
    values = linker.values(file, expr).values
    if values:
        return all(one.kind == "foreign" for one in values)
    sources = list(_sources(linker, file, expr))
    return bool(sources) and all(from_other_distributions(linker, where, one, steps - 1) for where, one in sources)


def _sources(linker: Linker, file: int, expr: m.Expr) -> list[tuple[int, m.Expr]]:
    facts = linker.facts[file]
    if isinstance(expr, m.Name):
        return [(file, one) for one in _bound(facts, expr) if not isinstance(one, m.PLAIN)]
    if isinstance(expr, m.Attribute):
        return [(file, one) for one in _of_self(facts, expr) if not isinstance(one, m.Opaque)]
    if isinstance(expr, m.ParameterValue):
        return _given(linker, file, expr)
    if isinstance(expr, m.Call) and isinstance(expr.func, m.Attribute | m.Name):
        return [(file, expr.func)]
    return []


def _bound(facts: FileFacts, name: m.Name) -> Sequence[m.Expr]:
    """Return the values bound to a name in the innermost scope that binds it."""
    scope: int | None = name.scope
    while scope is not None:
        bound = facts.scopes[scope].bindings.get(name.name)
        if bound is not None:
            return bound
        scope = facts.scopes[scope].parent
    return ()


def _of_self(facts: FileFacts, expr: m.Attribute) -> Sequence[m.Expr]:
    """Return the values assigned to an attribute of `self`."""
    base = expr.base
    owner = class_around(facts, base.scope) if isinstance(base, m.Name) and base.name in ("self", "cls") else None
    return () if owner is None else facts.classes[owner].attributes.get(expr.attr, ())


def _given(linker: Linker, file: int, expr: m.ParameterValue) -> list[tuple[int, m.Expr]]:
    function = linker.facts[file].functions[expr.function]
    method = function.owner is not None
    name = function.name
    if function.owner is not None and name == "__init__":
        name = linker.facts[file].classes[function.owner].name
    position = [one.name for one in function.parameters].index(expr.name)
    given = (
        (where, _argument(call, expr.name, position - (method and not passes_self(call))))
        for where, call in linker.other_sites.get(name, ())[:_SITES]
        if last_name(call.func)
    )
    return [(where, one) for where, one in given if one is not None and not isinstance(one, m.PLAIN)]


def _argument(call: m.Call, name: str, position: int) -> m.Expr | None:
    plain = [one.value for one in call.arguments if one.name is None]
    named = next((one.value for one in call.arguments if one.name == name), None)
    return named if named is not None else plain[position] if 0 <= position < len(plain) else None
