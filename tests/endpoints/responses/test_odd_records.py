"""Responses with lone surrogates, and store records written by other programs, raise only openai's errors."""

from __future__ import annotations

import contextlib
import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import Settings, state

MODEL = "step-3.7-flash"
LONE = "a\ud800b"
ODD = [
    "[]",
    "5",
    "null",
    '"x"',
    "{}",
    "not json",
    '{"response": 5, "items": 5, "output": {}, "chain": 5, "parts": 7, "before": "x", "metadata": 3}',
    '{"response": {"output": 5}, "items": [5], "output": [null], "chain": [5], "parts": [7], "before": [{}]}',
    '{"response": {"status": "odd"}, "items": [{"type": 5}], "output": [{"id": 5}], "chain": ["resp_x"], "parts": ["p"]}',
    '{"items": [{"type": "message", "role": "user", "content": 5}], "output": [{"type": "message"}], "response": {}}',
    '{"response": {"id": "r", "status": "completed"}, "chain": [["x"]], "parts": [["x"]], "items": [[]], "output": [[]]}',
]


def whole(path: str) -> dict[str, Any]:
    if path.endswith("/responses"):
        part = {"type": "output_text", "text": LONE, "annotations": []}
        item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
        return {"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed", "output": [item]}
    message = {"role": "assistant", "content": LONE, "reasoning": LONE}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def answer(request: httpx.Request) -> httpx.Response:
    path, body = request.url.path, json.loads(request.content)
    answer = whole(path)
    if path.endswith("/token/count"):
        answer = {"data": {"total_tokens": 1}}
    if not body.get("stream"):
        return httpx.Response(200, headers={"content-type": "application/json"}, content=json.dumps(answer).encode())
    if path.endswith("/responses"):
        rows: list[Any] = [
            {"type": "response.created", "response": {**answer, "output": []}},
            {"type": "response.completed", "response": answer},
        ]
    else:
        choice = answer["choices"][0]
        rows = [{**answer, "choices": [{"index": 0, "delta": choice["message"], "finish_reason": "stop"}]}]
    text = "".join(f"data: {json.dumps(row)}\n\n" for row in rows) + "data: [DONE]\n\n"
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=text.encode())


def client(url: str, route: str = "chat") -> Any:
    return stepfun_compat.OpenAI(
        api_key="k",
        base_url="https://api.stepfun.ai/v1",
        settings=Settings(responses_route=route, state=url),
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),  # type: ignore[arg-type]
        max_retries=0,
    )


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/s.db" if request.param == "sqlite" else f"memory://{uuid.uuid4()}"


@pytest.mark.parametrize("route", ["chat", "native"])
def test_responses_with_lone_surrogates_are_returned_stored_and_continued(url: str, route: str):
    with client(url, route) as c:
        first = c.responses.create(model=MODEL, input="x")
        assert first.output_text == LONE
        assert list(c.responses.create(model=MODEL, input="x", stream=True))[-1].response.output_text == LONE
        assert c.responses.retrieve(first.id).output_text == LONE
        follow = c.responses.create(model=MODEL, input="y", previous_response_id=first.id)  # it is sent as U+FFFD
        assert c.responses.create(model=MODEL, input="z", previous_response_id=follow.id).output_text == LONE
        assert c.responses.with_raw_response.create(model=MODEL, input="x").parse().output_text == LONE
        with c.responses.with_streaming_response.create(model=MODEL, input="x", stream=True) as raw:
            assert any("response.completed" in line for line in raw.iter_lines())
        asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
        assert c.chat.completions.create(**asked).choices[0].message.content == LONE
        assert c.chat.completions.with_raw_response.create(**asked).parse().choices[0].message.content == LONE
        texts = [
            choice.delta.content
            for chunk in c.chat.completions.create(**asked, stream=True)
            for choice in chunk.choices
        ]
        assert LONE in texts


def test_invalid_records_raise_openais_errors(url: str):
    with client(url) as c:
        kept = c.responses.create(model=MODEL, input="x")
        head: Any = c.post("/conversations", body={"items": [{"role": "user", "content": "x"}]}, cast_to=object)
        talk = head["id"]
        store, space = state.open_store(url), state.namespace(None, "k", "https://api.stepfun.ai/v1")

        def text(key: str) -> str:
            return store.get([f"{space}:{key}"])[f"{space}:{key}"]

        part = json.loads(text(talk))["parts"][0]
        body: Any = {"items": [{"role": "user", "content": "x"}]}
        asked: Any = {"model": MODEL, "input": "y"}
        calls: list[Any] = [
            lambda: c.responses.retrieve(kept.id),
            lambda: list(c.get(f"/responses/{kept.id}/input_items", cast_to=object)),
            lambda: c.post(f"/responses/{kept.id}/cancel", cast_to=object),
            lambda: c.responses.create(**asked, previous_response_id=kept.id),
            lambda: c.post("/responses/input_tokens", body={**asked, "previous_response_id": kept.id}, cast_to=object),
            lambda: c.get(f"/conversations/{talk}", cast_to=object),
            lambda: c.get(f"/conversations/{talk}/items", cast_to=object),
            lambda: c.get(f"/conversations/{talk}/items/msg_x", cast_to=object),
            lambda: c.post(f"/conversations/{talk}", body={"metadata": {"a": "b"}}, cast_to=object),
            lambda: c.post(f"/conversations/{talk}/items", body=body, cast_to=object),
            lambda: c.delete(f"/conversations/{talk}/items/msg_x", cast_to=object),
            lambda: c.responses.create(**asked, extra_body={"conversation": talk}),
            lambda: c.responses.delete(kept.id),
        ]
        for key in (kept.id, f"turn_{kept.id}", talk, part):
            original = text(key)
            for odd in ODD:
                failed = 0
                for call in calls:
                    store.write({f"{space}:{key}": odd}, [], {})
                    try:
                        call()
                    except openai.OpenAIError:
                        failed += 1
                if odd in ("[]", "5", "not json"):
                    assert failed, f"{key}: {odd}"
                store.write({f"{space}:{key}": original}, [], {})
                with contextlib.suppress(openai.OpenAIError):  # deleted above; create it again
                    c.responses.delete("resp_none")
