"""Records of responses, their items and conversations, and the operations that store them.

A script yields a `StoreOperation`; a stream's transform puts it among its events, before the final event.

Records: `resp_…` holds the `response` without its output and `chain`, the ids before it; `turn_resp_…` its `items` (the
input) and `output`, which is all that later turns need; `item_…` names the record that holds an item; `conv_…` holds
the conversation's fields and `parts`, the keys of `part_…` records, each with the `items` of one turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from ...state import in_this_process
from ..base import StoreOperation
from ..context import Json, NotStored, RequestContext, RequestRejected
from ..json_values import Dict, as_dict, as_list, row_of
from .request import ResponsesState, new_id


def load(*keys: str) -> StoreOperation:
    """Build the operation that loads records."""
    return StoreOperation(load=keys)


def not_found(
    what: str, id: str, context: RequestContext, *, status: int = 404, code: str | None = None, param: str | None = None
) -> RequestRejected:
    """Build OpenAI's error for a record that is missing or expired (404; 400 for a previous response)."""
    text = f"{what} with id '{id}' not found."
    if in_this_process(context.settings.state):
        text += (
            f" Conversations are kept in this process only (STEPFUN_STATE={context.settings.state}): to share them between "
            "workers or keep them across restarts, set STEPFUN_STATE to sqlite:///path or redis://host:6379/0."
        )
    if context.client.callable_key and context.settings.state_namespace is None:
        text += (
            " Records belong to the API key that created them, and api_key is a function: if it rotates the keys of one "
            "owner, set STEPFUN_STATE_NAMESPACE to a name for that owner's records."
        )
    return NotStored(text, status=status, code=code, param=param)


def records(body: Json) -> Mapping[str, Dict] | None:
    """Return the loaded records; None if the store failed and its errors are ignored.

    Raises:
        RequestRejected: a record has an unknown format: another program uses the same namespace.
    """
    found = as_dict(body)
    for key, record in (found or {}).items():
        if not _is_ours(key, record):
            raise RequestRejected(
                f"The record {key} in the conversation store has an unknown format. Another program may write to "
                "the same records. Set STEPFUN_STATE_NAMESPACE to keep yours apart.",
                status=500,
                code="state_record_invalid",
                type="server_error",
            )
    return found


def _are_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in as_list(value))


def _are_items(value: Json) -> bool:
    return isinstance(value, list) and all(
        (row := as_dict(entry)) is not None and isinstance(row.get("type"), str) and isinstance(row.get("id"), str)
        for entry in as_list(value)
    )


def _is_response(record: Dict) -> bool:
    response = row_of(record.get("response"))
    return (
        isinstance(response.get("id"), str)
        and isinstance(response.get("status"), str)
        and _are_texts(record.get("chain"))
        and _are_texts(record.get("before", []))
    )


_FORMS: Final[Mapping[str, Callable[[Dict], bool]]] = {
    "resp": _is_response,
    "turn": lambda record: _are_items(record.get("items")) and _are_items(record.get("output")),
    "part": lambda record: _are_items(record.get("items")),
    "conv": lambda record: _are_texts(record.get("parts", [])) and isinstance(record.get("metadata", {}), Mapping),
    "item": lambda record: isinstance(record.get("in"), str),
}
"""The check of a record's format (see the top of this module), by the prefix of its key."""


def _is_ours(key: str, record: Json) -> bool:
    row = as_dict(record)
    check = _FORMS.get(key.partition("_")[0])
    return row is not None and (check is None or check(row))


def turns_of(keys: Sequence[str], found: Mapping[str, Dict], missing: RequestRejected) -> list[Dict]:
    """The items of turns, input and output.

    Raises:
        RequestRejected: `missing`, if a turn is no longer stored; a conversation never loses one silently.
    """
    if any(key not in found for key in keys):
        raise missing
    return [item for key in keys for field in ("items", "output") for item in as_list(found[key].get(field))]


def turn_key(id: str) -> str:
    """The key of the record that holds the input and output of a response."""
    return f"turn_{id}"


def item_key(id: str) -> str:
    """The key of the record that names the record holding an item."""
    return f"item_{id}"


