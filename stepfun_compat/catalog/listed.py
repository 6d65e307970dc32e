"""Anthropic's model names, which programs look for in the list of models. StepFun's live list has none (stepfun-api 7)."""

from __future__ import annotations

from typing import Final

SOURCE: Final = "the model names in the types of the anthropic package"
AS_OF: Final = "2026-11"

ANTHROPIC_NAMES: Final = (
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-opus-4-5",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
)
