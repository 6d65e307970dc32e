"""Both routes of client.responses: the same StepFun response gives the same events and objects."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any, cast

import openai
import pydantic
import pytest

import stepfun_compat
from stepfun_compat import Settings

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

VERSION = tuple(int(part) for part in openai.__version__.split(".")[:2])
ROUTES = ("native", "chat")
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "d",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
PERSON = {
    "type": "json_schema",
    "name": "person",
    "schema": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    },
    "strict": True,
}


def call(city: str, number: int) -> dict[str, Any]:
    arguments = f'{{"city": "{city}"}}'
    return {"id": f"call_{number}", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


# name: (what StepFun responds, the request, the types of items in the response, its status)
ENDINGS: dict[str, tuple[Any, dict[str, Any], list[str], str]] = {
    "text": ({"content": "Hello there, you", "reasoning": ""}, {}, ["message"], "completed"),
    "reasoning": (
        {"content": "It is 42.", "reasoning": "six times seven, and then some more thought about it"},
        {"reasoning": {"effort": "low", "summary": "auto"}},
        ["reasoning", "message"],
        "completed",
    ),
    "one call": (
        {"tool_calls": [call("Paris", 1)], "reasoning": ""},
        {"tools": [WEATHER]},
        ["function_call"],
        "completed",
    ),
    "several calls": (
        {"tool_calls": [call("Paris", 1), call("Rome", 2), call("Oslo", 3)], "reasoning": "three cities"},
        {"tools": [WEATHER]},
        ["reasoning", "function_call", "function_call", "function_call"],
        "completed",
    ),
    "text and a call": (
        {"content": "Let me look.", "tool_calls": [call("Paris", 1)], "reasoning": ""},
        {"tools": [WEATHER]},
        ["message", "function_call"],
        "completed",
    ),
    "structured output": (
        {"parsed": {"name": "Ada", "age": 36}, "reasoning": ""},
        {"text": {"format": PERSON}},
        ["message"],
        "completed",
    ),
    "structured output in a fence": (
        {"content": '```json\n{"name": "Ada", "age": 36}\n```', "reasoning": ""},
        {"text": {"format": PERSON}},
        ["message"],
        "completed",
    ),
    "incomplete": (
        {"content": "It was a dark and", "reasoning": "a story", "finish_reason": "length"},
        {},
        ["reasoning", "message"],
        "incomplete",
    ),
    "incomplete in reasoning": (
        {"content": "", "reasoning": "so much to think about", "finish_reason": "length"},
        {},
        ["reasoning"],
        "incomplete",
    ),
    # programs written for models that did not reason take the first item as the response
    "text under the name of a model that did not reason": (
        {"content": "It is 42.", "reasoning": "six times seven"},
        {"model": "gpt-4o"},
        ["message"],
        "completed",
    ),
    "a call under the name of a model that did not reason": (
        {"tool_calls": [call("Paris", 1), call("Rome", 2)], "reasoning": "two cities"},
        {"model": "gpt-4.1", "tools": [WEATHER]},
        ["function_call", "function_call"],
        "completed",
    ),
    "incomplete in reasoning under the name of a model that did not reason": (
        {"content": "", "reasoning": "so much to think about", "finish_reason": "length"},
        {"model": "gpt-4o"},
        ["message"],
        "incomplete",
    ),
    "reasoning requested under the name of a model that did not reason": (
        {"content": "It is 42.", "reasoning": "six times seven"},
        {"model": "gpt-4o", "reasoning": {"effort": "medium"}},
        ["reasoning", "message"],
        "completed",
    ),
    "reasoning under the name of a model that reasoned": (
        {"content": "It is 42.", "reasoning": "six times seven"},
        {"model": "gpt-5"},
        ["reasoning", "message"],
        "completed",
    ),
    "reasoning summary requested": (
        {"content": "It is 42.", "reasoning": "six times seven"},
        {"model": "gpt-5", "reasoning": {"summary": "auto"}},
        ["reasoning", "message"],
        "completed",
    ),
    "incomplete in reasoning under the name of a model that reasoned": (
        {"content": "", "reasoning": "so much to think about", "finish_reason": "length"},
        {"model": "o3"},
        ["reasoning"],
        "incomplete",
    ),
}
# OpenAI does not stream the text of its models' reasoning; the items contain it all the same
WITHOUT_REASONING_TEXT = {
    "reasoning requested under the name of a model that did not reason",
    "reasoning under the name of a model that reasoned",
    "incomplete in reasoning under the name of a model that reasoned",
}
ASKED: dict[str, Any] = {
    "model": "step-3.7-flash",
    "input": "hi",
    "instructions": "be kind",
    "metadata": {"a": "b"},
    "user": "u",
    "max_tool_calls": 3,
    "truncation": "auto",
    "parallel_tool_calls": True,
    "service_tier": "auto",
    "prompt_cache_key": "k",
    "include": ["reasoning.encrypted_content"],
    "temperature": 0.3,
    "top_p": 0.7,
}


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    from stepfun_compat.emulator import EmulatorConfig, EmulatorServer

    with EmulatorServer(EmulatorConfig(strict=True)) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(server: Any) -> None:
    server.reset()


def client(server: Any, route: str, **settings: Any) -> Any:
    return stepfun_compat.OpenAI(
        api_key=server.api_key,
        base_url=server.base_url,
        settings=Settings(responses_route=cast("Any", route), **settings),
        max_retries=0,
    )


def known(method: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments for an SDK method; those the installed SDK does not have are moved to `extra_body`."""
    names = inspect.signature(method).parameters
    extra = {name: value for name, value in arguments.items() if name not in names}
    return {**{name: value for name, value in arguments.items() if name in names}, "extra_body": extra or None}


