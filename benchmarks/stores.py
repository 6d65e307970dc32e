"""The cost of a conversation turn with each store as it grows, compared with the plain client that sends everything."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from measure import cpu

import stepfun_compat
from stepfun_compat import Settings, stock

MODEL = "step-3.7-flash"
TEXT = "What did I say before, and what follows from it? " * 4


def measure(port: int, turns: int) -> dict[str, Any]:
    """CPU milliseconds per turn, at the beginning, in the middle and at the end of one conversation."""
    url = f"http://127.0.0.1:{port}/v1"
    figures: dict[str, Any] = {"turns": turns, "rows": []}
    plain = stock.OpenAI(api_key="k", base_url=url)
    figures["rows"].append(row("plain client, complete conversation each turn", resent(plain), turns))
    with tempfile.TemporaryDirectory() as folder, redis() as redis_url:
        places = {"memory": "memory://", "SQLite": f"sqlite:///{folder}/state.db", "Redis": redis_url}
        for name, place in places.items():
            if place is None:
                figures["rows"].append({"name": name, "skipped": "redis-server or the redis package is missing"})
                continue
            client = stepfun_compat.OpenAI(settings=Settings(base_url=url, api_key="k", state=place))
            figures["rows"].append(row(f"{name}, previous_response_id", chained(client), turns))
            client.close()
    return figures


def resent(client: Any) -> Any:
    history: list[Any] = []

    def turn() -> None:
        history.append({"role": "user", "content": TEXT})
        response = client.responses.create(model=MODEL, input=history)
        history.append({"role": "assistant", "content": response.output_text})

    return turn


def chained(client: Any) -> Any:
    last: dict[str, Any] = {}

    def turn() -> None:
        last["previous_response_id"] = client.responses.create(model=MODEL, input=TEXT, **last).id

    return turn


def row(name: str, turn: Any, turns: int) -> dict[str, Any]:
    turn()  # do not count work done on first use
    costs = [cpu(turn) * 1e3 for _ in range(turns)]
    width = max(turns // 10, 5)
    middle = turns // 2 - width // 2

    def least(part: list[float]) -> float:
        return sorted(part)[len(part) // 4]

    return {
        "name": name,
        "first": least(costs[:width]),
        "middle": least(costs[middle : middle + width]),
        "last": least(costs[-width:]),
    }


def markdown(figures: dict[str, Any]) -> str:
    lines = [
        f"CPU of one turn as a conversation grows to {figures['turns']} turns (lower quartiles of a tenth of them):",
        "",
    ]
    lines += ["| store | first turns | middle | last turns | growth |", "|---|---|---|---|---|"]
    for each in figures["rows"]:
        if "skipped" in each:
            lines.append(f"| {each['name']} | skipped: {each['skipped']} | | | |")
            continue
        growth = each["last"] - each["first"]
        lines.append(
            f"| {each['name']} | {each['first']:.2f} ms | {each['middle']:.2f} ms | {each['last']:.2f} ms "
            f"| {growth:+.2f} ms |"
        )
    return "\n".join(lines)


@contextmanager
def redis() -> Iterator[str | None]:
    """Start a Redis on a free port; None if it is not installed."""
    program = shutil.which("redis-server")
    if program is None or importlib.util.find_spec("redis") is None:
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.02)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()
