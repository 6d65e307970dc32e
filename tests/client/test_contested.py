"""Contested facts: OpenAI's form is sent first, the safe form after a 400 about it, and only that form from then on."""

from __future__ import annotations

import asyncio
import json
import logging

import httpx
import openai
import pytest

from stepfun_compat import Settings
from stepfun_compat.contested_memory import SETTLED
from tests.support.contested import (
    ANSWER,
    FACTS,
    FORMAT,
    MODES,
    QUIET,
    REPLAYED,
    SCHEMA,
    USER,
    Body,
    Place,
    is_schema,
    made,
    make,
    make_async,
    penalised,
    refusal,
    strict,
)
from tests.support.wire import Wire, call, completion, text_stream


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fact", FACTS)
def test_contested_fact_is_sent_in_openais_form_then_in_the_safe_form(fact: str, mode: str, later: bool) -> None:
    body, message, refused = FACTS[fact]
    wire = strict(refused, message)
    assert made(wire, mode, later, **body) == [ANSWER]
    assert [refused(sent) for sent in wire.bodies] == [True, False]


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("fact", [name for name in FACTS if name != "a keyword of the schema"])
def test_outcome_is_recorded_for_the_next_call(fact: str, later: bool) -> None:
    body, message, refused = FACTS[fact]
    wire = strict(refused, message)
    assert made(wire, "plain", later, times=3, **body) == [ANSWER] * 3
    assert [refused(sent) for sent in wire.bodies] == [True, False, False, False]
    made(wire, "stream", not later, **body)  # another client, another mode
    assert not refused(wire.body)
    assert len(wire.requests) == 5


def test_outcome_for_one_schema_is_not_recorded() -> None:
    body, message, refused = FACTS["a keyword of the schema"]
    wire = strict(refused, message)
    made(wire, "plain", False, times=2, **body)
    assert [refused(sent) for sent in wire.bodies] == [True, False, True, False]
    assert not SETTLED


def test_outcome_applies_to_one_host_and_one_model() -> None:
    body, message, refused = FACTS["a high penalty"]
    wire = strict(refused, message)
    made(wire, "plain", False, **body)
    made(wire, "plain", False, model="step-5-preview", **body)
    with wire.client(settings=QUIET, base_url="https://api.stepfun.com/v1") as client:
        make(client, "plain", **body)
        assert [row.model for row in client.stepfun.settled] == ["step-3.7-flash"]
    assert [refused(sent) for sent in wire.bodies] == [True, False] * 3
    assert {(row.host, row.model) for row in SETTLED.rows()} == {
        ("api.stepfun.ai", "step-3.7-flash"),
        ("api.stepfun.ai", "step-5-preview"),
        ("api.stepfun.com", "step-3.7-flash"),
    }


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "message",
    [
        "No filter named 'fromjson' found",
        "tool_calls.function.name is required",
        "Request param: max_tokens is invalid, recommended val is: greater than 0",
        "image_url: invalid base64 data in content",
        "Input images too many",
        "Request param: messages.content.image_url.url is invalid, recommended val is: string",
        "response_format.json_schema needs name and schema",
        "Invalid schema for response_format 'place': missing required",
        "Request param: temperature is invalid, recommended val is: [0.0,2.0]",
        "frequency_penalty must be a number",
        "this model is not enabled for the Chat Completions API, please use the Messages API",
        "",
    ],
)
def test_400_about_anything_else_is_raised_immediately(message: str, mode: str, later: bool) -> None:
    wire = Wire(refusal(message))
    body: Body = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}, *REPLAYED],
        "response_format": FORMAT,
        "frequency_penalty": 0.5,
        "reasoning_effort": "low",
    }
    with pytest.raises(openai.BadRequestError) as caught:
        made(wire, mode, later, **body)
    assert message in str(caught.value)
    assert len(wire.requests) == 1
    assert not SETTLED


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500])
def test_only_a_400_is_retried(status: int) -> None:
    message = FACTS["json_schema"][1]
    wire = Wire(httpx.Response(status, json={"error": {"message": message, "type": "x"}}))
    with pytest.raises(openai.APIStatusError), wire.client(max_retries=0, settings=QUIET) as client:
        make(client, "plain", response_format=FORMAT)
    assert len(wire.requests) == 1


