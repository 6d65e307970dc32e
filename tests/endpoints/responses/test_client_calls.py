"""client.responses and client.conversations against the emulator, sync and async."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

import stepfun_compat
from tests.support.responses import client, later

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": True,
}
VERSION = tuple(int(part) for part in openai.__version__.split(".")[:2])
conversations = pytest.mark.skipif(not hasattr(openai.OpenAI, "conversations"), reason="this SDK has none")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    from stepfun_compat.emulator import EmulatorConfig, EmulatorServer

    with EmulatorServer(EmulatorConfig(strict=True)) as running:
        yield running


@pytest.fixture(params=["native", "chat"])
def route(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["memory", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/state/s.db"


def test_both_routes_return_the_same_response(server: Any, route: str):
    with client(server, responses_route=route) as c:
        answer = c.responses.create(model="step-3.7-flash", input="hello", instructions="be kind", metadata={"a": "b"})
        assert (answer.output_text, answer.status, answer.metadata) == ("hello", "completed", {"a": "b"})
        assert [item.type for item in answer.output] == ["reasoning", "message"]
        assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
        last = None
        text = ""
        for event in c.responses.create(model="step-3.7-flash", input="hello", stream=True):
            if event.type == "response.output_text.delta":
                text += event.delta
            last = event
        assert (last.type, last.response.output_text, text) == ("response.completed", "hello", "hello")


def test_tool_loop_completes(server: Any, route: str):
    with client(server, responses_route=route) as c:
        asked: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
        answer = c.responses.create(model="step-3.7-flash", input=asked, tools=[WEATHER])
        call = next(item for item in answer.output if item.type == "function_call")
        assert (call.name, call.arguments) == ("get_weather", '{"city": "Paris"}')
        asked += answer.output
        asked.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
        assert "sunny" in c.responses.create(model="step-3.7-flash", input=asked, tools=[WEATHER]).output_text
        followed = c.responses.create(
            model="step-3.7-flash", input=asked[-1:], tools=[WEATHER], previous_response_id=answer.id
        )
        assert "sunny" in followed.output_text


@pytest.mark.skipif(VERSION < (1, 68), reason="this SDK has no parse")
def test_sdk_helpers_work(server: Any, route: str):
    import pydantic

    class Person(pydantic.BaseModel):
        name: str
        age: int

    with client(server, responses_route=route) as c:
        assert c.responses.parse(model="step-3.7-flash", input="Ada is 36", text_format=Person).output_parsed == Person(
            name="Ada", age=36
        )
        with c.responses.stream(model="step-3.7-flash", input="Ada is 36", text_format=Person) as stream:
            seen = [event.type for event in stream]
            assert stream.get_final_response().output_parsed == Person(name="Ada", age=36)
        assert seen[-1] == "response.completed"


def test_forced_call_is_made(server: Any):
    with client(server) as c:
        answer = c.responses.create(
            model="gpt-4o", input="hello", tools=[WEATHER], tool_choice={"type": "function", "name": "get_weather"}
        )
        assert any(item.type == "function_call" for item in answer.output)


def test_turns_continue_previous_responses(server: Any, state: str, route: str):
    with client(server, state=state, responses_route=route) as c:
        first = c.responses.create(model="step-3.7-flash", input="my name is Ada")
        last = None
        for event in c.responses.create(
            model="step-3.7-flash", input="two", previous_response_id=first.id, stream=True
        ):
            last = event
        third = c.responses.create(model="step-3.7-flash", input="three", previous_response_id=last.response.id)
        assert third.previous_response_id == last.response.id
        assert c.responses.retrieve(last.response.id).to_dict(warnings=False) == last.response.to_dict(warnings=False)
        raw = c.responses.with_raw_response.retrieve(third.id)
        assert raw.parse().output_text == "three"
        listed = list(c.responses.input_items.list(third.id, order="asc", limit=2))
        said = [item.content[0].text for item in listed if item.type == "message"]
        assert said == ["my name is Ada", "my name is Ada", "two", "two", "three"]
        newest = c.responses.input_items.list(third.id, limit=1)
        assert (newest.data[0].content[0].text, newest.has_more) == ("three", True)
        referred = c.responses.create(
            model="step-3.7-flash",
            input=[{"type": "item_reference", "id": first.output[-1].id}, {"role": "user", "content": "ok"}],
        )
        items = list(c.responses.input_items.list(referred.id, order="asc"))
        assert [item.role for item in items] == ["assistant", "user"]
        c.responses.delete(third.id)
        with pytest.raises(openai.NotFoundError):
            c.responses.retrieve(third.id)


def test_responses_that_are_not_stored_cannot_be_continued(server: Any):
    with client(server) as c:
        answer = c.responses.create(model="step-3.7-flash", input="x", store=False)
        with pytest.raises(openai.BadRequestError) as caught:
            c.responses.create(model="step-3.7-flash", input="y", previous_response_id=answer.id)
        assert caught.value.code == "previous_response_not_found"
        assert "STEPFUN_STATE" in str(caught.value)
        with pytest.raises(openai.NotFoundError):
            c.responses.create(model="step-3.7-flash", input=[{"type": "item_reference", "id": "msg_x"}])
        with pytest.raises(openai.NotFoundError):
            c.post("/responses/resp_x/cancel", cast_to=object)
        kept = c.responses.create(model="step-3.7-flash", input="x")
        with pytest.raises(openai.BadRequestError, match="Cannot cancel"):
            c.post(f"/responses/{kept.id}/cancel", cast_to=object)


def test_records_are_separate_for_each_key(server: Any, state: str):
    with client(server, state=state) as c:
        kept = c.responses.create(model="step-3.7-flash", input="x")
        with pytest.raises(openai.NotFoundError):
            c.with_options(api_key="another").responses.retrieve(kept.id)
    with client(server, state=state, state_namespace="shared") as c:
        kept = c.responses.create(model="step-3.7-flash", input="x")
        assert c.with_options(api_key="another").responses.retrieve(kept.id).id == kept.id


@conversations
def test_conversations(server: Any, state: str):
    with client(server, state=state) as c:
        talk = c.conversations.create(
            metadata={"a": "b"}, items=[{"type": "message", "role": "user", "content": "zero"}]
        )
        assert c.responses.create(model="step-3.7-flash", input="one", conversation=talk.id).conversation.id == talk.id
        list(c.responses.create(model="step-3.7-flash", input="two", conversation={"id": talk.id}, stream=True))
        items = list(c.conversations.items.list(talk.id, order="asc", limit=3))
        said = [item.content[0].text for item in items if item.type == "message"]
        assert said == ["zero", "one", "one", "two", "two"]
        assert c.conversations.items.retrieve(items[0].id, conversation_id=talk.id).content[0].text == "zero"
        c.conversations.items.delete(items[0].id, conversation_id=talk.id)
        with pytest.raises(openai.NotFoundError):
            c.conversations.items.retrieve(items[0].id, conversation_id=talk.id)
        added = c.conversations.items.create(talk.id, items=[{"role": "user", "content": "three"}])
        assert added.data[0].content[0].text == "three"
        assert c.conversations.update(talk.id, metadata={"z": "y"}).metadata == {"z": "y"}
        assert c.conversations.retrieve(talk.id).metadata == {"z": "y"}
        assert c.conversations.delete(talk.id).deleted
        for call in (
            c.conversations.retrieve,
            lambda id: c.responses.create(model="gpt-4o", input="x", conversation=id),
        ):
            with pytest.raises(openai.NotFoundError):
                call(talk.id)


def test_unavailable_store_is_reported_or_ignored(server: Any, tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    broken = f"sqlite:///{tmp_path}/file/s.db"
    with client(server, state=broken) as c:
        with pytest.raises(openai.InternalServerError, match="STEPFUN_STATE") as caught:
            c.responses.create(model="step-3.7-flash", input="x", store=True)
        assert caught.value.partial["status"] == "completed"
        with pytest.raises(openai.InternalServerError, match="STEPFUN_STATE"):
            stream = c.responses.create(model="step-3.7-flash", input="x", stream=True, store=True)
            assert "response.completed" not in [event.type for event in stream]
    lenient = {"state": broken, "state_on_error": "ignore", "on_unsupported": "warn"}
    with client(server, **lenient) as c, pytest.warns(stepfun_compat.StepfunCompatWarning):
        assert c.responses.create(model="step-3.7-flash", input="x", previous_response_id="resp_1").output_text == "x"


@pytest.mark.anyio
async def test_async_client_behaves_the_same(server: Any, state: str, route: str):
    async with later(server, state=state, responses_route=route) as c:
        first = await c.responses.create(model="step-3.7-flash", input="one")
        last = None
        async for event in await c.responses.create(
            model="step-3.7-flash", input="two", previous_response_id=first.id, stream=True
        ):
            last = event
        assert (last.type, last.response.output_text) == ("response.completed", "two")
        assert (await c.responses.retrieve(last.response.id)).to_dict(warnings=False) == last.response.to_dict(
            warnings=False
        )
        items = [item async for item in c.responses.input_items.list(last.response.id, order="asc", limit=1)]
        assert [item.content[0].text for item in items if item.type == "message"] == ["one", "one", "two"]
        await c.responses.delete(last.response.id)
        with pytest.raises(openai.NotFoundError):
            await c.responses.retrieve(last.response.id)
