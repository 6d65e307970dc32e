"""openai's objects out of the rows our stream translations make, cast in moulds.

Which mould a row fits is told by its keys. The places a mould leaves open are those where the SDK hands on as it is
whatever our translations put there: strings and numbers in fields declared as such, strings or None in `Optional` ones,
and extras. One thing is a string to Python and none to pydantic: half of a surrogate pair. A stream in which one was
seen is not cast.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import openai
import pydantic
from typing_extensions import override

from .object_templates import NoMould, mould, same

log = logging.getLogger("stepfun_compat")

Build = Callable[[Any], Any]
"""The SDK's own way from a row to its object."""

_ROW = frozenset({"id", "object", "created", "model", "choices", "usage"})
_TEXTS = frozenset({"role", "content", "reasoning", "reasoning_content"})


class Moulds(dict[tuple[Any, ...], "Callable[..., Any] | None"]):
    """The moulds of a process by the keys of a row; None where the SDK's own way is the only one."""

    trusted = True

    def distrust(self, what: str) -> None:
        """Never cast again: the SDK gave something else than a mould, or than was expected."""
        if self.trusted:
            self.trusted = False
            self.clear()
            versions = f"openai {openai.__version__}, pydantic {pydantic.VERSION}"
            log.warning("the fast path is off, streams use the SDK's own decoder: %s differs with %s", what, versions)

    def learn(self, key: tuple[Any, ...], values: Sequence[Any], row_of: Callable[..., Any], build: Build) -> Any:
        """The SDK's object for `values`; from now on there is a mould for the key, if it gives the same."""
        stock = build(row_of(*values))
        if not self.trusted or key in self:
            return stock
        marks = [_NUMBER + i if type(value) is int else f"\0mark {i}\0" for i, value in enumerate(values)]
        try:
            made = mould(build(row_of(*marks)), marks)
        except NoMould:
            made = None
        if made is not None and not same(made(*values), stock):
            self.distrust(f"{type(stock).__name__} ({', '.join(map(str, key))})")
        else:
            self[key] = made
        return stock


_NUMBER = 7_340_033_000  # found nowhere in a sample, as a text with a NUL is not


class Casting:
    """Builds the objects of one stream. `moulds` is shared by all of them."""

    __slots__ = ("build", "moulds")

    def __init__(self, moulds: Moulds, build: Build) -> None:
        self.moulds = moulds
        self.build = build

    def __call__(self, row: dict[str, Any]) -> Any:
        """What `build` gives for a row of our own translations."""
        raise NotImplementedError


class Chunks(Casting):
    """Chat completion chunks, out of the rows of `ChatStream`: those of text, reasoning, arguments and the end."""

    __slots__ = ()

    @override
    def __call__(self, row: dict[str, Any]) -> Any:
        choices = row["choices"]
        if len(choices) != 1 or not _ROW.issuperset(row):  # the usage at the end, a gateway's own fields
            return self.build(row)
        choice = choices[0]
        if choice["logprobs"] is not None:
            return self.build(row)
        delta: dict[str, Any] = choice["delta"]
        head = row["id"], row["created"], row["model"], choice["index"], choice["finish_reason"]
        key = (len(row), *delta)
        made = self.moulds.get(key)
        if made is not None:
            return made(*head, *delta.values())
        if _TEXTS.issuperset(delta):
            return self._cast(key, (*head, *delta.values()), row, lambda rest: dict(zip(delta, rest, strict=True)))
        fragment = _fragment(delta)
        if fragment is not None:
            return self._cast((len(row), "arguments of a call"), (*head, *fragment), row, _with_fragment)
        return self.build(row)

    def _cast(
        self, key: tuple[Any, ...], values: tuple[Any, ...], row: dict[str, Any], delta_of: Callable[[Any], Any]
    ) -> Any:
        made = self.moulds.get(key)
        if made is not None:
            return made(*values)

        def row_of(id: Any, created: Any, model: Any, index: Any, reason: Any, *rest: Any) -> dict[str, Any]:
            choice = {**row["choices"][0], "index": index, "delta": delta_of(rest), "finish_reason": reason}
            return {**row, "id": id, "created": created, "model": model, "choices": [choice]}

        return self.moulds.learn(key, values, row_of, self.build)


def _fragment(delta: dict[str, Any]) -> tuple[int, str] | None:
    """Index and text of the one call whose arguments go on; None for a delta that says anything else."""
    calls = delta.get("tool_calls")
    if len(delta) != 1 or calls is None or len(calls) != 1:
        return None
    entry = calls[0]
    function = entry.get("function")
    if len(entry) != 2 or function is None or len(function) != 1:
        return None
    return entry["index"], function["arguments"]


def _with_fragment(values: Any) -> dict[str, Any]:
    index, arguments = values
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


class Events(Casting):
    """Responses events, out of the rows of both routes' translations; those that hold objects are the SDK's to build."""

    __slots__ = ("class_of",)

    def __init__(self, moulds: Moulds, build: Build, class_of: Callable[[Any], Any]) -> None:
        super().__init__(moulds, build)
        self.class_of = class_of

    @override
    def __call__(self, row: dict[str, Any]) -> Any:
        if row.get("logprobs"):
            return self.build(row)
        key = (row["type"], *row, *map(type, row.values()))
        made = self.moulds.get(key)
        if made is not None:
            return made(*row.values())
        fields: Any = getattr(self.class_of(row), "model_fields", None)
        if fields is None or not all(_open(fields.get(name), row[name]) for name in row.keys() - _GIVEN):
            return self.build(row)

        def row_of(*values: Any) -> dict[str, Any]:
            marked = dict(zip(row, values, strict=True))
            return {name: row[name] if name in _GIVEN else marked[name] for name in row}

        return self.moulds.learn(key, tuple(row.values()), row_of, self.build)


_GIVEN = frozenset({"type", "logprobs"})
"""What a mould for an event does not leave open: `type` is part of its key, and `logprobs` an empty list."""


def _open(field: Any, value: Any) -> bool:
    """Whether the SDK hands on any value of this one's type in this field, or as an extra."""
    return type(value) in (str, int) and (field is None or (field.annotation is type(value) and not field.metadata))
