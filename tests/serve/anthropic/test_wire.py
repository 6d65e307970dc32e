"""Anthropic's API over loopback: what its SDK reads, and the frames of a stream."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.serve import TOKEN, Served, serving

anthropic = pytest.importorskip("anthropic")
pytestmark = pytest.mark.filterwarnings("ignore:The model '.*' is deprecated:DeprecationWarning")

MODEL = "claude-sonnet-4-5"
HELLO: Any = [{"role": "user", "content": "Say hello"}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "Get the weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001"
        "e221bc330000000049454e44ae426082"
    )
).decode()


@pytest.fixture
def claude(served: Served) -> Iterator[Any]:
    """A stock `anthropic.Anthropic` that calls the server."""
    with anthropic.Anthropic(auth_token=TOKEN, api_key=None, base_url=served.origin, max_retries=0) as client:
        yield client


def sent(served: Served) -> dict[str, Any]:
    """The body of the last request StepFun expected."""
    body = served.emulator.last.json
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize("model", ["claude-opus-4-1", "claude-3-5-haiku-latest", MODEL, "gpt-4o", "step-3.7-flash"])
def test_response_has_the_model_name_of_its_request(served: Served, claude: Any, model: str) -> None:
    answer = claude.messages.create(model=model, max_tokens=2000, messages=HELLO, system="Be short")
    assert (answer.model, answer.role, answer.type, answer.stop_reason) == (model, "assistant", "message", "end_turn")
    assert answer.content[0].text
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert sent(served)["messages"][0] == {"role": "system", "content": "Be short"}
    assert sent(served)["model"] == "step-3.7-flash"


def test_sdk_stream_yields_the_same_message(served: Served, claude: Any) -> None:
    whole = claude.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    with claude.messages.stream(model=MODEL, max_tokens=100, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text == final.content[0].text
    assert (final.stop_reason, final.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)
    assert final.usage.input_tokens + final.usage.cache_read_input_tokens == (
        whole.usage.input_tokens + whole.usage.cache_read_input_tokens
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_loop_keeps_its_thinking(served: Served, claude: Any, streamed: bool) -> None:
    served.emulator.script(
        {"reasoning": "Look it up.", "tool_calls": [{"name": "get_weather", "arguments": {"city": "Paris"}}]},
        {"content": "Sunny."},
    )
    ask: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 4000,
        "tools": [WEATHER],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    }

    def turn(messages: Any) -> Any:
        if not streamed:
            return claude.messages.create(messages=messages, **ask)
        with claude.messages.stream(messages=messages, **ask) as stream:
            return stream.get_final_message()

    first = turn(HELLO)
    assert first.stop_reason == "tool_use"
    thinking, call = first.content
    assert (thinking.type, thinking.thinking) == ("thinking", "Look it up.")
    assert (call.type, call.name, call.input) == ("tool_use", "get_weather", {"city": "Paris"})
    assert sent(served)["reasoning_effort"] == "low"
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "sunny"}]}
    last = turn([*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}])
    assert [block.type for block in last.content][-1] == "text"
    assistant, tool = sent(served)["messages"][-2:]
    assert assistant["reasoning_content"] == "Look it up."
    assert assistant["tool_calls"][0]["id"] == call.id == tool["tool_call_id"]
    assert tool["content"] == "sunny"


@pytest.mark.parametrize("thinking", [{"type": "enabled", "budget_tokens": 2000}, None])
def test_thinking_that_is_not_replayed_is_restored(served: Served, claude: Any, thinking: Any) -> None:
    served.emulator.script(
        {"reasoning": "Look it up.", "tool_calls": [{"name": "get_weather", "arguments": '{"city":  "Paris"}'}]}
    )
    ask = {"model": MODEL, "max_tokens": 4000, "tools": [WEATHER], **({"thinking": thinking} if thinking else {})}
    first = claude.messages.create(messages=HELLO, **ask)
    call = first.content[-1]
    assert ("thinking" in [block.type for block in first.content]) is (thinking is not None)
    played = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}]}
    ]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "broken", "is_error": True}
    claude.messages.create(messages=[*HELLO, *played, {"role": "user", "content": [result]}], **ask)
    assistant, tool = sent(served)["messages"][-2:]
    assert assistant["reasoning_content"] == "Look it up."
    assert tool["content"] == "Error: broken"


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "any"}, True),
        ({"type": "tool", "name": "get_weather"}, True),
        ({"type": "auto", "disable_parallel_tool_use": True}, None),
        ({"type": "none"}, False),
    ],
)
def test_tool_choice_is_enforced(served: Served, claude: Any, choice: Any, called: bool | None) -> None:
    answer = claude.messages.create(model=MODEL, max_tokens=100, messages=HELLO, tools=[WEATHER], tool_choice=choice)
    if called is not None:
        assert (answer.stop_reason == "tool_use") is called


@pytest.mark.parametrize("streamed", [False, True])
def test_disable_parallel_tool_use_is_enforced(served: Served, claude: Any, streamed: bool) -> None:
    served.emulator.script(
        {"tool_calls": [{"name": "get_weather", "arguments": {"city": c}} for c in ("Rome", "Oslo")]}
    )
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    ask = {"model": MODEL, "max_tokens": 100, "messages": HELLO, "tools": [WEATHER], "tool_choice": choice}
    if streamed:
        with claude.messages.stream(**ask) as stream:
            answer = stream.get_final_message()
    else:
        answer = claude.messages.create(**ask)
    assert [block.input for block in answer.content if block.type == "tool_use"] == [{"city": "Rome"}]
    assert answer.stop_reason == "tool_use"


def test_images_are_sent_to_stepfun(served: Served, claude: Any) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content: Any = [{"type": "text", "text": "What is it?"}, {"type": "image", "source": source}]
    answer = claude.messages.create(model=MODEL, max_tokens=100, messages=[{"role": "user", "content": content}])
    assert "[image]" in answer.content[0].text
    parts = sent(served)["messages"][-1]["content"]
    assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,")


def test_response_cut_at_the_token_limit_has_the_stop_reason_max_tokens(claude: Any) -> None:
    answer = claude.messages.create(model="step-3.7-flash", max_tokens=1, messages=HELLO)
    assert answer.stop_reason == "max_tokens"


def test_stop_sequence_is_set_if_the_server_names_it(served: Served, claude: Any) -> None:
    message = {"role": "assistant", "content": "One"}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "stop_reason": "END"}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "step-3.7-flash", "choices": [choice]}
    served.emulator.script({"status": 200, "body": body}, {"content": "One"})
    ask = {"model": MODEL, "max_tokens": 100, "messages": HELLO, "stop_sequences": ["END"]}
    answer = claude.messages.create(**ask)
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "END")
    assert sent(served)["stop"] == ["END"]
    assert claude.messages.create(**ask).stop_reason == "end_turn"


def test_output_schema_is_followed(claude: Any) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    format = {"type": "json_schema", "schema": {**schema, "additionalProperties": False}}
    answer = claude.messages.create(
        model=MODEL, max_tokens=100, messages=HELLO, extra_body={"output_config": {"format": format}}
    )
    assert set(json.loads(answer.content[-1].text)) == {"city"}


def test_tokens_are_counted(claude: Any) -> None:
    plain = claude.messages.count_tokens(model=MODEL, messages=HELLO).input_tokens
    assert plain > 0
    assert claude.messages.count_tokens(model=MODEL, messages=HELLO, tools=[WEATHER]).input_tokens > plain


def test_models_are_listed_in_anthropics_shape(claude: Any) -> None:
    rows = {model.id: model for model in claude.models.list()}
    assert {MODEL, "step-3.7-flash"} <= set(rows)
    assert claude.models.retrieve(MODEL).id == MODEL
    assert rows[MODEL].type == "model"


ERRORS = {
    "no messages": ({"messages": []}, "BadRequestError", "invalid_request_error"),
    "unknown model": ({"model": "no-such-model"}, "NotFoundError", "not_found_error"),
    "small budget": ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "BadRequestError", "invalid_request_error"),
    "a hosted tool": (
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        "BadRequestError",
        "invalid_request_error",
    ),
    "no such tool": ({"tool_choice": {"type": "tool", "name": "x"}}, "BadRequestError", "invalid_request_error"),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("streamed", [False, True])
def test_errors_have_anthropics_shape(claude: Any, name: str, streamed: bool) -> None:
    values, kind, expected = ERRORS[name]
    ask = {"model": MODEL, "max_tokens": 100, "messages": HELLO, **values}
    with pytest.raises(getattr(anthropic, kind)) as got:
        claude.messages.create(stream=streamed, **ask)
    assert got.value.body["type"] == "error"
    assert got.value.body["error"]["type"] == expected
    assert got.value.body["request_id"] == got.value.request_id


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (401, "AuthenticationError", "authentication_error"),
        (429, "RateLimitError", "rate_limit_error"),
        (500, "InternalServerError", "api_error"),
        (503, "InternalServerError", "api_error"),
    ],
)
def test_stepfun_error_has_anthropics_shape(served: Served, claude: Any, status: int, kind: str, expected: str) -> None:
    served.emulator.fault(status, times=None, path="/v1/chat/completions")
    with pytest.raises(getattr(anthropic, kind)) as got:
        claude.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    assert got.value.body["error"]["type"] == expected


def test_broken_stream_ends_with_an_error_event(served: Served, claude: Any) -> None:
    served.emulator.fault(cut_after=2)
    with (
        pytest.raises(anthropic.APIStatusError),
        claude.messages.stream(model="step-3.7-flash", max_tokens=100, messages=HELLO) as stream,
    ):
        list(stream)


def test_stream_frames_are_anthropics(served: Served) -> None:
    body = {"model": MODEL, "max_tokens": 100, "messages": HELLO, "stream": True}
    status, headers, data = served.call("POST", "/v1/messages", body, {"authorization": None, "x-api-key": TOKEN})
    assert status == 200
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["request-id"] == headers["x-request-id"]
    names = []
    for part in data.removesuffix(b"\n\n").split(b"\n\n"):
        event, _, rest = part.partition(b"\n")
        names.append(event.removeprefix(b"event: ").decode())
        assert json.loads(rest.removeprefix(b"data: "))["type"] == names[-1]
    assert names[:3] == ["message_start", "ping", "content_block_start"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_silent_stream_gets_pings(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepfun_compat.serve.anthropic.wire.PING_SECONDS", 0.05)
    served.emulator.fault(hold_after=2)
    body = {"model": MODEL, "max_tokens": 100, "messages": HELLO, "stream": True}
    with served.opened_request("POST", "/v1/messages", body) as connection:
        data = b""
        while data.count(b"event: ping") < 4:
            part = connection.recv(65536)
            assert part
            data += part
        served.emulator.release()
        while b"event: message_stop" not in data:
            part = connection.recv(65536)
            assert part
            data += part
    assert data.index(b"event: message_start") < data.index(b"event: ping")


@pytest.mark.parametrize("streamed", [False, True])
def test_messages_are_translated_with_every_raw_setting(streamed: bool) -> None:
    """`STEPFUN_RAW=wire` applies to OpenAI's API only; Anthropic's shapes are always translated."""
    body = {"model": "gpt-4o", "max_tokens": 5, "stream": streamed, "messages": HELLO}
    seen: list[str] = []
    for raw in ("openai", "wire"):
        with serving(settings={"raw": raw}) as served:
            served.emulator.script("one two three four five six seven eight nine ten eleven twelve")
            status, _, answer = served.call("POST", "/v1/messages", body)
        assert status == 200
        seen.append(answer.decode())
    assert all('"stop_reason":"max_tokens"' in text for text in seen), seen
    assert not any("twelve" in text for text in seen), seen
