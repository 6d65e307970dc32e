"""Conversation state through the clients: access, storage times, and the effects of a store on a call."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import openai
import pytest
from openai.resources.responses import Responses

import stepfun_compat
from stepfun_compat import Settings, state
from stepfun_compat.endpoints.base import StoreOperation
from tests.support.redis_server import SERVER, redis_server
from tests.support.responses import client, later

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

ROOT = Path(__file__).parents[3]
MODEL = "step-3.7-flash"
replays = pytest.mark.skipif(
    "starting_after" not in inspect.signature(Responses.retrieve).parameters,
    reason="this SDK does not stream stored responses",
)
conversations = pytest.mark.skipif(not hasattr(openai.OpenAI, "conversations"), reason="this SDK has none")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    from stepfun_compat.emulator import EmulatorConfig, EmulatorServer

    with EmulatorServer(EmulatorConfig(strict=True)) as running:
        yield running


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        return request.getfixturevalue("redis_url")
    return f"sqlite:///{tmp_path}/s.db" if request.param == "sqlite" else f"memory://{uuid.uuid4()}"


every_store = pytest.mark.parametrize("url", ["memory", "sqlite", "redis"], indirect=True)


def said(c: Any, id: str) -> list[str]:
    items = c.responses.input_items.list(id, order="asc", limit=100)
    return [item.content[0].text for item in items if item.type == "message"]


# ---------------------------------------------------------------- concurrent calls, several processes


def echo(request: httpx.Request) -> httpx.Response:
    """A minimal Responses server that repeats the last message."""
    asked: Any = json.loads(request.content)
    text = asked["input"][-1]["content"]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    whole = {**message, "content": [{"type": "output_text", "text": text, "annotations": []}]}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    answer = {"id": "resp_1", "object": "response", "model": MODEL, "status": "completed", "usage": usage}
    if not asked.get("stream"):
        return httpx.Response(200, json={**answer, "output": [whole]})
    at = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    events = [
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.added", "output_index": 0, "item": message},
        {"type": "response.content_part.added", **at, "part": {"type": "output_text", "text": ""}},
        {"type": "response.output_text.delta", **at, "delta": text},
        {"type": "response.output_text.done", **at, "text": text},
        {"type": "response.content_part.done", **at, "part": whole["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
        {"type": "response.completed", "response": {**answer, "output": [whole]}},
    ]
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=body)


@every_store
@pytest.mark.anyio
async def test_200_concurrent_conversations_do_not_mix(url: str):
    async with stepfun_compat.AsyncOpenAI(
        api_key="k",
        base_url="https://api.stepfun.ai/v1",
        settings=Settings(state=url),
        http_client=cast("Any", httpx.AsyncClient(transport=httpx.MockTransport(echo))),
    ) as c:

        async def talk(name: str) -> list[str]:
            first = await c.responses.create(model=MODEL, input=f"{name} one")
            last: Any = None
            async for event in await c.responses.create(
                model=MODEL, input=f"{name} two", previous_response_id=first.id, stream=True
            ):
                last = event
            assert last.response.output_text == f"{name} two"
            found = await c.responses.input_items.list(last.response.id, order="asc")
            return [item.content[0].text for item in cast("Any", found.data)]

        names = [f"talk-{number}" for number in range(200)]
        for name, words in zip(names, await asyncio.gather(*map(talk, names)), strict=True):
            assert words == [f"{name} one", f"{name} one", f"{name} two"]


_WORKER = """
import sys, stepfun_compat
from stepfun_compat import Settings
clients = [stepfun_compat.OpenAI(settings=Settings(state=url), max_retries=0) for url in sys.argv[1:]]
for line in sys.stdin:
    number, id, text = line.split()
    previous = None if id == "-" else id
    answer = clients[int(number)].responses.create(model="step-3.7-flash", input=text, previous_response_id=previous)
    print(answer.id, flush=True)
"""
_ENDLESS = """
import sys, stepfun_compat
from stepfun_compat import Settings
clients = [stepfun_compat.OpenAI(settings=Settings(state=url), max_retries=0) for url in sys.argv[1:]]
ids = [None] * len(clients)
while True:
    for number, client in enumerate(clients):
        for event in client.responses.create(
            model="step-3.7-flash", input="again", previous_response_id=ids[number], stream=True
        ):
            if event.type == "response.completed":
                ids[number] = event.response.id
                print(number, ids[number], flush=True)
