"""Describe the difference of two texts: which kind of value changed, with snippets of it."""

from __future__ import annotations

import re
from typing import Final

from .result import BreakKind, Diagnosis, broken
from .values import common_length, snippet

_MONTH: Final = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_VOLATILE: Final[tuple[tuple[BreakKind, str, re.Pattern[str]], ...]] = (
    ("uuid", "a UUID", re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.I)),
    (
        "timestamp",
        "a date or time",
        re.compile(
            r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:?\d{2})?"
            r"|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m\b)?"
            rf"|\d{{1,2}}\.? {_MONTH}\.?,? \d{{4}}|{_MONTH}\.? \d{{1,2}},? \d{{4}}"
            r"|\d{4}年\d{1,2}月\d{1,2}日|\b1[5-9]\d{8}(?:\d{3})?\b",
            re.I,
        ),
    ),
    ("id", "an id", re.compile(r"\b(?=[A-Za-z_-]*\d)[A-Za-z]+[-_][A-Za-z0-9]{6,}\b|\b(?=[a-f]*\d)[0-9a-f]{12,}\b")),
    ("number", "a number", re.compile(r"\d+(?:[.,]\d+)*")),
)
"""Values that change from one request to the next: (kind, name, pattern), the most specific first."""


def text_break(a: str, b: str, where: str, what: str) -> Diagnosis:
    """Describe the first difference of two texts that differ."""
    at = common_length(a, b)
    if at == len(a):
        return broken("text_added", where, f"{what} continues where it ended before", snippet(a, at), snippet(b, at))
    for kind, name, pattern in _VOLATILE:
        found = _volatile_break(a, b, at, pattern)
        if found is not None:
            old, new, why, before, after = found
            why = f"{name} in {what} changed from {old} to {new}{why}. Move the part that changes to the end"
            return broken(kind, where, why, before, after)
    return broken("text", where, f"{what} was edited at character {at}", snippet(a, at), snippet(b, at))


def _volatile_break(a: str, b: str, at: int, pattern: re.Pattern[str]) -> tuple[str, str, str, str, str] | None:
    """Return (value, other value, what else changed, snippet, other snippet) if both texts have a value of this pattern
    at the difference."""
    window = slice(max(at - 80, 0), at + 160)
    old, new = (_covering(pattern, text[window], at - window.start) for text in (a, b))
    if old is None or new is None or old.start() != new.start() or old.group() == new.group():
        return None
    start, end_a, end_b = (window.start + place for place in (old.start(), old.end(), new.end()))
    rest = ", and nothing else" if a[end_a:] == b[end_b:] else ", and the text after it changed, too"
    return old.group(), new.group(), rest, snippet(a, start, end_a), snippet(b, start, end_b)


def _covering(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    return next((m for m in pattern.finditer(text) if m.start() <= at <= m.end()), None)
