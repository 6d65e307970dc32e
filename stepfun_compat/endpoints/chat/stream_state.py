"""The state of a chat stream by choice and tool call, and helpers that read its chunks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..context import Json
from ..json_values import Dict
from .structured_output import FenceFilter


@dataclass
class StreamedCall:
    """One tool call of a stream: its position in the caller's list, and what has arrived of it.

    `wire_id` and `wire_name` are StepFun's; `id` is the caller's, and does not change once `emitted`.
    """

    index: int
    id: str
    wire_id: str = ""
    wire_name: str = ""
    wire_index: int | None = None
    arguments: str = ""
    emitted: bool = False


@dataclass(slots=True)
class Fragment:
    """One fragment of a tool call, as StepFun sends it."""

    id: str
    name: str
    index: int | None
    arguments: str

    @property
    def is_blank(self) -> bool:
        """Whether the fragment has neither a name nor arguments."""
        return not self.name and not self.arguments.strip()


@dataclass(slots=True)  # one for each open stream
class ChoiceState:
    """What has arrived of one choice."""

    role_sent: bool = False
    finished: str | None = None
    calls: list[StreamedCall] = field(default_factory=lambda: [])
    by_id: dict[str, StreamedCall] = field(default_factory=lambda: {})
    by_wire_index: dict[int | None, StreamedCall] = field(default_factory=lambda: {})
    pending_ids: dict[int | None, str] = field(default_factory=lambda: {})
    built_in: list[Dict] = field(default_factory=lambda: [])
    built_in_ids: dict[str, None] = field(default_factory=lambda: {})
    in_built_in: bool = False
    length: int = 0
    size: int = 0
    text_tokens: int = 0
    truncated: bool = False
    called: bool = False
    reasoning: list[str] = field(default_factory=lambda: [])
    transcript: str = ""
    fences: FenceFilter | None = None

    @property
    def last_call(self) -> StreamedCall | None:
        """The call that started last, None before the first."""
        return self.calls[-1] if self.calls else None


DELTA_FIELDS = frozenset({"role", "content", "reasoning", "reasoning_content", "tool_calls", "audio"})


CHUNK_FIELDS = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "agent"}
)  # `agent` is StepFun's (stepfun-api 4.5)


def more_fields(body: Dict) -> Dict:
    """Return the other fields beside the choices, such as `system_fingerprint`, `service_tier` or a gateway's."""
    return {key: value for key, value in body.items() if key not in CHUNK_FIELDS}


def more_of_delta(given: Dict) -> Dict:
    """Return the other fields of a delta, such as `refusal`, `function_call` or a gateway's."""
    return {key: value for key, value in given.items() if key not in DELTA_FIELDS and value is not None}


def has_content(row: Dict) -> bool:
    """Whether a chunk has more than an empty text."""
    delta = row["choices"][0]["delta"]
    return (
        bool(delta.keys() - {"role", "content"})
        or bool(delta.get("content"))
        or bool(row["choices"][0]["finish_reason"])
    )


def read_fragment(state: ChoiceState, row: Dict, function: Dict) -> Fragment:
    """Read a fragment. A name without an id takes the id that arrived alone at its index."""
    name, id, index = text_of(function.get("name")), text_of(row.get("id")), row.get("index")
    place = index if isinstance(index, int) else None
    if name and not id:
        id = state.pending_ids.pop(place, "")
    arguments = function.get("arguments")
    if arguments is None:
        arguments = ""
    elif not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return Fragment(id, name, place, arguments)


def text_of(value: Json) -> str:
    """Return the value if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def join_pieces(pieces: Sequence[Dict | None]) -> Dict:
    """Merge pieces of one function: arguments and input are concatenated."""
    out: Dict = {}
    for piece in pieces:
        for key, value in (piece or {}).items():
            out[key] = out[key] + value if key in ("arguments", "input") and key in out else out.get(key, value)
    return out