"""


@pytest.fixture
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """URLs of the available stores that several processes can share."""
    urls = [f"sqlite:///{tmp_path}/s.db"]
    if SERVER is not None:
        urls.append(request.getfixturevalue("redis_url"))
    return urls


def worker(code: str, server: Any, urls: list[str]) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "STEPFUN_BASE_URL": server.base_url,
        "STEPFUN_API_KEY": server.api_key,
    }
    return subprocess.Popen(
        [sys.executable, "-c", code, *urls], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )


def test_workers_continue_each_others_conversations(server: Any, shared: list[str]):
    workers = [worker(_WORKER, server, shared) for _ in range(2)]
    words = [f"turn{number}" for number in range(6)]
    ids = ["-"] * len(shared)
    for turn, word in enumerate(words):
        one = workers[turn % 2]
        assert one.stdin is not None
        assert one.stdout is not None
        for number, id in enumerate(ids):
            one.stdin.write(f"{number} {id} {word}\n")
            one.stdin.flush()
            ids[number] = one.stdout.readline().strip()
    for one in workers:
        one.communicate(timeout=60)
        assert one.returncode == 0
    for url, id in zip(shared, ids, strict=True):
        with client(server, state=url) as c:
            assert said(c, id) == [word for word in words for _ in (1, 2)][:-1]


def test_killed_worker_loses_no_finished_response(server: Any, shared: list[str]):
    one = worker(_ENDLESS, server, shared)
    assert one.stdout is not None
    lines = [one.stdout.readline() for _ in range(8 * len(shared))]
    one.send_signal(signal.SIGKILL)
    lines += [line for line in one.communicate(timeout=60)[0].splitlines() if len(line) == len(lines[0].strip())]
    for number, url in enumerate(shared):
        received = [line.split()[1] for line in lines if line.startswith(f"{number} ")]
        with client(server, state=url) as c:
            for id in received:
                assert c.responses.retrieve(id).status == "completed"
            assert len(said(c, received[-1])) == 2 * len(received) - 1  # every turn before it
            assert c.responses.create(model=MODEL, input="on", previous_response_id=received[-1]).status == "completed"


# ---------------------------------------------------------------- when responses are stored


@pytest.mark.parametrize("route", ["native", "chat"])
def test_response_is_stored_before_its_completed_event(server: Any, route: str):
    asked: Any = {"model": MODEL, "input": "x"}
    with client(server, state=f"memory://{uuid.uuid4()}", responses_route=route) as c:
        c.responses.retrieve(c.responses.create(**asked).id)
        c.responses.retrieve(c.responses.with_raw_response.create(**asked).http_response.json()["id"])
        with c.responses.with_streaming_response.create(**asked) as raw:
            c.responses.retrieve(raw.json()["id"] if hasattr(raw, "json") else raw.parse().id)
        streams = [
            c.responses.create(**asked, stream=True),
            c.responses.with_raw_response.create(**asked, stream=True).parse(),
        ]
        with c.responses.with_streaming_response.create(**asked, stream=True) as raw:
            for stream in [*streams, raw.parse()]:
                ids = set()
                for event in stream:
                    if hasattr(event, "response"):
                        ids.add(event.response.id)
                    if event.type == "response.created":
                        with pytest.raises(openai.NotFoundError):
                            c.responses.retrieve(event.response.id)
                    if event.type == "response.completed":
                        assert c.responses.retrieve(event.response.id).to_dict(warnings=False) == (
                            event.response.to_dict(warnings=False)
                        )
                assert len(ids) == 1


def events_of(lines: list[str]) -> list[Any]:
    rows = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert [line.removeprefix("event: ") for line in lines if line.startswith("event: ")] == [r["type"] for r in rows]
    return rows


@pytest.mark.parametrize("route", ["native", "chat"])
def test_raw_bytes_are_openais_events_and_stored(server: Any, route: str):
    asked: Any = {"model": MODEL, "input": "hello", "stream": True}
    with client(server, state=f"memory://{uuid.uuid4()}", responses_route=route) as c:
        with c.responses.with_streaming_response.create(**asked) as raw:
            lines = []
            for line in raw.iter_lines():
                lines.append(line)
                if line.startswith("data:") and json.loads(line[6:])["type"] == "response.completed":
                    id = json.loads(line[6:])["response"]["id"]
                    assert c.responses.retrieve(id).output_text == "hello"
            assert raw.headers.get("x-request-id")
            assert raw.elapsed is not None
        rows = events_of(lines)
        assert [row["sequence_number"] for row in rows] == list(range(len(rows)))
        legacy = c.responses.with_raw_response.create(**asked).http_response
        again = events_of("".join(part.decode() for part in legacy.iter_bytes()).split("\n"))
        assert [row["type"] for row in again] == [row["type"] for row in rows]
        assert [row["type"] for row in rows] == [event.type for event in c.responses.create(**asked)]
    broken = client(server, state="redis://127.0.0.1:1/0", responses_route=route)
    with broken as c, c.responses.with_streaming_response.create(**asked, store=True) as raw:
        lines = []
        with pytest.raises(openai.InternalServerError):
            lines += raw.iter_lines()
        assert "response.completed" not in "".join(lines)


@pytest.mark.anyio
async def test_raw_bytes_are_openais_events_async(server: Any):
    async with later(server, responses_route="chat") as c:
        async with c.responses.with_streaming_response.create(model=MODEL, input="hello", stream=True) as raw:
            rows = events_of([line async for line in raw.iter_lines()])
        assert (await c.responses.retrieve(rows[-1]["response"]["id"])).output_text == "hello"
        parsed = (await c.responses.with_raw_response.create(model=MODEL, input="hello", stream=True)).parse()
        assert [event.type async for event in parsed] == [row["type"] for row in rows]


@every_store
def test_records_of_one_response_are_stored_together_or_not_at_all(
    server: Any, url: str, monkeypatch: pytest.MonkeyPatch
):
    """A record too large for the store leaves neither a response nor a turn in its conversation."""
    with client(server, state=url) as c, client(server, state=url, state_max_record_bytes=3000) as small:
        head = c.post("/conversations", body={}, cast_to=object)
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError, match="STEPFUN_STATE_MAX_RECORD_BYTES") as caught:
                answer = small.responses.create(
                    model=MODEL, input="x" * 1600, stream=stream, store=True, extra_body={"conversation": head["id"]}
                )
                assert "response.completed" not in [event.type for event in answer]
            assert (caught.value.code, caught.value.param) == ("state_record_too_large", "store")
            assert caught.value.partial["status"] == "completed"  # the caller has paid for it
            with pytest.raises(openai.NotFoundError):
                c.responses.retrieve(caught.value.partial["id"])
        assert c.get(f"/conversations/{head['id']}/items", cast_to=object)["data"] == []
        small.responses.create(model=MODEL, input="short", extra_body={"conversation": head["id"]})
        kinds = [item["type"] for item in c.get(f"/conversations/{head['id']}/items", cast_to=object)["data"]]
        assert kinds == ["message", "reasoning", "message"]


@pytest.mark.anyio
async def test_slow_store_blocks_neither_the_event_loop_nor_a_cancelled_call(server: Any):
    url, reached, go_on = f"redis://slow-{uuid.uuid4()}", threading.Event(), threading.Event()

    class Slow:
        blocking = True

        def get(self, *_: Any) -> Any:
            reached.set()
            assert go_on.wait(30)
            return {}

        write = get

    state._open[url] = Slow()  # type: ignore[assignment]
    try:
        async with later(server, state=url) as c:
            for call in (
                c.responses.create(model=MODEL, input="x", previous_response_id="resp_1"),  # before the request
                c.responses.create(model=MODEL, input="x"),  # after it
            ):
                reached.clear()
                task = asyncio.ensure_future(call)
                while not reached.is_set():  # the event loop runs while the thread waits
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
    finally:
        go_on.set()
        state._open.pop(url)


def test_hanging_store_is_an_error_within_the_call_timeout(server: Any, tmp_path: Path):
    with redis_server(tmp_path) as (url, process), client(server, state=url) as c:
        kept = c.responses.create(model=MODEL, input="x")
        process.send_signal(signal.SIGSTOP)
        try:
            hurried = c.with_options(timeout=0.4, max_retries=2)
            for call in (
                lambda: hurried.responses.create(model=MODEL, input="y", previous_response_id=kept.id),
                lambda: hurried.responses.retrieve(kept.id),
            ):
                with pytest.raises(openai.InternalServerError, match="STEPFUN_STATE_ON_ERROR") as caught:
                    call()
                assert caught.value.code == "state_unavailable"
        finally:
            process.send_signal(signal.SIGCONT)
        assert c.responses.create(model=MODEL, input="y", previous_response_id=kept.id).status == "completed"


@every_store
def test_partly_deleted_history_is_an_error(server: Any, url: str):
    with client(server, state=url) as c:
        one = c.responses.create(model=MODEL, input="one")
        two = c.responses.create(model=MODEL, input="two", previous_response_id=one.id)
        c.responses.delete(one.id)
        with pytest.raises(openai.BadRequestError) as caught:
            c.responses.create(model=MODEL, input="three", previous_response_id=two.id)
        assert caught.value.code == "previous_response_not_found"
        assert one.id in caught.value.message
        assert ("STEPFUN_STATE" in caught.value.message) == url.startswith("memory:")
        head: Any = c.post("/conversations", body={"items": [{"role": "user", "content": "zero"}]}, cast_to=object)
        space = state.namespace(None, server.api_key, server.base_url)
        part = state.execute(state.open_store(url), space, StoreOperation(load=[head["id"]]))[head["id"]]["parts"][0]
        state.execute(state.open_store(url), space, StoreOperation(delete=[part]))
        for call in (
            lambda: c.responses.create(model=MODEL, input="x", extra_body={"conversation": head["id"]}),
            lambda: c.get(f"/conversations/{head['id']}/items", cast_to=object),
        ):
            with pytest.raises(openai.NotFoundError, match="Turns of conversation"):
                call()


def test_expired_records_are_not_found(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from stepfun_compat.state import sqlite

    now = [1000.0]
    monkeypatch.setattr(sqlite.time, "time", lambda: now[0])
    with client(server, state=f"sqlite:///{tmp_path}/s.db", state_ttl=60) as c:
        kept = c.responses.create(model=MODEL, input="one")
        now[0] += 50
        follower = c.responses.create(model=MODEL, input="two", previous_response_id=kept.id)
        now[0] += 50
        assert c.responses.retrieve(kept.id).id == kept.id  # last used 50 seconds ago
        now[0] += 61
        for id in (kept.id, follower.id):
            with pytest.raises(openai.BadRequestError):
                c.responses.create(model=MODEL, input="three", previous_response_id=id)


@conversations
@every_store
def test_items_are_paged_like_openais(server: Any, url: str):
    with client(server, state=url) as c:
        talk = c.conversations.create(items=[{"role": "user", "content": f"{n}"} for n in range(5)])
        c.conversations.items.create(talk.id, items=[{"role": "user", "content": f"{n}"} for n in range(5, 25)])

        def texts(page: Any) -> list[str]:
            return [item.content[0].text for item in page.data]

        first = c.conversations.items.list(talk.id, include=["message.input_image.image_url"])
        assert (texts(first), first.has_more) == ([str(n) for n in range(24, 4, -1)], True)
        assert (first.first_id, first.last_id) == (first.data[0].id, first.data[-1].id)
        second = c.conversations.items.list(talk.id, after=first.last_id)
        assert (texts(second), second.has_more) == ([str(n) for n in range(4, -1, -1)], False)
        assert [item.content[0].text for item in c.conversations.items.list(talk.id, order="asc", limit=7)] == [
            str(n) for n in range(25)
        ]
        assert c.conversations.items.retrieve(first.last_id, conversation_id=talk.id).content[0].text == "5"
        assert c.conversations.items.delete(first.last_id, conversation_id=talk.id).id == talk.id
        for wrong in ({"after": first.last_id}, {"limit": 101}, {"extra_query": {"limit": "x"}}):
            with pytest.raises(openai.BadRequestError):
                c.conversations.items.list(talk.id, **wrong)
        answer = c.responses.create(model=MODEL, input="x", conversation=talk.id)
        newest = c.conversations.items.list(talk.id, limit=1).data[0]
        assert newest.content[0].text == "x"
        # a response created in a conversation can be continued outside it; the continuation does not join it
        after = c.responses.create(model=MODEL, input="y", previous_response_id=answer.id)
        assert said(c, after.id)[-3:] == ["x", "x", "y"]
        assert len(list(c.conversations.items.list(talk.id))) == 24 + 3


# ---------------------------------------------------------------- ownership


def test_callable_key_owns_the_records_of_its_key(server: Any):
    url = f"memory://{uuid.uuid4()}"
    with client(server, state=url) as plain:
        kept = plain.responses.create(model=MODEL, input="x")
    asked: list[str] = []

    def provider() -> str:
        asked.append("")
        return server.api_key

    settings = Settings(state=url)
    with stepfun_compat.OpenAI(api_key=provider, base_url=server.base_url, settings=settings) as same:
        assert same.responses.retrieve(kept.id).id == kept.id  # the callable is called although no request is sent
        assert len(asked) == 1
        assert same.responses.create(model=MODEL, input="y", previous_response_id=kept.id).status == "completed"
    other = stepfun_compat.OpenAI(api_key=lambda: "other", base_url=server.base_url, settings=settings)
    with other, pytest.raises(openai.NotFoundError):
        other.responses.retrieve(kept.id)


@pytest.mark.anyio
async def test_async_callable_key_owns_the_records_of_its_key(server: Any):
    url = f"memory://{uuid.uuid4()}"
    with client(server, state=url) as plain:
        kept = plain.responses.create(model=MODEL, input="x")

    async def provider() -> str:
        return server.api_key

    settings = Settings(state=url)
    async with stepfun_compat.AsyncOpenAI(api_key=provider, base_url=server.base_url, settings=settings) as same:
        assert (await same.responses.retrieve(kept.id)).id == kept.id
        answer = await same.responses.create(model=MODEL, input="y", previous_response_id=kept.id)
        assert answer.previous_response_id == kept.id


@pytest.mark.skipif(not hasattr(openai, "responses"), reason="this SDK's module has no responses")
def test_azure_clients_and_the_module_client_share_the_store_of_their_key(server: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STEPFUN_API_KEY", server.api_key)
    monkeypatch.setenv("STEPFUN_BASE_URL", server.base_url)
    monkeypatch.setenv("STEPFUN_STATE", f"memory://{uuid.uuid4()}")
    with contextlib.ExitStack() as stack:
        azure = stack.enter_context(
            stepfun_compat.AzureOpenAI(
                api_key="azure-key", azure_endpoint="https://corp.openai.azure.com", api_version="2025-03-01-preview"
            )
        )
        first = azure.responses.create(model="my-gpt-4o-deployment", input="one")
        stepfun_compat.patch()
        stack.callback(stepfun_compat.unpatch)
        monkeypatch.setattr(openai, "api_key", server.api_key)
        monkeypatch.setattr(openai, "_client", None, raising=False)
        second = openai.responses.create(model="gpt-4o", input="two", previous_response_id=first.id)
        assert said(openai, second.id) == ["one", "one", "two"]
        last = None
        for event in openai.responses.create(model="gpt-4o", input="x", previous_response_id=second.id, stream=True):
            last = event
        assert azure.responses.retrieve(last.response.id).output_text == "x"


# ---------------------------------------------------------------- background responses and resumed streams


@pytest.mark.parametrize("route", ["native", "chat"])
def test_background_response_is_completed_and_stored(server: Any, route: str):
    with client(server, responses_route=route) as c:
        answer = c.responses.create(model=MODEL, input="hello", extra_body={"background": True})
        assert (answer.status, answer.background, answer.output_text) == ("completed", True, "hello")
        assert c.responses.retrieve(answer.id).status == "completed"
        assert c.post(f"/responses/{answer.id}/cancel", cast_to=object)["id"] == answer.id
        with pytest.raises(openai.BadRequestError, match="store"):
            c.responses.create(model=MODEL, input="x", store=False, extra_body={"background": True})


@replays
@pytest.mark.parametrize("route", ["native", "chat"])
def test_background_stream_resumes_where_it_stopped(server: Any, route: str):
    text = "a long answer " * 20
    with client(server, responses_route=route) as c:
        server.script({"content": text, "reasoning": "hm"})
        seen: list[Any] = []
        with c.responses.create(model=MODEL, input="hello", background=True, stream=True) as stream:
            for event in stream:
                seen.append(event)
                if event.sequence_number == 10:
                    break
        id = seen[0].response.id
        with c.responses.retrieve(id, stream=True, starting_after=10) as stream:
            rest = list(stream)
        assert [event.sequence_number for event in seen + rest] == list(range(len(seen + rest)))
        assert "".join(e.delta for e in seen + rest if e.type == "response.output_text.delta") == text
        assert rest[-1].response.to_dict(warnings=False) == c.responses.retrieve(id).to_dict(warnings=False)
        with pytest.raises(openai.BadRequestError, match="starting_after"):
            c.responses.retrieve(id, stream=True, extra_query={"starting_after": "x"})
        raw = c.responses.with_raw_response.retrieve(id, stream=True)
        assert [event.type for event in raw.parse()] == [event.type for event in seen + rest]


@replays
@pytest.mark.anyio
async def test_background_stream_resumes_async(server: Any):
    async with later(server) as c:
        stream = await c.responses.create(model=MODEL, input="hello", background=True, stream=True)
        events = [event async for event in stream]
        again = [event async for event in await c.responses.retrieve(events[0].response.id, stream=True)]
        assert [event.to_dict(warnings=False) for event in again] == [e.to_dict(warnings=False) for e in events]


# ---------------------------------------------------------------- tokens


def test_token_count_includes_the_history(server: Any):
    with client(server) as c:
        kept = c.responses.create(model=MODEL, input="one two three four five")

        def count(**more: Any) -> int:
            body = {"model": MODEL, "input": "six", **more}
            return c.post("/responses/input_tokens", body=body, cast_to=object)["input_tokens"]

        assert count(previous_response_id=kept.id) > count() + 5
        with pytest.raises(openai.BadRequestError):
            count(previous_response_id="resp_x")
