"""OpenAI's model names and the StepFun models that replace them. The first row that matches wins: specific rows first.

Each row also sets what makes the new model behave like the old one: names of models without reasoning get effort `low`
and headroom for the reasoning tokens; names of reasoning models get `medium`. The headroom is a choice, not a fact about
StepFun: at effort `low`, 400 tokens were too few for a small answer and 1,500 were enough (stepfun-api 4.6).
"""

from __future__ import annotations

from typing import Final

from .schema import Alias

HEADROOM: Final = 1500
"""Tokens added to `max_tokens` under names of models without reasoning. `STEPFUN_TOKEN_HEADROOM` overrides it; 0: off."""

DEFAULT_CHAT: Final = "step-3.7-flash"
DEFAULT_AUDIO_CHAT: Final = "step-audio-2"
DEFAULT_TTS: Final = "stepaudio-2.5-tts"
DEFAULT_ASR: Final = "stepaudio-2.5-asr"
DEFAULT_IMAGE: Final = "step-image-edit-2"
DEFAULT_REALTIME: Final = "stepaudio-2.5-realtime"

SOURCE: Final = "names: the types of the openai package up to 3.54, with retired and Azure spellings"
AS_OF: Final = "2026-11"


def _row(pattern: str, model: str, why: str, effort: str | None = None, headroom: int = 0) -> Alias:
    return Alias(pattern, model, effort, headroom, why, SOURCE, AS_OF)


def _answers_at_once(*patterns: str) -> tuple[Alias, ...]:
    why = "the OpenAI model does not reason"
    return tuple(_row(p, DEFAULT_CHAT, why, "low", HEADROOM) for p in patterns)


def _reasons(*patterns: str) -> tuple[Alias, ...]:
    return tuple(_row(p, DEFAULT_CHAT, "the OpenAI model reasons", "medium") for p in patterns)


ALIASES: Final = (
    # audio and images first: their names start like those of chat models
    _row("gpt-4o-mini-tts*", DEFAULT_TTS, "for speech"),
    _row("tts-1*", DEFAULT_TTS, "for speech"),
    _row("gpt-4o*-transcribe*", DEFAULT_ASR, "for transcription"),
    _row("gpt-transcribe*", DEFAULT_ASR, "for transcription"),
    _row("whisper-*", DEFAULT_ASR, "for transcription"),
    _row("gpt-4o*-realtime*", DEFAULT_REALTIME, "for realtime sessions"),
    _row("gpt-realtime*", DEFAULT_REALTIME, "for realtime sessions"),
    _row("gpt-4o*-audio*", DEFAULT_AUDIO_CHAT, "for chat with audio"),
    _row("gpt-audio*", DEFAULT_AUDIO_CHAT, "for chat with audio"),
    _row("dall-e-*", DEFAULT_IMAGE, "for images"),
    _row("gpt-image-*", DEFAULT_IMAGE, "for images"),
    _row("chatgpt-image-*", DEFAULT_IMAGE, "for images"),
    # text models without reasoning
    *_answers_at_once("gpt-5-chat*", "gpt-5.?-chat*", "gpt-4.5*", "gpt-4.1*", "gpt-4o*", "chatgpt-*"),
    *_answers_at_once("gpt-4", "gpt-4-*", "gpt-3.5-*", "gpt-35-*", "text-davinci-*", "davinci-002", "babbage-002"),
    # reasoning models; names newer than gpt-5 are assumed to reason like gpt-5
    *_reasons(
        "gpt-5*",
        "gpt-6*",
        "gpt-daybreak-*",
        "gpt-rosalind-*",
        "gpt-oss-*",
        "o1*",
        "o3*",
        "o4*",
        "codex-*",
        "computer-use-preview*",
    ),
    # Anthropic's names as Anthropic, Bedrock and Vertex spell them, and short names that tools use; a request turns
    # thinking on, so without that these names count as models without reasoning
    *_answers_at_once("claude-*", "anthropic/claude-*", "anthropic.claude-*", "*.anthropic.claude-*"),
    *_answers_at_once("opus", "sonnet", "haiku", "opusplan"),
    # the name of a fine-tuned model contains the name of its base model
    *_answers_at_once("ft:gpt-4*", "ft:gpt-3.5*", "ft:davinci-002*", "ft:babbage-002*"),
    *_reasons("ft:gpt-5*", "ft:o4*"),
)

LISTED: Final = (
    *(
        "gpt-5.1",
        "gpt-5",
        "gpt-5-mini",
        "gpt-5-nano",
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-4.1-nano",
        "gpt-4o",
        "gpt-4o-mini",
    ),
    *("gpt-4-turbo", "gpt-4", "gpt-3.5-turbo", "o4-mini", "o3", "o3-mini", "o1", "gpt-4o-audio-preview", "gpt-audio"),
    *(
        "gpt-realtime",
        "gpt-4o-mini-tts",
        "tts-1",
        "tts-1-hd",
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
    ),
    *("gpt-image-1", "dall-e-3", "dall-e-2"),
)
"""Names that programs look for in the list of models, if a row above matches them."""

DEPLOYMENT: Final = _row(
    "*", DEFAULT_CHAT, "the name of an Azure deployment does not identify its model", "low", HEADROOM
)
"""For deployments that match no row above. They count as models without reasoning: with a low `max_tokens` and no
headroom, the response would be empty."""
