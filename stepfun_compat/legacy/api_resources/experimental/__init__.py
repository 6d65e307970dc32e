"""Experiments of that time."""

from __future__ import annotations

from .completion_config import CompletionConfig

__all__ = ["CompletionConfig"]
