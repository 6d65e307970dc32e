"""What has been seen of a chat stream, by choice and by tool call, and small readings of its chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..context import Json
from ..json_values import Dict
from .structured_output import FenceFilter


@dataclass
class StreamedCall:
    """One tool call of a stream: its place in the caller's list, what has come of it and what has been told.

    `wire_id` and `wire_name` are StepFun's; `id` is what the caller was or will be told, and stays.
    """

    index: int
    id: str
    wire_id: str = ""
    wire_name: str = ""
    wire_index: int | None = None
    arguments: str = ""
    told: bool = False


@dataclass(slots=True)  # one for each open stream
class ChoiceState:
    """What has been seen of one choice."""

    role_sent: bool = False
    finished: str | None = None
    calls: list[StreamedCall] = field(default_factory=lambda: [])
    by_id: dict[str, StreamedCall] = field(default_factory=lambda: {})
    by_wire_index: dict[int, StreamedCall] = field(default_factory=lambda: {})
    pending_ids: dict[int | None, str] = field(default_factory=lambda: {})
    built_in: list[Dict] = field(default_factory=lambda: [])
    built_in_ids: dict[str, None] = field(default_factory=lambda: {})
    in_built_in: bool = False
    length: int = 0
    size: int = 0
    text_tokens: int = 0
    cut: bool = False
    called: bool = False
    reasoning: list[str] = field(default_factory=lambda: [])
    transcript: str = ""
    fences: FenceFilter | None = None


DELTA_FIELDS = frozenset({"role", "content", "reasoning", "reasoning_content", "tool_calls", "audio"})


CHUNK_FIELDS = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "agent"}
)  # `agent` is StepFun's (stepfun-api 4.5)


def more_fields(body: Dict) -> Dict:
    """What else stands around the choices: `system_fingerprint`, `service_tier`, `obfuscation` and a gateway's own."""
    return {key: value for key, value in body.items() if key not in CHUNK_FIELDS}


def more_of_delta(given: Dict) -> Dict:
    """What a delta holds beyond the known fields: `refusal`, `function_call` and a gateway's own."""
    return {key: value for key, value in given.items() if key not in DELTA_FIELDS and value is not None}


def has_content(row: Dict) -> bool:
    """Whether a chunk has anything to show yet."""
    delta = row["choices"][0]["delta"]
    return (
        bool(delta.keys() - {"role", "content"})
        or bool(delta.get("content"))
        or bool(row["choices"][0]["finish_reason"])
    )


def place_of(state: ChoiceState, fragment: Dict, function: Dict) -> tuple[str, str, int | None]:
    """(id, name, index) of a fragment; a name without an id takes the one that came alone at its index."""
    name = text_of(function.get("name"))
    index = fragment.get("index")
    place = index if isinstance(index, int) else None
    id = text_of(fragment.get("id"))
    return id or (state.pending_ids.pop(place, "") if name else ""), name, place


def text_of(value: Json) -> str:
    return value if isinstance(value, str) else ""


def join_pieces(pieces: Sequence[Dict | None]) -> Dict:
    """Pieces of one function as one: its texts are put together."""
    out: Dict = {}
    for piece in pieces:
        for key, value in (piece or {}).items():
            out[key] = out[key] + value if key in ("arguments", "input") and key in out else out.get(key, value)
    return out
