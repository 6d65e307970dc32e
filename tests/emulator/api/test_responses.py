"""POST /responses on the wire, quirk by quirk (stepfun-api 5)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PIXEL = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\nrest").decode()


@pytest.fixture
def respond(http: Any) -> Callable[..., Any]:
    def post(input: Any = "hello", path: str = "/v1/responses", **body: Any) -> Any:
        return http.post(path, json={"model": "step-3.7-flash", "input": input, **body})

    return post


@pytest.fixture
def events(respond: Any) -> Callable[..., list[dict[str, Any]]]:
    """A function that returns the events of a streamed response; checks that `event:` repeats the type without [DONE]."""

    def post(input: Any = "hello", **body: Any) -> list[dict[str, Any]]:
        response = respond(input, stream=True, **body)
        assert response.status_code == 200, response.text
        made: list[dict[str, Any]] = []
        for block in response.text.split("\n\n")[:-1]:
            name, data = block.split("\n")
            made.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {made[-1]['type']}"
        return made

    return post


def error_of(response: Any, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.text
    return response.json()["error"]


def types(made: list[dict[str, Any]]) -> list[str]:
    """Return the event types, repeated deltas as one."""
    kept: list[str] = []
    for item in made:
        if not kept or kept[-1] != item["type"]:
            kept.append(item["type"])
    return kept


# -- access -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["step-3.5-flash", "step-3.5-flash-2603", "step-1o-turbo-vision"])
def test_other_models_are_refused(respond: Any, model: str) -> None:
    assert "not enabled for the Responses API" in error_of(respond(model=model))["message"]


def test_two_models_are_served_on_both_channels(respond: Any) -> None:
    assert respond(model="step-5-preview").status_code == 200
    assert respond(path="/step_plan/v1/responses").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/responses/resp_1"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("POST", "/v1/responses/input_tokens"),
        ("POST", "/v1/conversations"),
    ],
)
def test_only_create_exists(http: Any, method: str, path: str) -> None:
    response = http.request(method, path)
    assert (response.status_code, response.text) == (404, "404 page not found")


# -- responses -------------------------------------------------------------------------------------------------------


def test_response_has_stepfuns_fields(respond: Any) -> None:
    data = respond("hello").json()
    assert data["id"].startswith("resp_")
    assert (data["object"], data["status"], data["error"], data["incomplete_details"]) == (
        "response",
        "completed",
        None,
        None,
    )
    reasoning, message = data["output"]
    assert (reasoning["type"], reasoning["summary"], reasoning["content"]) == ("reasoning", [], None)
    assert message["content"] == [{"type": "output_text", "text": "hello", "annotations": []}]
    assert data["usage"]["output_tokens_details"]["tool_output_tokens"] == 0
    assert (data["temperature"], data["top_p"], data["tool_choice"]) == (1.0, 1.0, "auto")
    assert not {"parallel_tool_calls", "metadata", "previous_response_id", "store", "truncation"} & set(data)


def test_function_calls_are_items(respond: Any) -> None:
    data = respond("What is the weather in Paris?", tools=[WEATHER]).json()
    item = data["output"][-1]
    assert (item["type"], item["name"], item["status"], item["namespace"]) == (
        "function_call",
        "get_weather",
        "completed",
        None,
    )
    assert json.loads(item["arguments"]) == {"city": "Paris"}
    assert item["call_id"].startswith("call_")
    assert data["tools"] == [WEATHER]
    assert [entry["type"] for entry in data["output"]] == ["reasoning", "function_call"]


def test_small_cap_is_incomplete_with_only_reasoning(respond: Any) -> None:
    data = respond(max_output_tokens=20).json()
    assert (data["status"], data["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert [item["type"] for item in data["output"]] == ["reasoning"]
    assert data["usage"]["output_tokens"] == 20


def test_results_are_used_in_the_next_turn(respond: Any) -> None:
    items = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city": "Paris"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
    ]
    output = respond(items, tools=[WEATHER]).json()["output"]
    assert "sunny" in output[-1]["content"][0]["text"]


def test_formats_are_filled(respond: Any) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    form = {"type": "json_schema", "name": "p", "schema": schema}
    text = respond("Ann is 33", text={"format": form}).json()["output"][-1]["content"][0]["text"]
    assert json.loads(text) == {"age": 33}
    assert error_of(respond(text={"format": {"type": "json_schema", "json_schema": form}}))
    assert respond("x", text={"format": {"type": "json_object"}}).status_code == 200


def test_instructions_are_a_system_message_and_are_echoed(respond: Any, server: Any) -> None:
    data = respond("Paris", instructions="You must call the function get_weather.", tools=[WEATHER]).json()
    assert data["instructions"].startswith("You must")
    assert data["output"][-1]["name"] == "get_weather"


def test_developer_messages_are_silently_dropped(respond: Any, server: Any) -> None:
    items = [
        {"role": "developer", "content": "You must call the function get_weather."},
        {"role": "user", "content": "Paris"},
    ]
    assert respond(items, tools=[WEATHER]).json()["output"][-1]["type"] == "message"
    items[0]["role"] = "system"
    assert respond(items, tools=[WEATHER]).json()["output"][-1]["type"] == "function_call"
    items[0]["role"] = "developer"
    server.configure(strict=True)
    assert respond(items).status_code == 400


def test_assistant_parts_without_a_type_give_hundreds_of_errors(respond: Any) -> None:
    said = {"role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
    user = {"role": "user", "content": "again"}
    assert error_of(respond([said, user]))["message"].startswith("240 validation errors")
    assert respond([{"type": "message", **said}, user]).status_code == 200
    assert respond([{"role": "assistant", "content": "hi"}, user]).status_code == 200


def test_output_items_can_be_sent_back(respond: Any, server: Any) -> None:
    output = respond("What is the weather in Paris?", tools=[WEATHER]).json()["output"]
    again = [{"role": "user", "content": "What is the weather in Paris?"}, *output]
    assert respond(again, tools=[WEATHER]).status_code == 200
    server.configure(strict=True)
    assert "input[1].type" in error_of(respond(again, tools=[WEATHER]))["message"]


def test_images_are_strings_or_objects(respond: Any, server: Any) -> None:
    def look(**part: Any) -> Any:
        return respond([{"role": "user", "content": [{"type": "input_image", **part}]}])

    assert look(image_url=PIXEL).status_code == 200
    assert look(image_url={"url": PIXEL, "detail": "low"}).status_code == 200
    assert look(image_url=PIXEL, detail="auto").status_code == 200
    server.configure(strict=True)
    assert look(image_url=PIXEL, detail="low").status_code == 400


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "msg_1"},
        {"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]},
        {"role": "user"},
        {"role": "critic", "content": "x"},
        {"type": "function_call", "name": "", "call_id": "c", "arguments": "{}"},
    ],
)
def test_unknown_items_are_refused(respond: Any, item: Any) -> None:
    assert respond([item]).status_code == 400


@pytest.mark.parametrize("kind", ["web_search", "file_search", "code_interpreter", "mcp", "custom", "image_generation"])
def test_hosted_tools_are_refused(respond: Any, kind: str) -> None:
    assert "tools.type" in error_of(respond(tools=[{"type": kind}]))["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"store": False},
        {"previous_response_id": "resp_1"},
        {"include": []},
        {"metadata": {}},
        {"parallel_tool_calls": True},
        {"tool_choice": "required"},
        {"text": {"verbosity": "low"}},
        {"reasoning": {"summary": "auto"}},
        {"reasoning": {"effort": "minimal"}},
        {"stream_options": {}},
        {"truncation": "auto"},
    ],
)
def test_undocumented_fields_are_accepted_unless_strict(respond: Any, server: Any, body: Any) -> None:
    assert respond(**body).status_code == 200
    server.configure(strict=True)
    assert respond(**body).status_code == 400
    assert respond(reasoning={"effort": "low"}, tool_choice="auto", temperature=1).status_code == 200


def test_cached_tokens_are_in_the_input_details(respond: Any) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 60
    cached = [respond(text).json()["usage"]["input_tokens_details"]["cached_tokens"] for _ in range(2)]
    assert cached[0] == 0 < cached[1]


def test_scripts_apply_to_responses(respond: Any, server: Any) -> None:
    server.script("scripted", {"finish_reason": "failed", "content": "broke"})
    assert respond().json()["output"][-1]["content"][0]["text"] == "scripted"
    failed = respond().json()
    assert (failed["status"], failed["error"]["message"], failed["output"]) == ("failed", "broke", [])


# -- events --------------------------------------------------------------------------------------------------------


def test_text_events_in_order(events: Any) -> None:
    made = events("hello there everybody")
    assert types(made) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_part.added",
        "response.reasoning_text.delta",
        "response.reasoning_text.done",
        "response.reasoning_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [item["sequence_number"] for item in made] == list(range(len(made)))
    text = [item for item in made if item["type"] == "response.output_text.delta"]
    assert "".join(item["delta"] for item in text) == "hello there everybody"
    assert "logprobs" not in text[0]
    thought = [item for item in made if item["type"] == "response.reasoning_text.delta"]
    done = next(item for item in made if item["type"] == "response.reasoning_text.done")
    assert "".join(item["delta"] for item in thought) == done["text"]
    assert made[0]["response"]["id"] == made[-1]["response"]["id"]
    assert "usage" not in made[0]["response"]
    ids = {item["item_id"] for item in text} | {made[-1]["response"]["output"][1]["id"]}
    assert len(ids) == 1


def test_call_events_have_the_name_at_the_end(events: Any) -> None:
    made = events("What is the weather in Paris and Tokyo?", tools=[WEATHER])
    done = [item for item in made if item["type"] == "response.function_call_arguments.done"]
    assert [(item["name"], json.loads(item["arguments"])) for item in done] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "Tokyo"}),
    ]
    assert [item["output_index"] for item in done] == [1, 2]
    final = made[-1]["response"]["output"]
    assert [item["id"] for item in final[1:]] == [item["item_id"] for item in done]


def test_incomplete_and_failed_final_events(events: Any, server: Any) -> None:
    assert types(events(max_output_tokens=20))[-1] == "response.incomplete"
    server.script({"finish_reason": "failed", "content": "broke"})
    assert types(events()) == ["response.created", "response.in_progress", "response.failed"]


def test_final_usage_may_lack_its_details(events: Any, server: Any) -> None:
    server.configure(usage_style="flat")
    assert set(events()[-1]["response"]["usage"]) == {"input_tokens", "output_tokens", "total_tokens"}


def test_error_event_in_the_middle(respond: Any, server: Any) -> None:
    server.fault(error_after=2, error={"type": "error", "message": "gone"})
    text = respond(stream=True).text
    assert text.endswith('event: error\ndata: {"type":"error","message":"gone"}\n\n')


def test_stock_client_reads_a_stream_with_an_unknown_event(server: Any) -> None:
    with openai.OpenAI(api_key=server.api_key, base_url=server.base_url, max_retries=0) as client:
        made = client.responses.create(model="step-3.7-flash", input="hello")
        assert made.output_text == "hello"
        assert made.output[0].content is None  # type: ignore[union-attr]
        kinds = [event.type for event in client.responses.create(model="step-3.7-flash", input="hello", stream=True)]
        assert "response.reasoning_part.added" in kinds
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(made.id)
