"""Statistics of the prompt cache, and the diagnosis of a prefix that was not found again."""

from __future__ import annotations

from .stats import *  # noqa: F403
