"""openai's objects out of the rows our stream translations make, cast in moulds.

Which mould a row fits is told by its keys. The places a mould leaves open are those where the SDK hands any value on as
it is: fields that are plainly a string or a number, `Optional` strings and literals that hold a string or None, and
extras.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_origin

import openai
import pydantic
from typing_extensions import override

from .mould import NoMould, mould, same

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
            log.warning("streams take the SDK's own way, the fast path is off: %s differs with %s", what, versions)

    def learn(self, key: tuple[Any, ...], values: Sequence[Any], row_of: Callable[..., Any], build: Build) -> Any:
        """The SDK's object for `values`; from now on there is a mould for the key, if it gives the same."""
        marks = [_mark(place, value) for place, value in enumerate(values)]
        try:
            made = mould(build(row_of(*marks)), marks)
        except NoMould:
            made = None
        stock = build(row_of(*values))
        if made is not None and not same(made(*values), stock):
            self.distrust(f"{type(stock).__name__} ({', '.join(map(str, key))})")
        else:
            self[key] = made
        return stock


def _mark(place: int, value: Any) -> Any:
    """A value found nowhere else, to mark a place in a sample."""
    if value == []:
        return value
    return 7_340_033_000 + place if type(value) is int else f"\0mark {place}\0"


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
    """Chat completion chunks, out of the rows of `ChatStream`."""

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
        head = (row["id"], row["created"], row["model"], choice["index"], choice["finish_reason"])
        if "tool_calls" in delta:
            fragment = _fragment(delta)
            if fragment is None:
                return self.build(row)
            key, values = (len(row), "tool_calls"), (*head, *fragment)
        else:
            key, values = (len(row), *delta), (*head, *delta.values())
        made = self.moulds.get(key)
        if made is not None:
            return made(*values)
        if key in self.moulds or not self.moulds.trusted or not (_TEXTS.issuperset(delta) or "tool_calls" in delta):
            return self.build(row)

        def row_of(id: Any, created: Any, model: Any, index: Any, reason: Any, *rest: Any) -> dict[str, Any]:
            new = _with_fragment(*rest) if "tool_calls" in delta else dict(zip(delta, rest, strict=True))
            changed = {**choice, "index": index, "delta": new, "finish_reason": reason}
            return {**row, "id": id, "created": created, "model": model, "choices": [changed]}

        return self.moulds.learn(key, values, row_of, self.build)


def _fragment(delta: dict[str, Any]) -> tuple[int, str] | None:
    """Index and text of the one call whose arguments go on; None for a delta that says anything else."""
    if len(delta) != 1 or len(delta["tool_calls"]) != 1:
        return None
    entry = delta["tool_calls"][0]
    function = entry.get("function")
    if len(entry) != 2 or function is None or len(function) != 1:
        return None
    return entry["index"], function["arguments"]


def _with_fragment(index: Any, arguments: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


class Events(Casting):
    """Responses events, out of the rows of both routes' translations; those that hold objects are the SDK's to build."""

    __slots__ = ("class_of",)

    def __init__(self, moulds: Moulds, build: Build, class_of: Callable[[Any], Any]) -> None:
        super().__init__(moulds, build)
        self.class_of = class_of

    @override
    def __call__(self, row: dict[str, Any]) -> Any:
        key = (row["type"], *row)
        made = self.moulds.get(key)
        if made is not None and not row.get("logprobs"):
            return made(*row.values())
        if key in self.moulds or not self.moulds.trusted:
            return self.build(row)
        fields: Any = getattr(self.class_of(row), "model_fields", None)
        if fields is None or not all(_open(fields.get(name), value) for name, value in row.items()):
            self.moulds[key] = None
            return self.build(row)

        def row_of(*values: Any) -> dict[str, Any]:
            return {**dict(zip(row, values, strict=True)), "type": row["type"]}

        return self.moulds.learn(key, tuple(row.values()), row_of, self.build)


def _open(field: Any, value: Any) -> bool:
    """Whether the SDK hands on any value of this field as it is, or the value is an empty list, as it always is here."""
    if field is None or value == []:
        return True
    return not field.metadata and (field.annotation in (str, int) or get_origin(field.annotation) is Literal)
