"""Hypothesis strategies for requests and responses: junk, words, names and arguments."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, width=16) | st.text(max_size=6)
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
names = st.sampled_from(["f", "get_weather", "a.b", "2x", "天气", ""]) | words
arguments = st.sampled_from(["", "{}", '{"a": 1}', "{", "null", "[1]", '"x"', '"{}"', None]) | words | junk


def fixed(**required: Any) -> Any:
    return st.fixed_dictionaries(required)


def some(required: dict[str, Any], **optional: Any) -> Any:
    return st.fixed_dictionaries(required, optional=optional)