def test_refused_safe_form_is_raised_and_not_recorded() -> None:
    body, message, _ = FACTS["a high penalty"]
    wire = Wire(refusal(message))
    with pytest.raises(openai.BadRequestError, match="frequency_penalty is invalid"):
        made(wire, "plain", False, **body)
    assert [sent["frequency_penalty"] for sent in wire.bodies] == [1.8, 1.0]
    assert not SETTLED


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("mode", MODES)
def test_several_facts_settle_in_one_call(mode: str, later: bool) -> None:
    order = ("json_schema", "a high penalty", "any effort", "text parts")

    def answer(request: httpx.Request) -> httpx.Response:
        body: Body = json.loads(request.content)
        for name in order:
            if FACTS[name][2](body):
                return refusal(FACTS[name][1])
        return text_stream(ANSWER) if body.get("stream") else httpx.Response(200, json=completion(ANSWER))

    body: Body = {}
    for name in order:
        body |= FACTS[name][0]
    wire = Wire(answer)
    made(wire, mode, later, times=2, **body)
    assert len(wire.requests) == 6
    assert sorted(row.fact for row in SETTLED.rows()) == [
        "chat.frequency_penalty",
        "chat.json_schema",
        "chat.reasoning_effort",
        "chat.text_parts",
    ]


def test_caller_data_is_not_mutated() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}]
    before = json.dumps([messages, FORMAT])
    wire = strict(is_schema, FACTS["json_schema"][1])
    made(wire, "plain", False, times=2, messages=messages, response_format=FORMAT)
    assert json.dumps([messages, FORMAT]) == before


# ---------------------------------------------------------------- the safe forms


def test_json_schema_becomes_json_mode_with_the_schema_in_the_prompt() -> None:
    wire = strict(is_schema, FACTS["json_schema"][1])
    made(wire, "plain", False, response_format=FORMAT)
    assert wire.body["response_format"] == {"type": "json_object"}
    assert wire.body["messages"][0] == wire.bodies[0]["messages"][0]
    assert json.dumps(SCHEMA, separators=(",", ":")) in wire.body["messages"][-1]["content"]


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
def test_json_mode_response_is_validated_and_requested_again(later: bool) -> None:
    texts = iter(["sorry", ANSWER, "sorry", ANSWER])

    def answer(request: httpx.Request) -> httpx.Response:
        if is_schema(json.loads(request.content)):
            return refusal(FACTS["json_schema"][1])
        return httpx.Response(200, json=completion(next(texts)))

    wire = Wire(answer)
    assert made(wire, "plain", later, times=2, response_format=FORMAT) == [ANSWER, ANSWER]
    assert [sent["response_format"]["type"] for sent in wire.bodies] == ["json_schema", *["json_object"] * 4]
    assert any("not JSON" in str(message["content"]) for message in wire.body["messages"])


def test_parse_works_when_json_schema_is_rejected() -> None:
    wire = strict(is_schema, FACTS["json_schema"][1])
    with wire.client() as client:
        helper = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
        for _ in range(2):
            answer = helper.parse(model="gpt-4o", messages=[USER], response_format=Place)  # type: ignore[arg-type]
            assert answer.choices[0].message.parsed == Place(city="Paris")
    assert len(wire.requests) == 3


def test_clamped_penalty_warns() -> None:
    body, message, refused = FACTS["a low penalty"]
    wire = strict(refused, message)
    with pytest.warns(UserWarning, match=r"frequency_penalty=-0\.5 was changed to 0"):
        made(wire, "plain", False, settings=Settings(on_unsupported="warn"), **body)
    assert wire.body["frequency_penalty"] == 0


def test_lossy_safe_form_is_not_sent_with_policy_error() -> None:
    body, message, refused = FACTS["a high penalty"]
    wire = strict(refused, message)
    with pytest.raises(openai.BadRequestError, match="is invalid"):
        made(wire, "plain", False, settings=Settings(on_unsupported="error"), **body)
    assert len(wire.requests) == 1


