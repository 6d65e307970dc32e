"""Responses tools that wrap functions: unwrapped for StepFun, their calls wrapped again, both routes, both clients."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pydantic
import pytest

import stepfun_compat
from stepfun_compat import Settings
from stepfun_compat.endpoints.responses.tools import unpack

routes = pytest.mark.parametrize("route", ["native", "chat"])
streams = pytest.mark.parametrize("stream", [False, True])
MODEL = "step-3.7-flash"

CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "weather",
    "description": "w",
    "parameters": CITY,
    "strict": True,
}
CRM: dict[str, Any] = {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [WEATHER]}


# ---------------------------------------------------------------- a minimal StepFun


def whole_of(route: str, name: str, arguments: str) -> Any:
    if route == "native":
        call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": arguments}
        output = [{**call, "status": "completed", "namespace": None}]
        return {
            "id": "r",
            "object": "response",
            "created_at": 1,
            "model": MODEL,
            "status": "completed",
            "output": output,
        }
    function = {"name": name, "arguments": arguments}
    message = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}


def said_of(route: str, text: str) -> Any:
    if route == "native":
        content = [{"type": "output_text", "text": text, "annotations": []}]
        output = [{"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": content}]
        return {
            "id": "r",
            "object": "response",
            "created_at": 1,
            "model": MODEL,
            "status": "completed",
            "output": output,
        }
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}


def native_events(body: Any) -> Iterator[Any]:
    yield {"type": "response.created", "response": {**body, "status": "in_progress", "output": []}}
    for index, item in enumerate(body["output"]):
        at = {"item_id": item["id"], "output_index": index}
        if item["type"] == "function_call":
            yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "arguments": ""}}
            for part in (item["arguments"][:4], item["arguments"][4:]):
                yield {"type": "response.function_call_arguments.delta", **at, "delta": part}
            yield {
                "type": "response.function_call_arguments.done",
                **at,
                "name": item["name"],
                "arguments": item["arguments"],
            }
        else:
            part = item["content"][0]
            yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "content": []}}
            yield {"type": "response.content_part.added", **at, "content_index": 0, "part": {**part, "text": ""}}
            yield {"type": "response.output_text.delta", **at, "content_index": 0, "delta": part["text"]}
            yield {"type": "response.output_text.done", **at, "content_index": 0, "text": part["text"]}
            yield {"type": "response.content_part.done", **at, "content_index": 0, "part": part}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.completed", "response": body}


def chat_chunks(body: Any) -> Iterator[Any]:
    choice = body["choices"][0]
    head = {**{k: v for k, v in body.items() if k != "choices"}, "object": "chat.completion.chunk"}

    def chunk(delta: Any, finish: Any = None) -> Any:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": choice["message"]["content"]})
    for index, call in enumerate(choice["message"].get("tool_calls", ())):
        text = call["function"]["arguments"]
        yield chunk({"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": text[:4]}}]})
        yield chunk({"tool_calls": [{"index": index, "function": {"arguments": text[4:]}}]})
    yield chunk({}, choice["finish_reason"])


class Stepfun:
    """Calls the configured tool once, then returns its result."""

    def __init__(self, call: str | Callable[[list[str]], str], arguments: str = '{"city": "Paris"}') -> None:
        self.call, self.arguments = call, arguments
        self.sent: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.sent.append(body)
        route = "native" if request.url.path.endswith("/responses") else "chat"
        history = body["input"] if route == "native" else body["messages"]
        results = [row for row in history if row.get("type") == "function_call_output" or row.get("role") == "tool"]
        if results:
            answer = said_of(route, str(results[-1].get("output") or results[-1].get("content")))
        else:
            names = [tool["name"] if route == "native" else tool["function"]["name"] for tool in body.get("tools", [])]
            name = self.call if isinstance(self.call, str) else self.call(names)
            answer = whole_of(route, name, self.arguments)
        if not body.get("stream"):
            return httpx.Response(200, json=answer)
        rows = native_events(answer) if route == "native" else chat_chunks(answer)
        text = "".join(f"data: {json.dumps(row)}\n\n" for row in rows) + (
            "" if route == "native" else "data: [DONE]\n\n"
        )
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)


def client(stepfun: Stepfun, route: str = "chat", **settings: Any) -> Any:
    return stepfun_compat.OpenAI(
        api_key="k",
        base_url="https://api.stepfun.ai/v1",
        settings=Settings(responses_route="auto" if route == "native" else route, **settings),
        http_client=httpx.Client(transport=httpx.MockTransport(stepfun)),  # type: ignore[arg-type]
        max_retries=0,
    )


def later(stepfun: Stepfun, route: str = "chat", **settings: Any) -> Any:
    return stepfun_compat.AsyncOpenAI(
        api_key="k",
        base_url="https://api.stepfun.ai/v1",
        settings=Settings(responses_route="auto" if route == "native" else route, **settings),
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(stepfun)),  # type: ignore[arg-type]
        max_retries=0,
    )


def create(c: Any, stream: bool, **fields: Any) -> tuple[Any, list[Any]]:
    """Return the Response and its events."""
    answer = c.responses.create(model=MODEL, stream=stream, **fields)
    if not stream:
        return answer, []
    events = list(answer)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    done = [event.item.to_dict() for event in events if event.type == "response.output_item.done"]
    assert done == [item.to_dict() for item in events[-1].response.output]
    return events[-1].response, events


def names(body: Any) -> list[str]:
    return [tool.get("name") or tool["function"]["name"] for tool in body["tools"]]


# ---------------------------------------------------------------- namespaces and deferred functions


@routes
@streams
def test_namespace_becomes_functions_and_its_calls_are_mapped_back(route: str, stream: bool):
    stepfun = Stepfun("crm__weather")
    tools = [WEATHER, CRM, {"type": "tool_search"}]
    before = copy.deepcopy(tools)
    with client(stepfun, route) as c:
        answer, events = create(c, stream, input="weather?", tools=tools)
        assert tools == before
        assert names(stepfun.sent[0]) == ["weather", "crm__weather"]
        assert ("messages" in stepfun.sent[0]) == (route == "chat")
        (call,) = [item for item in answer.output if item.type == "function_call"]
        assert (call.name, call.to_dict()["namespace"], call.arguments) == ("weather", "crm", '{"city": "Paris"}')
        for event in events:
            if event.type == "response.function_call_arguments.done" and getattr(event, "name", None):
                assert event.name == "weather"
            if event.type == "response.output_item.added":
                assert (event.item.name, event.item.to_dict()["namespace"]) == ("weather", "crm")
        assert [tool.to_dict()["type"] for tool in answer.tools] == ["function", "namespace", "tool_search"]
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        replayed = [{"role": "user", "content": "weather?"}, *(item.to_dict() for item in answer.output), output]
        for more in ({"input": replayed}, {"input": [output], "previous_response_id": answer.id}):
            follow, _ = create(c, stream, tools=tools, **more)
            assert follow.output_text == "sunny"
            sent = stepfun.sent[-1]
            if route == "native":
                assert [row["name"] for row in sent["input"] if row["type"] == "function_call"] == ["crm__weather"]
            else:
                (turn,) = [row for row in sent["messages"] if row.get("tool_calls")]
                assert turn["tool_calls"][0]["function"]["name"] == "crm__weather"


def test_colliding_names_stay_distinct():
    tools = [
        {**CRM},
        {**CRM, "name": "erp"},
        {"type": "function", "name": "crm__weather", "parameters": CITY},
        {"type": "function", "name": "shell", "parameters": CITY},
        {"type": "shell"},
    ]
    made = unpack({"tools": tools})
    sent = [tool["function"]["name"] for tool in made.tools]
    assert sent == ["crm__weather_2", "erp__weather", "crm__weather", "shell", "shell_2"]
    assert [(made.packing.behind(name).name, made.packing.behind(name).namespace) for name in sent] == [
        ("weather", "crm"),
        ("weather", "erp"),
        ("crm__weather", None),
        ("shell", None),
        ("shell", None),
    ]


@routes
@streams
def test_invalid_names_are_renamed_and_mapped_back(route: str, stream: bool):
    stepfun = Stepfun(lambda found: found[0])
    space = {
        "type": "namespace",
        "name": "9 lives" + "x" * 70,
        "description": "",
        "tools": [{**WEATHER, "name": "é.b"}],
    }
    with client(stepfun, route) as c:
        answer, _ = create(c, stream, input="x", tools=[space])
    (sent,) = names(stepfun.sent[0])
    assert sent.isascii()
    assert len(sent) <= 64
    assert not sent[0].isdigit()
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert (call.name, call.to_dict()["namespace"]) == ("é.b", space["name"])


@routes
@streams
@pytest.mark.parametrize("execution", [None, "server"])
def test_deferred_functions_are_sent_immediately(route: str, stream: bool, execution: Any):
    stepfun = Stepfun("weather")
    search = {"type": "tool_search"} if execution is None else {"type": "tool_search", "execution": execution}
    with client(stepfun, route) as c:
        answer, _ = create(c, stream, input="x", tools=[search, {**WEATHER, "defer_loading": True}])
    assert names(stepfun.sent[0]) == ["weather"]
    assert "defer_loading" not in json.dumps(stepfun.sent[0])
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert (call.name, "namespace" in call.to_dict()) == ("weather", False)


@streams
def test_client_tool_search_is_a_function_and_its_results_can_be_called(stream: bool):
    stepfun = Stepfun("tool_search", '{"query": "weather"}')
    search = {"type": "tool_search", "execution": "client", "description": "Find tools."}
    with client(stepfun, "auto") as c:
        answer, _ = create(c, stream, input="x", tools=[search])
        (call,) = [item.to_dict() for item in answer.output if item.type == "tool_search_call"]
        assert (call["execution"], call["arguments"], call["call_id"]) == ("client", {"query": "weather"}, "call_1")
        found = {"type": "tool_search_output", "call_id": "call_1", "execution": "client", "tools": [CRM]}
        follow, _ = create(c, stream, input=[{"role": "user", "content": "x"}, call, found], tools=[search])
        assert follow.output_text == "Loaded: crm__weather."
        assert names(stepfun.sent[-1]) == ["tool_search", "crm__weather"]


@routes
@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "name": "weather"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "namespace", "name": "crm"}]},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}]},
    ],
)
def test_tool_choice_may_name_a_tool_in_a_namespace(route: str, choice: Any):
    stepfun = Stepfun("crm__weather")
    other = {"type": "function", "name": "other", "parameters": CITY}
    with client(stepfun, route) as c:
        answer, _ = create(c, False, input="x", tools=[CRM, other], tool_choice=choice)
    assert names(stepfun.sent[0]) == ["crm__weather"]
    assert [item.name for item in answer.output if item.type == "function_call"] == ["weather"]


# ---------------------------------------------------------------- custom tools and local tools


@streams
def test_custom_tool_with_a_grammar_is_a_function_with_one_string(stream: bool):
    stepfun = Stepfun("apply_patch", '{"input": "*** Begin Patch"}')
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: begin_patch"}
    tool = {"type": "custom", "name": "apply_patch", "description": "Edit files.", "format": grammar}
    with client(stepfun, on_unsupported="error") as c:
        answer, events = create(c, stream, input="x", tools=[tool])
        (call,) = [item.to_dict() for item in answer.output if item.type == "custom_tool_call"]
        assert (call["name"], call["input"]) == ("apply_patch", "*** Begin Patch")
        assert "start: begin_patch" in stepfun.sent[0]["tools"][0]["function"]["description"]
        if stream:
            text = [event.input for event in events if event.type == "response.custom_tool_call_input.done"]
            assert text == ["*** Begin Patch"]
        output = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "done"}
        follow, _ = create(c, stream, input=[{"role": "user", "content": "x"}, call, output], tools=[tool])
        assert follow.output_text == "done"


LOCAL_TOOLS: list[Any] = [
    (
        {"type": "local_shell"},
        '{"command": ["ls", "-l"], "timeout_ms": 9}',
        "local_shell_call",
        {"action": {"type": "exec", "command": ["ls", "-l"], "env": {}, "timeout_ms": 9}},
        {"type": "local_shell_call_output", "id": "call_1", "output": "file"},
        "file",
    ),
    (
        {"type": "shell"},
        '{"commands": ["ls"]}',
        "shell_call",
        {
            "action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": None},
            "environment": {"type": "local"},
        },
        {
            "type": "shell_call_output",
            "call_id": "call_1",
            "output": [{"stdout": "file", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
        },
        '[{"stdout": "file", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]',
    ),
    (
        {"type": "apply_patch"},
        '{"type": "create_file", "path": "a.py", "diff": "+x"}',
        "apply_patch_call",
        {"operation": {"type": "create_file", "path": "a.py", "diff": "+x"}},
        {"type": "apply_patch_call_output", "call_id": "call_1", "status": "failed", "output": "no such file"},
        "failed: no such file",
    ),
]


@streams
@pytest.mark.parametrize(
    ("tool", "arguments", "kind", "fields", "output", "text"), LOCAL_TOOLS, ids=lambda v: str(v)[:30]
)
def test_local_tools_become_functions(
    tool: Any, arguments: str, kind: str, fields: Any, output: Any, text: str, stream: bool
):
    stepfun = Stepfun(tool["type"], arguments)
    with client(stepfun, "auto") as c:
        answer, events = create(c, stream, input="x", tools=[tool])
        (call,) = [item.to_dict() for item in answer.output if item.type == kind]
        assert (call["status"], call["call_id"]) == ("completed", "call_1")
        assert {key: call[key] for key in fields} == fields
        assert not [event for event in events if "arguments" in event.type]
        items = [{"role": "user", "content": "x"}, call, output]
        for more in ({"input": items}, {"input": [output], "previous_response_id": answer.id}):
            follow, _ = create(c, stream, tools=[tool], **more)
            assert follow.output_text == text
            (turn,) = [row for row in stepfun.sent[-1]["messages"] if row.get("tool_calls")]
            assert turn["tool_calls"][0]["function"]["name"] == tool["type"]
            assert json.loads(turn["tool_calls"][0]["function"]["arguments"]) == json.loads(arguments) | (
                {"env": {}} if kind == "local_shell_call" else {}
            )


@pytest.mark.parametrize("arguments", ["ls -l", "[1]", '{"command": 5}', '{"path": 1}', "", '"x"', "{" * 5000])
@pytest.mark.parametrize("tool", ["local_shell", "shell", "apply_patch"])
def test_invalid_arguments_still_produce_an_item(tool: str, arguments: str):
    with client(Stepfun(tool, arguments), "chat") as c:
        answer, _ = create(c, False, input="x", tools=[{"type": tool}])
    (call,) = [item.to_dict() for item in answer.output if item.type == f"{tool}_call"]
    if tool == "apply_patch":
        assert isinstance(call["operation"]["path"], str)
    else:
        words = call["action"]["commands" if tool == "shell" else "command"]
        assert words
        assert all(isinstance(word, str) for word in words)


@pytest.mark.parametrize(
    ("tool", "word"),
    [
        ({"type": "shell", "environment": {"type": "container_auto"}}, "container"),
        ({"type": "shell", "environment": {"type": "container_reference", "container_id": "c"}}, "container"),
        ({"type": "code_interpreter", "container": {"type": "auto"}}, "sandbox"),
        ({"type": "file_search", "vector_store_ids": ["v"]}, "retrieval"),
        ({"type": "mcp", "server_label": "x", "server_url": "https://x"}, "MCP"),
        ({"type": "namespace", "name": "x", "description": "", "tools": [{"type": "mcp"}]}, "namespace"),
    ],
)
def test_hosted_tools_are_refused_by_name(tool: Any, word: str):
    with client(Stepfun("x")) as c, pytest.raises(openai.BadRequestError, match=word):
        c.responses.create(model=MODEL, input="x", tools=[tool])


# ---------------------------------------------------------------- openai-python's own helpers


class Weather(pydantic.BaseModel):
    """The weather of a city."""

    city: str


typed_tool: Any = getattr(openai, "pydantic_responses_function_tool", None)
typed = pytest.mark.skipif(typed_tool is None, reason="this SDK has no typed Responses tools")


@typed
@routes
@streams
@pytest.mark.parametrize("packing", ["plain", "deferred", "namespace"])
def test_typed_tools_are_parsed_in_every_wrapping(route: str, stream: bool, packing: str):
    tool = typed_tool(Weather, name="weather", **({"defer_loading": True} if packing == "deferred" else {}))
    tools: Any = [tool]
    if packing == "namespace":
        tools = [{"type": "namespace", "name": "crm", "description": "c", "tools": [tool]}]
    if packing != "plain":
        tools.append({"type": "tool_search"})
    with client(Stepfun(lambda found: found[0]), route) as c:
        if stream:
            with c.responses.stream(model=MODEL, input="x", tools=tools) as events:
                answer = events.get_final_response()
        else:
            answer = c.responses.parse(model=MODEL, input="x", tools=tools)
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert call.parsed_arguments == Weather(city="Paris")


@routes
@pytest.mark.parametrize("function", ["plain", "typed"])
@pytest.mark.parametrize("how", ["whole", "stream", "eager"])
@pytest.mark.parametrize("way", ["run", "iterate"])
@pytest.mark.parametrize("later_client", [False, True], ids=["sync", "async"])
def test_openais_tool_runner_works_in_all_24_combinations(
    route: str, function: str, how: str, way: str, later_client: bool
):
    runner = pytest.importorskip("openai.lib.responses_tool_runner", reason="this SDK has no runner")
    if typed_tool is None:
        pytest.skip("this SDK has no typed tools")
    seen: list[Any] = []

    def weather(arguments: Any) -> str:
        seen.append(arguments)
        return "sunny"

    async def weather_later(arguments: Any) -> str:
        return weather(arguments)

    registered = runner.AsyncRegisteredFunction if later_client else runner.RegisteredFunction
    execute: Any = weather_later if later_client else weather
    if function == "typed":
        tool = registered.from_tool(typed_tool(Weather, name="weather"), execute=execute)
    else:
        tool = registered(WEATHER, execute)
    options = {"stream": how != "whole", "eager": how == "eager", "max_steps": 4}
    params: Any = {"model": MODEL, "input": "weather?"}
    stepfun = Stepfun("weather")

    if later_client:

        async def main() -> Any:
            async with later(stepfun, route) as c:
                tools = runner.AsyncResponsesToolRunner(functions=[tool])
                if way == "run":
                    return await tools.run(c, params, **options)
                return [turn async for turn in tools.iterate(c, params, **options)][-1].response

        answer = asyncio.run(main())
    else:
        with client(stepfun, route) as c:
            tools = runner.ResponsesToolRunner(functions=[tool])
            if way == "run":
                answer = tools.run(c, params, **options)
            else:
                answer = list(tools.iterate(c, params, **options))[-1].response
    assert answer.output_text == "sunny"
    assert seen == [Weather(city="Paris") if function == "typed" else {"city": "Paris"}]
    assert len(stepfun.sent) == 2
