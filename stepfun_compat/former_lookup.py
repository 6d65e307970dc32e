"""Look up names that have moved since 0.1.0. Their table (`former_names`) is imported only when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def former_names_of(module: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module from which names have moved."""

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):  # `from … import` looks up `__path__` in every module
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        from .former_names import look_up

        return look_up(module, name)

    return __getattr__
