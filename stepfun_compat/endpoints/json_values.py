"""Read plain JSON data without trusting its shape."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from .context import Json

Dict = dict[str, Any]


class UnexpectedBody(Exception):
    """The body is JSON, but not an answer of this endpoint; the client raises `APIResponseValidationError`."""


def as_dict(value: Json) -> Dict | None:
    """The value as a dict, None for anything else."""
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]


def as_list(value: Json) -> list[Any]:
    """The value as a list, empty for anything else."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def whole_number(value: Json) -> int | None:
    """A count as an int: gateways send some as strings or floats. None for anything that is no count."""
    if type(value) is int:
        return value
    if isinstance(value, bool):
        return None
    try:
        return int(float(value)) if isinstance(value, float | str) else None
    except (ValueError, OverflowError):
        return None


def is_whole_json(text: str) -> bool:
    """Whether a text is one JSON value."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def row_of(value: Json) -> Mapping[str, Any]:
    """The value as a mapping, empty for anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def rows_of(value: Json) -> Sequence[Any]:
    """The value as a list, empty for anything that is no sequence or set of values."""
    if isinstance(value, list | tuple):
        return cast("Sequence[Any]", value)
    return list(cast("Collection[Any]", value)) if is_sequence(value) else ()


def is_sequence(value: Json) -> bool:
    """Whether the value is as good as a list: a collection that is no text and no mapping. An iterator is none, since it
    can be read only once."""
    return isinstance(value, Collection) and not isinstance(value, str | bytes | bytearray | Mapping)
