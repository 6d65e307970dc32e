"""Contested facts settle themselves: OpenAI's form first, the safe form when a 400 speaks of it, at once from then on."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from stepfun_compat import Settings, SettingsError
from stepfun_compat.settled import SETTLED, Refused, SettledFacts, host_of

from .wire import Wire, call, completion, text_stream

Body = dict[str, Any]
USER: Body = {"role": "user", "content": "Where is it?"}
SCHEMA: Body = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FORMAT: Body = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": SCHEMA}}
ANSWER = '{"city": "Paris"}'
REPLAYED: list[Body] = [USER, {"role": "assistant", "content": "Paris", "reasoning_content": "Hm."}, USER]
QUIET = Settings(on_unsupported="ignore")


class Place(BaseModel):
    city: str


def refusal(message: str, type: str = "request_params_invalid", **more: Any) -> httpx.Response:
    return httpx.Response(400, json={"error": {"message": message, "type": type, **more}})


def strict(refused: Callable[[Body], bool], message: str, **more: Any) -> Wire:
    """A StepFun that refuses some bodies and answers the others."""

    def answer(request: httpx.Request) -> httpx.Response:
        body: Body = json.loads(request.content)
        if refused(body):
            return refusal(message, **more)
        return text_stream(ANSWER) if body.get("stream") else httpx.Response(200, json=completion(ANSWER))

    return Wire(answer)


def _is_schema(body: Body) -> bool:
    return body.get("response_format", {}).get("type") == "json_schema"


def _penalised(body: Body) -> bool:
    return not 0 <= body.get("frequency_penalty", 0) <= 1


def _has_parts(body: Body) -> bool:
    return any(isinstance(message["content"], list) for message in body["messages"])


FACTS: dict[str, tuple[Body, str, Callable[[Body], bool]]] = {
    "json_schema": (
        {"response_format": FORMAT},
        "model step-3.7-flash does not support response_format json_schema",
        _is_schema,
    ),
    "json_schema, in Chinese": ({"response_format": FORMAT}, "模型 step-3.7-flash 不支持 json_schema 输出", _is_schema),
    "json_schema as a bad value": (
        {"response_format": FORMAT},
        "Request param: response_format.type is invalid, recommended val is: text, json_object",
        _is_schema,
    ),
    "a keyword of the schema": (
        {"response_format": FORMAT},
        "response_format: $ref in schema is not supported",
        _is_schema,
    ),
    "a high penalty": (
        {"frequency_penalty": 1.8},
        "Request param: frequency_penalty is invalid, recommended val is: [0.0,1.0]",
        _penalised,
    ),
    "a low penalty": ({"frequency_penalty": -0.5}, "frequency_penalty 取值范围为 0.0 到 1.0", _penalised),
    "an effort in the middle": (
        {"reasoning_effort": "medium"},
        "Request param: reasoning_effort is invalid, recommended val is: low, high",
        lambda body: body.get("reasoning_effort") == "medium",
    ),
    "any effort": (
        {"reasoning_effort": "low"},
        "reasoning_effort is not supported by this model",
        lambda body: "reasoning_effort" in body,
    ),
    "text parts": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}]},
        "Request param: messages[0].content is invalid, recommended val is: string",
        _has_parts,
    ),
    "text parts, unrecognised": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}]},
        "Unrecognized chat message.",
        _has_parts,
    ),
    "a role": (
        {"messages": [{"role": "critic", "content": "Be exact."}, USER]},
        "Request param: messages.role is invalid, recommended val is: system, user, assistant, tool",
        lambda body: any(message["role"] == "critic" for message in body["messages"]),
    ),
    "keys of a message": (
        {"messages": REPLAYED},
        "Unrecognized chat message.",
        lambda body: any("reasoning_content" in message for message in body["messages"]),
    ),
    "a system message at the end": (
        {"messages": [{"role": "system", "content": "A"}, USER, {"role": "system", "content": "B"}]},
        "System message must be at the beginning.",
        lambda body: any(message["role"] == "system" for message in body["messages"][1:]),
    ),
}
MODES = ("plain", "stream", "raw", "raw stream", "with_streaming_response", "helper stream")


def make(client: Any, mode: str, **body: Any) -> Any:
    """One sync call in one of the SDK's ways; what it answered, as text."""
    completions = client.chat.completions
    asked: Body = {"model": "step-3.7-flash", "messages": [USER], **body}
    if mode == "plain":
        return completions.create(**asked).choices[0].message.content
    if mode == "stream":
        return "".join(chunk.choices[0].delta.content or "" for chunk in completions.create(**asked, stream=True))
    if mode == "raw":
        return completions.with_raw_response.create(**asked).parse().choices[0].message.content
    if mode == "raw stream":
        chunks = completions.with_raw_response.create(**asked, stream=True).parse()
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    if mode == "with_streaming_response":
        with completions.with_streaming_response.create(**asked) as response:
            return response.parse().choices[0].message.content
    helper = client.chat.completions if hasattr(client.chat.completions, "stream") else client.beta.chat.completions
    with helper.stream(**asked) as stream:
        return stream.get_final_completion().choices[0].message.content


