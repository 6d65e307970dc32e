"""The message for a missing optional library."""

from __future__ import annotations

INSTRUCTIONS = "This needs {library}, which is not installed: pip install {library}"


class MissingDependencyError(Exception):
    """An optional library is not installed."""