_OF_THE_MOMENT = frozenset({"id", "item_id", "created_at", "completed_at", "usage", "sequence_number", "call_id"})


def comparable(value: Any) -> Any:
    """Return a value without the fields that differ from call to call."""
    if isinstance(value, dict):
        rows = cast("dict[str, Any]", value)
        return {key: comparable(inner) for key, inner in rows.items() if key not in _OF_THE_MOMENT}
    return [comparable(inner) for inner in cast("list[Any]", value)] if isinstance(value, list) else value


def joined(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Merge neighbouring deltas: how a text is cut into deltas is up to StepFun."""
    out: list[dict[str, Any]] = []
    for event in events:
        if out and event["type"].endswith(".delta") and out[-1]["type"] == event["type"]:
            out[-1] = {**out[-1], "delta": out[-1]["delta"] + event["delta"]}
        else:
            out.append(event)
    return out


def streamed(server: Any, route: str, answer: Any, **asked: Any) -> list[dict[str, Any]]:
    server.script(answer)
    with (
        client(server, route) as c,
        c.responses.create(**known(c.responses.create, {**ASKED, **asked}), stream=True) as stream,
    ):
        events = [event.to_dict(mode="json", exclude_unset=True, warnings=False) for event in stream]
    assert server.last.path.endswith("/responses" if route == "native" else "/chat/completions")
    return events


@pytest.mark.parametrize("ending", ENDINGS)
def test_both_routes_give_the_same_events_and_response(server: Any, ending: str):
    answer, asked, kinds, status = ENDINGS[ending]
    received = {route: streamed(server, route, answer, **asked) for route in ROUTES}
    for events in received.values():
        check_order(events, reasoning_text=ending not in WITHOUT_REASONING_TEXT)
        final = events[-1]["response"]
        assert [item["type"] for item in final["output"]] == kinds
        assert (events[-1]["type"], final["status"]) == (f"response.{status}", status)
    assert comparable(joined(received["native"])) == comparable(joined(received["chat"]))
    whole = {}
    for route in ROUTES:
        server.script(answer)
        with client(server, route) as c:
            whole[route] = c.responses.create(**known(c.responses.create, {**ASKED, **asked})).to_dict(
                mode="json", warnings=False
            )
    # StepFun's complete response contains no reasoning text; the stream does (stepfun-api 5.2)
    if kinds[0] == "reasoning":
        assert whole["native"]["output"][0]["content"] == []
        whole["native"]["output"][0] = whole["chat"]["output"][0]
    elif whole["chat"]["output"][0].pop("reasoning_content", None):
        assert received["chat"][-1]["response"]["output"][0].pop("reasoning_content") == answer["reasoning"]
    assert comparable(whole["native"]) == comparable(whole["chat"])
    assert comparable(whole["chat"]) == comparable(received["chat"][-1]["response"])


def check_order(events: Sequence[dict[str, Any]], *, reasoning_text: bool) -> None:
    """Check OpenAI's order of events and the fields that connect them."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert all(event["response"]["status"] == "in_progress" for event in events[:2])
    assert len({event["response"]["id"] for event in events if "response" in event}) == 1
    assert len([event for event in events if "response" in event]) == 3
    final = events[-1]["response"]
    at = 2
    for place, item in enumerate(final["output"]):
        kind, index = item["type"], {"item_id": item["id"], "output_index": place}
        added = events[at]
        assert added["type"] == "response.output_item.added"
        assert (added["output_index"], added["item"]["id"], added["item"]["type"]) == (place, item["id"], kind)
        assert added["item"]["status"] == "in_progress"
        at += 1
        if kind == "reasoning" and not reasoning_text:
            assert [part["type"] for part in item["content"]] == ["reasoning_text"]
        elif kind in ("message", "reasoning"):
            name = "output_text" if kind == "message" else "reasoning_text"
            within = {**index, "content_index": 0}
            (part,) = item["content"]
            empty = {**part, "text": ""}
            at = expect(events, at, "response.content_part.added", within, part=empty)
            more = {"logprobs": []} if kind == "message" else {}
            at, text = deltas(events, at, f"response.{name}.delta", within, **more)
            assert text == part["text"]
            at = expect(events, at, f"response.{name}.done", within, text=text, **more)
            at = expect(events, at, "response.content_part.done", within, part=part)
        else:
            assert added["item"]["arguments"] == ""
            at, text = deltas(events, at, "response.function_call_arguments.delta", index)
            assert text == item["arguments"]
            done = "response.function_call_arguments.done"
            at = expect(events, at, done, index, name=item["name"], arguments=text)
        at = expect(events, at, "response.output_item.done", {"output_index": place}, item=item)
    assert at == len(events) - 1


def expect(events: Sequence[dict[str, Any]], at: int, kind: str, where: dict[str, Any], **fields: Any) -> int:
    assert events[at] == {"type": kind, "sequence_number": at, **where, **fields}
    return at + 1


def deltas(
    events: Sequence[dict[str, Any]], at: int, kind: str, where: dict[str, Any], **fields: Any
) -> tuple[int, str]:
    text = ""
    while events[at]["type"] == kind:
        text += events[at]["delta"]
        at = expect(events, at, kind, where, delta=events[at]["delta"], **fields)
    return at, text


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("show_reasoning", "shown"),
    [("auto", {"step-3.7-flash"}), ("always", {"step-3.7-flash", "gpt-5"}), ("never", set())],
)
def test_reasoning_text_is_streamed_under_stepfun_model_names(
    server: Any, route: str, show_reasoning: str, shown: set[str]
):
    with client(server, route, show_reasoning=show_reasoning) as c:
        for model in ("step-3.7-flash", "gpt-5"):
            events = list(c.responses.create(model=model, input="hi", stream=True))
            assert any("reasoning_text" in event.type for event in events) is (model in shown)
            assert events[-1].response.output[0].content[0].text


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.skipif(VERSION < (2, 0), reason="older SDKs lack some fields")
def test_every_event_has_openais_type(server: Any, route: str, ending: str):
    from openai.types.responses import ResponseStreamEvent

    answer, asked, _, _ = ENDINGS[ending]
    adapter: Any = pydantic.TypeAdapter(ResponseStreamEvent)
    for event in streamed(server, route, answer, **asked):
        known = adapter.validate_python(event)
        assert known.type == event["type"]
        unknown = {key for key in event if key not in type(known).model_fields}
        if event["type"] == "response.function_call_arguments.done":
            unknown.discard("name")  # required by some SDKs and absent from others
        assert not unknown, (event["type"], unknown)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.skipif(VERSION < (1, 68), reason="this SDK has no helper")