async def make_async(client: Any, mode: str, **body: Any) -> Any:
    """The same with the async client."""
    completions = client.chat.completions
    asked: Body = {"model": "step-3.7-flash", "messages": [USER], **body}
    if mode == "plain":
        return (await completions.create(**asked)).choices[0].message.content
    if mode == "stream":
        chunks = await completions.create(**asked, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
    if mode == "raw":
        return (await completions.with_raw_response.create(**asked)).parse().choices[0].message.content
    if mode == "raw stream":
        chunks = (await completions.with_raw_response.create(**asked, stream=True)).parse()
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
    if mode == "with_streaming_response":
        async with completions.with_streaming_response.create(**asked) as response:
            return (await response.parse()).choices[0].message.content
    helper = client.chat.completions if hasattr(client.chat.completions, "stream") else client.beta.chat.completions
    async with helper.stream(**asked) as stream:
        return (await stream.get_final_completion()).choices[0].message.content


def made(wire: Wire, mode: str, later: bool, times: int = 1, settings: Settings = QUIET, **body: Any) -> list[Any]:
    """Several calls by one client, sync or async."""
    if not later:
        with wire.client(settings=settings) as client:
            return [make(client, mode, **body) for _ in range(times)]

    async def run() -> list[Any]:
        async with wire.async_client(settings=settings) as client:
            return [await make_async(client, mode, **body) for _ in range(times)]

    return asyncio.run(run())


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fact", FACTS)
def test_a_contested_fact_is_sent_in_openais_form_then_in_the_safe_form(fact: str, mode: str, later: bool) -> None:
    body, message, refused = FACTS[fact]
    wire = strict(refused, message)
    assert made(wire, mode, later, **body) == [ANSWER]
    assert [refused(sent) for sent in wire.bodies] == [True, False]


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("fact", [name for name in FACTS if name != "a keyword of the schema"])
def test_the_outcome_is_remembered_for_the_next_call(fact: str, later: bool) -> None:
    body, message, refused = FACTS[fact]
    wire = strict(refused, message)
    assert made(wire, "plain", later, times=3, **body) == [ANSWER] * 3
    assert [refused(sent) for sent in wire.bodies] == [True, False, False, False]
    made(wire, "stream", not later, **body)  # another client, another mode
    assert not refused(wire.body)
    assert len(wire.requests) == 5


def test_an_outcome_that_hangs_on_one_schema_is_not_remembered() -> None:
    body, message, refused = FACTS["a keyword of the schema"]
    wire = strict(refused, message)
    made(wire, "plain", False, times=2, **body)
    assert [refused(sent) for sent in wire.bodies] == [True, False, True, False]
    assert not SETTLED


def test_the_outcome_holds_for_one_host_and_one_model() -> None:
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
def test_a_400_about_anything_else_is_raised_at_once(message: str, mode: str, later: bool) -> None:
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
def test_only_a_400_is_sent_once_more(status: int) -> None:
    message = FACTS["json_schema"][1]
    wire = Wire(httpx.Response(status, json={"error": {"message": message, "type": "x"}}))
    with pytest.raises(openai.APIStatusError), wire.client(max_retries=0, settings=QUIET) as client:
        make(client, "plain", response_format=FORMAT)
    assert len(wire.requests) == 1


def test_a_safe_form_that_is_refused_as_well_is_raised_and_not_remembered() -> None:
    body, message, _ = FACTS["a high penalty"]
    wire = Wire(refusal(message))
    with pytest.raises(openai.BadRequestError, match="frequency_penalty is invalid"):
        made(wire, "plain", False, **body)
    assert [sent["frequency_penalty"] for sent in wire.bodies] == [1.8, 1.0]
    assert not SETTLED


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("mode", MODES)
def test_several_facts_settle_one_after_another(mode: str, later: bool) -> None:
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


def test_what_the_caller_passed_is_not_changed() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}]
    before = json.dumps([messages, FORMAT])
    wire = strict(_is_schema, FACTS["json_schema"][1])
    made(wire, "plain", False, times=2, messages=messages, response_format=FORMAT)
    assert json.dumps([messages, FORMAT]) == before


