"""Replay a complete Response as OpenAI's stream of events: a background response, or a stored one.

The same Response gives the same events with the same numbers, so `starting_after` resumes where a reader stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from ..base import WireResponse
from ..context import Json, RequestRejected
from ..json_values import Dict, as_list, row_of, rows_of

_PIECE: Final = 64  # characters of text in one delta


class PassThroughStream:
    """Pass through a stream whose events are already OpenAI's (a `StreamTransform`)."""

    def feed(self, chunk: Json) -> Sequence[Json]:
        """Return the event unchanged."""
        return (chunk,)

    def close(self) -> Sequence[Json]:
        """Return nothing: no event is pending."""
        return ()


def replayed(response: Dict, starting_after: Json = None) -> WireResponse:
    """Return the events of a Response with a number above `starting_after`, as a body of server-sent events.

    Raises:
        RequestRejected: `starting_after` is not a number.
    """
    try:
        after = -1 if starting_after is None else int(starting_after)
    except (TypeError, ValueError):
        raise RequestRejected(
            f"starting_after={starting_after!r} is not a sequence number.", code="invalid_value", param="starting_after"
        ) from None
    rows = [row for row in events_of(response) if row["sequence_number"] > after]
    text = "".join(f"event: {row['type']}\ndata: {json.dumps(row)}\n\n" for row in rows)
    return WireResponse(text, headers={"content-type": "text/event-stream; charset=utf-8"})


def events_of(response: Dict) -> list[Dict]:
    """The events of a Response as OpenAI streams it, in order and numbered."""
    begun: Dict = {
        **response,
        "status": "in_progress",
        "output": [],
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "usage": None,
    }
    events: list[tuple[str, Dict]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
    ]
    for place, entry in enumerate(as_list(response.get("output"))):
        events += item_events(place, dict(row_of(entry)))
    events.append((f"response.{response['status']}", {"response": response}))
    return [{"type": kind, "sequence_number": number, **fields} for number, (kind, fields) in enumerate(events)]


def item_events(place: int, item: Dict) -> Iterator[tuple[str, Dict]]:
    """The events of an item of the output, as OpenAI streams it."""
    begun: Dict = {**item, "status": "in_progress"}
    if item.get("type") in ("message", "reasoning"):
        begun["content"] = []
    for field in ("arguments", "input"):
        if field in item:
            begun[field] = ""
    yield "response.output_item.added", {"output_index": place, "item": begun}
    content = _CONTENT.get(str(item.get("type")))
    if content is not None:
        yield from content({"item_id": item.get("id"), "output_index": place}, item)
    yield "response.output_item.done", {"output_index": place, "item": item}


def _parts(at: Dict, item: Dict) -> Iterator[tuple[str, Dict]]:
    for index, part in enumerate(rows_of(item.get("content"))):
        yield from _part({**at, "content_index": index}, dict(row_of(part)))


def _arguments(at: Dict, item: Dict) -> Iterator[tuple[str, Dict]]:
    arguments = str(item.get("arguments") or "")
    for piece in _pieces(arguments):
        yield "response.function_call_arguments.delta", {**at, "delta": piece}
    yield "response.function_call_arguments.done", {**at, "name": item.get("name"), "arguments": arguments}


def _custom_input(at: Dict, item: Dict) -> Iterator[tuple[str, Dict]]:
    text = str(item.get("input") or "")
    for piece in _pieces(text):
        yield "response.custom_tool_call_input.delta", {**at, "delta": piece}
    yield "response.custom_tool_call_input.done", {**at, "input": text}


def _search(at: Dict, _item: Dict) -> Iterator[tuple[str, Dict]]:
    for state in ("in_progress", "searching", "completed"):
        yield f"response.web_search_call.{state}", at


_CONTENT: Final[Mapping[str, Callable[[Dict, Dict], Iterator[tuple[str, Dict]]]]] = {
    "message": _parts,
    "reasoning": _parts,
    "function_call": _arguments,
    "custom_tool_call": _custom_input,
    "web_search_call": _search,
}
"""The events between an item's first and last event, by its type."""


def _part(at: Dict, part: Dict) -> Iterator[tuple[str, Dict]]:
    kind = part.get("type")
    field = "refusal" if kind == "refusal" else "text"
    text = str(part.get(field) or "")
    more: Dict = {"logprobs": []} if kind == "output_text" else {}
    name = {"output_text": "output_text", "reasoning_text": "reasoning_text", "refusal": "refusal"}.get(str(kind))
    begun: Dict = {**part, field: ""}
    if "annotations" in part:
        begun["annotations"] = []
    yield "response.content_part.added", {**at, "part": begun}
    if name is not None:
        for piece in _pieces(text):
            yield f"response.{name}.delta", {**at, "delta": piece, **more}
        for number, annotation in enumerate(rows_of(part.get("annotations"))):
            yield (
                "response.output_text.annotation.added",
                {**at, "annotation_index": number, "annotation": annotation},
            )
        yield f"response.{name}.done", {**at, field: text, **more}
    yield "response.content_part.done", {**at, "part": part}


def _pieces(text: str) -> list[Any]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
