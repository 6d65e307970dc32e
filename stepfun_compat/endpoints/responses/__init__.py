"""Responses and conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if not TYPE_CHECKING:  # which would otherwise take any name for one of this module

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):  # `from` looks for `__path__` in every module
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from ...former_names import look_up

        return look_up(__name__, name)
