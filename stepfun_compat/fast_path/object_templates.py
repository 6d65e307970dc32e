"""Compile code that builds the SDK's objects, from one object the SDK has built.

An object of a stream differs from the one before in a text or a number, yet the SDK examines every field of it again. A
template is Python code compiled from a sample object: it builds the same classes with the same values, and puts its
arguments where the sample has marks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pydantic

_SLOTS = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")


class NotTemplatable(Exception):
    """The object has something a template cannot build."""


def compile_template(sample: Any, marks: Sequence[Any]) -> Callable[..., Any]:
    """Compile a function that builds objects like `sample`, with its arguments in place of the marks.

    A mark is a string or a number that is nowhere else in the sample.

    Raises:
        NotTemplatable: the sample has something other than models, lists, dicts, strings, numbers, booleans and None.
    """
    writer = _Writer(marks)
    result = writer.value(sample)
    arguments = ", ".join(f"a{i}" for i in range(len(marks)))
    code = "\n    ".join([f"def build({arguments}):", *writer.lines, f"return {result}"])
    exec(compile(code, "<stepfun_compat template>", "exec"), writer.names)
    return cast("Callable[..., Any]", writer.names["build"])


class _Writer:
    """Writes the statements that build one object, its parts first."""

    def __init__(self, marks: Sequence[Any]) -> None:
        self.marks = marks
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"new": object.__new__}
        for i, slot in enumerate(_SLOTS):
            self.names[f"put{i}"] = vars(pydantic.BaseModel)[slot].__set__

    def value(self, value: Any) -> str:
        """Return an expression for a value, after writing the statements it needs."""
        if value is None or type(value) is bool:
            return repr(value)
        if type(value) in (str, int, float):
            return self.scalar(value)
        if type(value) is list:
            return f"[{', '.join(self.value(entry) for entry in cast('list[Any]', value))}]"
        if type(value) is dict:
            return self.dict(cast("dict[Any, Any]", value))
        kind = cast("Any", type(value))
        if issubclass(kind, pydantic.BaseModel) and kind.__new__ is object.__new__:
            return self.model(value)
        raise NotTemplatable(kind)

    def scalar(self, value: Any) -> str:
        for i, mark in enumerate(self.marks):
            if type(mark) is type(value) and mark == value:
                return f"a{i}"
        if value != value or value in (float("inf"), float("-inf")):
            raise NotTemplatable(value)
        return repr(value)

    def dict(self, value: dict[Any, Any]) -> str:
        return "{" + ", ".join(f"{self.value(key)}: {self.value(entry)}" for key, entry in value.items()) + "}"

    def model(self, value: Any) -> str:
        parts: list[str] = []
        for slot in _SLOTS:
            part = getattr(value, slot)
            if type(part) is set:
                names = sorted(cast("set[str]", part))
                parts.append("{" + ", ".join(self.value(name) for name in names) + "}" if names else "set()")
            else:
                parts.append(self.value(part))
        name = f"m{len(self.lines)}"
        self.names[f"class_{name}"] = type(value)
        self.lines.append(f"{name} = new(class_{name})")
        self.lines += [f"put{i}({name}, {part})" for i, part in enumerate(parts)]
        return name


def same(a: Any, b: Any) -> bool:
    """Whether two values are alike in classes, values, fields set, extras, private attributes and their order."""
    kind = cast("Any", type(a))
    if kind is not type(b):
        return False
    if kind is dict:
        return list(a) == list(b) and all(map(same, a.values(), b.values()))
    if kind is list:
        return len(a) == len(b) and all(map(same, a, b))
    if issubclass(kind, pydantic.BaseModel):
        return all(same(getattr(a, slot), getattr(b, slot)) for slot in _SLOTS)
    return a == b or (a != a and b != b)
