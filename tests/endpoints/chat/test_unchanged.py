"""Chat responses contain nothing OpenAI would not send: one test for each difference a program could notice."""

from __future__ import annotations

import json
import logging
from typing import Any

import openai
import pytest
from pydantic import BaseModel

import stepfun_compat
from stepfun_compat import Settings
from tests.support.wire import Wire, call, chunk, completion, sse

MESSAGES: Any = [{"role": "user", "content": "x"}]
TOOL: Any = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}

OURS, THEIRS = "step-3.7-flash", "gpt-4o"
USAGE = {"prompt_tokens": 10, "completion_tokens": 100, "total_tokens": 110}


def ask(wire: Wire, settings: dict[str, Any] | None = None, **more: Any) -> Any:
    client = wire.client(settings=Settings(**(settings or {})))
    return client.chat.completions.create(**{"model": THEIRS, "messages": MESSAGES, **more})


def thinking_stream() -> Any:
    return sse(
        chunk({"role": "assistant", "content": "", "reasoning": "let me "}),
        chunk({"role": "assistant", "content": "", "reasoning": "see"}),
        chunk({"role": "assistant", "content": "hi"}),
        chunk({"role": "assistant", "content": ""}, "stop"),
    )


# ---------------------------------------------------------------- reasoning


@pytest.mark.parametrize(
    ("setting", "model", "shown"),
    [
        ("auto", OURS, True),
        ("auto", THEIRS, False),
        ("auto", "o3", False),
        ("always", THEIRS, True),
        ("never", OURS, False),
    ],
)
def test_reasoning_is_shown_under_stepfun_model_names(setting: str, model: str, shown: bool) -> None:
    settings = {"show_reasoning": setting}
    message = ask(Wire(completion("hi", reasoning="why")), settings, model=model).choices[0].message
    assert ("reasoning" in message.to_dict()) is shown
    assert ("reasoning_content" in message.to_dict()) is shown
    chunks = [c.to_dict() for c in ask(Wire(thinking_stream()), settings, model=model, stream=True)]
    deltas: Any = [c["choices"][0]["delta"] for c in chunks]  # type: ignore[index]
    assert any("reasoning" in delta for delta in deltas) is shown
    assert "".join(delta.get("content", "") for delta in deltas) == "hi"


def test_hidden_reasoning_adds_no_empty_chunks() -> None:
    deltas = [c.to_dict()["choices"][0] for c in ask(Wire(thinking_stream()), stream=True)]  # type: ignore[index]
    assert [(d["delta"], d["finish_reason"]) for d in deltas] == [  # type: ignore[index]
        ({"role": "assistant", "content": ""}, None),
        ({"content": "hi"}, None),
        ({}, "stop"),
    ]


@pytest.mark.parametrize("model", [OURS, THEIRS])
def test_delta_has_no_none_values(model: str) -> None:
    tools = sse(
        chunk({"role": "assistant", "content": "", "reasoning": "hm"}),
        chunk({"content": "", "tool_calls": [{**call(), "index": 0}]}),
        chunk({}, "stop"),
    )
    for stream in (thinking_stream(), tools):
        for made in ask(Wire(stream), model=model, stream=True):
            for delta in (
                made.to_dict()["choices"][0]["delta"],  # type: ignore[index]
                made.model_dump(exclude_unset=True)["choices"][0]["delta"],
            ):
                assert None not in delta.values(), delta
                assert isinstance(delta.get("content", ""), str)


def test_hidden_reasoning_is_replayed_with_its_calls() -> None:
    wire = Wire(completion("", tool_calls=[call()], reasoning="why"), completion())
    client = wire.client()
    message = client.chat.completions.create(model=THEIRS, messages=MESSAGES, tools=[TOOL]).choices[0].message
    assert "why" not in json.dumps(message.to_dict())
    result: Any = {"role": "tool", "tool_call_id": "call_1", "content": "ok"}
    client.chat.completions.create(model=THEIRS, messages=[*MESSAGES, message, result], tools=[TOOL])  # type: ignore[list-item]
    assert wire.body["messages"][1]["reasoning_content"] == "why"
    assert wire.body["messages"][1]["content"] == ""


