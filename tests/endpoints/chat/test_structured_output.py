"""Structured output: the prompt, the checks, and the SDK's own `.parse()` and `.stream()` (stepfun-api 3.5)."""

from __future__ import annotations

import enum
import json
from typing import Any, Literal, Optional, Union

import pytest
from pydantic import BaseModel, Field

from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.chat import structured_output as structured
from stepfun_compat.endpoints.chat.endpoint import ENDPOINT
from tests.support.chat import USER, a, b, c, fragment
from tests.support.exchange import drive, exchange, lost
from tests.support.wire import Wire, completion

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}

# ---------------------------------------------------------------- pieces


@pytest.mark.parametrize(
    ("format", "schema"),
    [
        (FORMAT, SCHEMA),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, {}),
        ({"type": "json_schema"}, None),
        ({"type": "json_object"}, None),
        ("x", None),
        (None, None),
    ],
)
def test_schema_of(format: Any, schema: Any) -> None:
    assert structured.schema_of(format) == schema


def test_instruction_has_the_same_bytes_each_time() -> None:
    assert structured.instruction(SCHEMA) == structured.instruction(json.loads(json.dumps(SCHEMA)))
    assert '{"type":"object"' in structured.instruction(SCHEMA)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('```\n{"a": 1}\n```', '{"a": 1}'),
        ('\n ```json  \r\n{"a": 1}\r\n```  \n', '{"a": 1}'),
        ('```json\n{"a": "```"}\n```', '{"a": "```"}'),
        ('Here:\n```json\n{"a": 1}\n```', 'Here:\n```json\n{"a": 1}\n```'),
        ("```json\n", "```json\n"),
        ("", ""),
    ],
)
def test_api_3_5_one_fence_around_the_text_is_stripped(text: str, inside: str) -> None:
    assert structured.strip_fences(text) == inside


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '  {"a": "`x`"}',
        '```json\n{"a": 1}\n```',
        '```\n{\n  "a": "```"\n}\n```\n',
        "plain ``` text",
        "`a`",
        "``",
        "",
    ],
)
def test_api_3_5_stream_is_stripped_like_the_complete_text(text: str, size: int) -> None:
    fences = structured.FenceFilter()
    got = "".join(fences.feed(text[i : i + size]) for i in range(0, len(text), size)) + fences.close()
    assert got.strip() == structured.strip_fences(text).strip()


def test_unfenced_text_is_not_held_back() -> None:
    fences = structured.FenceFilter()
    assert fences.feed("{") == "{"
    assert fences.feed('"a"') == '"a"'


@pytest.mark.parametrize("text", [None, "", "no", '{"a": ', "[" * 100_000])
def test_text_that_is_not_json_does_not_match(text: Any) -> None:
    assert structured.problem(text, SCHEMA)


def test_without_jsonschema_only_the_type_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert structured.problem('{"a": "x"}', SCHEMA) is None
    assert structured.problem("[]", SCHEMA) == "the answer is not a JSON object"
    assert structured.problem("[]", {"type": "array"}) is None


def test_with_jsonschema_the_first_error_is_named() -> None:
    pytest.importorskip("jsonschema")
    assert structured.problem('{"a": 1}', SCHEMA) is None
    found = structured.problem('{"a": "x"}', SCHEMA)
    assert found is not None
    assert found.startswith("a: ")
    assert structured.problem("{}", SCHEMA)
    assert structured.problem("{}", {"type": "nonsense"}) is None


# ---------------------------------------------------------------- second request where StepFun does not enforce the schema


def asked(*texts: str, settings: dict[str, Any] | None = None, **body: Any) -> tuple[Any, list[Any], Any]:
    context = exchange(ENDPOINT, **(settings or {}))
    json_body = {"model": "step-1o-turbo-vision", "messages": [USER], "response_format": FORMAT, **body}
    request = WireRequest("POST", "/chat/completions", json=json_body)
    reply, requests = drive(ENDPOINT, request, [completion(text) for text in texts], context)
    return reply.body, [r.json for r in requests], context


