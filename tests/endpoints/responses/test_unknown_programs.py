"""Responses for arbitrary programs: input of any sequence type, every field, ownership of records."""

from __future__ import annotations

import contextvars
import json
import logging
import uuid
from collections import deque
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import Response

import stepfun_compat
from stepfun_compat import Settings

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

MODELS = ["step-3.7-flash", "gpt-4o"]
routes = pytest.mark.parametrize("route", ["native", "chat"])


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    from stepfun_compat.emulator import EmulatorConfig, EmulatorServer

    with EmulatorServer(EmulatorConfig(strict=True)) as running:
        yield running


def client(server: Any, **settings: Any) -> Any:
    settings.setdefault("state", f"memory://{uuid.uuid4()}")
    return stepfun_compat.OpenAI(
        api_key=server.api_key, base_url=server.base_url, settings=Settings(**settings), max_retries=0
    )


def later(server: Any, **settings: Any) -> Any:
    settings.setdefault("state", f"memory://{uuid.uuid4()}")
    return stepfun_compat.AsyncOpenAI(
        api_key=server.api_key, base_url=server.base_url, settings=Settings(**settings), max_retries=0
    )


# ---------------------------------------------------------------- input


@routes
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wrap", [tuple, list, deque])
def test_input_may_be_any_sequence_of_dicts_and_output_items(server: Any, route: str, stream: bool, wrap: Any):
    with client(server, responses_route=route) as c:
        first = c.responses.create(model="step-3.7-flash", input="hi")
        question = {"role": "user", "content": ({"type": "input_text", "text": "last"},)}
        given = wrap([{"role": "user", "content": "hi"}, *first.output, question])
        before = list(given)
        answer = c.responses.create(model="step-3.7-flash", input=given, stream=stream)
        if stream:
            answer = list(answer)[-1].response
        assert answer.output_text == "last"
        assert list(given) == before
        items = list(c.responses.input_items.list(answer.id, order="asc"))
        assert [item.type for item in items] == ["message", *(item.type for item in first.output), "message"]


# ---------------------------------------------------------------- fields


def events_with_a_response(c: Any, **fields: Any) -> list[dict[str, Any]]:
    with c.responses.with_streaming_response.create(stream=True, **fields) as raw:
        rows = [json.loads(line[6:]) for line in raw.iter_lines() if line.startswith("data: {")]
    return [row["response"] for row in rows if "response" in row]


@routes
def test_every_returned_response_has_every_field_of_openais_schema(server: Any, route: str):
    fields = {field.alias or name for name, field in Response.model_fields.items()}
    fields |= {"presence_penalty", "frequency_penalty", "store", "completed_at", "background"}
    with client(server, responses_route=route) as c:
        carried = events_with_a_response(c, model="step-3.7-flash", input="x")
        assert len(carried) == 3  # created, in_progress, completed
        whole = c.responses.with_raw_response.create(model="step-3.7-flash", input="x").http_response.json()
        stored = c.responses.retrieve(whole["id"]).to_dict(warnings=False)
        for response in (*carried, whole, stored):
            assert fields - set(response) == set()
            assert (response["presence_penalty"], response["frequency_penalty"]) == (0.0, 0.0)


@routes
@pytest.mark.parametrize("include", [None, ["reasoning.encrypted_content"]])
def test_encrypted_content_is_absent_when_not_available(server: Any, route: str, include: Any):
    with client(server, responses_route=route) as c:
        answer = c.responses.create(model="step-3.7-flash", input="x", include=include or openai.NOT_GIVEN)
        (reasoning,) = [item for item in answer.output if item.type == "reasoning"]
        assert "encrypted_content" not in reasoning.to_dict()


# ---------------------------------------------------------------- history


def no_network(request: httpx.Request) -> httpx.Response:
    raise AssertionError("a request was sent")


