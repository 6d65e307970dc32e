"""Speech: StepFun's system voices, their mapping from OpenAI's, and the limits of one request (stepfun-api 8.4).

The mapping is a choice by gender and style, not a fact about StepFun. Not every model serves every voice:
`GET /audio/system_voices?model=…` lists those of one model.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from .schema import Voice, VoiceAlias

SOURCE: Final = "audio/create-audio, audio/system_voices"
AS_OF: Final = "2026-06-19"

_FEMALE: Final = (
    "elegantgentle-female ganliannvsheng huolinvsheng jilingshaonv jingdiannvsheng lengyanyujie linjiajiejie "
    "linjiameimei livelybreezy-female qingchunshaonv qinhenvsheng qinqienvsheng ruanmengnvsheng shuangkuaijiejie "
    "tianmeinvsheng wenjingxuejie wenrounvsheng wenroushunv yingwennvsheng youyanvsheng yuanqishaonv zhixingjiejie"
)
_MALE: Final = (
    "boyinnansheng cixingnansheng qingniandaxuesheng ruyananshi shenchennanyin shuangkuainansheng wenrougongzi "
    "wenrounansheng yingwennansheng yuanqinansheng zhengpaiqingnian zixinnansheng"
)

VOICES: Final = (
    *(Voice(id, "female") for id in _FEMALE.split()),
    *(Voice(id, "male") for id in _MALE.split()),
    Voice("lively-girl", "female", english=True),
    Voice("energeticconfident-female", "female", english=True),
    Voice("vibrant-youth", "male", english=True),
    Voice("soft-spoken-gentleman", "male", english=True),
    Voice("magnetic-voiced-male", "male", english=True),
)

VOICE_ALIASES: Final = (
    VoiceAlias("alloy", "elegantgentle-female", "even and neutral"),
    VoiceAlias("ash", "magnetic-voiced-male", "clear male voice"),
    VoiceAlias("ballad", "soft-spoken-gentleman", "soft male voice"),
    VoiceAlias("cedar", "shenchennanyin", "deep, calm male voice"),
    VoiceAlias("coral", "livelybreezy-female", "cheerful female voice"),
    VoiceAlias("echo", "wenrounansheng", "gentle male voice"),
    VoiceAlias("fable", "ruyananshi", "refined male voice for stories"),
    VoiceAlias("marin", "qinqienvsheng", "warm female voice"),
    VoiceAlias("nova", "energeticconfident-female", "lively, confident female voice"),
    VoiceAlias("onyx", "cixingnansheng", "deep, resonant male voice"),
    VoiceAlias("sage", "zhixingjiejie", "thoughtful female voice"),
    VoiceAlias("shimmer", "lively-girl", "bright female voice"),
    VoiceAlias("verse", "vibrant-youth", "expressive young male voice"),
)

OPENAI_VOICES: Final = MappingProxyType({row.name: row for row in VOICE_ALIASES})

INPUT_LIMIT: Final = 1000
"""The largest number of characters in one speech request."""
INSTRUCTION_LIMIT: Final = 200
INSTRUCTION_MODELS: Final = frozenset({"stepaudio-2.5-tts"})
"""The models that accept `instruction`; the others return an error."""
PARENTHESES_ARE_INSTRUCTIONS: Final = frozenset({"stepaudio-2.5-tts"})
"""The models that treat text in parentheses as an instruction and do not speak it."""
SPEED: Final = (0.5, 2.0)
FORMATS: Final = ("mp3", "wav", "flac", "opus", "pcm")
DEFAULT_FORMAT: Final = "mp3"

ASR_FORMATS: Final = ("wav", "mp3", "ogg", "pcm")
"""The formats of the recommended recognition endpoint (stepfun-api 8.5)."""
ASR_PCM_RATE: Final = 16_000
"""The rate the documentation's sample gives for raw PCM."""
