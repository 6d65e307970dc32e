"""The incompatibilities between OpenAI programs and StepFun (stepfun-api 12), row by row, with the SDK's own calls against
StepFun's responses. The details of each row are tested with its endpoint."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from tests.support.wire import Wire, call, chunk, completion, sse, text_stream

MESSAGES: Any = [{"role": "user", "content": "x"}]
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("get_weather", "get_time")
]


def ask(wire: Wire, **more: Any) -> Any:
    more.setdefault("messages", MESSAGES)
    return wire.client().chat.completions.create(**{"model": "gpt-4o", **more})


def names(body: Any) -> list[str]:
    return [tool["function"]["name"] for tool in body.get("tools", [])]


def test_row_1_tool_choice_is_enforced_here() -> None:
    wire = Wire()
    ask(wire, tools=TOOLS, tool_choice="none")
    assert names(wire.body) == []
    called = completion("", tool_calls=[call()])
    wire = Wire(called)
    ask(wire, tools=TOOLS, tool_choice={"type": "function", "function": {"name": "get_weather"}})
    assert names(wire.body) == ["get_weather"]
    assert wire.body["messages"][-1]["role"] == "system"
    wire = Wire(completion("prose"), called)
    answer = ask(wire, tools=TOOLS, tool_choice="required")
    assert len(wire.requests) == 2
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert all("tool_choice" not in body for body in wire.bodies)


def test_row_2_small_cap_gets_headroom_and_low_effort() -> None:
    wire = Wire()
    ask(wire, max_tokens=16)
    assert wire.body["max_tokens"] > 1000
    assert wire.body["reasoning_effort"] == "low"
    cut = completion("")
    cut["choices"][0]["finish_reason"] = "length"
    assert ask(Wire(cut), max_tokens=16).choices[0].finish_reason == "length"


def test_row_3_max_completion_tokens_is_max_tokens() -> None:
    wire = Wire()
    ask(wire, model="o3", max_completion_tokens=4000)
    assert wire.body["max_tokens"] == 4000
    assert "max_completion_tokens" not in wire.body


@pytest.mark.parametrize("reason", ["stop", None, "", "tool_calls"])
def test_row_4_finish_reason_is_tool_calls_beside_calls(reason: str | None) -> None:
    answer = completion("", tool_calls=[call()])
    answer["choices"][0]["finish_reason"] = reason
    choice = ask(Wire(answer), tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None


def test_row_5_finish_reason_is_none_until_the_end() -> None:
    chunks = list(ask(Wire(text_stream("a", "b")), stream=True))
    reasons = [c.choices[0].finish_reason for c in chunks]
    assert reasons[-1] == "stop"
    assert set(reasons[:-1]) == {None}


def test_row_6_stream_helper_accumulates_correctly() -> None:
    first = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city"'}}
    again = {"id": "call_1", "type": "", "function": {"name": "get_weather", "arguments": ': "Paris"}'}}
    wire = Wire(
        sse(
            chunk({"role": "assistant", "content": ""}),
            chunk({"role": "assistant", "tool_calls": [first]}),
            chunk({"role": "assistant", "tool_calls": [again]}),
            chunk({"role": "assistant", "content": ""}, "stop"),
        )
    )
    resource: Any = wire.client().chat.completions
    if not hasattr(resource, "stream"):  # older SDKs have it in `beta`
        resource = wire.client().beta.chat.completions
    with resource.stream(model="gpt-4o", messages=MESSAGES, tools=TOOLS) as stream:
        final = stream.get_final_completion()
    message = final.choices[0].message
    assert message.role == "assistant"
    assert [(c.id, c.function.name) for c in message.tool_calls] == [("call_1", "get_weather")]
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Paris"}


@pytest.mark.parametrize(
    ("status", "type", "cls", "code"),
    [
        (402, "quota_exceeded", openai.RateLimitError, "insufficient_quota"),
        (451, "censorship_blocked", openai.BadRequestError, "content_filter"),
        (401, "invalid_api_key", openai.AuthenticationError, "invalid_api_key"),
    ],
)
def test_rows_7_to_9_errors_have_openais_classes_codes_and_request_ids(
    status: int, type: str, cls: type[openai.APIStatusError], code: str
) -> None:
    wire = Wire(httpx.Response(status, headers={"x-trace-id": "t-1"}, json={"error": {"message": "no", "type": type}}))
    with pytest.raises(cls) as caught:
        ask(wire)
    assert caught.value.code == code
    assert caught.value.request_id == "t-1"
    assert len(wire.requests) == 1, "not retried"


def test_row_10_usage_is_reported_once_and_only_on_request() -> None:
    chunks = list(ask(Wire(text_stream("a", "b")), stream=True))
    assert all(c.usage is None and c.choices for c in chunks)
    chunks = list(ask(Wire(text_stream("a", "b")), stream=True, stream_options={"include_usage": True}))
    assert [bool(c.choices) for c in chunks] == [True] * (len(chunks) - 1) + [False]
    assert sum(c.usage.total_tokens for c in chunks if c.usage) == 94


def test_row_11_file_list_ends() -> None:
    rows = [{"id": f"file-{i}", "object": "file", "bytes": 1, "created_at": i, "status": "success"} for i in range(3)]
    wire = Wire({"object": "list", "data": [{**row, "filename": "a", "purpose": "file-extract"} for row in rows]})
    assert [file.id for file in wire.client().files.list()]
    assert len(wire.requests) == 1


def test_row_12_processed_means_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    row = {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "a", "purpose": "file-extract"}
    wire = Wire({**row, "status": "processed"}, {**row, "status": "success"})
    file = wire.client().files.wait_for_processing("file-1", poll_interval=0)
    assert file.status == "processed"
    assert len(wire.requests) == 2


@pytest.mark.parametrize(("theirs", "ours"), [("gpt-4o-2024-08-06", "step-3.7-flash"), ("step-3", "step-3.7-flash")])
def test_row_13_model_names_map_to_current_models(theirs: str, ours: str) -> None:
    wire = Wire()
    if theirs == "step-3":  # retired models warn
        stepfun_compat.reset_warnings()
        with pytest.warns(stepfun_compat.StepfunCompatWarning, match="step-3"):
            client = wire.client(settings=stepfun_compat.Settings(on_unsupported="warn"))
            client.chat.completions.create(model=theirs, messages=MESSAGES)
    else:
        ask(wire, model=theirs)
    assert wire.body["model"] == ours


def test_row_13_unknown_model_is_not_found() -> None:
    text = "The model `step-0` does not exist or you do not have access to it"
    for status in (400, 404):
        wire = Wire(httpx.Response(status, json={"error": {"message": text, "type": "request_params_invalid"}}))
        with pytest.raises(openai.NotFoundError) as caught:
            ask(wire, model="step-0")
        assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("step-3.7-flash", "minimal", "low"),
        ("step-3.7-flash", "none", "low"),
        ("step-3.7-flash", "xhigh", "high"),
        ("step-3.5-flash-2603", "medium", "high"),
        ("step-3.5-flash", "high", None),
    ],
)
def test_row_14_efforts_fit_the_model(model: str, asked: str, sent: str | None) -> None:
    wire = Wire()
    client = wire.client(settings=stepfun_compat.Settings(on_unsupported="ignore"))
    client.chat.completions.create(model=model, messages=MESSAGES, reasoning_effort=asked)  # type: ignore[arg-type]
    assert wire.body.get("reasoning_effort") == sent


@pytest.mark.parametrize("spelling", ["reasoning", "reasoning_content"])
def test_row_15_reasoning_has_both_names(spelling: str) -> None:
    message = ask(Wire(completion("hi", **{spelling: "why"})), model="step-3.7-flash").choices[0].message
    assert (message.reasoning, message.reasoning_content) == ("why", "why")
    stream = sse(chunk({"content": "", spelling: "why"}), chunk({"content": "hi"}, "stop"))
    deltas = [c.choices[0].delta for c in ask(Wire(stream), model="step-3.7-flash", stream=True)]
    received = [d for d in deltas if getattr(d, "reasoning", None)]
    assert [(d.reasoning, d.reasoning_content, d.content) for d in received] == [("why", "why", "")]


def test_row_16_cached_tokens_are_in_openais_field() -> None:
    assert ask(Wire()).usage.prompt_tokens_details.cached_tokens == 512


def test_row_17_audio_becomes_a_data_url() -> None:
    raw = base64.b64encode(b"RIFF").decode()
    part = {"type": "input_audio", "input_audio": {"data": raw, "format": "wav"}}
    wire = Wire()
    ask(wire, model="step-audio-2", messages=[{"role": "user", "content": [part]}], modalities=["text"])
    assert wire.body["messages"][0]["content"][0]["input_audio"] == {"data": f"data:audio/wav;base64,{raw}"}


def test_row_18_image_detail_auto_is_not_sent() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "auto"}}
    wire = Wire()
    ask(wire, messages=[{"role": "user", "content": [part]}])
    assert wire.body["messages"][0]["content"][0]["image_url"] == {"url": "https://x.example/a.png"}


def test_row_19_web_search_becomes_citations() -> None:
    found = {
        "id": "call__1",
        "type": "web_search",
        "function": {
            "name": "step_websearch",
            "arguments": "{}",
            "results": [{"index": 0, "url": "https://x.example", "title": "X", "summary": "s"}],
        },
    }
    wire = Wire(completion("answer", tool_calls=[found]))
    message = ask(wire, web_search_options={}).choices[0].message
    assert [tool["type"] for tool in wire.body["tools"]] == ["web_search"]
    assert message.tool_calls is None
    assert message.annotations[0].url_citation.url == "https://x.example"


def test_row_20_unknown_record_is_an_openai_error() -> None:
    wire = Wire()
    with pytest.raises(openai.NotFoundError):
        wire.client().responses.retrieve("resp_nobody_made")
    assert not wire.requests


def test_row_21_responses_events_are_openais() -> None:
    rows = [
        {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_x", "object": "response"}},
        {
            "type": "response.reasoning_part.added",
            "sequence_number": 1,
            "output_index": 0,
            "item_id": "rs_x",
            "content_index": 0,
            "part": {"type": "reasoning_text", "text": ""},
        },
    ]
    text = "".join(f"event: {row['type']}\ndata: {json.dumps(row)}\n\n" for row in rows)
    wire = Wire(httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text))
    client = wire.client(settings=stepfun_compat.Settings(responses_route="native"))
    received = [event.type for event in client.responses.create(model="step-3.7-flash", input="x", stream=True)]
    assert received[0] == "response.created"
    assert not any("reasoning_part" in type for type in received)


def test_row_22_roles_names_and_functions_are_translated() -> None:
    wire = Wire(completion("", tool_calls=[call()]))
    messages: Any = [{"role": "developer", "content": "be brief"}, {"role": "user", "name": "ann", "content": "x"}]
    functions: Any = [TOOLS[0]["function"]]
    answer = ask(wire, messages=messages, functions=functions, function_call="auto")
    assert [m["role"] for m in wire.body["messages"]] == ["system", "user"]
    assert all("name" not in m for m in wire.body["messages"])
    assert names(wire.body) == ["get_weather"]
    assert not {"functions", "function_call"} & wire.body.keys()
    assert answer.choices[0].message.function_call.name == "get_weather"
    assert answer.choices[0].finish_reason == "function_call"


@pytest.mark.parametrize("arguments", ["", "not json", '"a string"', "[1]"])
def test_row_23_invalid_tool_history_is_repaired(arguments: str) -> None:
    made = {"id": "call_1", "type": "function", "function": {"name": "", "arguments": arguments}}
    wire = Wire()
    messages: Any = [*MESSAGES, {"role": "assistant", "tool_calls": [made]}]
    messages.append({"role": "tool", "tool_call_id": "call_1", "content": "ok"})
    client = wire.client(
        settings=stepfun_compat.Settings(on_unsupported="ignore")
    )  # the invalid part is dropped and reported
    client.chat.completions.create(model="gpt-4o", messages=messages)
    sent = wire.body["messages"][1]["tool_calls"][0]["function"]
    assert isinstance(json.loads(sent["arguments"]), dict)
    assert sent["name"]


def test_row_24_speech_and_transcription_are_translated() -> None:
    wire = Wire(httpx.Response(200, headers={"content-type": "audio/mpeg"}, content=b"mp3"))
    wire.client().audio.speech.create(model="tts-1", voice="alloy", input="hi")
    assert wire.body["voice"] != "alloy"
    assert wire.body["model"].startswith("step")


@pytest.mark.parametrize("what", ["embeddings", "moderations"])
def test_row_25_absent_endpoints_are_refused_before_a_connection(what: str) -> None:
    wire = Wire()
    client: Any = wire.client()
    arguments = {
        "embeddings": {"model": "text-embedding-3-small", "input": "x"},
        "moderations": {"input": "x"},
    }
    with pytest.raises(openai.NotFoundError, match="StepFun"):
        getattr(client, what).create(**arguments[what])
    assert not wire.requests
