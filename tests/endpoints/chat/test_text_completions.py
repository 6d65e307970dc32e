"""The legacy completions endpoint, served by chat completions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepfun_compat.endpoints.base import WireRequest
from stepfun_compat.endpoints.chat import text_completions as completions
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.json_values import UnexpectedBody
from tests.support.exchange import drive, exchange, lost

ENDPOINT = completions.Completions()


def ask(prompt: Any = "Once", **fields: Any) -> WireRequest:
    return WireRequest("POST", "/completions", json={"model": "gpt-3.5-turbo-instruct", "prompt": prompt, **fields})


def answer(*texts: str, reason: str = "stop") -> dict[str, Any]:
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text, "reasoning": "hm"}, "finish_reason": reason}
        for i, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "cached_tokens": 2}
    return {
        "id": "i",
        "object": "chat.completion",
        "created": 1,
        "model": "step-3.7-flash",
        "choices": choices,
        "usage": usage,
    }


def test_prompt_becomes_a_message():
    context = exchange(ENDPOINT)
    sent = ENDPOINT.transform_request(ask(max_tokens=16, temperature=0.2, stop=["\n"], user="u"), context)
    assert sent.path == "/chat/completions"
    assert sent.json["messages"] == [{"role": "user", "content": "Once"}]
    assert (sent.json["model"], sent.json["reasoning_effort"]) == ("step-3.7-flash", "low")
    assert sent.json["max_tokens"] > 16  # the alias's headroom
    assert (sent.json["temperature"], sent.json["stop"]) == (0.2, ["\n"])
    assert lost(context) == []
    assert ENDPOINT.script(ask(["only one"]), exchange(ENDPOINT)) is None


def test_response_is_a_text_completion():
    context = exchange(ENDPOINT)
    ENDPOINT.transform_request(ask(echo=True), context)
    body = ENDPOINT.transform_response(answer(" upon a time", reason="length"), context)
    assert (body["object"], body["id"], body["model"]) == ("text_completion", "i", "step-3.7-flash")
    choice = body["choices"][0]
    assert (choice["text"], choice["index"], choice["logprobs"], choice["finish_reason"]) == (
        "Once upon a time",
        0,
        None,
        "length",
    )
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 2
    with pytest.raises(UnexpectedBody):
        ENDPOINT.transform_response({"error": 1}, context)


def test_suffix_requests_the_text_in_between():
    sent = ENDPOINT.transform_request(ask("def f(x):", suffix="return y"), exchange(ENDPOINT))
    assert sent.json["messages"][0]["role"] == "system"
    assert "<before>def f(x):</before>" in sent.json["messages"][1]["content"]
    assert "<after>return y</after>" in sent.json["messages"][1]["content"]


def test_losses_are_reported():
    context = exchange(ENDPOINT)
    ENDPOINT.transform_request(ask(best_of=3, logprobs=2, presence_penalty=0.5, n=2), context)
    assert sorted(lost(context)) == ["best_of", "logprobs", "presence_penalty"]
    context = exchange(ENDPOINT)
    ENDPOINT.transform_request(ask(best_of=2, n=2), context)
    assert lost(context) == []


@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1], [2]], ["a", 1], 5])
def test_token_prompts_are_refused(prompt: Any):
    with pytest.raises(RequestRejected, match="token numbers"):
        ENDPOINT.transform_request(ask(prompt), exchange(ENDPOINT))


@pytest.mark.parametrize("prompt", [None, []])
def test_prompt_is_required(prompt: Any):
    with pytest.raises(RequestRejected, match="missing"):
        ENDPOINT.script(ask(prompt), exchange(ENDPOINT))


def test_several_prompts_are_several_requests():
    context = exchange(ENDPOINT)
    request = ask(["a", "b"], n=2, echo=True, seed=1)
    reply, sent = drive(ENDPOINT, request, [answer("1", "2"), answer("3", "4")], context)
    assert [step.json["messages"][0]["content"] for step in sent] == ["a", "b"]
    assert [(c["index"], c["text"]) for c in reply.body["choices"]] == [(0, "a1"), (1, "a2"), (2, "b3"), (3, "b4")]
    assert (reply.body["usage"]["total_tokens"], len(sent)) == (14, 2)
    assert lost(context) == ["seed"]  # reported once, not once per prompt


def test_several_prompts_can_be_streamed():
    context = exchange(ENDPOINT)
    request = ask(["a", "b"], stream=True, stream_options={"include_usage": True})
    reply, sent = drive(ENDPOINT, request, [answer("1"), answer("2")], context)
    assert all("stream" not in step.json for step in sent)
    chunks = [json.loads(line[6:]) for line in reply.body.splitlines() if line.startswith("data: {")]
    assert [c["choices"][0]["text"] for c in chunks[:2]] == ["1", "2"]
    assert (chunks[2]["choices"], chunks[2]["usage"]["total_tokens"]) == ([], 14)
    assert ENDPOINT.transform_stream(context) is None


def chunk(content: str = "", reason: str = "", **delta: Any) -> dict[str, Any]:
    return {
        "id": "i",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "step-3.7-flash",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": content, **delta}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }


@pytest.mark.parametrize("echo", [False, True])
def test_stream_has_text_completion_chunks(echo: bool):
    context = exchange(ENDPOINT)
    sent = ENDPOINT.transform_request(ask(stream=True, echo=echo, stream_options={"include_usage": True}), context)
    assert sent.json["stream"] is True
    transform: Any = ENDPOINT.transform_stream(context)
    out = [
        row
        for c in (chunk(reasoning="hm"), chunk(" upon"), chunk(" a"), chunk("", "stop"))
        for row in transform.feed(c)
    ]
    out += transform.close()
    assert {row["object"] for row in out} == {"text_completion"}
    texts = [row["choices"][0]["text"] for row in out if row["choices"]]
    assert "".join(texts) == ("Once upon a" if echo else " upon a")
    assert [row["choices"][0]["finish_reason"] for row in out if row["choices"]][-1] == "stop"
    assert out[-1]["choices"] == []
    assert out[-1]["usage"]["total_tokens"] == transform.usage["total_tokens"] == 7
    assert not transform.truncated