def test_sdk_accumulator_ends_with_the_same_response(server: Any, route: str, ending: str):
    answer, asked, kinds, status = ENDINGS[ending]
    server.script(answer)
    text = ""
    with client(server, route) as c, c.responses.stream(**known(c.responses.stream, {**ASKED, **asked})) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                text += event.delta
                assert event.snapshot == text
            last = event
        if status == "completed":
            final = stream.get_final_response()
            assert [item.type for item in final.output] == kinds
            assert final.output_text == text
        else:
            assert last.response.status == status


@pytest.mark.parametrize("route", ROUTES)
def test_error_in_the_middle_ends_the_response(server: Any, route: str):
    error = {"message": "the engine is overloaded", "type": "rate_limited"}
    if route == "chat":
        server.fault(error_after=2, error=error)
    else:
        server.fault(error_after=6, error={"type": "error", **error})
    events = streamed(server, route, {"content": "one two three four five six seven eight", "reasoning": ""})
    check_order(events, reasoning_text=True)
    final = events[-1]["response"]
    assert events[-1]["type"] == "response.failed"
    assert final["error"] == {"code": "rate_limit_exceeded", "message": "the engine is overloaded"}
    (item,) = final["output"]
    assert (item["status"], bool(item["content"][0]["text"])) == ("incomplete", True)
    with client(server, route) as c:  # the failed response is stored
        assert c.responses.retrieve(final["id"]).status == "failed"


