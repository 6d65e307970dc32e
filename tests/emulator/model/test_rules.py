"""The rules of the emulated model: when it calls tools, how it fills arguments, when it stops."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepfun_compat.emulator.model.prompt_values import PromptValues
from stepfun_compat.emulator.model.rules import Call, Conversation, Function, Turn, answer
from stepfun_compat.emulator.model.schema_values import fill
from stepfun_compat.emulator.model.string_values import from_pattern


def function(name: str, description: str = "", /, **properties: Any) -> Function:
    return Function(name, description, {"type": "object", "properties": properties, "required": list(properties)})


TEXT = {"type": "string"}
WEATHER = function("get_weather", "Get the current weather of a city", city=TEXT)
TIME = function("get_time", "Tell the time somewhere", city=TEXT)
ADD = function("add", "Add two numbers", a={"type": "integer"}, b={"type": "integer"})
FINAL = function("final_result", "The final response which ends this conversation", city=TEXT, summary=TEXT)


def ask(*turns: Any, tools: Any = (), **more: Any) -> Any:
    made = [Turn("user", turn) if isinstance(turn, str) else turn for turn in turns]
    return answer(Conversation(tuple(made), tuple(tools), **more))


def calls(reply: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, json.loads(call.arguments)) for call in reply.calls]


def test_unrelated_question_is_answered_with_text() -> None:
    reply = ask("Tell me a joke", tools=[WEATHER])
    assert (reply.content, reply.calls) == ("Tell me a joke", ())


@pytest.mark.parametrize(
    "text",
    [
        "What's the weather in Paris?",
        "weather for Paris please",
        "Call get_weather for Paris",
        "Use the get weather tool for Paris",
        "How is the weather in paris today?",
    ],
)
def test_question_that_needs_a_tool_calls_it(text: str) -> None:
    ((name, arguments),) = calls(ask(text, tools=[TIME, WEATHER]))
    assert name == "get_weather"
    assert arguments["city"].lower() == "paris"


def test_each_named_value_gets_one_call() -> None:
    made = calls(ask("What is the weather in Paris, Tokyo and San Francisco?", tools=[WEATHER]))
    assert [arguments["city"] for _, arguments in made] == ["Paris", "Tokyo", "San Francisco"]


def test_two_requested_tools_are_called_in_parallel() -> None:
    made = calls(ask("What is the weather and the time in Paris?", tools=[WEATHER, TIME]))
    assert made == [("get_weather", {"city": "Paris"}), ("get_time", {"city": "Paris"})]


def test_tools_in_a_stated_order_are_called_one_after_another() -> None:
    text = "First call get_weather for Paris, then call get_time for Paris"
    first = ask(text, tools=[WEATHER, TIME])
    assert [name for name, _ in calls(first)] == ["get_weather"]
    turns = (text, Turn("assistant", "", first.calls), Turn("tool", "sunny", call_id="1"))
    second = ask(*turns, tools=[WEATHER, TIME])
    assert [name for name, _ in calls(second)] == ["get_time"]


def test_numbers_fill_arguments_in_order() -> None:
    assert calls(ask("What is 17 plus 25? Use add.", tools=[ADD])) == [("add", {"a": 17, "b": 25})]
    assert calls(ask("call add with b=2 and a=40", tools=[ADD])) == [("add", {"a": 40, "b": 2})]


def test_added_instruction_forces_the_call() -> None:
    tool = function("User", "", name=TEXT, age={"type": "integer"})
    for role in ("system", "user"):
        reply = ask("Jason is 25 years old", Turn(role, "You must call the function User."), tools=[tool])
        assert calls(reply) == [("User", {"name": "Jason", "age": 25})]
    reply = ask("Jason is 25 years old", Turn("system", "You must call one of the functions."), tools=[tool])
    assert calls(reply) == [("User", {"name": "Jason", "age": 25})]


def test_instruction_naming_a_tool_selects_it() -> None:
    reply = ask(
        "What's the weather in Paris?", Turn("system", "You must call the function get_time."), tools=[WEATHER, TIME]
    )
    assert [name for name, _ in calls(reply)] == ["get_time"]


def test_request_not_to_call_is_respected() -> None:
    assert ask("What is the weather in Paris? Do not call any tools.", tools=[WEATHER]).calls == ()


def after(text: str, *results: tuple[Call, str]) -> list[Any]:
    return [
        Turn("user", text),
        Turn("assistant", "", tuple(call for call, _ in results)),
        *(Turn("tool", result, call_id=call.id) for call, result in results),
    ]


def test_results_are_answered_with_text() -> None:
    text = "What is the weather in Paris and Tokyo?"
    first = ask(text, tools=[WEATHER])
    turns = after(text, *zip(first.calls, ["sunny", "rainy"], strict=True))
    reply = ask(*turns, tools=[WEATHER])
    assert reply.calls == ()
    assert "sunny" in reply.content
    assert "rainy" in reply.content


def test_calls_and_results_written_as_text_end_an_agent_loop() -> None:
    tools = [WEATHER, function("final_answer", "Provides a final answer to the given problem.", answer="string")]
    said = str(
        [{"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}]
    )
    turns = [
        Turn("user", 'New task:\nWhat is the weather in "Paris"?'),
        Turn("assistant", f"Calling tools:\n{said}"),
        Turn("user", "Observation:\n18 degrees"),
        Turn("system", "You must answer by calling one of the available tools. Do not answer in text."),
    ]
    assert [name for name, _ in calls(ask(*turns, tools=tools))] == ["final_answer"]
    assert [name for name, _ in calls(ask(turns[0], turns[3], tools=tools))] == ["get_weather"]


def test_text_that_only_looks_like_calls_is_answered() -> None:
    turns = [Turn("assistant", "Calling tools:\n[1, {'function': 2}]"), Turn("user", "Observation: it rains.")]
    assert ask(*turns).content == "Observation: it rains."


def test_new_question_may_call_again() -> None:
    turns = after("Weather in Paris?", (Call("get_weather", '{"city": "Paris"}'), "sunny"))
    reply = ask(*turns, Turn("assistant", "sunny"), "And the weather in Paris now?", tools=[WEATHER])
    assert calls(reply) == [("get_weather", {"city": "Paris"})]


def test_final_tool_is_called_last_with_the_results_of_the_others() -> None:
    text = "What is the weather in Paris?"
    first = ask(text, tools=[WEATHER, FINAL])
    assert [name for name, _ in calls(first)] == ["get_weather"]
    turns = after(text, (first.calls[0], '{"summary": "sunny, 21 degrees"}'))
    assert calls(ask(*turns, tools=[WEATHER, FINAL])) == [
        ("final_result", {"city": "Paris", "summary": "sunny, 21 degrees"})
    ]


def test_single_final_tool_is_called_immediately() -> None:
    assert [name for name, _ in calls(ask("Paris is nice", tools=[FINAL]))] == ["final_result"]


def test_repeated_request_calls_the_unused_tool() -> None:
    report = function("CityReport", "Structured report", city=TEXT)
    demand = Turn("system", "You must call one of the functions.")
    turns = [*after("Weather in Paris?", (Call("get_weather", '{"city": "Paris"}'), "sunny")), demand]
    assert [name for name, _ in calls(ask(*turns, tools=[WEATHER, report]))] == ["CityReport"]


def test_order_after_a_text_response_still_applies_to_the_question() -> None:
    report = function("City", "A city and its weather", name=TEXT)
    turns = [
        *after("What is the weather in Paris?", (Call("get_weather", '{"city": "Paris"}'), "sunny")),
        Turn("system", "You must answer by calling one of the available tools. Do not answer in text."),
        Turn("assistant", "It is sunny."),
        Turn("user", "That was text. Call one of the available tools now; do not answer in text."),
    ]
    assert calls(ask(*turns, tools=[WEATHER, report])) == [("City", {"name": "Paris"})]
    assert [name for name, _ in calls(ask(*turns[:-2], tools=[WEATHER, report]))] == ["City"]


def test_order_naming_a_tool_repeats_its_call() -> None:
    turns = after("Weather in Paris?", (Call("get_weather", '{"city": "Paris"}'), "sunny"))
    order = Turn("system", "You must answer by calling the function get_weather. Do not answer in text.")
    assert calls(ask(*turns, order, tools=[WEATHER, TIME])) == [("get_weather", {"city": "Paris"})]
    assert ask(*turns, tools=[WEATHER, TIME]).calls == ()


def test_standing_order_is_followed_once() -> None:
    order = Turn("system", "You must always call the get_time function first.")
    first = ask(order, Turn("user", "hello"), tools=[WEATHER, TIME])
    assert [call.name for call in first.calls] == ["get_time"]
    turns = [order, *after("hello", (first.calls[0], "noon"))]
    assert ask(*turns, tools=[WEATHER, TIME]).content == "Here is what I found: noon"


def test_json_mode_follows_an_example_or_a_list_of_keys() -> None:
    example = Turn("system", 'Answer in JSON like {"name": "x", "age": 1, "tags": ["a"]}')
    assert json.loads(ask(example, Turn("user", "Ann is 33"), json_mode=True).content) == {
        "name": "Ann",
        "age": 33,
        "tags": ["Ann"],
    }
    listed = Turn("system", "Reply in JSON with the keys name, city and email.")
    assert set(json.loads(ask(listed, Turn("user", "Ann"), json_mode=True).content)) == {"name", "city", "email"}


def test_quoted_keys_are_not_values() -> None:
    schema = {"type": "object", "properties": {"name": TEXT, "temperature": {"type": "integer"}}}
    assert fill(schema, PromptValues('Paris at 21, as {"name", "temperature"}')) == {"name": "Paris", "temperature": 21}


def test_chinese_questions_call_their_tool() -> None:
    tool = function("get_weather", "查询城市的天气", city=TEXT)
    assert calls(ask("北京的天气怎么样？", tools=[tool])) == [("get_weather", {"city": "北京"})]


def test_agent_loop_always_ends() -> None:
    turns: list[Any] = [Turn("user", "Use get_weather, get_time and add 2 and 3, for Paris")]
    for _ in range(6):
        reply = ask(*turns, tools=[WEATHER, TIME, ADD])
        if not reply.calls:
            break
        turns.append(Turn("assistant", "", reply.calls))
        turns += [Turn("tool", "Error: please fix and try again", call_id=call.id) for call in reply.calls]
    assert reply.calls == ()


# -- schemas -------------------------------------------------------------------------------------------------------

NODE = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
            },
            "required": ["value", "next", "children"],
        }
    },
}

SCHEMAS: list[Any] = [
    {"type": "string", "enum": ["red", "green"]},
    {"const": 5},
    {"type": "array", "items": {"type": "integer", "minimum": 3}, "minItems": 2, "maxItems": 4},
    {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "integer", "minimum": 10, "maximum": 20, "multipleOf": 7},
    {"type": "integer", "maximum": -5},
    {"type": "string", "minLength": 40, "maxLength": 50},
    {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"},
    {"type": "string", "pattern": "^(foo|bar)_[a-z]+\\.txt$"},
    *({"type": "string", "format": form} for form in ("date", "date-time", "time", "email", "uri", "uuid", "ipv4")),
    {"type": ["string", "null"]},
    {"type": ["null", "integer"]},
    {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}]},
    {"oneOf": [{"type": "object", "properties": {"kind": {"const": "cat"}}, "required": ["kind"]}, {"type": "null"}]},
    {"allOf": [{"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, {"properties": {"b": TEXT}}]},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2, "maxItems": 2},
    {"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}, "required": ["x"], "$defs": {"X": {"enum": [1, 2]}}},
    NODE,
    {"type": "object", "properties": {}, "additionalProperties": False},
    {"type": "null"},
    {},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
@pytest.mark.parametrize("text", ["", "Ann has 3 apples and 40.5 pears, see https://a.example/b and ann@example.com"])
def test_filled_schemas_are_valid_and_deterministic(schema: Any, text: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    value = fill(schema, PromptValues(text))
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER).validate(
        value
    )
    assert fill(schema, PromptValues(text)) == value


def test_recursion_ends_in_null_and_empty_lists() -> None:
    assert fill(NODE, PromptValues("5")) == {"value": 5, "next": None, "children": []}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"$ref": "#/nowhere"},
        {"anyOf": [{"$ref": "#"}]},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 2},
    ],
)
def test_schemas_without_a_finite_value_still_end(schema: Any) -> None:
    json.dumps(fill(schema, PromptValues("x")))


def test_fields_are_filled_from_the_prompt() -> None:
    schema = {
        "type": "object",
        "properties": {
            "email": TEXT,
            "url": TEXT,
            "date": TEXT,
            "colour": {"enum": ["red", "green"]},
            "title": TEXT,
            "count": {"type": "integer"},
        },
    }
    text = "Write ann@example.com about https://a.example/x on 2026-05-06: a green one, title is 'Big News', count: 7"
    assert fill(schema, PromptValues(text)) == {
        "email": "ann@example.com",
        "url": "https://a.example/x",
        "date": "2026-05-06",
        "colour": "green",
        "title": "Big News",
        "count": 7,
    }


@pytest.mark.parametrize("pattern", ["^a+$", r"\d{3}", "[^a-z]x", "(ab){2}", "^(?:x|y)z?$", r"^\w+@\w+$"])
def test_patterns_are_matched(pattern: str) -> None:
    assert from_pattern(pattern) is not None
