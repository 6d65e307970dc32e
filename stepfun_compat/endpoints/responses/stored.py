"""Stored responses: retrieve, delete, cancel and list their input items. Served from the store alone."""

from __future__ import annotations

from collections.abc import Generator

from typing_extensions import override

from ..base import Effect, Flow, PassThroughEndpoint, StoreOperation, StreamTransform, WireRequest, WireResponse
from ..context import RequestContext, RequestRejected
from ..json_values import Dict, as_list
from ..parameters import path_segment
from .records import item_key, load, not_found, paginate, records, turn_key, turns_of
from .replay import PassThroughStream, replayed
from .request import check_id

Loading = Generator[Effect, WireResponse, Dict]


def stored(id: str, context: RequestContext) -> Loading:
    """The record of a response, with its output and the items of its input.

    Raises:
        RequestRejected: the response is not stored, or no longer.
    """
    check_id(id, "response_id", "resp")
    found = records((yield load(id, turn_key(id))).body) or {}
    record, turn = found.get(id), found.get(turn_key(id))
    if record is None or turn is None:
        raise not_found("Response", id, context, param="response_id")
    return {**record, "items": turn["items"], "response": {**record["response"], "output": turn["output"]}}


class Retrieve(PassThroughEndpoint):
    """`GET /responses/{id}`."""

    name = "responses.retrieve"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        record = yield from stored(path_segment(request, 1), context)
        if str(request.query.get("stream", "")).lower() == "true":
            return replayed(record["response"], request.query.get("starting_after"))
        return WireResponse(record["response"])

    @override
    def transform_stream(self, context: RequestContext) -> StreamTransform:
        return PassThroughStream()


class Delete(PassThroughEndpoint):
    """`DELETE /responses/{id}`."""

    name = "responses.delete"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        id = path_segment(request, 1)
        record = yield from stored(id, context)
        items = [*as_list(record.get("items")), *as_list(record["response"].get("output"))]
        yield StoreOperation(delete=[id, turn_key(id), *(item_key(str(item.get("id"))) for item in items)])
        return WireResponse({"id": id, "object": "response", "deleted": True})


class Cancel(PassThroughEndpoint):
    """`POST /responses/{id}/cancel`: a stored response is finished. Cancelling it has no effect if it was made in the
    background, and is an error otherwise, as at OpenAI."""

    name = "responses.cancel"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        id = path_segment(request, 1)
        record = yield from stored(id, context)
        if record["response"].get("background"):
            return WireResponse(record["response"])
        raise RequestRejected(
            f"Cannot cancel {id}: it was not created with background=True, and it is complete. To stop a response in "
            "progress, close its stream.",
            code="invalid_request",
            param="response_id",
        )


class InputItems(PassThroughEndpoint):
    """`GET /responses/{id}/input_items`: everything the model was given, earlier turns included."""

    name = "responses.input_items.list"

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        id = path_segment(request, 1)
        record = yield from stored(id, context)
        chain, parts = as_list(record.get("chain")), as_list(record.get("before"))
        turns = [*parts, *map(turn_key, chain)]
        past = (records((yield load(*turns)).body) or {}) if turns else {}
        before = turns_of(turns, past, not_found("Earlier input of response", id, context, param="response_id"))
        return WireResponse(paginate([*before, *as_list(record.get("items"))], request.query))
