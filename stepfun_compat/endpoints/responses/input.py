"""Read the input of a Responses request as a list of items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..context import Json, RequestRejected
from ..json_values import Dict, is_sequence, row_of, rows_of, type_of


def input_items(input: Json) -> list[Dict]:
    """Return the input as a list of items, each a new dict with its `type`; a string is one user message.

    Raises:
        RequestRejected: the input does not have a documented form.
    """
    if isinstance(input, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": input}]}]
    if input is None:
        return []
    if not is_sequence(input):
        raise RequestRejected("input must be a string or a list of items.", code="invalid_type", param="input")
    items: list[Dict] = []
    for place, item in enumerate(rows_of(input)):
        row = row_of(plain_item(item))
        kind = row.get("type") or ("message" if "role" in row else "item_reference" if "id" in row else None)
        if not row or kind is None:
            raise RequestRejected(
                f"input[{place}] is not an item: it has neither type nor role.", code="invalid_type", param="input"
            )
        items.append({**row, "type": kind})
    return items


def plain_item(item: Any) -> Any:
    """Return an SDK object as JSON (programs send output items back); anything else unchanged.

    The SDK serializes objects only in lists and in parameters typed as iterables.
    """
    if type_of(item) is dict:
        return item
    row: Any = item
    dump: Any = None if isinstance(item, Mapping) else getattr(row, "to_dict", None)
    return dump(mode="json") if callable(dump) else row


def reasoning_text(item: Mapping[str, Any]) -> str:
    """The text of a reasoning item: its content, else its summary."""
    for key in ("content", "summary"):
        text = "\n".join(str(row_of(part).get("text") or "") for part in rows_of(item.get(key)))
        if text:
            return text
    return ""
