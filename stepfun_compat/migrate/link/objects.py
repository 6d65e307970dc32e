"""Evaluate attributes of the project's objects and classes, and items of dictionaries and lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ..facts import model as m
from .callees import last_name
from .values import NOTHING, Result, Value, union

if TYPE_CHECKING:
    from .linker import Linker

_PROPERTIES: Final = frozenset({"property", "cached_property", "classproperty", "lazy_property", "abstractproperty"})
_CONTAINER_METHODS: Final = frozenset({"get", "pop", "setdefault", "values", "items", "copy"})
_DEEPEST_BASE: Final = 12


def attribute(linker: Linker, value: Value, name: str) -> Result:
    """Return the values of an attribute of an object or class of the project; for `super()` those of its bases."""
    seen: set[tuple[int, int]] = set()
    if value.kind == "super":
        return _of_bases(linker, value, name, seen, value)
    found = _of_class(linker, value, name, seen, value)
    if found.values:
        return Result(found.values, True)
    found = _of_subclasses(linker, value, name, seen)
    return Result(found.values, True)


def _of_class(linker: Linker, value: Value, name: str, seen: set[tuple[int, int]], whole: Value) -> Result:
    """Return the values of an attribute in a class and its bases; `whole` is the object, possibly of a subclass."""
    key = (value.file, value.number)
    if key in seen or len(seen) > _DEEPEST_BASE:
        return NOTHING
    seen.add(key)
    facts = linker.facts[value.file]
    cls = facts.classes[value.number]
    results: list[Result] = []
    for one in cls.attributes.get(name, ()):
        results.append(_set_for(linker, value, one, whole))
    for one in facts.scopes[cls.scope].bindings.get(name, ()):
        if isinstance(one, m.FunctionValue):
            results.append(_method(linker, value, one.function))
        else:
            results.append(linker.values(value.file, one))
    annotation = cls.annotations.get(name)
    if annotation is not None:
        results.append(linker.instances(linker.values(value.file, annotation)))
        results += _constructor_arguments(linker, value, cls, name)
    results += linker.written(name, value)
    results += _set_by_validators(linker, value, name)
    found = union(results)
    if found.values:
        return found
    found = _of_bases(linker, value, name, seen, whole)
    return found if found.values else _delegated(linker, value, name)


def _set_for(linker: Linker, value: Value, set_to: m.Expr, whole: Value) -> Result:
    """Return the values that a method assigns to an attribute of `self`. In an object of a subclass, a method called on
    `self` is the subclass's (`self._client = self.create_client()`)."""
    if (value.file, value.number) != (whole.file, whole.number) and isinstance(set_to, m.Call):
        func = set_to.func
        if isinstance(func, m.Attribute) and isinstance(func.base, m.Name) and func.base.name == "self":
            from .calls import returned

            methods = linker.attribute_of(whole._replace(kind="object"), func.attr)
            found = union([returned(linker, one) for one in methods.values if one.kind == "bound"])
            if found.values:
                return found
    return linker.values(value.file, set_to)


def _set_by_validators(linker: Linker, value: Value, name: str) -> list[Result]:
    """Return the values that pydantic validators assign to a field: `values["client"] = …`."""
    key = (value.file, value.number)
    put = linker.validated.get(key)
    if put is None:
        put = linker.validated[key] = list(_validated_fields(linker.facts[value.file], value.number))
    return [linker.values(value.file, held) for field, held in put if field == name]


def _validated_fields(facts: m.FileFacts, cls: int) -> Iterator[tuple[str, m.Expr | None]]:
    """Yield the fields that the validators of a class set, with their values."""
    for one in _functions(facts, cls):
        if any("validator" in _last(decorator) for decorator in one.decorators):
            for parameter in one.parameters[:2]:
                for bound in facts.scopes[one.scope].bindings.get(parameter.name, ()):
                    if isinstance(bound, m.Mapping):
                        pairs = zip(bound.keys, bound.values, strict=True)
                        yield from ((key.value, held) for key, held in pairs if isinstance(key, m.Text))