# ---------------------------------------------------------------- what the safe form is


def test_json_schema_becomes_json_mode_with_the_schema_in_the_prompt() -> None:
    wire = strict(_is_schema, FACTS["json_schema"][1])
    made(wire, "plain", False, response_format=FORMAT)
    assert wire.body["response_format"] == {"type": "json_object"}
    assert wire.body["messages"][0] == wire.bodies[0]["messages"][0]
    assert json.dumps(SCHEMA, separators=(",", ":")) in wire.body["messages"][-1]["content"]


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
def test_the_answer_in_json_mode_is_checked_and_asked_for_again(later: bool) -> None:
    texts = iter(["sorry", ANSWER, "sorry", ANSWER])

    def answer(request: httpx.Request) -> httpx.Response:
        if _is_schema(json.loads(request.content)):
            return refusal(FACTS["json_schema"][1])
        return httpx.Response(200, json=completion(next(texts)))

    wire = Wire(answer)
    assert made(wire, "plain", later, times=2, response_format=FORMAT) == [ANSWER, ANSWER]
    assert [sent["response_format"]["type"] for sent in wire.bodies] == ["json_schema", *["json_object"] * 4]
    assert any("not JSON" in str(message["content"]) for message in wire.body["messages"])


def test_parse_works_on_a_stepfun_without_json_schema() -> None:
    wire = strict(_is_schema, FACTS["json_schema"][1])
    with wire.client() as client:
        helper = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
        for _ in range(2):
            answer = helper.parse(model="gpt-4o", messages=[USER], response_format=Place)  # type: ignore[arg-type]
            assert answer.choices[0].message.parsed == Place(city="Paris")
    assert len(wire.requests) == 3


def test_a_clamped_penalty_is_warned_of() -> None:
    body, message, refused = FACTS["a low penalty"]
    wire = strict(refused, message)
    with pytest.warns(UserWarning, match=r"frequency_penalty: -0\.5 -> 0"):
        made(wire, "plain", False, settings=Settings(on_unsupported="warn"), **body)
    assert wire.body["frequency_penalty"] == 0


def test_a_loss_is_not_made_where_the_policy_says_error() -> None:
    body, message, refused = FACTS["a high penalty"]
    wire = strict(refused, message)
    with pytest.raises(openai.BadRequestError, match="is invalid"):
        made(wire, "plain", False, settings=Settings(on_unsupported="error"), **body)
    assert len(wire.requests) == 1


def test_a_forced_call_is_still_checked_in_the_safe_form() -> None:
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


def test_text_completions_settle_each_prompt_at_once() -> None:
    body, message, refused = FACTS["a high penalty"]
    wire = strict(refused, message)
    with wire.client(settings=QUIET) as client:
        client.completions.create(model="step-3.7-flash", prompt=["a", "b", "c"], **body)
    assert [sent["frequency_penalty"] for sent in wire.bodies] == [1.8, 1.0, 1.0, 1.0]
    assert [row.requests for row in SETTLED.rows()] == [1]


# ---------------------------------------------------------------- the cost is seen