def least_size(value: Json) -> int:
    """Return a lower bound of a value's size as JSON, in bytes: the characters of its strings."""
    size, left = 0, [value]
    while left:
        entry = left.pop()
        if isinstance(entry, str):
            size += len(entry)
        elif isinstance(entry, Mapping):
            left.extend(cast("Mapping[str, Any]", entry).values())
        elif isinstance(entry, list | tuple):
            left.extend(cast("Sequence[Any]", entry))
    return size


def check_size(original: ResponsesState, context: RequestContext) -> None:
    """Mark input that is too large to store, before the request is sent.

    Raises:
        RequestRejected: the caller passed `store=True`, and errors of the store are not ignored.
    """
    settings = context.settings
    most = min(settings.state_max_record_bytes, settings.state_max_bytes or settings.state_max_record_bytes)
    if not original.stored or least_size(original.items) <= most:
        return
    original.too_large = True
    if original.fields.get("store") is True and settings.state_on_error == "error":
        raise RequestRejected(
            f"store=True is not possible: the input alone exceeds the {most:,} bytes a record may have, so nothing was "
            "sent. Omit store, pass store=False, or raise STEPFUN_STATE_MAX_RECORD_BYTES or STEPFUN_STATE_MAX_BYTES.",
            code="state_record_too_large",
            param="store",
        )


def kept(original: ResponsesState, response: Dict) -> StoreOperation | None:
    """Build the operation that stores a response; None if there is nothing to store.

    It is `optional` unless the caller passed `store=True` or `background=True`: if the store fails, the caller still
    receives the response.
    """
    optional = original.fields.get("store") is not True and not original.fields.get("background")
    rows: dict[str, Dict] = {}
    conversation = original.conversation
    made: list[Dict] = as_list(response.get("output"))
    if original.stored:
        turn = turn_key(original.id)
        rows[original.id] = {"response": {**response, "output": []}, "chain": original.chain}
        rows[turn] = {"items": original.items, "output": made}
        if conversation is not None:
            rows[original.id]["conversation"] = conversation
        if original.parts:
            rows[original.id]["before"] = original.parts
        for item in (*original.items, *made):
            if isinstance(item.get("id"), str):
                rows[item_key(item["id"])] = {"in": turn}
    if conversation is None:
        return StoreOperation(save=rows, optional=optional) if rows else None
    part = new_id("part")
    rows[part] = {"items": [*original.items, *made]}
    return StoreOperation(save=rows, append=(conversation, "parts", part), optional=optional)


def paginate(items: Sequence[Dict], query: Mapping[str, Any], default_order: str = "desc") -> Dict:
    """Return one page of a list of items, as OpenAI does: `limit` 1 to 100 (default 20), `order`, `after` an item's id.

    Raises:
        RequestRejected: `after` is not in the list, or `limit` is out of range.
    """
    rows = [to_list_item(item) for item in items]
    if query.get("order", default_order) != "asc":
        rows.reverse()
    after = query.get("after")
    if after is not None:
        rows = _rows_after(rows, after)
    limit = _limit(query.get("limit"))
    page = rows[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(rows) > limit,
    }


def _rows_after(rows: list[Dict], after: Json) -> list[Dict]:
    places = [place for place, row in enumerate(rows) if row.get("id") == after]
    if not places:
        raise RequestRejected(f"after={after!r} was not found in this list.", code="invalid_value", param="after")
    return rows[places[0] + 1 :]


def _limit(value: Json) -> int:
    try:
        limit = 20 if value is None else int(value)
    except (TypeError, ValueError):
        limit = 0
    if not 1 <= limit <= 100:
        raise RequestRejected(
            f"limit={value!r} is out of range: it must be 1 to 100.", code="invalid_value", param="limit"
        )
    return limit


def to_list_item(item: Dict) -> Dict:
    """Build the list entry of a stored item: a message's text becomes a part, and every item has a status."""
    if item.get("type") == "reasoning":
        return item
    content = item.get("content")
    if isinstance(content, str):
        kind = "output_text" if item.get("role") == "assistant" else "input_text"
        part: Dict = {"type": kind, "text": content}
        item = {**item, "content": [{**part, "annotations": [], "logprobs": []} if kind == "output_text" else part]}
    return {"status": "completed", **item}
