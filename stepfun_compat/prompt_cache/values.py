"""Requests' values as they are compared and shown: plain data, one text for each, and short snippets."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

Row = dict[str, Any]


def as_row(value: Any) -> tuple[Row, bool]:
    """A message, part or tool as a new dict without its None fields, and whether the order of its keys is the caller's."""
    if isinstance(value, Mapping):
        given = cast("Mapping[Any, Any]", value)
        return {str(key): inner for key, inner in given.items() if inner is not None}, True
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        try:
            dumped = dump(exclude_none=True, warnings=False)
        except TypeError:
            dumped = dump()
        if isinstance(dumped, Mapping):
            return as_row(dumped)[0], False
    return {"content": value}, False


def as_rows(value: Any) -> list[tuple[Row, bool]]:
    if isinstance(value, str):
        return [({"role": "user", "content": value}, True)]
    if isinstance(value, list | tuple):
        return [as_row(item) for item in cast("Sequence[Any]", value)]
    return []  # absent, or an iterator, which looking at would use up


def plain(value: Any) -> Any:
    """Nested SDK objects as dicts; plain data as it is."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in cast("Sequence[Any]", value)]
    return plain(as_row(value)[0]) if hasattr(value, "model_dump") else value


def text_of(value: Any) -> str:
    """One fixed text for any value, with the order of its keys."""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False, default=str)


def same(a: Any, b: Any) -> bool:
    """Equal in content, whatever the order of keys; 1 and True differ, as they do in JSON."""
    if a is b:
        return True
    if isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    return _sorted(a) == _sorted(b)


def _sorted(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, default=str, sort_keys=True)


def common_length(a: str, b: str) -> int:
    """The length of the common beginning, by halving: comparing slices is far faster than walking characters."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def snippet(text: str, at: int, until: int | None = None) -> str:
    start, end = max(at - 24, 0), min(max(until or at, at) + 40, len(text), at + 120)
    return ("…" if start else "") + text[start:end].replace("\n", "\\n") + ("…" if end < len(text) else "")


def shown(value: Any) -> str:
    """A value short enough to read; a data URL by its kind, size and digest."""
    text = text_of(value)
    match = re.search(r"data:([\w/+.-]*)[;,]", text)
    if match is not None and len(text) > 160:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return f"{match.group(1) or 'data'}, {len(text)} characters, sha256 {digest}…"
    return snippet(text, 0, 80)
