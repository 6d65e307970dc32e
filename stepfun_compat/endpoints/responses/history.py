"""Load what a request refers to, before it is translated: the previous response, its conversation, single items."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, cast

from ..base import Effect, WireResponse
from ..context import RequestContext
from ..json_values import Dict, as_list, row_of, rows_of
from .records import item_key, load, not_found, records, turn_key, turns_of
from .request import ResponsesState

Loading = Generator[Effect, WireResponse, None]

_UNSEEN: Final = {"type": "message", "role": "user", "content": "(an item of the store)"}
"""The placeholder for a referenced item when a call is only explained."""


def needs_history(fields: Mapping[str, Any]) -> bool:
    """Whether a request refers to anything in the store."""
    return (
        fields.get("previous_response_id") is not None
        or fields.get("conversation") is not None
        or any(_is_reference(row_of(item)) for item in rows_of(fields.get("input")))
    )


def _is_reference(item: Mapping[str, Any]) -> bool:
    return item.get("type") == "item_reference" or ("type" not in item and "role" not in item and "id" in item)


def load_history(original: ResponsesState, context: RequestContext) -> Loading:
    """Fill `original.history`, and replace item references with the items.

    Raises:
        RequestRejected: something the request refers to is not stored.
    """
    previous = original.fields.get("previous_response_id")
    if previous is not None:
        yield from _previous(str(previous), original, context)
    conversation = original.fields.get("conversation")
    if conversation is not None:
        yield from _conversation(str(row_of(conversation).get("id") or conversation), original, context)
    yield from _references(original, context)
    if original.history:
        original.history = _sendable(original.history)


def _sendable(value: Any) -> Any:
    """Replace lone surrogates in earlier responses: they can be stored but not sent, and the caller cannot fix them."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {key: _sendable(entry) for key, entry in cast("Mapping[str, Any]", value).items()}
    return [_sendable(entry) for entry in as_list(value)] if isinstance(value, list) else value


def record_missing_history(parameter: str, before: str, context: RequestContext) -> None:
    if context.client.dry_run:
        context.record_change(
            "reshape",
            parameter,
            before,
            "the items of the conversation",
            "the client looks them up when the call is made",
        )
        return
    context.record_change(
        "drop", parameter, before, None, "the store failed and Settings.state_on_error is ignore", lossy=True
    )


def _previous(id: str, original: ResponsesState, context: RequestContext) -> Loading:
    missing = not_found(
        "Previous response", id, context, status=400, code="previous_response_not_found", param="previous_response_id"
    )
    found = records((yield load(id)).body)
    if found is None:
        record_missing_history("previous_response_id", id, context)
        return
    head = found.get(id)
    if head is None:
        raise missing
    chain: list[str] = [*as_list(head.get("chain")), id]
    parts: list[str] = as_list(head.get("before"))  # the turns of its conversation up to this response
    turns = records((yield load(*parts, *map(turn_key, chain))).body)
    if turns is None:
        record_missing_history("previous_response_id", id, context)
        return
    gone = next((earlier for earlier in chain if turn_key(earlier) not in turns), None)
    if gone is not None:
        missing = not_found(
            "Earlier response",
            gone,
            context,
            status=400,
            code="previous_response_not_found",
            param="previous_response_id",
        )
    original.history = turns_of([*parts, *map(turn_key, chain)], turns, missing)
    original.chain = chain
    if parts:
        original.parts = parts


def _conversation(id: str, original: ResponsesState, context: RequestContext) -> Loading:
    found = records((yield load(id)).body)
    if found is None:
        record_missing_history("conversation", id, context)
        return
    head = found.get(id)
    if head is None:
        raise not_found("Conversation", id, context, code="conversation_not_found", param="conversation")
    parts: list[str] = as_list(head.get("parts"))
    turns = (records((yield load(*parts)).body) or {}) if parts else {}
    original.history = turns_of(parts, turns, not_found("Turns of conversation", id, context, param="conversation"))
    original.conversation, original.parts = id, parts


def _references(original: ResponsesState, context: RequestContext) -> Loading:
    """Replace the item references of the input with the items."""
    wanted = [str(item.get("id")) for item in original.items if item["type"] == "item_reference"]
    if not wanted:
        return
    known: dict[str, Dict] = {str(item.get("id")): item for item in original.history}
    unknown = [id for id in wanted if id not in known]
    if unknown:
        stored = yield from _stored_items(unknown)
        if context.client.dry_run:
            record_missing_history("input", ", ".join(unknown), context)
            stored = dict.fromkeys(unknown, _UNSEEN)
        known = {**stored, **known}
    missing = next((id for id in wanted if id not in known), None)
    if missing is not None:
        raise not_found("Item", missing, context, param="input")
    original.items[:] = [
        dict(known[str(item.get("id"))]) if item["type"] == "item_reference" else item for item in original.items
    ]


def _stored_items(ids: Sequence[str]) -> Generator[Effect, WireResponse, dict[str, Dict]]:
    """Load the records that hold these items. Returns all items of those records, by id."""
    places = records((yield load(*map(item_key, ids))).body) or {}
    keys = list(dict.fromkeys(str(row["in"]) for row in places.values()))
    found = (records((yield load(*keys)).body) or {}) if keys else {}
    items: dict[str, Dict] = {}
    for record in found.values():
        for item in (*as_list(record.get("items")), *as_list(record.get("output"))):
            items.setdefault(str(item.get("id")), item)
    return items
