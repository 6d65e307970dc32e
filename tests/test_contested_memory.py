"""Outcomes of contested facts: recorded, fixed by rows of the user's catalog file, for files and for Responses."""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from stepfun_compat import Settings, SettingsError
from stepfun_compat.catalog import default
from stepfun_compat.contested_memory import SETTLED, Refused, SettledFacts, host_of
from tests.support.contested import (
    ANSWER,
    FACTS,
    FORMAT,
    MODES,
    QUIET,
    SCHEMA,
    Body,
    Place,
    is_schema,
    made,
    make,
    refusal,
    strict,
)
from tests.support.wire import Wire, completion, text_stream

# ---------------------------------------------------------------- recorded outcomes


def test_threads_settle_one_fact_once() -> None:
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


def test_recorded_outcomes_are_limited_and_the_oldest_dropped() -> None:
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
def test_host_of_a_base_url(url: str, host: str) -> None:
    assert host_of(url) == host


# ---------------------------------------------------------------- rows of the user's catalog file


def overlay(tmp_path: Any, text: str) -> Settings:
    path = tmp_path / "rows.toml"
    path.write_text(text, encoding="utf-8")
    return Settings(catalog_overlay=str(path), on_unsupported="ignore")


@pytest.mark.parametrize("mode", MODES)
def test_outcome_in_the_overlay_sends_the_safe_form_first(mode: str, tmp_path: Any) -> None:
    settings = overlay(
        tmp_path,
        '[[settled]]\nfact = "chat.json_schema"\noutcome = "safe"\nmodel = "step-3*"\nhost = "api.stepfun.ai"\n',
    )
    wire = strict(is_schema, FACTS["json_schema"][1])
    assert made(wire, mode, False, settings=settings, response_format=FORMAT) == [ANSWER]
    assert len(wire.requests) == 1
    made(wire, mode, False, settings=settings, response_format=FORMAT, model="step-5-preview")
    assert len(wire.requests) == 3  # another model


def test_outcome_in_the_overlay_can_force_openais_form(tmp_path: Any) -> None:
    settings = overlay(tmp_path, '[[settled]]\nfact = "chat.json_schema"\noutcome = "openai"\n')
    wire = strict(is_schema, FACTS["json_schema"][1])
    with pytest.raises(openai.BadRequestError):
        made(wire, "plain", False, settings=settings, response_format=FORMAT)
    assert len(wire.requests) == 1


def test_overlay_row_changes_or_adds_a_fact(tmp_path: Any) -> None:
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
        ('[[contested]]\nfact = "chat.json_schema"\nendpoint = "responses"\n', "a new name"),
        ('[[contested]]\nfact = "chat.frequency_penalty"\nlow = "a"\n', "a number"),
        ('[[contested]]\nfact = "chat.reasoning_effort_levels"\nvalues = ["a"]\n', "a table of strings"),
    ],
)
def test_invalid_row_error_names_field_and_allowed_values(text: str, named: str, tmp_path: Any) -> None:
    with pytest.raises(SettingsError, match=named):
        overlay(tmp_path, text)


# ---------------------------------------------------------------- files


def storage_only(request: httpx.Request) -> httpx.Response:
    if b"\r\n\r\nstorage\r\n" not in request.content:
        return refusal("Request param: purpose is invalid, recommended val is: storage")
    return httpx.Response(200, json={"id": "file-1", "object": "file", "filename": "a.txt", "purpose": "storage"})


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("open_file", [False, True], ids=["bytes", "an open file"])
def test_refused_purpose_is_sent_as_storage(open_file: bool, later: bool) -> None:
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
    """A file that can be read only once, like a pipe."""

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


def test_unseekable_file_is_not_sent_again() -> None:
    wire = Wire(storage_only)
    with pytest.raises(openai.BadRequestError, match="purpose"), wire.client(settings=QUIET) as client:
        client.files.create(file=("a.txt", Once(b"text")), purpose="user_data")
    assert len(wire.requests) == 1


def test_refused_storage_purpose_is_sent_as_another() -> None:
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
        if schema_too and is_schema(body):
            return refusal(FACTS["json_schema"][1])
        return text_stream(ANSWER) if body.get("stream") else httpx.Response(200, json=completion(ANSWER))

    return Wire(answer)


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("mode", ["plain", "stream", "parse"])
@pytest.mark.parametrize("schema_too", [False, True], ids=["json_schema", "no json_schema"])
def test_responses_refused_by_a_model_are_sent_over_chat(mode: str, later: bool, schema_too: bool) -> None:
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


def test_model_without_responses_and_chat_is_refused_with_advice() -> None:
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


def test_forced_native_route_is_not_changed() -> None:
    wire = no_responses("model step-3.7-flash is not enabled for the Responses API")
    settings = Settings(responses_route="native", on_unsupported="ignore")
    with pytest.raises(openai.BadRequestError, match="Responses API"), wire.client(settings=settings) as client:
        client.responses.create(model="step-3.7-flash", input="Where?")
    assert len(wire.requests) == 1


# ---------------------------------------------------------------- the catalog rows


def test_guide_lists_every_contested_fact() -> None:
    guide = (Path(__file__).parent.parent / "migration_guide.md").read_text(encoding="utf-8")
    for fact in default().contested:
        safe = "none: the error is raised, with advice" if fact.rewrite == "none" else fact.safe
        assert f"| `{fact.fact}` | {fact.openai} | {safe} |" in guide


def test_every_contested_fact_has_two_sources_and_valid_expressions() -> None:
    for fact in default().contested:
        assert fact.source
        assert fact.source_against
        assert fact.as_of
        assert all(re.compile(expression) for expression in (*fact.about, *fact.refusal, *fact.unless))