@pytest.mark.parametrize("stream", [False, True])
def test_client_returns_hidden_reasoning(stream: bool) -> None:
    body = {**completion("hi", reasoning="let me see"), "id": "answer-1"}
    events = sse(*({**json.loads(line[6:]), "id": "answer-1"} for line in _lines(thinking_stream())))
    client = Wire(events if stream else body).client()
    answer = client.chat.completions.create(model=THEIRS, messages=MESSAGES, stream=stream)
    if stream:
        list(answer)
        assert client.stepfun.reasoning("answer-1") == "let me see"
    else:
        assert client.stepfun.reasoning(answer) == "let me see"
        assert client.stepfun.reasoning(answer.to_dict()) == "let me see"
    assert client.with_options(timeout=3).stepfun.reasoning("answer-1") == "let me see"
    assert client.stepfun.reasoning("another") is None


def _lines(response: Any) -> list[str]:
    return [line for line in response.text.split("\n") if line.startswith("data: {")]


def test_reasoning_tokens_are_always_an_int() -> None:
    for reasoning, tokens in (("r" * 30, 75), ("", 0)):
        message = completion("t" * 10, reasoning=reasoning)
        usage = ask(Wire({**message, "usage": USAGE})).usage
        assert usage.completion_tokens_details.reasoning_tokens == tokens
    rows = [chunk({"role": "assistant", "content": "", "reasoning": "r" * 30}), chunk({"content": "t" * 10}, "stop")]
    rows[-1]["usage"] = USAGE
    *_, last = ask(Wire(sse(*rows)), stream=True, stream_options={"include_usage": True})
    assert last.usage.completion_tokens_details.reasoning_tokens == 75


# ---------------------------------------------------------------- requests


@pytest.mark.parametrize("stream", [False, True])
def test_json_mode_is_described_in_a_system_message(stream: bool) -> None:
    answer = thinking_stream() if stream else completion("{}")
    asked: Any = [{"role": "user", "content": "Answer in JSON"}]
    wire = Wire(answer, answer)
    made = ask(wire, messages=asked, response_format={"type": "json_object"}, stream=stream)
    if stream:
        list(made)
    *_, last = wire.body["messages"]
    assert last["role"] == "system"
    assert "JSON" in last["content"]
    made = ask(
        wire,
        messages=[{"role": "developer", "content": "json please"}, *asked],
        response_format={"type": "json_object"},
        stream=stream,
    )
    if stream:
        list(made)
    assert [m["role"] for m in wire.body["messages"]] == ["system", "user"]


