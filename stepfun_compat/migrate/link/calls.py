"""Evaluate calls and parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal

from ..facts import model as m
from . import objects
from .callees import class_around, last_name, passes_self
from .values import ANSWER, NOTHING, Result, Value, union
from .vocabulary import CALLED, FIRST_ARGUMENT, imports, passes_through

if TYPE_CHECKING:
    from .linker import Linker

_FEW_SITES: Final = 20
"""The maximum number of calls of one name; the calls of a more common name are ignored."""
_MODULE: Final = re.compile(r"[A-Za-z_][\w.]*")


def call(linker: Linker, file: int, expr: m.Call) -> Result:
    """Return the result of a call."""
    special = _special(linker, file, expr)
    if special is not None:
        return special
    callee = linker.values(file, expr.func)
    results: list[Result] = []
    for value in callee.values:
        results.append(_called(linker, file, expr, value))
    if not callee.values and isinstance(expr.func, m.Attribute):
        results += _of_container(linker, file, expr, expr.func)
    if all(value.kind == "foreign" for one in results for value in one.values):
        lazy = _lazy_import(linker, file, expr)
        if lazy is not None:
            return lazy
    found = union(results)
    return Result(found.values, found.linked or callee.linked)


def _special(linker: Linker, file: int, expr: m.Call) -> Result | None:
    """Return the result of a call of a function with special handling; None for any other function."""
    rule = _SPECIAL.get(m.plain_name(expr.func))
    return None if rule is None else rule(linker, file, expr)


def _super(linker: Linker, file: int, expr: m.Call) -> Result | None:
    owner = class_around(linker.facts[file], expr.scope) if isinstance(expr.func, m.Name) else None
    return None if owner is None else Result(frozenset((Value("super", file=file, number=owner),)))


def _getattr(linker: Linker, file: int, expr: m.Call) -> Result | None:
    if len(expr.arguments) < 2:
        return None
    attribute = expr.arguments[1].value
    if not isinstance(attribute, m.Text):
        return NOTHING
    found = [linker.attribute(linker.values(file, expr.arguments[0].value), attribute.value)]
    if len(expr.arguments) > 2:
        found.append(linker.values(file, expr.arguments[2].value))
    return union(found)


def _import_module(linker: Linker, file: int, expr: m.Call) -> Result | None:
    named = expr.arguments[0].value if expr.arguments else None
    return linker.module(file, named.value, 0) if isinstance(named, m.Text) else None


def _type(linker: Linker, file: int, expr: m.Call) -> Result | None:
    if len(expr.arguments) != 1 or not isinstance(expr.func, m.Name):
        return None
    return _types(linker.values(file, expr.arguments[0].value))


def _field(linker: Linker, file: int, expr: m.Call) -> Result | None:
    """Return an unknown value for a field without a default; None for other fields, whose default counts."""
    del linker, file
    defaults = ("default", "default_factory", "factory", None)
    return None if any(one.name in defaults for one in expr.arguments) else NOTHING


def _cast(linker: Linker, file: int, expr: m.Call) -> Result | None:
    if len(expr.arguments) != 2:
        return None
    inner = linker.values(file, expr.arguments[1].value)
    named = linker.instances(linker.values(file, expr.arguments[0].value))
    return named if named.values else inner


_SPECIAL: Final[Mapping[str, Callable[[Linker, int, m.Call], Result | None]]] = {
    "super": _super,
    "getattr": _getattr,
    "import_module": _import_module,
    "__import__": _import_module,
    "type": _type,
    "Field": _field,
    "field": _field,
    "PrivateAttr": _field,
    "attrib": _field,
    "ib": _field,
    "cast": _cast,
}
"""Functions with special handling, by name."""


def _types(objects_: Result) -> Result:
    found = [
        Value("class", one.name) if one.kind == "client" else one._replace(kind="project_class")
        for one in objects_.values
        if one.kind in ("client", "object")
    ]
    return Result(frozenset(found), objects_.linked)


def _called(linker: Linker, file: int, expr: m.Call, value: Value) -> Result:
    kind = value.kind
    if kind in ("class", "copy"):
        return Result(frozenset((Value("client", value.name),)))
    if kind in ("method", "error", "answer", "type"):
        return Result(frozenset((ANSWER,)))
    if kind == "resource":
        return Result(frozenset((value,)))
    if kind == "project_class":
        return Result(frozenset((value._replace(kind="object"),)))
    if kind in ("function", "bound"):
        return returned(linker, value)
    if kind == "object":
        caller = linker.attribute_of(value, "__call__")
        return union([returned(linker, one) for one in caller.values if one.kind == "bound"])
    if kind == "foreign":
        return _foreign(linker, file, expr, value)
    return NOTHING


def _foreign(linker: Linker, file: int, expr: m.Call, value: Value) -> Result:
    if passes_through(last_name(expr.func)) or value.detail in FIRST_ARGUMENT:
        matter = frozenset(
            one for one in _passed_through(linker, file, expr, value) if one.kind not in ("foreign", "answer")
        )
        if matter:
            return Result(matter, True)
    return Result(frozenset((value,)))


def _passed_through(linker: Linker, file: int, expr: m.Call, value: Value) -> frozenset[Value]:
    """Return the values for a function of another package that returns its argument or the result of calling it."""
    given = [one.value for one in expr.arguments if one.value is not None]
    inner = union([linker.values(file, one) for one in given[:3]])
    if last_name(expr.func) in CALLED or value.detail in CALLED:
        inner = union([_called(linker, file, expr, one) for one in inner.values if one.kind != "foreign"])
    return inner.values


def _lazy_import(linker: Linker, file: int, expr: m.Call) -> Result | None:
    """Return the module of `lazy_import("openai")` or `LazyLoader("openai", globals(), "openai")`."""
    if not imports(last_name(expr.func)):
        return None
    named = [one for one in map(_text, expr.arguments) if "openai" in one]
    if not named or not all(map(_MODULE.fullmatch, named)):
        return None
    module = max(named, key=lambda one: one.count("."))  # `LazyImport("openai", globals(), "package.openai")`
    found = linker.module(file, module, 0)
    if module.partition(".")[0] != "openai" and all(one.kind == "foreign" for one in found.values):
        return None
    return Result(found.values, True)


def _text(argument: m.Argument) -> str:
    return argument.value.value if isinstance(argument.value, m.Text) else ""


def _of_container(linker: Linker, file: int, expr: m.Call, func: m.Attribute) -> list[Result]:
    return [
        objects.container_method(linker, value, func.attr, expr)
        for value in linker.values(file, func.base).values
        if value.kind == "box"
    ]


def returned(linker: Linker, function: Value) -> Result:
    """Return the values that a function of the project returns or yields, by its annotation and its body."""
    facts = linker.facts[function.file].functions[function.number]
    results = [linker.values(function.file, one) for one in (*facts.returns, *facts.yields)]
    if facts.result is not None:
        results.append(linker.instances(linker.values(function.file, facts.result)))
    return Result(union(results).values, True)


# Parameters


def parameter(linker: Linker, file: int, expr: m.ParameterValue) -> Result:
    """Return the values of a parameter: `self`, its annotated type, its default, and the arguments of calls."""
    facts = linker.facts[file]
    function = facts.functions[expr.function]
    index, declared = next((number, one) for number, one in enumerate(function.parameters) if one.name == expr.name)
    if function.owner is not None and index == 0 and declared.kind == "positional":
        kind = _first_parameter(function)
        if kind is not None:
            return Result(frozenset((Value(kind, file=file, number=function.owner),)))
    results = [linker.instances(linker.values(file, declared.annotation)), linker.values(file, declared.default)]
    if declared.kind in ("positional", "keyword"):
        results += [linker.values(where, value) for where, value in _given(linker, file, expr.function, index)]
        if not any(one.values for one in results):
            results += _objects_given(linker, file, expr.function, index)
    return Result(union(results).values, True)


def _first_parameter(function: m.Function) -> Literal["object", "project_class"] | None:
    names = {one.name if isinstance(one, m.Name) else getattr(one, "attr", "") for one in function.decorators}
    if "staticmethod" in names:
        return None
    if "classmethod" in names or function.name in ("__new__", "__init_subclass__", "__class_getitem__"):
        return "project_class"
    return "object"


def _given(linker: Linker, file: int, index: int, position: int) -> Iterator[tuple[int, m.Expr | None]]:
    """Yield the arguments that calls in the project pass for a parameter."""
    from .linker import MOST_SITES

    function = linker.facts[file].functions[index]
    name = function.parameters[position].name
    constructor = function.owner is not None and function.name in ("__init__", "__new__")
    offset = 1 if function.owner is not None and _first_parameter(function) is not None else 0
    for called in _names_called(linker, file, function) if constructor else (function.name,):
        for where, call in linker.sites.get(called, ())[:MOST_SITES]:
            value = _argument(call, name, position if passes_self(call) else position - offset)
            if not linker.relevance.touches(where, value):
                continue
            if last_name(call.func) == "cls" or _calls(linker, where, call, file, index, constructor):
                yield where, value
    for where, call in linker.sites.get("cls", ())[:MOST_SITES] if constructor else ():
        if where == file:
            value = _argument(call, name, position - offset)
            if linker.relevance.touches(where, value):
                yield where, value


def _objects_given(linker: Linker, file: int, index: int, position: int) -> Iterator[Result]:
    """Yield the project's objects that calls pass for a parameter, because they may contain objects of openai."""
    function = linker.facts[file].functions[index]
    name = function.parameters[position].name
    offset = 1 if function.owner is not None and _first_parameter(function) is not None else 0
    sites = linker.other_sites.get(function.name, ())
    for where, call in sites if len(sites) <= _FEW_SITES else ():
        value = _argument(call, name, position - offset)
        if isinstance(value, m.Name | m.Call) and _calls(linker, where, call, file, index, constructor=False):
            found = linker.values(where, value)
            objects_ = frozenset(one for one in found.values if one.kind == "object")
            if objects_:
                yield Result(objects_, True)