def offline(**settings: Any) -> Any:
    return stepfun_compat.OpenAI(
        api_key="k",
        base_url="https://api.stepfun.ai/v1",
        settings=Settings(**settings),
        http_client=httpx.Client(transport=httpx.MockTransport(no_network)),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("past", "param"),
    [
        ({"previous_response_id": "resp_1", "conversation": "conv_1"}, "conversation"),
        ({"previous_response_id": "resp_1", "conversation": {"id": "conv_1"}}, "conversation"),
        ({"conversation": "talk"}, "conversation"),
        ({"conversation": {"id": "talk"}}, "conversation"),
        ({"previous_response_id": "chatcmpl-1"}, "previous_response_id"),
    ],
)
def test_conflicting_or_malformed_history_is_a_400_before_any_io(past: Any, param: str, stream: bool):
    # the store is unreachable: it must not be used
    with offline(state="redis://127.0.0.1:1/0") as c:
        with pytest.raises(openai.BadRequestError) as caught:
            c.responses.create(model="gpt-4o", input="x", stream=stream, extra_body=past)
        assert caught.value.param == param
        with pytest.raises(openai.BadRequestError):
            c.post("/responses/input_tokens", body={"model": "gpt-4o", "input": "x", **past}, cast_to=object)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/conversations/talk"),
        ("post", "/conversations/talk"),
        ("delete", "/conversations/talk"),
        ("get", "/conversations/talk/items"),
        ("post", "/conversations/talk/items"),
        ("get", "/conversations/talk/items/msg_1"),
        ("delete", "/conversations/talk/items/msg_1"),
        ("get", "/responses/talk"),
        ("delete", "/responses/talk"),
        ("get", "/responses/talk/input_items"),
    ],
)
def test_malformed_id_in_a_path_is_a_400(method: str, path: str):
    with offline(state="redis://127.0.0.1:1/0") as c, pytest.raises(openai.BadRequestError, match="Expected an ID"):
        getattr(c, method)(path, cast_to=object, **({"body": {}} if method == "post" else {}))


# ---------------------------------------------------------------- store failures do not lose responses


@routes
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("state", ["memory", "down"])
def test_store_failure_keeps_a_response_that_need_not_be_stored(
    server: Any, route: str, stream: bool, state: str, caplog: pytest.LogCaptureFixture
):
    url = "redis://127.0.0.1:1/0" if state == "down" else f"memory://{uuid.uuid4()}"
    caplog.set_level(logging.WARNING, logger="stepfun_compat")
    with client(server, responses_route=route, state=url, state_max_record_bytes=2000) as c:
        answer = c.responses.create(model="step-3.7-flash", input="x" * 1900, stream=stream)
        if stream:
            answer = list(answer)[-1].response
        assert answer.status == "completed"
        assert "x" * 100 in answer.output_text
        (record,) = [record for record in caplog.records if "not stored" in record.getMessage()]
        assert record.levelno == logging.WARNING
        assert "xxxx" not in record.getMessage()
        with pytest.raises(openai.APIStatusError) as caught:
            answer = c.responses.create(model="step-3.7-flash", input="x" * 1900, stream=stream, store=True)
            list(answer)
        assert caught.value.partial["status"] == "completed"


@pytest.mark.anyio
async def test_store_failure_keeps_a_response_that_need_not_be_stored_async(server: Any):
    async with later(server, state_max_record_bytes=2000) as c:
        answer = await c.responses.create(model="step-3.7-flash", input="x" * 1900)
        assert answer.status == "completed"
        stream = await c.responses.create(model="gpt-4o", input="x" * 1900, stream=True)
        assert [event async for event in stream][-1].response.status == "completed"


@pytest.mark.parametrize("stream", [False, True])
def test_store_true_with_too_large_input_is_refused_before_the_request(stream: bool):
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 5000}
    asked = [{"role": "user", "content": [image, {"type": "input_text", "text": "what is it?"}]}]
    with offline(state_max_record_bytes=4000) as c, pytest.raises(openai.BadRequestError) as caught:
        c.responses.create(model="gpt-4o", input=asked, store=True, stream=stream)  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.param) == ("state_record_too_large", "store")


@routes
def test_response_to_too_large_input_has_store_false(server: Any, route: str):
    with client(server, responses_route=route, state_max_record_bytes=2000) as c:
        assert c.responses.create(model="step-3.7-flash", input="x" * 3000).store is False
        assert c.responses.create(model="step-3.7-flash", input="x").store is True


# ---------------------------------------------------------------- ownership of conversations