def test_audio_models_get_openais_default_modalities() -> None:
    parts: Any = [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]
    wire = Wire()
    ask(wire, model="gpt-4o-audio-preview", messages=[{"role": "user", "content": parts}])
    assert wire.body["modalities"] == ["text"]


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize("arguments", ["", None, " "])
@pytest.mark.parametrize("stream", [False, True])
def test_call_without_arguments_has_an_empty_object(arguments: Any, stream: bool) -> None:
    class Now(BaseModel):
        """The time."""

    made = {"id": "call_1", "type": "function", "function": {"name": "Now", "arguments": arguments}}
    tool: Any = openai.pydantic_function_tool(Now)
    if stream:
        rows = sse(chunk({"role": "assistant", "tool_calls": [{**made, "index": 0}]}), chunk({}, "tool_calls"))
        pieces = [c.choices[0].delta.tool_calls or [] for c in ask(Wire(rows), tools=[tool], stream=True)]
        assert "".join(p.function.arguments or "" for piece in pieces for p in piece) == "{}"
        return
    client = Wire(completion("", tool_calls=[made])).client()
    parse: Any = getattr(client.chat.completions, "parse", None) or client.beta.chat.completions.parse
    parsed = parse(model=THEIRS, messages=MESSAGES, tools=[tool]).choices[0].message
    assert parsed.tool_calls[0].function.parsed_arguments == Now()


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"type": "function", "function": {"name": "get_weather"}}, "stop"),
        ("required", "tool_calls"),
        ("auto", "tool_calls"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_forced_named_function_finishes_with_stop(choice: Any, reason: str, stream: bool) -> None:
    rows = sse(chunk({"role": "assistant", "tool_calls": [{**call(), "index": 0}]}), chunk({}, "tool_calls"))
    wire = Wire(rows if stream else completion("", tool_calls=[call()]))
    answer = ask(wire, tools=[TOOL], tool_choice=choice, stream=stream)
    last = list(answer)[-1] if stream else answer
    assert last.choices[0].finish_reason == reason


def test_annotations_are_a_list() -> None:
    answer = ask(Wire(completion("hi")), model="gpt-4o-search-preview", web_search_options={})
    assert answer.choices[0].message.annotations == []


def test_cap_applies_to_each_choice() -> None:
    texts = ["yes, because of all the reasons in the world", "no, and here is a long explanation"]
    choices = [
        {"index": i, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"}
        for i, t in enumerate(texts)
    ]
    body = {**completion("x"), "choices": choices, "usage": {**USAGE, "completion_tokens": 20}}
    answer = ask(Wire(body), max_tokens=1, n=2)
    assert all(len(c.message.content) < 8 and c.finish_reason == "length" for c in answer.choices)


# ---------------------------------------------------------------- streamed calls are told apart by index, id and name


def streamed(*deltas: Any, reason: str = "tool_calls", **more: Any) -> list[tuple[str, str, str]]:
    rows = [chunk({"role": "assistant", "tool_calls": [delta]}) for delta in deltas]
    client = Wire(sse(*rows, chunk({}, reason))).client()
    calls: dict[int, list[str]] = {}
    for made in client.chat.completions.create(
        model=THEIRS, messages=MESSAGES, tools=more.pop("tools", [TOOL]), stream=True, **more
    ):
        for piece in made.choices[0].delta.tool_calls or ():
            row = calls.setdefault(piece.index, ["", "", ""])
            row[0] += piece.id or ""
            row[1] += (piece.function and piece.function.name) or ""
            row[2] += (piece.function and piece.function.arguments) or ""
    return [(row[0], row[1], row[2]) for _, row in sorted(calls.items())]


def piece(index: int | None, id: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": arguments}}
    if index is not None:
        row["index"] = index
    if id is not None:
        row["id"] = id
    return row


def test_calls_with_one_id_and_two_indexes_are_two() -> None:
    first, second = streamed(piece(0, "c", "get_weather", '{"a": 1}'), piece(1, "c", "get_weather", '{"a": 2}'))
    assert (first[1:], second[1:]) == (("get_weather", '{"a": 1}'), ("get_weather", '{"a": 2}'))
    assert first[0] == "c"
    assert second[0] not in ("", "c")


def test_calls_with_one_id_and_two_names_are_two() -> None:
    other: Any = {
        "type": "function",
        "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}},
    }
    made = streamed(
        piece(None, "c", "get_weather", '{"a": 1}'), piece(None, "c", "get_time", "{}"), tools=[TOOL, other]
    )
    assert [row[1:] for row in made] == [("get_weather", '{"a": 1}'), ("get_time", "{}")]
    assert len({row[0] for row in made}) == 2


@pytest.mark.parametrize("index", [None, 0, 1])
def test_empty_fragment_with_a_new_id_adds_no_call(index: int | None) -> None:
    made = streamed(piece(0, "c", "get_weather", '{"a": 1}'), piece(index, "d", "", ""))
    assert made == [("c", "get_weather", '{"a": 1}')]


def test_id_before_its_name_is_kept() -> None:
    made = streamed(
        piece(0, "c", "get_weather", "{}"), piece(1, "d", "", ""), piece(1, None, "get_weather", '{"a": 2}')
    )
    assert made == [("c", "get_weather", "{}"), ("d", "get_weather", '{"a": 2}')]


def test_name_in_two_fragments_is_joined() -> None:
    made = streamed(piece(0, "c", "get_", ""), piece(0, None, "weather", ""), piece(0, None, None, '{"a": 1}'))
    assert made == [("c", "get_weather", '{"a": 1}')]


def test_complete_arguments_sent_again_are_dropped() -> None:
    made = streamed(
        piece(0, "c", "get_weather", '{"a": '), piece(0, None, None, "1}"), piece(0, "c", "get_weather", '{"a": 1}')
    )
    assert made == [("c", "get_weather", '{"a": 1}')]


@pytest.mark.parametrize("stream", [False, True])
def test_call_cut_at_the_cap_finishes_with_length(stream: bool) -> None:
    made = call(arguments='{"city": "Par')
    usage = {"prompt_tokens": 1, "completion_tokens": 40, "total_tokens": 41}
    if stream:
        end = {**chunk({}, "tool_calls"), "usage": usage}
        wire = Wire(sse(chunk({"role": "assistant", "tool_calls": [{**made, "index": 0}]}), end))
    else:
        wire = Wire({**completion("", tool_calls=[made]), "usage": usage})
    answer = ask(wire, model=OURS, tools=[TOOL], max_tokens=40, stream=stream)
    assert (list(answer)[-1] if stream else answer).choices[0].finish_reason == "length"


# ---------------------------------------------------------------- stop sequences and reasoning


def test_response_stopped_inside_the_reasoning_is_requested_again_without_stop() -> None:
    silent = {**completion("", reasoning="Thought:"), "usage": USAGE}
    wire = Wire(silent, {**completion("Action: look\nObservation: 3", reasoning="x"), "usage": USAGE})
    answer = ask(wire, stop=["\nObservation"])
    assert answer.choices[0].message.content == "Action: look"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens == 20
    assert "stop" in wire.bodies[0]
    assert "stop" not in wire.bodies[1]
    assert len(wire.requests) == 2


def test_stopped_response_is_requested_again_only_within_the_budget(caplog: pytest.LogCaptureFixture) -> None:
    stepfun_compat.reset_warnings()
    silent = completion("", reasoning="Thought:")
    wire = Wire(silent)
    assert ask(wire, {"max_corrections": 0}, stop="\n").choices[0].message.content in ("", None)
    assert len(wire.requests) == 1
    assert "stop" in caplog.text


def test_stream_stopped_inside_the_reasoning_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="stepfun_compat")
    list(
        ask(
            Wire(sse(chunk({"role": "assistant", "content": "", "reasoning": "r"}), chunk({}, "stop"))),
            stream=True,
            stop="x",
        )
    )
    assert "stop" in caplog.text


# ---------------------------------------------------------------- raw bytes


def test_raw_stream_bytes_are_openais() -> None:
    client = Wire(thinking_stream()).client()
    with client.chat.completions.with_streaming_response.create(model=THEIRS, messages=MESSAGES, stream=True) as raw:
        lines = [line for line in raw.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    rows = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert [row["choices"][0]["finish_reason"] for row in rows] == [None, None, "stop"]
    assert "usage" not in rows[0]
    assert [row["choices"][0]["delta"].get("content", "") for row in rows] == ["", "hi", ""]


def test_raw_stream_can_be_parsed() -> None:
    client = Wire(thinking_stream()).client()
    raw = client.chat.completions.with_raw_response.create(model=THEIRS, messages=MESSAGES, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in raw.parse()) == "hi"


@pytest.mark.anyio
async def test_async_raw_stream_bytes_are_openais() -> None:
    client = Wire(thinking_stream()).async_client()
    create = client.chat.completions.with_streaming_response.create
    async with create(model=THEIRS, messages=MESSAGES, stream=True) as raw:
        lines = [line async for line in raw.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert "reasoning" not in "".join(lines)


def test_raw_wire_setting_returns_stepfuns_bytes() -> None:
    client = Wire(thinking_stream(), completion("hi", reasoning="why")).client(settings=Settings(raw="wire"))
    with client.chat.completions.with_streaming_response.create(model=THEIRS, messages=MESSAGES, stream=True) as raw:
        assert "reasoning" in "".join(raw.iter_lines())
    whole = client.chat.completions.with_raw_response.create(model=THEIRS, messages=MESSAGES)
    assert json.loads(whole.text)["choices"][0]["message"]["reasoning"] == "why"
    assert "reasoning" not in whole.parse().to_dict()["choices"][0]["message"]  # type: ignore[index]