def test_api_3_5_valid_response_takes_one_request() -> None:
    data, requests, context = asked('```json\n{"a": 1}\n```')
    assert data["choices"][0]["message"]["content"] == '{"a": 1}'
    assert len(requests) == 1
    assert lost(context) == []


def test_api_3_5_invalid_response_is_requested_again() -> None:
    data, requests, context = asked("sorry", '{"a": 1}')
    assert data["choices"][0]["message"]["content"] == '{"a": 1}'
    assert data["usage"]["total_tokens"] == 2 * 711
    assert requests[1]["messages"][-2] == {"role": "assistant", "content": "sorry"}
    assert "not JSON" in requests[1]["messages"][-1]["content"]
    assert lost(context) == []


def test_api_3_5_second_invalid_response_is_reported() -> None:
    data, requests, context = asked("sorry", "still")
    assert len(requests) == 2
    assert data["choices"][0]["message"]["content"] == "still"
    assert lost(context) == ["response_format"]


def test_api_3_5_native_schema_takes_one_request_without_validation() -> None:
    data, requests, context = asked("sorry", model="step-3.7-flash")
    assert data["choices"][0]["message"]["content"] == "sorry"
    assert [request["response_format"] for request in requests] == [FORMAT]
    assert context.changes == []


# ---------------------------------------------------------------- the SDK's own parsing on top


class Colour(str, enum.Enum):
    RED = "red"
    BLUE = "blue"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Owner(BaseModel):
    name: str
    email: Optional[str]  # noqa: UP045 - as programs write it


class House(BaseModel):
    """Nesting, an enum, Optional, a union, lists, and models used twice, which become `$ref`."""

    owner: Owner
    previous: Optional[Owner]  # noqa: UP045
    colour: Colour
    pets: list[Union[Cat, Dog]]  # noqa: UP007
    scores: list[float]
    note: Union[str, int] = Field(description="anything")  # noqa: UP007


class Node(BaseModel):
    """Recursion."""

    value: int
    children: list[Node]


class Empty(BaseModel):
    pass


HOUSE = {
    "owner": {"name": "Ann", "email": None},
    "previous": {"name": "Bob", "email": "b@x.example"},
    "colour": "blue",
    "pets": [{"kind": "cat", "lives": 9}, {"kind": "dog", "tricks": ["sit", 'ro"ll']}],
    "scores": [1.5, 2.0],
    "note": 7,
}
NODE = {
    "value": 1,
    "children": [{"value": 2, "children": [{"value": 3, "children": []}]}, {"value": 4, "children": []}],
}
CASES = pytest.mark.parametrize(
    ("kind", "value"), [(House, HOUSE), (Node, NODE), (Empty, {})], ids=["house", "node", "empty"]
)
MODELS = pytest.mark.parametrize("model", ["gpt-4o", "step-3.7-flash", "step-1o-turbo-vision"])


@CASES
@MODELS
def test_parse_returns_the_same_objects(kind: Any, value: Any, model: str) -> None:
    fenced = model == "step-1o-turbo-vision"
    text = json.dumps(value, indent=1 if fenced else None)
    wire = Wire(completion(f"```json\n{text}\n```" if fenced else text, reasoning="…"))
    parse: Any = getattr(wire.client().chat.completions, "parse", None) or wire.client().beta.chat.completions.parse
    got = parse(model=model, messages=[USER], response_format=kind)
    assert got.choices[0].message.parsed == kind.model_validate(value)
    assert len(wire.bodies) == 1
    assert wire.body["response_format"]["type"] == ("json_object" if fenced else "json_schema")


def pieces(text: str, size: int = 7) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def in_shape(shape: str, texts: list[str]) -> list[Any]:
    if shape == "A":
        first = a({"role": "assistant", "content": ""}, tokens=0, created=0)
        return [first, *(a({"content": t}) for t in texts), a({"content": ""}, "stop")]
    if shape == "B":
        thinking = [b({"content": "", "reasoning": "hm", "reasoning_content": "hm"})] * 2
        return [*thinking, *(b({"content": t}) for t in texts[:-1]), b({"content": texts[-1]}, "stop")]
    return [c({}), *(c({"content": t}) for t in texts), c({}, "stop")]


