"""Incomplete responses of StepFun as Responses objects: nothing is lost, and failures are reported."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

import stepfun_compat
from stepfun_compat import Settings

MODEL = "step-3.7-flash"


def answered(route: str, rows: list[Any] | Any) -> Any:
    """Return the client's events for streamed rows, or its response for one complete body."""

    def answer(request: httpx.Request) -> httpx.Response:
        if not isinstance(rows, list):
            return httpx.Response(200, json=rows)
        text = "".join(f"data: {json.dumps(row)}\n\n" for row in rows) + ("data: [DONE]\n\n" if route == "chat" else "")
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)

    client = stepfun_compat.OpenAI(
        api_key="k",
        base_url="https://api.stepfun.ai/v1",
        settings=Settings(responses_route=route),
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),  # type: ignore[arg-type]
        max_retries=0,
    )
    with client as c:
        if not isinstance(rows, list):
            return c.responses.create(model=MODEL, input="x")
        return list(c.responses.create(model=MODEL, input="x", stream=True))


def message(text: str, id: str = "msg_1") -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": id, "role": "assistant", "status": "completed", "content": [part]}


CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"}


def body(*output: Any, **more: Any) -> dict[str, Any]:
    response = {"id": "r", "object": "response", "created_at": 1, "model": MODEL, "status": "completed"}
    return {**response, "output": list(output), **more}


CREATED = {"type": "response.created", "response": body(status="in_progress")}
AT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def events_of_message(item: dict[str, Any]) -> list[Any]:
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **AT, "part": {"type": "output_text", "text": ""}},
        {"type": "response.output_text.delta", **AT, "delta": "so"},
        {"type": "response.output_text.done", **AT, "text": "so"},
        {"type": "response.content_part.done", **AT, "part": {"type": "output_text", "text": "so"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    ]


@pytest.mark.parametrize("first", [True, False])
def test_items_only_in_the_final_response_are_kept_and_reported(first: bool):
    known = events_of_message(message("so")) if first else []
    output = [message("so"), CALL, message("more", "msg_2")]
    events = answered("native", [CREATED, *known, {"type": "response.completed", "response": body(*output)}])
    response = events[-1].response
    assert [item.type for item in response.output] == ["message", "function_call", "message"]
    assert response.output_text == "somore"
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [item.to_dict() for item in done] == [item.to_dict() for item in response.output]
    assert [event.output_index for event in events if event.type == "response.output_item.added"] == [0, 1, 2]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "somore"
    assert [event.sequence_number for event in events] == list(range(len(events)))


@pytest.mark.parametrize("left_out", [(1,), (4,), (1, 4), (3,), (3, 4), (1, 2), (1, 3, 4)])
def test_missing_events_of_a_part_are_repaired(left_out: tuple[int, ...]):
    known = [event for place, event in enumerate(events_of_message(message("so"))) if place not in left_out]
    events = answered("native", [CREATED, *known, {"type": "response.completed", "response": body(message("so"))}])
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds[2:-1] == [
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
    ]
    assert events[-1].response.output_text == "so"
    assert events[-2].item.content[0].text == "so"


@pytest.mark.parametrize("reason", ["error", "network_error"])
@pytest.mark.parametrize("stream", [False, True])
def test_response_that_finishes_with_an_error_has_failed(reason: str, stream: bool):
    head = {"id": "1", "created": 1, "model": MODEL, "object": "chat.completion"}
    if stream:
        deltas = [({"role": "assistant", "content": "so"}, None), ({}, reason)]
        rows = [{**head, "choices": [{"index": 0, "delta": d, "finish_reason": f}]} for d, f in deltas]
        events = answered("chat", rows)
        assert events[-1].type == "response.failed"
        response = events[-1].response
    else:
        choice = {"index": 0, "message": {"role": "assistant", "content": "so"}, "finish_reason": reason}
        response = answered("chat", {**head, "choices": [choice]})
    assert (response.status, response.error.code) == ("failed", "server_error")
    assert reason in response.error.message
    assert response.output_text == "so"
    native = body(message("so"), status="incomplete", incomplete_details={"reason": reason})
    if stream:
        native_events = answered(
            "native", [CREATED, *events_of_message(message("so")), {"type": "response.incomplete", "response": native}]
        )
        assert native_events[-1].type == "response.failed"
    else:
        assert answered("native", native).status == "failed"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "message": "engine gone"},
        {"object": "error", "message": "engine gone"},
        {"code": 500, "message": "engine gone"},
        {"detail": "engine gone"},
        {"base_resp": {"status_code": 1000, "status_msg": "engine gone"}},
        {"error": {"message": "engine gone"}},
    ],
)
def test_error_of_any_shape_in_a_chat_stream_is_response_failed(event: Any):
    head = {"id": "1", "created": 1, "model": MODEL, "object": "chat.completion.chunk"}
    start = {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "so"}, "finish_reason": None}]}
    events = answered("chat", [start, event])
    assert events[-1].type == "response.failed"
    assert events[-1].response.error.message == "engine gone"
    assert events[-1].response.output_text == "so"
