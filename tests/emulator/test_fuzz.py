"""Any request gets a StepFun response or an error in StepFun's shape, and never a failure of the emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("hypothesis", reason="property tests need hypothesis")
from hypothesis import given
from hypothesis import strategies as st

from stepfun_compat.emulator.api import chat, responses
from stepfun_compat.emulator.api.answers import Body, Event, Events
from stepfun_compat.emulator.api.calls import Call
from stepfun_compat.emulator.api.errors import ApiError
from stepfun_compat.emulator.config import EmulatorConfig
from stepfun_compat.emulator.state import Engine, RecordedRequest
from tests.support.properties import examples

SCALARS = st.none() | st.booleans() | st.integers(-5, 3000) | st.floats(-1, 3) | st.text(max_size=12)
ANY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
WORDS = st.sampled_from(
    [
        "call f",
        "weather in Paris?",
        "search the news",
        "You must call one of the tools.",
        '{"a": 1}',
        "",
        "北京",
        "\ud800",
    ]
)


def maybe(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(good, good, good, ANY)


def record(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: maybe(value) for name, value in fields.items()})


SCHEMA = st.recursive(
    record(type=st.sampled_from(["string", "integer", "boolean", "null"]), enum=st.lists(SCALARS, max_size=2)),
    lambda inner: record(
        type=st.sampled_from(["object", "array"]),
        properties=st.dictionaries(st.sampled_from(["city", "date", "n"]), inner, max_size=3),
        items=inner,
        anyOf=st.lists(inner, max_size=2),
        allOf=st.lists(inner, max_size=2),
    ),
    max_leaves=4,
)
FUNCTION = record(name=st.sampled_from(["f", "get_weather"]), description=WORDS, parameters=SCHEMA)
CALL = record(id=st.just("c"), function=record(name=st.just("f"), arguments=st.sampled_from(["{}", '{"a":1}'])))
PART = record(
    type=st.sampled_from(["text", "image_url", "input_audio", "input_text", "output_text", "input_image"]),
    text=WORDS,
    image_url=record(url=st.sampled_from(["https://x/y.png", "data:image/png;base64,aGk="])),
)
MESSAGE = record(
    role=st.sampled_from(["system", "user", "assistant", "tool", "developer"]),
    content=WORDS | st.lists(PART, max_size=2),
    tool_calls=st.lists(CALL, max_size=2),
)
CHAT = record(
    messages=st.lists(MESSAGE, min_size=1, max_size=4),
    tools=st.lists(record(type=st.sampled_from(["function", "web_search"]), function=FUNCTION), max_size=2),
    response_format=record(
        type=st.sampled_from(["text", "json_object", "json_schema"]),
        json_schema=record(name=st.just("x"), schema=SCHEMA),
    ),
    max_tokens=st.integers(1, 900),
    n=st.integers(1, 2),
    stop=WORDS,
    stream=st.booleans(),
)
ITEM = record(
    type=st.sampled_from(["message", "function_call", "function_call_output", "reasoning"]),
    role=st.sampled_from(["system", "user", "assistant", "developer"]),
    content=WORDS | st.lists(PART, max_size=2),
    call_id=st.just("c"),
    name=st.just("f"),
    arguments=st.just("{}"),
    output=WORDS,
)
RESPONSES = record(
    input=WORDS | st.lists(ITEM, min_size=1, max_size=4),
    instructions=WORDS,
    tools=st.lists(st.builds(lambda tool: {"type": "function", **tool}, FUNCTION), max_size=2),
    text=record(format=record(type=st.sampled_from(["text", "json_schema"]), name=st.just("x"), schema=SCHEMA)),
    max_output_tokens=st.integers(1, 900),
    stream=st.booleans(),
)


def answered(handle: Any, body: dict[str, Any], strict: bool) -> None:
    body = {"model": "step-3.7-flash", **body}
    raw = json.dumps(body).encode()
    recorded = RecordedRequest("POST", "/v1/x", {}, {}, raw, json.loads(raw))
    engine = Engine(EmulatorConfig(strict=strict, stream_shape="abc"[len(raw) % 3]))  # type: ignore[arg-type]
    refusal: ApiError | None = None
    answer: Any = None
    try:
        answer = handle(Call(engine, recorded, {}, "standard", "key"))
    except ApiError as error:
        refusal = error
    if refusal is not None:
        assert 400 <= refusal.status < 500
        assert refusal.message
        assert refusal.type
        return
    if isinstance(answer, Body):
        assert answer.status == 200
        json.loads(answer.content)
    else:
        assert isinstance(answer, Events)
        assert all(isinstance(event, Event) and event.encode().endswith(b"\n\n") for event in answer.events)


@examples(100)
@given(CHAT, st.booleans())
def test_chat_never_crashes(body: dict[str, Any], strict: bool) -> None:
    answered(chat.complete, body, strict)


@examples(70)
@given(RESPONSES, st.booleans())
def test_responses_never_crash(body: dict[str, Any], strict: bool) -> None:
    answered(responses.create, body, strict)