def as_events(chunks: list[Any]) -> Any:
    from tests.support.wire import sse

    return sse(*chunks)


def stream_manager(client: Any, **body: Any) -> Any:
    completions = client.chat.completions
    return (completions if hasattr(completions, "stream") else client.beta.chat.completions).stream(**body)


@CASES
@pytest.mark.parametrize("shape", ["A", "B", "C"])
def test_stream_returns_the_same_events_and_objects(kind: Any, value: Any, shape: str) -> None:
    text = json.dumps(value)
    wire = Wire(as_events(in_shape(shape, pieces(text))))
    with stream_manager(wire.client(), model="gpt-4o", messages=[USER], response_format=kind) as events:
        seen = list(events)
        final = events.get_final_completion()
    (choice,) = final.choices
    assert choice.message.parsed == kind.model_validate(value)
    assert choice.message.role == "assistant"  # and not assistantassistant
    assert choice.finish_reason == "stop"
    assert final.id == {"A": "d4", "B": "e43f.25f5", "C": "c7"}[shape]
    kinds = [event.type for event in seen]
    assert kinds.count("content.done") == 1
    assert "".join(event.delta for event in seen if event.type == "content.delta") == text
    done = next(event for event in seen if event.type == "content.done")
    assert done.parsed == kind.model_validate(value)


def test_stream_with_usage() -> None:
    wire = Wire(as_events(in_shape("B", ["Hel", "lo"])))
    options = {"include_usage": True}
    with stream_manager(wire.client(), model="gpt-4o", messages=[USER], stream_options=options) as events:
        final = events.get_final_completion()
    assert final.choices[0].message.content == "Hello"
    assert final.usage is not None
    assert final.usage.prompt_tokens == 85
    assert final.usage.prompt_tokens_details is not None
    assert final.usage.prompt_tokens_details.cached_tokens == 0


def test_stream_keeps_the_reasoning_for_the_next_turn() -> None:
    wire = Wire(as_events(in_shape("B", ["Hel", "lo"])), completion("bye"))
    client = wire.client()
    with stream_manager(client, model="step-3.7-flash", messages=[USER]) as events:
        said = events.get_final_completion().choices[0].message
    assert said.reasoning_content == "hmhm"
    client.chat.completions.create(model="step-3.7-flash", messages=[USER, said, USER])
    assert wire.body["messages"][1] == {"role": "assistant", "content": "Hello", "reasoning_content": "hmhm"}


class GetWeather(BaseModel):
    """The weather of a city."""

    city: str
    days: list[int]


class GetTime(BaseModel):
    zone: Optional[str]  # noqa: UP045


W, T = '{"city": "Paris", "days": [1, 2]}', '{"zone": null}'
FRAGMENTS: dict[str, list[list[Any]]] = {
    "missing index": [
        [fragment("GetWeather", W[:9], id="call_1", type="function")],
        [fragment(None, W[9:])],
        [fragment("GetTime", T, id="call_2")],
    ],
    "repeated": [
        [fragment("GetWeather", W[:9], index=0, id="call_1", type="function")],
        [fragment("GetWeather", W[9:], index=0, id="call_1", type="function")],
        [fragment("GetTime", T[:3], index=1, id="call_2", type="function")],
        [fragment("", T[3:], index=1, id="", type="")],
    ],
    "all-zero index": [
        [fragment("GetWeather", "", index=0, id="call_1")],
        [fragment(None, W, index=0)],
        [fragment("GetTime", "", index=0, id="call_2")],
        [fragment(None, T, index=0)],
    ],
    "complete in one chunk": [[fragment("GetWeather", W, id="call_1"), fragment("GetTime", T, id="call_2")]],
    "name later": [
        [fragment("", "", index=0, id="call_1")],
        [fragment("GetWeather", W, index=0)],
        [fragment("GetTime", T, index=1, id="call_2")],
    ],
}


