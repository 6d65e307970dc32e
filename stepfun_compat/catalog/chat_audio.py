"""Audio output in chat (stepfun-api 3.1): StepFun's voices and formats, and their mapping from OpenAI's.

The mapping of voices is a choice by gender and style, not a fact about StepFun.
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
