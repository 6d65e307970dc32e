"""Helpers for batch tests: input files, and waiting for a state with a time limit."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stepfun_compat.batches.sending import Sent

ENDED = ("completed", "failed", "expired", "cancelled")
ANSWER = {"object": "chat.completion", "model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


class Sender:
    """Answers every line and counts them. `after` is called before each answer with the number of lines sent."""

    def __init__(self, after: Callable[[int], None] = lambda _: None) -> None:
        self.sent: Counter[str] = Counter()
        self.after = after

    async def __call__(self, path: str, body: Mapping[str, Any]) -> Sent:
        self.sent[body["messages"][0]["content"]] += 1
        self.after(self.sent.total())
        await asyncio.sleep(0)
        return Sent(200, "r", json.dumps(ANSWER))


def line(number: int, **changes: Any) -> dict[str, Any]:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": f"Say {number}"}]}
    row = {"custom_id": f"line-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return {**row, **changes}


def jsonl(rows: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def rows_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(row) for row in text.splitlines()]


def settled(client: Any, id: str, states: Iterable[str] = ENDED, seconds: float = 30) -> Any:
    """Wait until a batch is in one of these states and return it."""
    pause, left = threading.Event(), seconds
    while left > 0:
        batch = client.batches.retrieve(id)
        if batch.status in states:
            return batch
        pause.wait(0.02)
        left -= 0.02
    raise AssertionError(f"{id} is still {batch.status} ({batch.request_counts})")


def create(client: Any, content: bytes, **changes: Any) -> Any:
    file = client.files.create(file=("input.jsonl", content), purpose="batch")
    fields = {"endpoint": "/v1/chat/completions", "completion_window": "24h", **changes}
    return client.batches.create(input_file_id=file.id, **fields)