def test_forced_call_is_still_checked_in_the_safe_form() -> None:
    body, message, refused = FACTS["a high penalty"]
    answers = iter([completion("no"), completion("", tool_calls=[call()])])

    def answer(request: httpx.Request) -> httpx.Response:
        if refused(json.loads(request.content)):
            return refusal(message)
        return httpx.Response(200, json=next(answers))

    wire = Wire(answer)
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
    with wire.client(settings=QUIET) as client:
        got = client.chat.completions.create(
            model="step-3.7-flash",
            messages=[USER],
            tools=tools,
            tool_choice="required",
            **body,  # type: ignore[arg-type]
        )
    assert got.choices[0].message.tool_calls
    assert [sent["frequency_penalty"] for sent in wire.bodies] == [1.8, 1.0, 1.0]


def test_text_completions_settle_a_fact_once_for_all_prompts() -> None:
    body, message, refused = FACTS["a high penalty"]
    wire = strict(refused, message)
    with wire.client(settings=QUIET) as client:
        client.completions.create(model="step-3.7-flash", prompt=["a", "b", "c"], **body)
    assert [sent["frequency_penalty"] for sent in wire.bodies] == [1.8, 1.0, 1.0, 1.0]
    assert [row.requests for row in SETTLED.rows()] == [1]


# ---------------------------------------------------------------- the cost is visible


def test_cost_is_logged_and_explained(caplog: pytest.LogCaptureFixture) -> None:
    body, message, refused = FACTS["a high penalty"]
    wire = strict(refused, message)
    with wire.client(settings=QUIET) as client, caplog.at_level(logging.INFO, "stepfun_compat"):
        assert "settled" not in str(client.stepfun.explain(model="step-3.7-flash", messages=[USER], **body))
        make(client, "plain", **body)
        explained = client.stepfun.explain(model="step-3.7-flash", messages=[USER], **body)
        assert explained.body["frequency_penalty"] == 1.0
        assert [change.parameter for change in explained.changes] == ["frequency_penalty"]
        (row,) = client.stepfun.settled
        assert (row.fact, row.requests) == ("chat.frequency_penalty", 1)
        make(client, "plain", **body)
        client.stepfun.forget_settled()
        make(client, "plain", **body)
    assert [sent["frequency_penalty"] for sent in wire.bodies] == [1.8, 1.0, 1.0, 1.8, 1.0]
    costs = [record.message for record in caplog.records if "cost another request" in record.message]
    assert len(costs) == 2
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "rejects a frequency_penalty outside 0.0 to 1.0" in warnings[0].message
    assert "Where is it?" not in caplog.text


# ---------------------------------------------------------------- one deadline, one retry budget


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
def test_retry_budget_is_shared(later: bool) -> None:
    body, message, refused = FACTS["a high penalty"]
    busy = httpx.Response(500, headers={"retry-after-ms": "1"}, json={"error": {"message": "busy", "type": "x"}})
    wire = Wire(busy, refusal(message), busy, busy, busy)

    async def run() -> None:
        async with wire.async_client(settings=QUIET, max_retries=2) as client:
            await make_async(client, "plain", **body)

    with pytest.raises(openai.InternalServerError):
        if later:
            asyncio.run(run())
        else:
            with wire.client(settings=QUIET, max_retries=2) as client:
                make(client, "plain", **body)
    # one retry before the refusal, the remaining one after it
    assert [sent["frequency_penalty"] for sent in wire.bodies] == [1.8, 1.8, 1.0, 1.0]
    del refused


@pytest.mark.parametrize("mode", ["plain", "stream"])
def test_deadline_is_shared(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body, message, _ = FACTS["a high penalty"]
    now = [1000.0]
    monkeypatch.setattr("stepfun_compat._client.flow.time.monotonic", lambda: now[0])

    def answer(request: httpx.Request) -> httpx.Response:
        now[0] += 7
        if penalised(json.loads(request.content)):
            return refusal(message)
        return (
            text_stream(ANSWER) if json.loads(request.content).get("stream") else httpx.Response(200, json=completion())
        )

    wire = Wire(answer)
    with wire.client(settings=QUIET) as client:
        make(client.with_options(timeout=10.0), mode, **body)
        assert wire.request.extensions["timeout"]["read"] == 3.0
        client.stepfun.forget_settled()
        with pytest.raises(openai.APITimeoutError):
            make(client.with_options(timeout=5.0), mode, **body)
    assert len(wire.requests) == 3