def _delegated(linker: Linker, value: Value, name: str) -> Result:
    """Return the values that `__getattr__` of a class may return: the attribute of a client stored in the object."""
    facts = linker.facts[value.file]
    cls = facts.classes[value.number]
    if not any(one in facts.scopes[cls.scope].bindings for one in ("__getattr__", "__getattribute__")):
        return NOTHING
    if name in cls.attributes or name in cls.annotations:
        return NOTHING
    results: list[Result] = []
    for held in (*cls.attributes, *cls.annotations):
        for one in _of_class(linker, value, held, set(), value).values:
            if one.kind in ("client", "module", "resource"):
                results.append(linker.attribute_of(one, name))
    return union(results)


def _functions(facts: m.FileFacts, cls: int) -> Iterator[m.Function]:
    for bound in facts.scopes[facts.classes[cls].scope].bindings.values():
        for one in bound:
            if isinstance(one, m.FunctionValue):
                yield facts.functions[one.function]


def _last(expr: m.Expr) -> str:
    return last_name(expr.func if isinstance(expr, m.Call) else expr)


def _method(linker: Linker, value: Value, function: int) -> Result:
    """Return a method accessed through an object, or the value of a property."""
    facts = linker.facts[value.file].functions[function]
    bound = Value("bound", file=value.file, number=function)
    for decorator in facts.decorators:
        name = decorator.attr if isinstance(decorator, m.Attribute) else getattr(decorator, "name", "")
        if name in _PROPERTIES or name.endswith("property"):
            from .calls import returned

            return returned(linker, bound)
    return Result(frozenset((bound,)), True)


def _constructor_arguments(linker: Linker, value: Value, cls: m.Class, name: str) -> list[Result]:
    """Return the arguments passed for the fields of a class with a generated constructor: `Settings(client=…)`."""
    from .linker import MOST_SITES

    results: list[Result] = []
    for file, call in linker.sites.get(cls.name, ())[:MOST_SITES]:
        for argument in call.arguments:
            if argument.name == name and argument.value is not None:
                results.append(linker.values(file, argument.value))
    del value
    return results


def _of_bases(linker: Linker, value: Value, name: str, seen: set[tuple[int, int]], whole: Value) -> Result:
    cls = linker.facts[value.file].classes[value.number]
    results: list[Result] = []
    for base in cls.bases:
        for one in linker.values(value.file, base).values:
            if one.kind == "project_class":
                results.append(_of_class(linker, one._replace(kind="object"), name, seen, whole))
            elif one.kind == "class":
                results.append(linker.attribute_of(Value("client", one.name), name))
            elif one.kind == "resource":
                results.append(linker.attribute_of(one, name))
    return Result(union(results).values, True)


def _of_subclasses(linker: Linker, value: Value, name: str, seen: set[tuple[int, int]]) -> Result:
    """Return the values that subclasses assign to an attribute that the class itself lacks."""
    cls = linker.facts[value.file].classes[value.number]
    results: list[Result] = []
    for file, index in linker.subclasses.get(cls.name, ())[:50]:
        if (file, index) in seen:
            continue
        facts = linker.facts[file].classes[index]
        if any(
            one.kind == "project_class" and (one.file, one.number) == (value.file, value.number)
            for base in facts.bases
            for one in linker.values(file, base).values
        ):
            below = Value("object", file=file, number=index)
            results.append(_of_class(linker, below, name, seen, below))
            if len(seen) < _DEEPEST_BASE:
                results.append(_of_subclasses(linker, below, name, seen))
    return union(results)


def openai_base(linker: Linker, value: Value, depth: int = 0) -> Value | None:
    """Return the client class or resource that a class of the project inherits from, directly or indirectly."""
    if depth > _DEEPEST_BASE:
        return None
    for base in linker.facts[value.file].classes[value.number].bases:
        for one in linker.values(value.file, base).values:
            if one.kind in ("class", "resource"):
                return one
            if one.kind == "project_class":
                found = openai_base(linker, one, depth + 1)
                if found is not None:
                    return found
    return None


