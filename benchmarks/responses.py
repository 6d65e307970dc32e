"""Responses against the plain client, in the same run, without a network. `python benchmarks/responses.py [--quick]`

Two questions: What does each route cost compared with the plain client's own Responses call? And what does a turn cost as
a conversation grows to 200 turns, for each store, compared with the plain client that sends the whole conversation: the
cost of a store must not grow faster than the request. Each figure is this package over plain (below 1 is cheaper), a
median of interleaved rounds, with an A/A control, the plain client against itself.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
import openai

import stepfun_compat
from stepfun_compat import stock

MODEL = "step-3.7-flash"
URL = "https://api.stepfun.ai/v1"
TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom. " * 4
USAGE = {"input_tokens": 90, "output_tokens": 40, "total_tokens": 130}
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": TEXT, "annotations": []}],
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1772624997,
    "model": MODEL,
    "status": "completed",
    "output": [MESSAGE],
    "usage": USAGE,
    "tool_choice": "auto",
    "tools": [],
}
# fields only OpenAI sends, for the plain client
OPENAIS = {
    "background": False,
    "billing": {"payer": "developer"},
    "completed_at": 1772624998,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
COMPLETION = {
    "id": "1",
    "object": "chat.completion",
    "created": 1772624997,
    "model": MODEL,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 90, "completion_tokens": 40, "total_tokens": 130},
}


def events(deltas: int, response: dict[str, Any]) -> bytes:
    at = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    rows: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**MESSAGE, "content": []}},
        {"type": "response.content_part.added", **at, "part": {"type": "output_text", "text": "", "annotations": []}},
        *({"type": "response.output_text.delta", **at, "delta": "word ", "logprobs": []} for _ in range(deltas)),
        {"type": "response.output_text.done", **at, "text": "word " * deltas, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": MESSAGE["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
        {"type": "response.completed", "response": response},
    ]
    return b"".join(
        f"event: {row['type']}\ndata: {json.dumps({**row, 'sequence_number': number})}\n\n".encode()
        for number, row in enumerate(rows)
    )


def chunks(deltas: int) -> bytes:
    def chunk(delta: dict[str, str], reason: str) -> bytes:
        choice = {"index": 0, "delta": {"role": "", **delta}, "finish_reason": reason}
        body = {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1772624997,
            "model": MODEL,
            "choices": [choice],
        }
        return b"data: " + json.dumps({**body, "usage": COMPLETION["usage"]}).encode() + b"\n\n"

    return (
        chunk({"content": ""}, "") + chunk({"content": "word "}, "") * deltas + chunk({}, "stop") + b"data: [DONE]\n\n"
    )


def transport(deltas: int, more: dict[str, Any]) -> httpx.MockTransport:
    """Canned StepFun responses."""
    whole = {True: json.dumps({**RESPONSE, **more}).encode(), False: json.dumps(COMPLETION).encode()}
    bodies = {True: events(deltas, {**RESPONSE, **more}), False: chunks(deltas)}

    def answer(request: httpx.Request) -> httpx.Response:
        native = request.url.path.endswith("/responses")
        if b'"stream":true' in request.content or b'"stream": true' in request.content:
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=bodies[native])
        return httpx.Response(200, headers={"content-type": "application/json"}, content=whole[native])

    return httpx.MockTransport(answer)


def plain(deltas: int = 1) -> Any:
    http = httpx.Client(transport=transport(deltas, OPENAIS))
    return stock.OpenAI(api_key="k", base_url=URL, http_client=cast("Any", http))


def ours(deltas: int = 1, **settings: Any) -> Any:
    return stepfun_compat.OpenAI(
        api_key="k",
        base_url=URL,
        settings=stepfun_compat.Settings(**settings),
        http_client=cast("Any", httpx.Client(transport=transport(deltas, {}))),
    )


def cpu(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def compare(first: Callable[[], Any], second: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """(second over first, first over first), medians of interleaved rounds."""
    first(), second()
    ratios, control = [], []
    for _ in range(rounds):
        a, b, c = cpu(first), cpu(second), cpu(first)
        ratios.append(b / ((a + c) / 2))
        control.append(c / a)
    return statistics.median(ratios), statistics.median(control)


def call(client: Any, times: int = 40, **more: Any) -> Callable[[], None]:
    def work() -> None:
        for _ in range(times):
            client.responses.create(model=MODEL, input="Tell me a tale.", **more)

    return work


def streamed(client: Any, **more: Any) -> Callable[[], None]:
    def work() -> None:
        for _ in client.responses.create(model=MODEL, input="Tell me a tale.", stream=True, **more):
            pass

    return work


def routes(rounds: int) -> dict[str, tuple[float, float]]:
    figures: dict[str, tuple[float, float]] = {}
    for route in ("native", "chat"):
        figures[f"call, {route}"] = compare(call(plain()), call(ours(responses_route=route), store=False), rounds)
        figures[f"stored call, {route}"] = compare(call(plain()), call(ours(responses_route=route)), rounds)
        figures[f"streamed event (2,000 a stream), {route}"] = compare(
            streamed(plain(2000)), streamed(ours(2000, responses_route=route)), rounds
        )
    return figures


@contextmanager
def stores() -> Iterator[dict[str, str]]:
    """The stores available on this machine, by name."""
    found = {"memory": f"memory://{uuid.uuid4()}"}
    with tempfile.TemporaryDirectory() as folder:
        found["sqlite"] = f"sqlite:///{folder}/turns.db"
        server = shutil.which("redis-server")
        if server is None:
            yield found
            return
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if "Ready to accept" in line:
                break
        try:
            yield {**found, "redis": f"redis://127.0.0.1:{port}/0"}
        finally:
            process.kill()
            process.communicate()


def turns_of(client: Any, turns: int) -> list[float]:
    """Seconds of each turn of a conversation that the client stores."""
    seconds, previous = [], None
    for _ in range(turns):
        started = time.perf_counter()
        answer = client.responses.create(model=MODEL, input=TEXT, previous_response_id=previous)
        seconds.append(time.perf_counter() - started)
        previous = answer.id
    return seconds


def turns_sent(client: Any, turns: int) -> list[float]:
    """Seconds of each turn of a conversation that the caller stores and sends completely."""
    seconds: list[float] = []
    items: list[Any] = []
    for _ in range(turns):
        started = time.perf_counter()
        items.append({"role": "user", "content": TEXT})
        answer = client.responses.create(model=MODEL, input=items)
        items.append({"role": "assistant", "content": answer.output_text})
        seconds.append(time.perf_counter() - started)
    return seconds


def growth(turns: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """For each store: (milliseconds per turn, this package over plain) at the beginning, in the middle and at the end."""
    windows = [slice(1, 21), slice(turns // 2 - 10, turns // 2 + 10), slice(turns - 20, turns)]
    figures: dict[str, list[tuple[float, float]]] = {}
    with stores() as found:
        for name, url in found.items():
            runs = []
            for _ in range(rounds):
                sent = turns_sent(plain(), turns)
                kept = turns_of(ours(state=url), turns)
                runs.append([(statistics.median(kept[w]), statistics.median(sent[w])) for w in windows])
            figures[name] = [
                (
                    statistics.median(run[at][0] for run in runs) * 1000,
                    statistics.median(run[at][0] / run[at][1] for run in runs),
                )
                for at in range(len(windows))
            ]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    versions = {"python": sys.version.split()[0], "openai": openai.__version__, "date": time.strftime("%Y-%m-%d")}
    overhead = routes(5 if options.quick else 15)
    turns = growth(200, 1 if options.quick else 5)
    if options.json:
        print(json.dumps({**versions, "routes": overhead, "turns": turns}, indent=2))
        return
    print(", ".join(f"{name} {value}" for name, value in versions.items()))
    print("\n| client CPU | ours / plain | plain / plain |\n|---|---|---|")
    for name, (ratio, control) in overhead.items():
        print(f"| {name} | {ratio:.2f} | {control:.2f} |")
    print("\n| a turn (ms, and ours / plain that sends the conversation) | turns 2-21 | turns 91-110 | turns 181-200 |")
    print("|---|---|---|---|")
    for name, row in turns.items():
        print(f"| {name} | " + " | ".join(f"{ms:.1f} ms, {ratio:.2f}" for ms, ratio in row) + " |")


if __name__ == "__main__":
    main()
