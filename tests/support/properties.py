"""How many examples a property is tried with: few in every run of the suite, more where `TEST_DEPTH` says so."""

from __future__ import annotations

import os

from hypothesis import settings

DEPTH = int(os.environ.get("TEST_DEPTH", "1"))
"""Multiplies every number of examples; `.ci/matrix` sets it."""


def examples(count: int, **more: object) -> settings:
    """Settings for so many examples, times `TEST_DEPTH`."""
    return settings(max_examples=count * DEPTH, **more)  # pyright: ignore[reportArgumentType]