def test_the_cost_is_logged_and_explained(caplog: pytest.LogCaptureFixture) -> None:
    body, message, refused = FACTS["a high penalty"]
    wire = strict(refused, message)
    with wire.client(settings=QUIET) as client, caplog.at_level(logging.INFO, "stepfun_compat"):
        assert "settled" not in str(client.stepfun.explain(model="step-3.7-flash", messages=[USER], **body))
        make(client, "plain", **body)
        told = client.stepfun.explain(model="step-3.7-flash", messages=[USER], **body)
        assert told.body["frequency_penalty"] == 1.0
        assert [change.parameter for change in told.changes] == ["frequency_penalty"]
        (row,) = client.stepfun.settled
        assert (row.fact, row.requests) == ("chat.frequency_penalty", 1)
        make(client, "plain", **body)
        client.stepfun.forget_settled()
        make(client, "plain", **body)
    assert [sent["frequency_penalty"] for sent in wire.bodies] == [1.8, 1.0, 1.0, 1.8, 1.0]
    costs = [record.message for record in caplog.records if "cost: StepFun refused it with 400" in record.message]
    assert len(costs) == 2
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "refuses a frequency_penalty outside 0.0 to 1.0" in warnings[0].message
    assert "Where is it?" not in caplog.text


# ---------------------------------------------------------------- one deadline, one retry budget


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
def test_the_retry_budget_is_shared(later: bool) -> None:
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
    # one retry before the refusal, and the one that is left after it
    assert [sent["frequency_penalty"] for sent in wire.bodies] == [1.8, 1.8, 1.0, 1.0]
    del refused


