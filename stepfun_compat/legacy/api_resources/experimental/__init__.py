"""The experimental resources of openai 0.28."""

from __future__ import annotations

from .completion_config import CompletionConfig

__all__ = ["CompletionConfig"]
