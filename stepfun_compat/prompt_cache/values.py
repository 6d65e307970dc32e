"""Compare and show JSON values: equality, paths and short snippets."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

Json = Any
Row = Mapping[str, Any]


def rows(value: Json) -> list[Row]:
    """Return a list of messages, parts or tools; an entry that is not an object becomes one with that content."""
    entries: Sequence[Any] = (
        cast("Sequence[Any]", value) if isinstance(value, list) else [] if value is None else [value]
    )
    return [
        cast("Row", entry) if isinstance(entry, Mapping) else {"type": "text", "text": entry, "content": entry}
        for entry in entries
    ]


def text_of(value: Json) -> str:
    """Return a value as one deterministic text, with its keys in their order."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def same(a: Json, b: Json) -> bool:
    """Return whether two values are equal, regardless of the order of keys; 1 and True differ, as in JSON."""
    if isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    return a is b or _sorted(a) == _sorted(b)


def _sorted(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)


def first_difference(a: Json, b: Json, path: str) -> tuple[str, Json, Json]:
    """Return (path, value, other value) of the first difference, at the deepest level that both values have."""
    step = _step(a, b)
    if step is None:
        return path, a, b
    name, x, y = step
    return first_difference(x, y, path + name)


def _step(a: Json, b: Json) -> tuple[str, Json, Json] | None:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return _differing_key(cast("Row", a), cast("Row", b))
    if isinstance(a, list) and isinstance(b, list):
        return _differing_index(cast("list[Any]", a), cast("list[Any]", b))
    return None


def _differing_key(a: Row, b: Row) -> tuple[str, Json, Json] | None:
    for key in [*b, *(key for key in a if key not in b)]:
        if key not in a or key not in b:
            return f".{key}", a.get(key, "(absent)"), b.get(key, "(absent)")
        if not same(a[key], b[key]):
            return f".{key}", a[key], b[key]
    return None


def _differing_index(a: list[Any], b: list[Any]) -> tuple[str, Json, Json] | None:
    """Return the first entries that differ; None if one list is a prefix of the other."""
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if not same(x, y):
            return f"[{i}]", x, y
    return None


def common_length(a: str, b: str) -> int:
    """Return the length of the common prefix. Bisects, since comparing slices is far faster than a loop."""
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
    """Return the text around a position, on one line."""
    start, end = max(at - 24, 0), min(max(until or at, at) + 40, len(text), at + 120)
    return ("…" if start else "") + text[start:end].replace("\n", "\\n") + ("…" if end < len(text) else "")


def shown(value: Json) -> str:
    """Return a value short enough to print; a data URL becomes its type, size and digest."""
    text = text_of(value)
    match = re.search(r"data:([\w/+.-]*)[;,]", text)
    if match is not None and len(text) > 160:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return f"{match.group(1) or 'data'}, {len(text)} characters, sha256 {digest}…"
    return snippet(text, 0, 80)
