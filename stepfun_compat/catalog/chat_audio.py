"""Spoken answers in chat (stepfun-api 3.1): StepFun's voices and formats, and what stands in for OpenAI's.

Which voice resembles which is a choice by gender and manner, not a fact of StepFun's.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

CHAT_VOICES: Final = ("wenrounansheng", "qingchunshaonv", "livelybreezy-female", "elegantgentle-female")

OPENAI_VOICES: Final = MappingProxyType(
    {
        "alloy": "livelybreezy-female",
        "ash": "wenrounansheng",
        "ballad": "wenrounansheng",
        "cedar": "wenrounansheng",
        "coral": "qingchunshaonv",
        "echo": "wenrounansheng",
        "fable": "wenrounansheng",
        "marin": "elegantgentle-female",
        "nova": "qingchunshaonv",
        "onyx": "wenrounansheng",
        "sage": "elegantgentle-female",
        "shimmer": "elegantgentle-female",
        "verse": "wenrounansheng",
    }
)
FORMAT: Final = "wav"
STREAM_FORMAT: Final = "pcm"
