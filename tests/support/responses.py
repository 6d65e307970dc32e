"""Responses helpers for tests: the context of a request, and the events of a stream."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import stepfun_compat
from stepfun_compat import Settings
from stepfun_compat.endpoints.base import StoreOperation, WireRequest
from stepfun_compat.endpoints.context import RequestContext
from stepfun_compat.endpoints.responses.endpoint import Responses
from tests.support.exchange import exchange

WEATHER = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}


def asked(route: str = "chat", **body: Any) -> RequestContext:
    context = exchange(Responses(), responses_route=route)
    Responses().transform_request(
        WireRequest("POST", "/responses", json={"model": "step-3.7-flash", "input": "hi", **body}), context
    )
    return context


def events(context: RequestContext, chunks: Sequence[Any]) -> list[Any]:
    """Return a stream's events. Checks the properties of every stream: sequence numbers, indexes, ids, one response id, stored before the last event."""
    transform = Responses().transform_stream(context)
    received: list[Any] = [row for chunk in chunks for row in transform.feed(copy.deepcopy(chunk))]
    received += transform.close()
    assert [isinstance(row, StoreOperation) for row in received].index(True) == len(received) - 2
    out = [row for row in received if not isinstance(row, StoreOperation)]
    assert [row["sequence_number"] for row in out] == list(range(len(out)))
    assert [row["type"] for row in out[:2]] == ["response.created", "response.in_progress"]
    assert len({row["response"]["id"] for row in out if "response" in row}) == 1
    places: dict[int, str] = {}
    for row in out:
        if row["type"] == "response.output_item.added":
            assert row["output_index"] == len(places)
            places[row["output_index"]] = row["item"]["id"]
        elif row["type"] == "response.output_item.done":
            assert places[row["output_index"]] == row["item"]["id"]
        elif "item_id" in row:
            assert places[row["output_index"]] == row["item_id"]
    final = out[-1]["response"]
    assert [item["id"] for item in final["output"]] == list(places.values())
    return out


def client(server: Any, **settings: Any) -> Any:
    return stepfun_compat.OpenAI(
        api_key=server.api_key, base_url=server.base_url, settings=Settings(**settings), max_retries=0
    )


def later(server: Any, **settings: Any) -> Any:
    return stepfun_compat.AsyncOpenAI(
        api_key=server.api_key, base_url=server.base_url, settings=Settings(**settings), max_retries=0
    )
