"""The state of a chat call between request and response."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..context import Json
from .tools import Tools


@dataclass(slots=True)
class ChatState:
    """Set by the translation of the request, read by those of the response and the stream."""

    tools: Tools = field(default_factory=Tools)
    cap: int | None = None
    """The caller's cap if headroom was added to it: the text is truncated to it."""
    sent_cap: int | None = None
    include_usage: bool = False
    schema: Json = None
    structured: bool = False
    """Whether the response is JSON, which is never truncated."""
    json_text: bool = False
    """Whether the text is JSON, which StepFun may wrap in a fence (stepfun-api 3.5)."""
    emulated_schema: bool = False
    """Whether the schema is in the prompt, and the response is validated here."""
    stop: Json = None
    reasoned: bool = False
