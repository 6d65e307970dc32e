"""Read plain JSON data without trusting its shape."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast

from .context import Json

Dict = dict[str, Any]
compact_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Encode data as JSON without spaces, as OpenAI's API does. `json.dumps` with these options makes an encoder per call."""
type_of: Final[Any] = type
"""`type`, for checks after which a value is still `Any` to a type checker, without a `cast`, a call at run time."""


class UnexpectedBody(Exception):
    """The body is JSON, but not a response of this endpoint; the client raises `APIResponseValidationError`."""


def json_bytes(data: Json) -> bytes:
    """Encode data as the body of a request or response. A lone surrogate stays."""
    return compact_json(data).encode("utf-8", "surrogatepass")


def as_dict(value: Json) -> Dict | None:
    """Return the value if it is a dict, else None."""
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]


def as_list(value: Json) -> list[Any]:
    """Return the value if it is a list, else an empty list."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def whole_number(value: Json) -> int | None:
    """Return a count as an int, also from a string or float, as some gateways send; None for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, bool):
        return None
    try:
        return int(float(value)) if isinstance(value, float | str) else None
    except (ValueError, OverflowError):
        return None


def is_whole_json(text: str) -> bool:
    """Whether a text is one complete JSON value."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def row_of(value: Json) -> Mapping[str, Any]:
    """Return the value if it is a mapping, else an empty one."""
    row: Any = value
    return row if type_of(value) is dict or isinstance(value, Mapping) else {}


def rows_of(value: Json) -> Sequence[Any]:
    """Return the elements of a sequence or set, () for anything else."""
    if value is None or type(value) is str:  # the usual values, which need no check against an abstract class
        return ()
    rows: Any = value
    if type(value) is list or type(value) is tuple:
        return rows
    return list(cast("Collection[Any]", value)) if is_sequence(value) else ()


_NO_SEQUENCE: Final = (str, bytes, bytearray, Mapping)


def is_sequence(value: Json) -> bool:
    """Whether the value can be read like a list: a collection, but not text, bytes or a mapping. Iterators cannot, since
    they can be read only once."""
    return isinstance(value, Collection) and not isinstance(value, _NO_SEQUENCE)
