"""Evidence that an object which nothing of openai's reaches is another vendor's: looked for only where a chain looks
like a client's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..facts import model as m
from .callees import class_around, gives_self, last_name

if TYPE_CHECKING:
    from .linker import Linker

_STEPS: Final = 4
_SITES: Final = 40


def from_elsewhere(linker: Linker, file: int, expr: m.Expr | None, steps: int = _STEPS) -> bool:
    """Return whether everything that is known of an expression comes from other distributions: followed through
    names, attributes of `self`, and parameters to the calls of the project."""
    if expr is None or steps == 0:
        return False
    values = linker.values(file, expr).values
    if values:
        return all(one.kind == "foreign" for one in values)
    sources = list(_sources(linker, file, expr))
    return bool(sources) and all(from_elsewhere(linker, where, one, steps - 1) for where, one in sources)


def _sources(linker: Linker, file: int, expr: m.Expr) -> list[tuple[int, m.Expr]]:
    facts = linker.facts[file]
    if isinstance(expr, m.Name):
        scope: int | None = expr.scope
        while scope is not None:
            bound = facts.scopes[scope].bindings.get(expr.name)
            if bound is not None:
                return [(file, one) for one in bound if not isinstance(one, m.Text | m.Opaque)]
            scope = facts.scopes[scope].parent
    elif isinstance(expr, m.Attribute) and isinstance(expr.base, m.Name) and expr.base.name in ("self", "cls"):
        owner = class_around(facts, expr.base.scope)
        if owner is not None:
            return [
                (file, one)
                for one in facts.classes[owner].attributes.get(expr.attr, ())
                if not isinstance(one, m.Opaque)
            ]
    elif isinstance(expr, m.ParameterValue):
        return _given(linker, file, expr)
    elif isinstance(expr, m.Call) and isinstance(expr.func, m.Attribute | m.Name):
        return [(file, expr.func)]
    return []


def _given(linker: Linker, file: int, expr: m.ParameterValue) -> list[tuple[int, m.Expr]]:
    function = linker.facts[file].functions[expr.function]
    name = function.name
    if function.owner is not None and name == "__init__":
        name = linker.facts[file].classes[function.owner].name
    position = next(number for number, one in enumerate(function.parameters) if one.name == expr.name)
    found: list[tuple[int, m.Expr]] = []
    for where, call in linker.other_sites.get(name, ())[:_SITES]:
        offset = 1 if function.owner is not None and not gives_self(call) else 0
        value = _argument(call, expr.name, position - offset)
        if value is not None and not isinstance(value, m.Text | m.Opaque) and last_name(call.func):
            found.append((where, value))
    return found


def _argument(call: m.Call, name: str, position: int) -> m.Expr | None:
    plain = [one.value for one in call.arguments if one.name is None]
    named = next((one.value for one in call.arguments if one.name == name), None)
    return named if named is not None else plain[position] if 0 <= position < len(plain) else None
