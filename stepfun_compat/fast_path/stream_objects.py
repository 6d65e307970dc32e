"""Build the SDK's objects from the rows of our stream translations, by templates.

The keys of a row select its template. The arguments of a template are values that the SDK passes through unchanged
whatever our translations put there: strings and numbers in fields declared as such, strings or None in `Optional`
fields, and extra fields. One kind of string is valid in Python and not in pydantic: half of a surrogate pair. A stream
with one is built by the SDK.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import openai
import pydantic
from typing_extensions import override

from .object_templates import NotTemplatable, compile_template, same

log = logging.getLogger("stepfun_compat")

Build = Callable[[Any], Any]
"""Builds the object of a row as the SDK does."""

_ROW = frozenset({"id", "object", "created", "model", "choices", "usage"})
_TEXTS = frozenset({"role", "content", "reasoning", "reasoning_content"})


class TemplateCache(dict[tuple[Any, ...], "Callable[..., Any] | None"]):
    """The templates of a process by the keys of a row; None for rows that only the SDK can build."""

    enabled = True

    def disable(self, what: str) -> None:
        """Stop using templates: one built a different object than the SDK, or the SDK is not as expected."""
        if self.enabled:
            self.enabled = False
            self.clear()
            versions = f"openai {openai.__version__}, pydantic {pydantic.VERSION}"
            log.warning("the fast path is off, streams use the SDK's own decoder: %s differs with %s", what, versions)

    def add_template(
        self, key: tuple[Any, ...], values: Sequence[Any], row_of: Callable[..., Any], build: Build
    ) -> Any:
        """Build with the SDK, and cache a template for `key` if it reproduces the object."""
        stock = build(row_of(*values))
        if not self.enabled or key in self:
            return stock
        marks = [_NUMBER + i if type(value) is int else f"\0mark {i}\0" for i, value in enumerate(values)]
        try:
            template = compile_template(build(row_of(*marks)), marks)
        except NotTemplatable:
            template = None
        if template is not None and not same(template(*values), stock):
            self.disable(f"{type(stock).__name__} ({', '.join(map(str, key))})")
        else:
            self[key] = template
        return stock


_NUMBER = 7_340_033_000  # not in any sample, like a text with a NUL


class ObjectBuilder:
    """Builds the objects of one stream. `templates` is shared by all streams; `sdk` builds as the SDK does."""

    __slots__ = ("sdk", "templates")

    def __init__(self, templates: TemplateCache, sdk: Build) -> None:
        self.templates = templates
        self.sdk = sdk

    def __call__(self, row: dict[str, Any]) -> Any:
        """Build the object of a row."""
        raise NotImplementedError


class ChunkBuilder(ObjectBuilder):
    """Builds chat completion chunks from rows of `ChatStream`: text, reasoning, arguments and finish reasons."""

    __slots__ = ()

    @override
    def __call__(self, row: dict[str, Any]) -> Any:
        choices = row["choices"]
        if len(choices) != 1 or not _ROW.issuperset(row):  # the usage at the end, other fields of a gateway
            return self.sdk(row)
        choice = choices[0]
        if choice["logprobs"] is not None:
            return self.sdk(row)
        delta: dict[str, Any] = choice["delta"]
        head = row["id"], row["created"], row["model"], choice["index"], choice["finish_reason"]
        key = (len(row), *delta)
        template = self.templates.get(key)
        if template is not None:
            return template(*head, *delta.values())
        if _TEXTS.issuperset(delta):
            return self._built(key, (*head, *delta.values()), row, lambda rest: dict(zip(delta, rest, strict=True)))
        fragment = _fragment(delta)
        if fragment is not None:
            return self._built((len(row), "arguments of a call"), (*head, *fragment), row, _with_fragment)
        return self.sdk(row)

    def _built(
        self, key: tuple[Any, ...], values: tuple[Any, ...], row: dict[str, Any], delta_of: Callable[[Any], Any]
    ) -> Any:
        template = self.templates.get(key)
        if template is not None:
            return template(*values)

        def row_of(id: Any, created: Any, model: Any, index: Any, reason: Any, *rest: Any) -> dict[str, Any]:
            choice = {**row["choices"][0], "index": index, "delta": delta_of(rest), "finish_reason": reason}
            return {**row, "id": id, "created": created, "model": model, "choices": [choice]}

        return self.templates.add_template(key, values, row_of, self.sdk)


def _fragment(delta: dict[str, Any]) -> tuple[int, str] | None:
    """Return (index, text) of a delta with more arguments of one call, None for any other delta."""
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


class EventBuilder(ObjectBuilder):
    """Builds Responses events from rows of both translations; the SDK builds those that hold objects."""

    __slots__ = ("class_of",)

    def __init__(self, templates: TemplateCache, sdk: Build, class_of: Callable[[Any], Any]) -> None:
        super().__init__(templates, sdk)
        self.class_of = class_of

    @override
    def __call__(self, row: dict[str, Any]) -> Any:
        if row.get("logprobs"):
            return self.sdk(row)
        key = (row["type"], *row, *map(type, row.values()))
        template = self.templates.get(key)
        if template is not None:
            return template(*row.values())
        fields: Any = getattr(self.class_of(row), "model_fields", None)
        if fields is None or not all(_passes_through(fields.get(name), row[name]) for name in row.keys() - _FIXED):
            return self.sdk(row)

        def row_of(*values: Any) -> dict[str, Any]:
            marked = dict(zip(row, values, strict=True))
            return {name: row[name] if name in _FIXED else marked[name] for name in row}

        return self.templates.add_template(key, tuple(row.values()), row_of, self.sdk)


_FIXED = frozenset({"type", "logprobs"})
"""Fields that are no arguments of an event's template: `type` is part of its key, `logprobs` an empty list."""


def _passes_through(field: Any, value: Any) -> bool:
    """Whether the SDK passes any value of this type through unchanged in this field, or as an extra field."""
    return type(value) in (str, int) and (field is None or (field.annotation is type(value) and not field.metadata))
