"""Helpers for JSON values of unknown shape, independent of StepFun."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeGuard, cast

Object = dict[str, Any]


def as_object(value: object) -> Object:
    """Return the value if it is a dict, else an empty one."""
    return cast("Object", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return the value if it is a list, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def is_object(value: object) -> TypeGuard[Object]:
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def dumps(value: object) -> str:
    """Return compact JSON. Keys keep their order, because the prefix cache hashes the text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parse_object(text: str) -> Object | None:
    """Parse a text as a JSON object; return None if it is not one."""
    try:
        value: object = json.loads(text)
    except ValueError:
        return None
    return value if is_object(value) else None


def first(values: Sequence[Any], otherwise: object = None) -> Any:
    return values[0] if values else otherwise
