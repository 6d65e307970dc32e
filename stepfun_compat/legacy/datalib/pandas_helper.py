"""pandas, imported on first use if it is installed."""

from __future__ import annotations

from typing import Any

from .common import INSTRUCTIONS, MissingDependencyError

PANDAS_INSTRUCTIONS = INSTRUCTIONS.format(library="pandas")


def __getattr__(name: str) -> Any:
    if name not in ("pandas", "HAS_PANDAS"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from importlib import import_module

        found: Any = import_module("pandas")
    except ImportError:
        found = None
    globals().update(pandas=found, HAS_PANDAS=found is not None)
    return globals()[name]


def assert_has_pandas() -> None:
    """Raise MissingDependencyError if pandas is not installed."""
    if not __getattr__("HAS_PANDAS"):
        raise MissingDependencyError(PANDAS_INSTRUCTIONS)