@pytest.mark.parametrize("fragments", FRAGMENTS.values(), ids=FRAGMENTS)
def test_stream_parses_tool_calls(fragments: list[list[Any]]) -> None:
    import openai

    tools = [openai.pydantic_function_tool(GetWeather), openai.pydantic_function_tool(GetTime)]
    chunks = [*(b({"content": "", "tool_calls": row}) for row in fragments), b({"content": ""}, "stop")]
    wire = Wire(as_events(chunks))
    with stream_manager(wire.client(), model="gpt-4o", messages=[USER], tools=tools) as events:
        seen = list(events)
        (choice,) = events.get_final_completion().choices
    assert choice.finish_reason == "tool_calls"
    weather, time = choice.message.tool_calls or []
    assert (weather.id, weather.type, weather.function.name) == ("call_1", "function", "GetWeather")
    assert weather.function.parsed_arguments == GetWeather(city="Paris", days=[1, 2])
    assert (time.id, time.function.name) == ("call_2", "GetTime")
    assert time.function.parsed_arguments == GetTime(zone=None)
    done = [event for event in seen if event.type == "tool_calls.function.arguments.done"]
    assert [(event.name, event.arguments) for event in done] == [("GetWeather", W), ("GetTime", T)]


def test_parse_returns_parsed_tool_calls() -> None:
    import openai

    calls = [{"id": "call_1", "type": "function", "function": {"name": "GetWeather", "arguments": W}}]
    wire = Wire(completion("", tool_calls=calls))
    completions = wire.client().chat.completions
    parse: Any = getattr(completions, "parse", None) or wire.client().beta.chat.completions.parse
    got = parse(model="gpt-4o", messages=[USER], tools=[openai.pydantic_function_tool(GetWeather)])
    (choice,) = got.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls[0].function.parsed_arguments == GetWeather(city="Paris", days=[1, 2])


def test_parse_of_a_cut_response_raises_openais_error() -> None:
    import openai

    data = completion("")
    data["choices"][0]["finish_reason"] = "length"
    wire = Wire(data)
    completions = wire.client().chat.completions
    parse: Any = getattr(completions, "parse", None) or wire.client().beta.chat.completions.parse
    with pytest.raises(openai.LengthFinishReasonError):
        parse(model="gpt-4o", messages=[USER], response_format=Owner)


@pytest.mark.anyio
@CASES
async def test_async_stream_and_parse(kind: Any, value: Any) -> None:
    text = json.dumps(value)
    wire = Wire(as_events(in_shape("B", pieces(text))), completion(text))
    client = wire.async_client()
    async with stream_manager(client, model="gpt-4o", messages=[USER], response_format=kind) as events:
        final = await events.get_final_completion()
    assert final.choices[0].message.parsed == kind.model_validate(value)
    parse: Any = getattr(client.chat.completions, "parse", None) or client.beta.chat.completions.parse
    got = await parse(model="gpt-4o", messages=[USER], response_format=kind)
    assert got.choices[0].message.parsed == kind.model_validate(value)


@pytest.mark.parametrize("streamed", [True, False])
def test_api_11_20_client_and_its_copies_share_reasoning_when_enabled(streamed: bool) -> None:
    import stepfun_compat

    made = {"id": "call_1", "type": "function", "function": {"name": "GetWeather", "arguments": W}}
    chunks = [b({"reasoning": "why"}), b({"tool_calls": [{**made, "index": 0}]}), b({}, "stop")]
    for replay in ("cache", "caller"):
        wire = Wire(as_events(chunks) if streamed else completion("", reasoning="why", tool_calls=[made]), completion())
        client = wire.client(settings=stepfun_compat.Settings(replay_reasoning=replay))
        said = client.chat.completions.create(model="step-3.7-flash", messages=[USER], stream=streamed)
        if streamed:
            list(said)
        forgetful = {"role": "assistant", "content": "", "tool_calls": [made]}
        result = {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}
        client.with_options(timeout=5).chat.completions.create(
            model="step-3.7-flash", messages=[USER, forgetful, result]
        )
        expected = {**forgetful, "reasoning_content": "why"} if replay == "cache" else forgetful
        assert wire.body["messages"][1] == expected