def echo(request: httpx.Request) -> httpx.Response:
    """A minimal chat completions server that accepts any key."""
    message = {"role": "assistant", "content": request.headers["authorization"]}
    return httpx.Response(
        200,
        json={
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "step-3.7-flash",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        },
    )


tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")


def tenants(asynchronous: bool, key: Any) -> Any:
    settings = Settings(state=f"memory://{uuid.uuid4()}", responses_route="chat")
    transport = httpx.MockTransport(echo)
    common: Any = {"api_key": key, "base_url": "https://api.stepfun.ai/v1", "settings": settings, "max_retries": 0}
    if asynchronous:
        return stepfun_compat.AsyncOpenAI(**common, http_client=httpx.AsyncClient(transport=transport))
    return stepfun_compat.OpenAI(**common, http_client=httpx.Client(transport=transport))


callable_keys = pytest.mark.skipif(
    tuple(map(int, openai.__version__.split(".")[:2])) < (1, 107), reason="this SDK does not accept callable keys"
)


@callable_keys
@pytest.mark.parametrize("how", ["callable", "header"])
def test_records_belong_to_the_credential_the_request_sends(how: str):
    with tenants(False, tenant.get if how == "callable" else "main") as c:

        def as_tenant(name: str) -> dict[str, Any]:
            tenant.set(name)
            return {"extra_headers": {"Authorization": f"Bearer {name}"}} if how == "header" else {}

        a = c.responses.create(model="gpt-4o", input="of a", **as_tenant("a"))
        b = c.responses.create(model="gpt-4o", input="of b", **as_tenant("b"))
        for own, other, id in (("a", "b", a.id), ("b", "a", b.id)):
            assert c.responses.retrieve(id, **as_tenant(own)).id == id
            follow = c.responses.create(model="gpt-4o", input="on", previous_response_id=id, **as_tenant(own))
            assert follow.output_text == f"Bearer {own}"
            for attempt in (
                lambda other=other, id=id: c.responses.retrieve(id, **as_tenant(other)),
                lambda other=other, id=id: c.responses.delete(id, **as_tenant(other)),
                lambda other=other, id=id: c.responses.input_items.list(id, **as_tenant(other)),
                lambda other=other, id=id: c.responses.create(
                    model="gpt-4o", input="x", previous_response_id=id, **as_tenant(other)
                ),
            ):
                with pytest.raises(openai.APIStatusError, match="not found"):
                    attempt()


@callable_keys
@pytest.mark.anyio
async def test_concurrent_tenants_are_never_mixed():
    import asyncio

    async def key() -> str:
        await asyncio.sleep(0)
        return tenant.get()

    async with tenants(True, key) as c:

        async def talk(name: str) -> tuple[str, str]:
            tenant.set(name)
            answer = await c.responses.create(model="gpt-4o", input=f"of {name}")
            for _ in range(3):
                answer = await c.responses.create(model="gpt-4o", input="on", previous_response_id=answer.id)
                assert answer.output_text == f"Bearer {name}"
            return name, answer.id

        made = await asyncio.gather(*(asyncio.create_task(talk(f"tenant-{i}")) for i in range(8)))

        async def look(name: str, id: str, owner: str) -> None:
            tenant.set(name)
            if name == owner:
                assert (await c.responses.retrieve(id)).id == id
                return
            with pytest.raises(openai.NotFoundError):
                await c.responses.retrieve(id)

        for owner, id in made:
            await asyncio.gather(*(asyncio.create_task(look(name, id, owner)) for name, _ in made))


@callable_keys
def test_one_call_uses_one_key_even_if_the_callable_rotates():
    numbers = iter(range(1000))
    with tenants(False, lambda: f"key-{next(numbers)}") as c:
        first = c.responses.create(model="gpt-4o", input="x")
        with pytest.raises(openai.BadRequestError, match="STEPFUN_STATE_NAMESPACE") as caught:
            c.responses.create(model="gpt-4o", input="y", previous_response_id=first.id)
        assert caught.value.code == "previous_response_not_found"
        named = Settings(state=f"memory://{uuid.uuid4()}", responses_route="chat", state_namespace="team")
        shared = c.with_options(settings=named)
        first = shared.responses.create(model="gpt-4o", input="x")
        assert shared.responses.create(model="gpt-4o", input="y", previous_response_id=first.id).status == "completed"
