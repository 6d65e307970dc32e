"""The names that programs look for in a list of models before they send them. A live list has none of them (api 7)."""

from __future__ import annotations

from typing import Final

SOURCE: Final = "the models that the SDKs' types and the tools' own menus name"
AS_OF: Final = "2026-11"

OPENAI_NAMES: Final = (
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-5-codex",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4-turbo",
    "gpt-4",
    "gpt-3.5-turbo",
    "o3",
    "o3-mini",
    "o4-mini",
    "gpt-4o-mini-tts",
    "tts-1",
    "gpt-4o-transcribe",
    "whisper-1",
    "gpt-image-1",
    "dall-e-3",
)

ANTHROPIC_NAMES: Final = (
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-opus-4-5",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
)
