"""What a request refers to: the response before it, its conversation, single items. Loaded before it is translated."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, cast

from ..base import Effect, WireResponse
from ..context import RequestContext
from ..json_values import Dict, as_list, row_of, rows_of
from .records import item_key, load, not_found, records, turn_key, turns_of
from .request import Asked

Loading = Generator[Effect, WireResponse, None]


def refers(fields: Mapping[str, Any]) -> bool:
    """Whether a request needs anything from the store."""
    return (
        fields.get("previous_response_id") is not None
        or fields.get("conversation") is not None
        or any(_is_reference(row_of(item)) for item in rows_of(fields.get("input")))
    )


def _is_reference(item: Mapping[str, Any]) -> bool:
    return item.get("type") == "item_reference" or ("type" not in item and "role" not in item and "id" in item)


def recall(asked: Asked, context: RequestContext) -> Loading:
    """Fill `asked.history` and put referenced items in their places.

    Raises:
        RequestRejected: something of it is not stored.
    """
    previous = asked.fields.get("previous_response_id")
    if previous is not None:
        yield from _previous(str(previous), asked, context)
    conversation = asked.fields.get("conversation")
    if conversation is not None:
        yield from _conversation(str(row_of(conversation).get("id") or conversation), asked, context)
    yield from _references(asked, context)
    if asked.history:
        asked.history = _sendable(asked.history)


def _sendable(value: Any) -> Any:
    """Replace lone surrogates in what an answer held: they can be kept and not be sent, which is no fault of the caller."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {key: _sendable(entry) for key, entry in cast("Mapping[str, Any]", value).items()}
    return [_sendable(entry) for entry in as_list(value)] if isinstance(value, list) else value


def _forgotten(parameter: str, before: str, context: RequestContext) -> None:
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


def _previous(id: str, asked: Asked, context: RequestContext) -> Loading:
    missing = not_found(
        "Previous response", id, context, status=400, code="previous_response_not_found", param="previous_response_id"
    )
    found = records((yield load(id)).body)
    if found is None:
        _forgotten("previous_response_id", id, context)
        return
    head = found.get(id)
    if head is None:
        raise missing
    chain: list[str] = [*as_list(head.get("chain")), id]
    parts: list[str] = as_list(head.get("before"))  # it was part of a conversation, which it followed up to here
    turns = records((yield load(*parts, *map(turn_key, chain))).body)
    if turns is None:
        _forgotten("previous_response_id", id, context)
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
    asked.history = turns_of([*parts, *map(turn_key, chain)], turns, missing)
    asked.chain = chain
    if parts:
        asked.parts = parts


def _conversation(id: str, asked: Asked, context: RequestContext) -> Loading:
    found = records((yield load(id)).body)
    if found is None:
        _forgotten("conversation", id, context)
        return
    head = found.get(id)
    if head is None:
        raise not_found("Conversation", id, context, code="conversation_not_found", param="conversation")
    parts: list[str] = as_list(head.get("parts"))
    turns = (records((yield load(*parts)).body) or {}) if parts else {}
    asked.history = turns_of(parts, turns, not_found("Turns of conversation", id, context, param="conversation"))
    asked.conversation, asked.parts = id, parts


def _references(asked: Asked, context: RequestContext) -> Loading:
    """Put the items that the input refers to in place of the references."""
    wanted = [str(item.get("id")) for item in asked.items if item["type"] == "item_reference"]
    if not wanted:
        return
    known: dict[str, Dict] = {str(item.get("id")): item for item in asked.history}
    unknown = [id for id in wanted if id not in known]
    if unknown:
        known = {**(yield from _stored_items(unknown)), **known}
    for place, item in enumerate(asked.items):
        if item["type"] == "item_reference":
            id = str(item.get("id"))
            if id not in known:
                raise not_found("Item", id, context, param="input")
            asked.items[place] = dict(known[id])


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
