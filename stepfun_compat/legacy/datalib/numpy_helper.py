"""numpy, imported on first use if it is installed."""

from __future__ import annotations

from typing import Any

from .common import INSTRUCTIONS, MissingDependencyError

NUMPY_INSTRUCTIONS = INSTRUCTIONS.format(library="numpy")


def __getattr__(name: str) -> Any:
    if name not in ("numpy", "HAS_NUMPY"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from importlib import import_module

        found: Any = import_module("numpy")
    except ImportError:
        found = None
    globals().update(numpy=found, HAS_NUMPY=found is not None)
    return globals()[name]


def assert_has_numpy() -> None:
    """Raise MissingDependencyError if numpy is not installed."""
    if not __getattr__("HAS_NUMPY"):
        raise MissingDependencyError(NUMPY_INSTRUCTIONS)
