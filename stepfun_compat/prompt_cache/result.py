"""What the diagnosis of two requests finds."""

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
"""What broke a prefix. `key_order`: the same content in other bytes. `rejected`: a request that is never sent. `route`: the
requests are sent to different endpoints."""


@dataclass(frozen=True)
class Diagnosis:
    """Where the prefix two requests share ends, and why.

    `broken` is False where the second request continues the first, or is a beginning of it. `where` names the place in
    the body that is sent for the second request, which `explain` prints. `shared_messages` counts the whole messages
    before the break that both bodies have in common. `before` and `after` are the snippets that differ.
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
    """A break before any message is counted as shared."""
    return Diagnosis(True, kind, where, why, 0, before, after)


def holds(why: str, shared: int) -> Diagnosis:
    """A prefix that is not broken."""
    return Diagnosis(False, "none", "", why, shared)
