"""The result of comparing two requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

BreakKind = Literal[
    "none",
    "rejected",
    "route",
    "model",
    "tool_choice",
    "tools_reordered",
    "tool_added",
    "tool_removed",
    "tool_changed",
    "instructions",
    "role",
    "text",
    "timestamp",
    "uuid",
    "id",
    "number",
    "text_added",
    "part_added",
    "part_removed",
    "part_changed",
    "image",
    "video",
    "audio",
    "tool_call",
    "tool_call_id",
    "reasoning",
    "field",
    "message_inserted",
    "message_removed",
    "messages_reordered",
    "response_format",
    "key_order",
]
"""What broke a prefix. `key_order`: the same content in different bytes. `rejected`: a request is never sent. `route`:
the requests are sent to different endpoints."""


@dataclass(frozen=True)
class Diagnosis:
    """Where the shared prefix of two requests ends, and why.

    `broken` is False if the second request continues the first, or is a prefix of it. `where` is the path of the break
    in the body that is sent for the second request, which `explain` shows. `shared_messages` counts the complete
    messages before the break that both bodies have in common. `before` and `after` are the snippets that differ.
    """

    broken: bool
    kind: BreakKind
    where: str
    why: str
    shared_messages: int
    before: str = ""
    after: str = ""

    @override
    def __str__(self) -> str:
        shared = f"{self.shared_messages} message{'' if self.shared_messages == 1 else 's'} shared"
        if not self.broken:
            return f"The prefix holds: {self.why} ({shared})."
        lines = [f"The prefix breaks at {self.where}: {self.why} ({shared})."]
        if self.before or self.after:
            lines += [f"  before: {self.before}", f"  after:  {self.after}"]
        return "\n".join(lines)


def broken(kind: BreakKind, where: str, why: str, before: str = "", after: str = "") -> Diagnosis:
    """Return a break with no shared messages."""
    return Diagnosis(True, kind, where, why, 0, before, after)


def holds(why: str, shared: int) -> Diagnosis:
    """Return the diagnosis of a prefix that is not broken."""
    return Diagnosis(False, "none", "", why, shared)