def test_failed_response_is_returned(server: Any):
    server.script({"finish_reason": "failed", "content": "broke"})
    with client(server, "native") as c:
        *_, last = c.responses.create(**known(c.responses.create, ASKED), stream=True)
    assert (last.type, last.response.status) == ("response.failed", "failed")
    assert (last.response.error.code, last.response.error.message) == ("server_error", "broke")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("fault", ["cut_after", "malformed_after"])
def test_broken_connection_raises_the_sdks_error(server: Any, route: str, fault: str):
    server.fault(**{fault: 2 if route == "chat" else 6})
    server.script({"content": "one two three four five six seven eight", "reasoning": ""})
    expected = openai.APIConnectionError if fault == "cut_after" else openai.APIResponseValidationError
    seen: list[str] = []
    with client(server, route) as c, pytest.raises(expected):
        for event in c.responses.create(**known(c.responses.create, ASKED), stream=True):
            seen.append(event.type)
    assert "response.completed" not in seen


@pytest.mark.parametrize("route", ROUTES)
def test_every_field_of_the_request_is_echoed(server: Any, route: str):
    server.script("ok")
    with client(server, route) as c:
        asked = {
            **ASKED,
            "text": {"format": {"type": "text"}, "verbosity": "medium"},
            "reasoning": {"effort": "high", "summary": "detailed"},
            "tools": [WEATHER],
            "tool_choice": "auto",
            "store": False,
            "safety_identifier": "s",
            "max_output_tokens": 5000,
        }
        answer = c.responses.create(**known(c.responses.create, asked)).to_dict(mode="json", warnings=False)
    expected = {
        "instructions": "be kind",
        "metadata": {"a": "b"},
        "user": "u",
        "max_tool_calls": 3,
        "truncation": "auto",
        "parallel_tool_calls": True,
        "service_tier": "default",
        "prompt_cache_key": "k",
        "temperature": 0.3,
        "top_p": 0.7,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "reasoning": {"effort": "high", "summary": "detailed"},
        "tools": [WEATHER],
        "tool_choice": "auto",
        "store": False,
        "safety_identifier": "s",
        "max_output_tokens": 5000,
        "background": False,
        "previous_response_id": None,
        "object": "response",
        "status": "completed",
    }
    assert {key: answer[key] for key in expected} == expected
