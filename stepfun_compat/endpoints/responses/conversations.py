"""`/conversations`: kept in the client's store, since StepFun has no such endpoint."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from typing_extensions import override

from ..base import Effect, Flow, PassThroughEndpoint, StoreOperation, WireRequest, WireResponse
from ..context import RequestContext
from ..json_values import Dict, as_list
from ..parameters import given, path_segment
from .input import input_items
from .records import item_key, load, not_found, paginate, records, to_list_item, turns_of
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
    """Return the key of a new part, and the records to write for it."""
    part = new_id("part")
    return part, {part: {"items": list(items)}, **{item_key(str(item["id"])): {"in": part} for item in items}}


def _head(id: str, context: RequestContext) -> Generator[Effect, WireResponse, Dict]:
    check_id(id, "conversation_id", "conv")
    record = (records((yield load(id)).body) or {}).get(id)
    if record is None:
        raise not_found("Conversation", id, context, code="conversation_not_found", param="conversation_id")
    return record


def _parts(id: str, record: Dict, context: RequestContext) -> Generator[Effect, WireResponse, dict[str, list[Dict]]]:
    keys: list[str] = as_list(record.get("parts"))
    found = (records((yield load(*keys)).body) or {}) if keys else {}
    turns_of(keys, found, not_found("Turns of conversation", id, context, param="conversation_id"))
    return {key: as_list(found[key].get("items")) for key in keys}


def _flat(parts: Mapping[str, list[Dict]]) -> list[Dict]:
    return [item for items in parts.values() for item in items]


class Create(PassThroughEndpoint):
    """`POST /conversations`."""

    name = "conversations.create"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        fields = given(request)
        id = new_id("conv")
        record: Dict = {"created_at": int(time.time()), "metadata": fields.get("metadata") or {}, "parts": []}
        rows: dict[str, Dict] = {}
        items = _with_ids(fields.get("items"))
        if items:
            part, rows = _added(items)
            record["parts"] = [part]
        yield StoreOperation(save={**rows, id: record})
        return WireResponse(_conversation(id, record))


class Retrieve(PassThroughEndpoint):
    """`GET /conversations/{id}`."""

    name = "conversations.retrieve"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        id = path_segment(request, 1)
        record = yield from _head(id, context)
        return WireResponse(_conversation(id, record))


class Update(PassThroughEndpoint):
    """`POST /conversations/{id}`: its metadata."""

    name = "conversations.update"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        id = path_segment(request, 1)
        record = yield from _head(id, context)
        metadata: Dict = given(request).get("metadata") or {}
        yield StoreOperation(merge=(id, {"metadata": metadata}))
        return WireResponse(_conversation(id, {**record, "metadata": metadata}))


class Delete(PassThroughEndpoint):
    """`DELETE /conversations/{id}`: the responses of the conversation remain, as at OpenAI."""

    name = "conversations.delete"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        id = path_segment(request, 1)
        yield from _head(id, context)
        yield StoreOperation(delete=[id])
        return WireResponse({"id": id, "object": "conversation.deleted", "deleted": True})


class AddItems(PassThroughEndpoint):
    """`POST /conversations/{id}/items`."""

    name = "conversations.items.create"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        id = path_segment(request, 1)
        yield from _head(id, context)
        items = _with_ids(given(request).get("items"))
        part, rows = _added(items)
        yield StoreOperation(save=rows, append=(id, "parts", part))
        return WireResponse({**paginate(items, {"limit": 100, "order": "asc"}), "has_more": False})


class ListItems(PassThroughEndpoint):
    """`GET /conversations/{id}/items`."""

    name = "conversations.items.list"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        id = path_segment(request, 1)
        record = yield from _head(id, context)
        parts = yield from _parts(id, record, context)
        return WireResponse(paginate(_flat(parts), request.query))


class RetrieveItem(PassThroughEndpoint):
    """`GET /conversations/{id}/items/{item}`."""

    name = "conversations.items.retrieve"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        id, wanted = path_segment(request, 1), path_segment(request, 3)
        record = yield from _head(id, context)
        parts = yield from _parts(id, record, context)
        for item in _flat(parts):
            if item.get("id") == wanted:
                return WireResponse(to_list_item(item))
        raise not_found("Item", wanted, context, param="item_id")


class DeleteItem(PassThroughEndpoint):
    """`DELETE /conversations/{id}/items/{item}`."""

    name = "conversations.items.delete"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        id, wanted = path_segment(request, 1), path_segment(request, 3)
        record = yield from _head(id, context)
        parts = yield from _parts(id, record, context)
        for part, items in parts.items():
            if any(item.get("id") == wanted for item in items):
                yield StoreOperation(remove=(part, "items", wanted), delete=[item_key(wanted)])
                return WireResponse(_conversation(id, record))
        raise not_found("Item", wanted, context, param="item_id")
