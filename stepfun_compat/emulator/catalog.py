"""StepFun's models and tiers (stepfun-api 2, 8, 9.3), deliberately not shared with `stepfun_compat.catalog`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["chat", "router", "audio_chat", "realtime", "tts", "asr", "image"]


@dataclass(frozen=True)
class Model:
    """One model (stepfun-api 2). Empty `efforts`: no reasoning_effort is documented, although the model may reason."""

    id: str
    kind: Kind
    context: int = 0
    inputs: frozenset[str] = frozenset({"text"})
    reasons: bool = False
    efforts: tuple[str, ...] = ()
    json_schema: bool = False
    tools: bool = True
    responses: bool = False
    messages: bool = False
    standard: bool = True
    plan: bool = False
    audio_out: bool = False
    realtime: bool = False

    @property
    def chats(self) -> bool:
        return self.kind in ("chat", "router", "audio_chat")


_VISION = frozenset({"text", "image", "video"})
_AUDIO = frozenset({"text", "audio"})
_UNSTATED = 65_536  # the context windows of audio models are not documented
_THREE = ("low", "medium", "high")

_ROWS = (
    Model(
        "step-5-preview",
        "chat",
        1_024_000,
        _VISION,
        reasons=True,
        efforts=_THREE,
        json_schema=True,
        responses=True,
        plan=True,
    ),
    Model(
        "step-3.7-flash",
        "chat",
        262_144,
        _VISION,
        reasons=True,
        efforts=_THREE,
        json_schema=True,
        responses=True,
        messages=True,
        plan=True,
    ),
    Model("step-3.5-flash", "chat", 262_144, reasons=True, json_schema=True, messages=True, plan=True),
    Model(
        "step-3.5-flash-2603",
        "chat",
        262_144,
        reasons=True,
        efforts=("low", "high"),
        json_schema=True,
        messages=True,
        plan=True,
    ),
    Model("step-router-v1", "router", 1_000_000, reasons=True, messages=True, standard=False, plan=True),
    Model("step-1o-turbo-vision", "chat", 32_768, _VISION),
    Model("stepaudio-3-chat-preview", "audio_chat", _UNSTATED, _AUDIO),
    Model("stepaudio-2.5-chat", "audio_chat", _UNSTATED, _AUDIO, plan=True),
    Model("step-audio-2", "audio_chat", _UNSTATED, _AUDIO, audio_out=True, realtime=True),
    Model("step-audio-2-mini", "audio_chat", _UNSTATED, _AUDIO, audio_out=True, realtime=True),
    Model("step-audio-r1.1", "audio_chat", _UNSTATED, _AUDIO, reasons=True, tools=False, realtime=True),
    Model("step-audio-r1.5", "audio_chat", _UNSTATED, _AUDIO, reasons=True, tools=False, realtime=True),
    Model("step-1o-audio", "audio_chat", _UNSTATED, _AUDIO, audio_out=True, realtime=True),
    Model("stepaudio-3-realtime-preview", "realtime", _UNSTATED, realtime=True),
    Model("stepaudio-2.5-realtime", "realtime", _UNSTATED, plan=True, realtime=True),
    Model("stepaudio-3-tts", "tts"),
    Model("stepaudio-2.5-tts", "tts", plan=True),
    Model("step-tts-2", "tts", plan=True),
    Model("step-tts-mini", "tts", plan=True),
    Model("step-tts-vivid", "tts"),
    Model("stepaudio-3-asr-max", "asr"),
    Model("stepaudio-2.5-asr", "asr", plan=True),
    Model("stepaudio-2-asr-pro", "asr", plan=True),
    Model("step-asr", "asr"),
    Model("step-asr-1.1", "asr"),
    Model("step-asr-1.1-stream", "asr"),
    Model("step-image-edit-2", "image", plan=True),
    Model("step-2x-large", "image"),
)

MODELS: dict[str, Model] = {row.id: row for row in _ROWS}

# Inference stopped on 2026-07-08 (stepfun-api 2.3).
RETIRED = frozenset(
    {
        "step-1-8k",
        "step-1-32k",
        "step-1v-8k",
        "step-1v-32k",
        "step-2-mini",
        "step-2-16k",
        "step-1o-vision-32k",
        "step-3",
        "step-1x-medium",
    }
)

# `model_type` in the live model list (stepfun-api 7).
MODEL_TYPES: dict[str, str] = {"chat": "大语言模型", "router": "路由模型"}

# Concurrency and requests per minute, by platform (stepfun-api 9.3, 13.1). Tokens per minute are not counted.
TIERS: dict[str, dict[str, tuple[int, int]]] = {
    "cn": {
        "V0": (5, 10),
        "V1": (100, 1_000),
        "V2": (200, 5_000),
        "V3": (400, 10_000),
        "V4": (1_000, 20_000),
        "V5": (10_000, 200_000),
    },
    "global": {
        "V0": (5, 100),
        "V1": (20, 400),
        "V2": (30, 600),
        "V3": (40, 800),
        "V4": (130, 2_600),
    },
}

# The voices of end-to-end audio chat (stepfun-api 3.1).
CHAT_VOICES = frozenset({"wenrounansheng", "qingchunshaonv", "livelybreezy-female", "elegantgentle-female"})

SYSTEM_VOICES: tuple[str, ...] = (
    "boyinnansheng",
    "cixingnansheng",
    "elegantgentle-female",
    "energeticconfident-female",
    "ganliannvsheng",
    "huolinvsheng",
    "jilingshaonv",
    "jingdiannvsheng",
    "lengyanyujie",
    "linjiajiejie",
    "linjiameimei",
    "lively-girl",
    "livelybreezy-female",
    "magnetic-voiced-male",
    "qingchunshaonv",
    "qingniandaxuesheng",
    "qinhenvsheng",
    "qinqienvsheng",
    "ruanmengnvsheng",
    "ruyananshi",
    "shenchennanyin",
    "shuangkuaijiejie",
    "shuangkuainansheng",
    "soft-spoken-gentleman",
    "tianmeinvsheng",
    "vibrant-youth",
    "wenjingxuejie",
    "wenrougongzi",
    "wenrounansheng",
    "wenrounvsheng",
    "wenroushunv",
    "yingwennansheng",
    "yingwennvsheng",
    "youyanvsheng",
    "yuanqinansheng",
    "yuanqishaonv",
    "zhengpaiqingnian",
    "zhixingjiejie",
    "zixinnansheng",
)

# The documented order is height x width (stepfun-api 8.3).
IMAGE_SIZES: dict[str, tuple[str, ...]] = {
    "step-image-edit-2": ("1024x1024", "768x1360", "896x1184", "1360x768", "1184x896"),
    "step-2x-large": ("256x256", "512x512", "768x768", "1024x1024", "1280x800", "800x1280"),
}
