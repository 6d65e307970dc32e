"""Optional data libraries."""

from __future__ import annotations

from .common import INSTRUCTIONS, MissingDependencyError

__all__ = ["INSTRUCTIONS", "MissingDependencyError"]
