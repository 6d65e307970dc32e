"""Statistics of the prompt cache, and the diagnosis of prefixes that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .stats import Currency, ModelStats, PromptCacheStats, Stats, header_value

if TYPE_CHECKING:
    from .diagnosis import BreakKind, Diagnosis, diagnose

__all__ = [
    "BreakKind",
    "Currency",
    "Diagnosis",
    "ModelStats",
    "PromptCacheStats",
    "Stats",
    "diagnose",
    "header_value",
]


def __getattr__(name: str) -> Any:  # a client needs only the statistics
    if name in ("BreakKind", "Diagnosis", "diagnose"):
        from . import diagnosis

        return getattr(diagnosis, name)
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ..former_names import look_up

    return look_up(__name__, name)
