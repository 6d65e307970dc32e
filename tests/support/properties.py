"""The number of examples of a property test: few in a normal run, more with `TEST_DEPTH`."""

from __future__ import annotations

import os

from hypothesis import settings

DEPTH = int(os.environ.get("TEST_DEPTH", "1"))
"""Multiplies every number of examples; `.ci/matrix` sets it."""


def examples(count: int, **more: object) -> settings:
    """Settings for `count` examples times `TEST_DEPTH`."""
    return settings(max_examples=count * DEPTH, **more)  # pyright: ignore[reportArgumentType]
