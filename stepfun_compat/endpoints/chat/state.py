"""What the way back of a chat call needs to know of its request."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..context import Json
from .tools import Tools


@dataclass(slots=True)
class ChatState:
    """Filled by the request's translation, read by those of the response and the stream."""

    tools: Tools = field(default_factory=Tools)
    cap: int | None = None
    """The caller's cap where headroom was added to it, to which the text is cut."""
    sent_cap: int | None = None
    include_usage: bool = False
    schema: Json = None
    structured: bool = False
    """Whether the response is JSON, which is never cut."""
    json_text: bool = False
    """Whether the text is JSON, which StepFun may wrap in a fence (stepfun-api 3.5)."""
    emulated_schema: bool = False
    """Whether the schema stands in the prompt, and the response is checked against it here."""
    stop: Json = None
    reasoned: bool = False
