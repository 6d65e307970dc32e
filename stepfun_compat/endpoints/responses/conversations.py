"""`/conversations`: kept in the client's store, since StepFun has none."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from typing_extensions import override

from ..base import Effect, PlainEndpoint, Reply, Request, Script, StoreOperation
from ..context import Exchange
from ..json_values import Dict, as_list
from ..parameters import given, segment
from .input import input_items
from .records import item_key, listed, load, not_found, records, shown, turns_of
from .request import check_id, new_id


def _with_ids(value: Any) -> list[Dict]:
    return [item if item.get("id") else {**item, "id": new_id("msg")} for item in input_items(value)]


def _conversation(id: str, record: Mapping[str, Any]) -> Dict:
    return {
        "id": id,
        "object": "conversation",
        "created_at": record.get("created_at", 0),
        "metadata": record.get("metadata") or {},
    }


def _added(items: Sequence[Dict]) -> tuple[str, dict[str, Dict]]:
    """(the key of a new part, the records to write for it)."""
    part = new_id("part")
    return part, {part: {"items": list(items)}, **{item_key(str(item["id"])): {"in": part} for item in items}}


def _head(id: str, x: Exchange) -> Generator[Effect, Reply, Dict]:
    check_id(id, "conversation_id", "conv")
    record = (records((yield load(id)).body) or {}).get(id)
    if record is None:
        raise not_found("Conversation", id, x, code="conversation_not_found", param="conversation_id")
    return record


def _parts(id: str, record: Dict, x: Exchange) -> Generator[Effect, Reply, dict[str, list[Dict]]]:
    keys: list[str] = as_list(record.get("parts"))
    found = (records((yield load(*keys)).body) or {}) if keys else {}
    turns_of(keys, found, not_found("Turns of conversation", id, x, param="conversation_id"))
    return {key: as_list(found[key].get("items")) for key in keys}


def _flat(parts: Mapping[str, list[Dict]]) -> list[Dict]:
    return [item for items in parts.values() for item in items]


class Create(PlainEndpoint):
    """`POST /conversations`."""

    name = "conversations.create"

    @override
    def script(self, request: Request, x: Exchange) -> Script:
        fields = given(request)
        id = new_id("conv")
        record: Dict = {"created_at": int(time.time()), "metadata": fields.get("metadata") or {}, "parts": []}
        rows: dict[str, Dict] = {}
        items = _with_ids(fields.get("items"))
        if items:
            part, rows = _added(items)
            record["parts"] = [part]
        yield StoreOperation(save={**rows, id: record})
        return Reply(_conversation(id, record))


class Retrieve(PlainEndpoint):
    """`GET /conversations/{id}`."""

    name = "conversations.retrieve"

    @override
    def script(self, request: Request, x: Exchange) -> Script:
        id = segment(request, 1)
        record = yield from _head(id, x)
        return Reply(_conversation(id, record))


class Update(PlainEndpoint):
    """`POST /conversations/{id}`: its metadata."""

    name = "conversations.update"

    @override
    def script(self, request: Request, x: Exchange) -> Script:
        id = segment(request, 1)
        record = yield from _head(id, x)
        metadata: Dict = given(request).get("metadata") or {}
        yield StoreOperation(merge=(id, {"metadata": metadata}))
        return Reply(_conversation(id, {**record, "metadata": metadata}))


class Delete(PlainEndpoint):
    """`DELETE /conversations/{id}`: the conversation; responses made in it stay, as at OpenAI."""

    name = "conversations.delete"

    @override
    def script(self, request: Request, x: Exchange) -> Script:
        id = segment(request, 1)
        yield from _head(id, x)
        yield StoreOperation(delete=[id])
        return Reply({"id": id, "object": "conversation.deleted", "deleted": True})


class AddItems(PlainEndpoint):
    """`POST /conversations/{id}/items`."""

    name = "conversations.items.create"

    @override
    def script(self, request: Request, x: Exchange) -> Script:
        id = segment(request, 1)
        yield from _head(id, x)
        items = _with_ids(given(request).get("items"))
        part, rows = _added(items)
        yield StoreOperation(save=rows, append=(id, "parts", part))
        return Reply({**listed(items, {"limit": 100, "order": "asc"}), "has_more": False})


class ListItems(PlainEndpoint):
    """`GET /conversations/{id}/items`."""

    name = "conversations.items.list"

    @override
    def script(self, request: Request, x: Exchange) -> Script:
        id = segment(request, 1)
        record = yield from _head(id, x)
        parts = yield from _parts(id, record, x)
        return Reply(listed(_flat(parts), request.query))


class RetrieveItem(PlainEndpoint):
    """`GET /conversations/{id}/items/{item}`."""

    name = "conversations.items.retrieve"

    @override
    def script(self, request: Request, x: Exchange) -> Script:
        id, wanted = segment(request, 1), segment(request, 3)
        record = yield from _head(id, x)
        parts = yield from _parts(id, record, x)
        for item in _flat(parts):
            if item.get("id") == wanted:
                return Reply(shown(item))
        raise not_found("Item", wanted, x, param="item_id")


class DeleteItem(PlainEndpoint):
    """`DELETE /conversations/{id}/items/{item}`."""

    name = "conversations.items.delete"

    @override
    def script(self, request: Request, x: Exchange) -> Script:
        id, wanted = segment(request, 1), segment(request, 3)
        record = yield from _head(id, x)
        parts = yield from _parts(id, record, x)
        for part, items in parts.items():
            if any(item.get("id") == wanted for item in items):
                yield StoreOperation(remove=(part, "items", wanted), delete=[item_key(wanted)])
                return Reply(_conversation(id, record))
        raise not_found("Item", wanted, x, param="item_id")


CREATE = Create()
RETRIEVE = Retrieve()
UPDATE = Update()
DELETE = Delete()
ADD_ITEMS = AddItems()
LIST_ITEMS = ListItems()
RETRIEVE_ITEM = RetrieveItem()
DELETE_ITEM = DeleteItem()