@pytest.mark.parametrize("mode", ["plain", "stream"])
def test_the_deadline_is_shared(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body, message, _ = FACTS["a high penalty"]
    now = [1000.0]
    monkeypatch.setattr("stepfun_compat._client.flow.time.monotonic", lambda: now[0])

    def answer(request: httpx.Request) -> httpx.Response:
        now[0] += 7
        if _penalised(json.loads(request.content)):
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


# ---------------------------------------------------------------- the memory


def test_many_threads_settle_one_fact() -> None:
    body, message, refused = FACTS["a high penalty"]
    wire = strict(refused, message)
    answers: list[Any] = []
    with wire.client(settings=QUIET) as client:
        threads = [
            threading.Thread(target=lambda: answers.extend(make(client, "plain", **body) for _ in range(5)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [ANSWER] * 40
    (row,) = SETTLED.rows()
    assert len(wire.requests) == 40 + row.requests
    assert row.requests <= 8


def test_the_memory_is_bounded_and_the_oldest_make_room() -> None:
    memory = SettledFacts(most=3)
    for number in range(5):
        assert memory.add(Refused("h", f"m{number}", "f", "a", "b", 0.0))
    assert not memory.add(Refused("h", "m4", "f", "a", "b", 0.0))
    assert [row.model for row in memory.rows()] == ["m2", "m3", "m4"]
    assert memory.refused("h", "m0") == frozenset()
    assert memory.refused("h", "m4") == {"f"}
    assert memory.rows()[-1].requests == 2
    memory.forget("elsewhere")
    assert memory
    memory.forget("h")
    assert not memory
    assert memory.refused("h", "m4") == frozenset()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.stepfun.ai/v1", "api.stepfun.ai"),
        ("https://u:secret@API.stepfun.com:8443/step_plan/v1/", "api.stepfun.com:8443"),
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
    ],
)
def test_the_host_of_a_base_url(url: str, host: str) -> None:
    assert host_of(url) == host


# ---------------------------------------------------------------- rows of the user's own


def overlay(tmp_path: Any, text: str) -> Settings:
    path = tmp_path / "rows.toml"
    path.write_text(text, encoding="utf-8")
    return Settings(catalog_overlay=str(path), on_unsupported="ignore")


@pytest.mark.parametrize("mode", MODES)
def test_an_outcome_in_the_overlay_sends_the_safe_form_at_once(mode: str, tmp_path: Any) -> None:
    settings = overlay(
        tmp_path,
        '[[settled]]\nfact = "chat.json_schema"\noutcome = "safe"\nmodel = "step-3*"\nhost = "api.stepfun.ai"\n',
    )
    wire = strict(_is_schema, FACTS["json_schema"][1])
    assert made(wire, mode, False, settings=settings, response_format=FORMAT) == [ANSWER]
    assert len(wire.requests) == 1
    made(wire, mode, False, settings=settings, response_format=FORMAT, model="step-5-preview")
    assert len(wire.requests) == 3  # another model


def test_an_outcome_in_the_overlay_can_insist_on_openais_form(tmp_path: Any) -> None:
    settings = overlay(tmp_path, '[[settled]]\nfact = "chat.json_schema"\noutcome = "openai"\n')
    wire = strict(_is_schema, FACTS["json_schema"][1])
    with pytest.raises(openai.BadRequestError):
        made(wire, "plain", False, settings=settings, response_format=FORMAT)
    assert len(wire.requests) == 1


def test_a_row_of_the_overlay_corrects_a_fact_or_adds_one(tmp_path: Any) -> None:
    settings = overlay(
        tmp_path,
        """
        [[contested]]
        fact = "chat.frequency_penalty"
        high = 1.5
        refusal = ["zu hoch"]

        [[contested]]
        fact = "chat.top_k"
        endpoint = "chat.completions"
        parameter = "top_k"
        openai = "top_k"
        safe = "no top_k"
        rewrite = "drop"
        about = ["top_k"]
        refusal = ["nicht"]
        source_against = "a letter"
        """,
    )

    def answer(request: httpx.Request) -> httpx.Response:
        body: Body = json.loads(request.content)
        if body.get("frequency_penalty", 0) > 1.5:
            return refusal("frequency_penalty zu hoch")
        return refusal("top_k nicht") if "top_k" in body else httpx.Response(200, json=completion(ANSWER))

    wire = Wire(answer)
    made(wire, "plain", False, settings=settings, frequency_penalty=1.8, extra_body={"top_k": 3})
    assert [(sent["frequency_penalty"], "top_k" in sent) for sent in wire.bodies] == [
        (1.8, True),
        (1.5, True),
        (1.5, False),
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[[settled]]\nfact = "chat.nonsense"\noutcome = "safe"\n', "chat.nonsense"),
        ('[[settled]]\nfact = "chat.json_schema"\noutcome = "perhaps"\n', "one of openai, safe"),
        ('[[settled]]\nfact = "chat.json_schema"\n', "outcome"),
        ('[[contested]]\nfact = "chat.json_schema"\nabout = ["("]\n', "regular expressions"),
        ('[[contested]]\nfact = "chat.json_schema"\nrewrite = "guess"\n', "one of json_mode"),
        ('[[contested]]\nfact = "chat.json_schema"\nendpoint = "responses"\n', "a name of its own"),
        ('[[contested]]\nfact = "chat.frequency_penalty"\nlow = "a"\n', "a number"),
        ('[[contested]]\nfact = "chat.reasoning_effort_levels"\nvalues = ["a"]\n', "a table of strings"),
    ],
)
def test_a_bad_row_names_the_field_and_what_is_allowed(text: str, named: str, tmp_path: Any) -> None:
    with pytest.raises(SettingsError, match=named):
        overlay(tmp_path, text)


# ---------------------------------------------------------------- files


def storage_only(request: httpx.Request) -> httpx.Response:
    if b"\r\n\r\nstorage\r\n" not in request.content:
        return refusal("Request param: purpose is invalid, recommended val is: storage")
    return httpx.Response(200, json={"id": "file-1", "object": "file", "filename": "a.txt", "purpose": "storage"})


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("open_file", [False, True], ids=["bytes", "an open file"])
def test_a_purpose_that_is_refused_is_sent_as_storage(open_file: bool, later: bool) -> None:
    wire = Wire(storage_only)

    def file() -> Any:
        return ("a.txt", io.BytesIO(b"the whole text") if open_file else b"the whole text")

    async def run() -> list[Any]:
        async with wire.async_client(settings=QUIET) as client:
            return [await client.files.create(file=file(), purpose="user_data") for _ in range(2)]

    if later:
        answers = asyncio.run(run())
    else:
        with wire.client(settings=QUIET) as client:
            answers = [client.files.create(file=file(), purpose="user_data") for _ in range(2)]
    assert [answer.purpose for answer in answers] == ["user_data"] * 2
    assert len(wire.requests) == 3
    assert all(b"the whole text" in request.content for request in wire.requests)


class Once(io.RawIOBase):
    """A file that can be read once, as a pipe."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), len(self._content))
        buffer[:size], self._content = self._content[:size], self._content[size:]
        return size


def test_a_file_that_cannot_be_read_twice_is_not_sent_twice() -> None:
    wire = Wire(storage_only)
    with pytest.raises(openai.BadRequestError, match="purpose"), wire.client(settings=QUIET) as client:
        client.files.create(file=("a.txt", Once(b"text")), purpose="user_data")
    assert len(wire.requests) == 1


def test_storage_that_is_refused_is_sent_for_another_purpose() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if b"\r\n\r\nstorage\r\n" in request.content:
            return refusal("purpose storage is not supported")
        return httpx.Response(200, json={"id": "file-1", "object": "file", "purpose": "retrieval-image"})

    wire = Wire(answer)
    with wire.client(settings=QUIET) as client:
        client.files.create(file=("a.png", b"\x89PNG"), purpose="vision")
    assert b"retrieval-image" in wire.request.content
    assert len(wire.requests) == 2


# ---------------------------------------------------------------- Responses


def no_responses(message: str, schema_too: bool = False) -> Wire:
    def answer(request: httpx.Request) -> httpx.Response:
        body: Body = json.loads(request.content)
        if request.url.path.endswith("/responses"):
            return refusal(message)
        if schema_too and _is_schema(body):
            return refusal(FACTS["json_schema"][1])
        return text_stream(ANSWER) if body.get("stream") else httpx.Response(200, json=completion(ANSWER))

    return Wire(answer)


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("mode", ["plain", "stream", "parse"])
@pytest.mark.parametrize("schema_too", [False, True], ids=["json_schema", "no json_schema"])
def test_responses_on_a_model_that_refuses_it_go_over_chat(mode: str, later: bool, schema_too: bool) -> None:
    wire = no_responses("model step-3.7-flash is not enabled for the Responses API", schema_too)
    asked: Body = {"model": "step-3.7-flash", "input": "Where is it?", "store": False}
    if mode == "parse":
        asked["text_format"] = Place
    elif schema_too:
        asked["text"] = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}

    def sync() -> str:
        with wire.client(settings=QUIET) as client:
            if mode == "stream":
                events = list(client.responses.create(**asked, stream=True))
                return events[-1].response.output_text  # type: ignore[union-attr]
            return getattr(client.responses, "parse" if mode == "parse" else "create")(**asked).output_text

    async def run() -> str:
        async with wire.async_client(settings=QUIET) as client:
            if mode == "stream":
                events = [event async for event in await client.responses.create(**asked, stream=True)]
                return events[-1].response.output_text  # type: ignore[union-attr]
            return (await getattr(client.responses, "parse" if mode == "parse" else "create")(**asked)).output_text

    for extra in ((2 if schema_too else 1), 0):
        before = len(wire.requests)
        assert (asyncio.run(run()) if later else sync()) == ANSWER
        assert len(wire.requests) - before == 1 + extra
    assert {row.fact for row in SETTLED.rows()} == {"responses.model"} | ({"chat.json_schema"} if schema_too else set())


def test_a_model_that_neither_serves_is_refused_with_advice() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/responses"):
            return refusal("model step-3.7-flash is not enabled for the Responses API")
        return refusal("this model is not enabled for the Chat Completions API, please use the Messages API")

    wire = Wire(answer)
    with pytest.raises(openai.BadRequestError, match="Messages API") as caught, wire.client() as client:
        client.responses.create(model="step-3.7-flash", input="Where?")
    assert "on its Messages API" in str(caught.value)
    assert len(wire.requests) == 2
    assert not SETTLED


def test_responses_stay_where_the_settings_insist_on_them() -> None:
    wire = no_responses("model step-3.7-flash is not enabled for the Responses API")
    settings = Settings(responses_route="native", on_unsupported="ignore")
    with pytest.raises(openai.BadRequestError, match="Responses API"), wire.client(settings=settings) as client:
        client.responses.create(model="step-3.7-flash", input="Where?")
    assert len(wire.requests) == 1
