"""The realtime WebSocket (stepfun-api 8.6)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

pytest.importorskip("websockets", reason="the realtime WebSocket needs websockets")
uvicorn_config = pytest.importorskip("uvicorn.config", reason="the emulator needs uvicorn")
if "websockets-sansio" not in uvicorn_config.WS_PROTOCOLS:
    pytest.skip("this uvicorn uses a deprecated part of websockets", allow_module_level=True)
from websockets.exceptions import ConnectionClosedOK, InvalidStatus  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

MODEL = "?model=stepaudio-2.5-realtime"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def dial(server: Any) -> Iterator[Callable[..., Any]]:
    with ExitStack() as stack:

        def call(query: str = MODEL, path: str = "/v1/realtime", key: str = "k", **options: Any) -> Any:
            address = server.origin.replace("http", "ws") + path + query
            headers = {"Authorization": f"Bearer {key}"}
            return stack.enter_context(connect(address, additional_headers=headers, **options))

        yield call


def send(socket: Any, type: str, **fields: Any) -> None:
    socket.send(json.dumps({"type": type, **fields}))


def receive(socket: Any, until: str) -> list[dict[str, Any]]:
    got: list[dict[str, Any]] = []
    while not got or got[-1]["type"] not in (until, "error"):
        got.append(json.loads(socket.recv(timeout=5)))
    return got


def refused(dial: Any, *arguments: Any, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as raised:
        dial(*arguments, **options)
    return raised.value.response.status_code


def test_model_must_be_in_the_query(dial: Any) -> None:
    assert refused(dial, "") == 400
    assert refused(dial, "?model=gpt-4o-realtime-preview") == 400
    assert refused(dial, "?model=step-3.7-flash") == 400


def test_keys_plans_and_faults_are_checked_before_the_websocket_opens(dial: Any, server: Any) -> None:
    assert refused(dial, key="sk-proj-x") == 401
    server.fault(429)
    assert refused(dial) == 429
    server.configure(plan="absent")
    assert refused(dial, path="/step_plan/v1/realtime") == 400
    assert [item.status for item in server.requests] == [401, 429, 400]


def test_response_has_the_older_event_types(dial: Any) -> None:
    socket = dial()
    (created,) = receive(socket, "session.created")
    assert created["session"]["modalities"] == ["text", "audio"]
    content = [{"type": "input_text", "text": "hello there"}]
    send(socket, "conversation.item.create", item={"id": "mine", "type": "message", "role": "user", "content": content})
    (item,) = receive(socket, "conversation.item.created")
    assert item["item"]["id"] != "mine"
    send(socket, "response.create")
    got = receive(socket, "response.done")
    kinds = [event["type"] for event in got]
    assert {"response.thinking.delta", "response.audio.delta", "response.audio_transcript.delta"} <= set(kinds)
    assert not any(kind.startswith("response.output_audio") for kind in kinds)
    words = [event["delta"] for event in got if event["type"] == "response.audio_transcript.delta"]
    assert "".join(words) == "hello there"
    assert got[-1]["response"]["status"] == "completed"


def test_tools_are_nested_and_responses_wait_for_response_create(dial: Any) -> None:
    socket = dial()
    receive(socket, "session.created")
    flat = {"type": "function", "name": "get_weather", "parameters": {}}
    send(socket, "session.update", session={"tools": [flat]})
    assert receive(socket, "session.updated")[-1]["type"] == "error"
    send(socket, "session.update", session={"tools": [TOOL]})
    receive(socket, "session.updated")
    content = [{"type": "input_text", "text": "What is the weather in Paris?"}]
    send(socket, "conversation.item.create", item={"type": "message", "role": "user", "content": content})
    send(socket, "response.create")
    got = receive(socket, "response.done")
    done = next(event for event in got if event["type"] == "response.function_call_arguments.done")
    assert json.loads(done["arguments"]) == {"city": "Paris"}
    output = {"type": "function_call_output", "call_id": done["call_id"], "output": "sunny"}
    send(socket, "conversation.item.create", item=output)
    receive(socket, "conversation.item.created")
    send(socket, "session.update", session={})
    assert json.loads(socket.recv(timeout=5))["type"] == "session.updated"
    send(socket, "response.create")
    transcript = next(e for e in receive(socket, "response.done") if e["type"] == "response.audio_transcript.done")
    assert "sunny" in transcript["transcript"]


@pytest.mark.parametrize(
    ("type", "fields"),
    [
        ("conversation.item.create", {"item": {"type": "function_call", "name": "f", "arguments": "{}"}}),
        ("conversation.item.create", {"previous_item_id": "root", "item": {"type": "message"}}),
        ("session.update", {"session": {"modalities": ["text"]}}),
        ("session.update", {"session": {"input_audio_format": "g711_ulaw"}}),
        ("session.update", {"session": {"turn_detection": {"type": "semantic_vad"}}}),
        ("session.update", {"session": {"turn_detection": {"type": "server_vad", "energy_awakeness_threshold": 9000}}}),
        ("input_audio_buffer.commit", {}),
        ("transcription_session.update", {}),
    ],
)
def test_invalid_events_get_error_events(dial: Any, type: str, fields: Any) -> None:
    socket = dial()
    receive(socket, "session.created")
    send(socket, type, **fields)
    error = receive(socket, "error")[-1]
    assert error["type"] == "error"
    assert error["error"]["type"] == "invalid_request_error"


def test_audio_input_is_answered(dial: Any) -> None:
    socket = dial()
    receive(socket, "session.created")
    send(socket, "input_audio_buffer.append", audio=base64.b64encode(bytes(100)).decode())
    send(socket, "input_audio_buffer.commit")
    assert [event["type"] for event in receive(socket, "conversation.item.created")] == [
        "input_audio_buffer.committed",
        "conversation.item.created",
    ]
    send(socket, "input_audio_buffer.append", audio="@")
    assert receive(socket, "error")[-1]["type"] == "error"


def test_silence_after_speech_starts_a_response(dial: Any) -> None:
    socket = dial()
    receive(socket, "session.created")
    send(socket, "session.update", session={"turn_detection": {"type": "server_vad"}})
    received = receive(socket, "session.updated")[-1]["session"]["turn_detection"]
    assert received == {
        "type": "server_vad",
        "prefix_padding_ms": 500,
        "silence_duration_ms": 100,
        "energy_awakeness_threshold": 2500,
    }
    loud, quiet = b"\x00\x30" * 12_000, bytes(24_000)
    for sound in (quiet, loud[:3000], loud[3000:], quiet):
        send(socket, "input_audio_buffer.append", audio=base64.b64encode(sound).decode())
    kinds = [event["type"] for event in receive(socket, "response.done")]
    assert kinds[:3] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]
    assert "response.audio.delta" in kinds
    send(socket, "input_audio_buffer.append", audio=base64.b64encode(loud + quiet).decode())
    assert receive(socket, "response.done")[0]["type"] == "input_audio_buffer.speech_started"


def test_session_ends_after_30_minutes(dial: Any, server: Any) -> None:
    now = 1_000_000.0
    server.configure(clock=lambda: now)
    socket = dial()
    receive(socket, "session.created")
    now += 30 * 60 - 1
    send(socket, "input_audio_buffer.clear")
    assert receive(socket, "input_audio_buffer.cleared")
    now += 1
    send(socket, "input_audio_buffer.clear")
    with pytest.raises(ConnectionClosedOK):
        socket.recv(timeout=5)


def test_strict_refuses_openai_session_fields(dial: Any, server: Any) -> None:
    server.configure(strict=True)
    assert refused(dial, subprotocols=["realtime"]) == 400
    socket = dial()
    receive(socket, "session.created")
    for session in ({"type": "realtime"}, {"turn_detection": {"type": "server_vad", "threshold": 0.5}}):
        send(socket, "session.update", session=session)
        assert receive(socket, "session.updated")[-1]["type"] == "error"