def inherits(linker: Linker, value: Value, name: str) -> bool:
    """Whether a class of the project inherits an attribute from a class of openai without overriding it."""
    cls = linker.facts[value.file].classes[value.number]
    return (value.kind == "super" or name not in cls.attributes) and openai_base(linker, value) is not None


def item(linker: Linker, file: int, expr: m.Item) -> Result:
    """Return the values of a subscript."""
    base = expr.base
    if isinstance(base, m.Attribute) and base.attr == "modules" and isinstance(expr.key, str):
        return linker.module(file, expr.key, 0) if expr.key.partition(".")[0] == "openai" else NOTHING
    holder = linker.values(file, base)
    results: list[Result] = []
    for value in holder.values:
        if value.kind == "box":
            results.append(_held(linker, value, expr.key))
        elif value.kind == "object":
            results += _got_from(linker, value)
        elif value.kind in _ITSELF:
            results.append(Result(frozenset((value,))))
    found = union(results)
    return Result(found.values, found.linked or holder.linked)


_ITSELF: Final = frozenset({"foreign", "answer", "class", "project_class", "resource", "type", "client", "method"})
"""The kinds of values whose subscript counts as the value itself, such as items of a tuple that is not unpacked."""


def _got_from(linker: Linker, value: Value) -> list[Result]:
    """Return the result of `__getitem__` of an object of the project."""
    from .calls import returned

    getter = linker.attribute_of(value, "__getitem__")
    return [returned(linker, one) for one in getter.values if one.kind == "bound"]


def _held(linker: Linker, box: Value, key: str | int | None) -> Result:
    expr = linker.boxes[box.number]
    items = _items(expr, key) if isinstance(expr, m.Sequence) else _entries(expr, key)
    found = union([linker.values(box.file, one) for one in items])
    return linker.instances(found) if box.name == "types" else found


def _items(expr: m.Sequence, key: str | int | None) -> Sequence[m.Expr | None]:
    """Return the item at an index; all items if the index is unknown."""
    items = expr.items
    if isinstance(key, int) and -len(items) <= key < len(items) and len(items) > 1:
        return (items[key],)
    return items


def _entries(expr: m.Mapping, key: str | int | None) -> Sequence[m.Expr | None]:
    """Return the values of a key; all values if the key is unknown."""
    pairs = zip(expr.keys, expr.values, strict=True)
    return [value for one, value in pairs if isinstance(one, m.Text) and one.value == key] or expr.values


def elements(linker: Linker, holder: Result) -> Result:
    """Return the values of the elements of a container."""
    results: list[Result] = []
    for value in holder.values:
        if value.kind == "box":
            results.append(_held(linker, value, None))
        elif value.kind != "file":
            results.append(Result(frozenset((value,))))
    found = union(results)
    return Result(found.values, found.linked or holder.linked)


def entered(linker: Linker, managers: Result) -> Result:
    """Return the value that `with` binds: the object itself, or the result of `__enter__` in a class of the project."""
    from .calls import returned

    results: list[Result] = []
    for value in managers.values:
        if value.kind == "object":
            for name in ("__enter__", "__aenter__"):
                for one in linker.attribute_of(value, name).values:
                    if one.kind == "bound":
                        results.append(returned(linker, one))
            if not any(result.values for result in results):
                results.append(Result(frozenset((value,))))
        else:
            results.append(Result(frozenset((value,))))
    found = union(results)
    return Result(found.values, found.linked or managers.linked)


def container_method(linker: Linker, box: Value, name: str, call: m.Call) -> Result:
    """Return the result of `box.get(key)` and similar methods."""
    if name not in _CONTAINER_METHODS:
        return NOTHING
    key = None
    if call.arguments and isinstance(call.arguments[0].value, m.Text):
        key = call.arguments[0].value.value
    if name == "copy":
        return Result(frozenset((box,)))
    return _held(linker, box, key)
