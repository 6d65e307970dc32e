"""Responses as data, so that faults can change them before they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ..json_values import dumps, is_array, is_object

Headers = Mapping[str, str]


def _none() -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Event:
    """One server-sent event. `data` is JSON, or a string that is sent unchanged."""

    data: Any
    name: str | None = None

    @property
    def is_done(self) -> bool:
        return self.data == "[DONE]"

    def encode(self) -> bytes:
        text = self.data if isinstance(self.data, str) else dumps(self.data)
        lines = "".join(f"data: {line}\n" for line in text.split("\n"))
        head = f"event: {self.name}\n" if self.name else ""
        return f"{head}{lines}\n".encode("utf-8", "surrogatepass")


DONE = Event("[DONE]")


@dataclass(frozen=True)
class Body:
    """A response with a complete body."""

    content: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Headers = field(default_factory=_none)


@dataclass(frozen=True)
class Events:
    """A response sent as a stream of events."""

    events: Sequence[Event]
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Headers = field(default_factory=_none)


Answer = Body | Events


def json_body(value: object, status: int = 200, headers: Headers | None = None) -> Body:
    return Body(dumps(value).encode("utf-8", "surrogatepass"), status, "application/json", headers or {})


def text_body(text: str, status: int = 200) -> Body:
    return Body(text.encode(), status, "text/plain; charset=utf-8")


def no_finish(event: Event) -> Event | None:
    """Remove the finish reason from an event; return None for an event that only ends the stream."""
    if event.is_done:
        return None
    if event.name in ("response.completed", "response.incomplete", "response.failed"):
        return None
    if not is_object(event.data):
        return event
    data = event.data
    if data.get("type") in ("speech.audio.done", "transcript.text.done"):
        return None
    choices = data.get("choices")
    if not is_array(choices):
        return event
    kept = [
        {k: v for k, v in choice.items() if k != "finish_reason"} for choice in cast("list[dict[str, Any]]", choices)
    ]
    return Event({**data, "choices": kept}, event.name)
