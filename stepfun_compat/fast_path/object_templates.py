"""Moulds: code that builds what the SDK built, learned from what it built.

An object of a stream differs from the last one in a text or a number, and the SDK looks at every field of it anew. A
mould is made from one object the SDK has built: Python code that builds the same classes with the same values, and
with its arguments in the places where the sample's marks were found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pydantic

_SLOTS = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")


class NoMould(Exception):
    """The SDK's object has something a mould cannot give."""


def mould(sample: Any, marks: Sequence[Any]) -> Callable[..., Any]:
    """A function of as many arguments as there are marks, which builds what `sample` is with them in the marks' places.

    A mark is a string or a number found nowhere else in the sample.

    Raises:
        NoMould: the sample holds something other than models, lists, dicts, strings, numbers, booleans and None.
    """
    writer = _Writer(marks)
    result = writer.value(sample)
    arguments = ", ".join(f"a{i}" for i in range(len(marks)))
    code = "\n    ".join([f"def cast({arguments}):", *writer.lines, f"return {result}"])
    exec(compile(code, "<stepfun_compat mould>", "exec"), writer.names)
    return cast("Callable[..., Any]", writer.names["cast"])


class _Writer:
    """Writes the statements that build one object, its parts before it."""

    def __init__(self, marks: Sequence[Any]) -> None:
        self.marks = marks
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"new": object.__new__}
        for i, slot in enumerate(_SLOTS):
            self.names[f"put{i}"] = vars(pydantic.BaseModel)[slot].__set__

    def value(self, value: Any) -> str:
        """An expression for a value; the lines it needs are written."""
        if value is None or type(value) is bool:
            return repr(value)
        if type(value) in (str, int, float):
            for i, mark in enumerate(self.marks):
                if type(mark) is type(value) and mark == value:
                    return f"a{i}"
            if value != value or value in (float("inf"), float("-inf")):
                raise NoMould(value)
            return repr(value)
        if type(value) is list:
            return f"[{', '.join(self.value(entry) for entry in cast('list[Any]', value))}]"
        if type(value) is dict:
            return self.dict(cast("dict[Any, Any]", value))
        kind = cast("Any", type(value))
        if issubclass(kind, pydantic.BaseModel) and kind.__new__ is object.__new__:
            return self.model(value)
        raise NoMould(kind)

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
    """Whether two values cannot be told apart: classes, values, fields set, extras, private attributes, orders."""
    kind = cast("Any", type(a))
    if kind is not type(b):
        return False
    if kind is dict:
        return list(a) == list(b) and all(same(context, y) for context, y in zip(a.values(), b.values(), strict=True))
    if kind is list:
        return len(a) == len(b) and all(same(context, y) for context, y in zip(a, b, strict=True))
    if issubclass(kind, pydantic.BaseModel):
        return all(same(getattr(a, slot), getattr(b, slot)) for slot in _SLOTS)
    return a == b or (a != a and b != b)