def _names_called(linker: Linker, file: int, constructor: m.Function) -> list[str]:
    """Return the names that calls of a constructor use: its class and the subclasses."""
    if constructor.owner is None:
        return []
    cls = linker.facts[file].classes[constructor.owner]
    return [cls.name, *(linker.facts[f].classes[c].name for f, c in linker.subclasses.get(cls.name, ())[:20])]


def _argument(call: m.Call, name: str, position: int) -> m.Expr | None:
    seen = 0
    for one in call.arguments:
        if one.name == name:
            return one.value
        if one.name is None:
            if seen == position:
                return one.value
            seen += 1
        elif one.name == "*":
            return None
    return None


def _calls(linker: Linker, where: int, call: m.Call, file: int, index: int, constructor: bool) -> bool:
    """Whether a call calls a given function of the project."""
    for value in linker.values(where, call.func).values:
        if value.kind in ("function", "bound") and (value.file, value.number) == (file, index):
            return True
        if constructor and value.kind == "project_class" and _constructs(linker, value, file, index, 0):
            return True
    return False


def _constructs(linker: Linker, cls: Value, file: int, index: int, depth: int) -> bool:
    """Whether a function is the constructor of a class, directly or inherited."""
    facts = linker.facts[cls.file].classes[cls.number]
    if cls.file == file and linker.facts[file].functions[index].owner == cls.number:
        return True
    own = linker.facts[cls.file].scopes[facts.scope].bindings
    if "__init__" in own or depth > 8:
        return False
    return any(
        _constructs(linker, one, file, index, depth + 1)
        for base in facts.bases
        for one in linker.values(cls.file, base).values
        if one.kind == "project_class"
    )
