"""A server with canned responses in a separate process, so that only the client is measured.

Request headers control the response: `x-chunks` is the number of events of a stream, `x-each` sends every event in a
separate HTTP chunk (the client reads them one by one), `x-hold` keeps the stream open after its first event, and
`x-pace` waits that many milliseconds between events.
"""

from __future__ import annotations

import asyncio
import functools
import json
from typing import Any

MODEL = "step-3.7-flash"
USAGE = {
    "prompt_tokens": 591,
    "completion_tokens": 120,
    "total_tokens": 711,
    "prompt_tokens_details": {"cached_tokens": 512},
}
COMPLETION = {
    "id": "e2eb4b00d2c226517de3882f17d9664b.ffead889783a0bcd8d2bd17ea4d4c2af",
    "object": "chat.completion",
    "created": 1772624997,
    "model": MODEL,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": USAGE,
}
PART = {"type": "output_text", "text": "Hello.", "annotations": []}
ITEM = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [PART]}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1772624997,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "model": MODEL,
    "output": [ITEM],
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "usage": {
        "input_tokens": 591,
        "input_tokens_details": {"cached_tokens": 512},
        "output_tokens": 120,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 711,
    },
}


def sse(body: dict[str, Any], name: str = "") -> bytes:
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + json.dumps(body).encode() + b"\n\n"


def chunk(delta: dict[str, str], reason: str) -> bytes:
    """A chunk as StepFun documents it: an empty role and finish reason, usage on every chunk."""
    return sse(
        {
            "id": "d4",
            "object": "chat.completion.chunk",
            "created": 1710146871,
            "model": MODEL,
            "choices": [{"index": 0, "delta": {"role": "", **delta}, "finish_reason": reason}],
            "usage": {"prompt_tokens": 90, "completion_tokens": 4, "total_tokens": 94},
        }
    )


@functools.cache
def chat_stream(chunks: int) -> list[bytes]:
    first = chunk({"role": "assistant", "content": ""}, "")
    last = chunk({"content": ""}, "stop") + b"data: [DONE]\n\n"
    return [first, *([chunk({"content": "word "}, "")] * chunks), last]


@functools.cache
def responses_stream(events: int) -> list[bytes]:
    opened = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    empty = {**ITEM, "status": "in_progress", "content": []}
    rows: list[dict[str, Any]] = [
        {"type": "response.created", "response": opened},
        {"type": "response.in_progress", "response": opened},
        {"type": "response.output_item.added", "output_index": 0, "item": empty},
        {"type": "response.content_part.added", **at, "part": {**PART, "text": ""}},
        *({"type": "response.output_text.delta", **at, "delta": "word ", "logprobs": []} for _ in range(events)),
        {"type": "response.output_text.done", **at, "text": "word " * events, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": PART},
        {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
        {"type": "response.completed", "response": RESPONSE},
    ]
    return [sse({**row, "sequence_number": i}, row["type"]) for i, row in enumerate(rows)]


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n"


def whole(body: bytes, kind: bytes) -> bytes:
    return HEAD % kind + b"content-length: %d\r\n\r\n" % len(body) + body


def framed(event: bytes) -> bytes:
    return b"%x\r\n" % len(event) + event + b"\r\n"


@functools.cache
def streamed(responses: bool, count: int, each: bool) -> bytes:
    events = (responses_stream if responses else chat_stream)(count)
    if not each:
        return whole(b"".join(events), b"text/event-stream")
    head = HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n"
    return head + b"".join(map(framed, events)) + b"0\r\n\r\n"


async def paced(writer: asyncio.StreamWriter, count: int, seconds: float) -> None:
    writer.write(HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n")
    for event in chat_stream(count):
        writer.write(framed(event))
        await writer.drain()
        await asyncio.sleep(seconds)
    writer.write(b"0\r\n\r\n")


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    chat = whole(json.dumps(COMPLETION).encode(), b"application/json")
    response = whole(json.dumps(RESPONSE).encode(), b"application/json")
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            fields: dict[bytes, bytes] = {}
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                fields[name.lower()] = value.strip()
            body = await reader.readexactly(int(fields.get(b"content-length", 0)))
            responses = b"/responses" in path
            if b"x-hold" in fields:
                writer.write(HEAD % b"text/event-stream" + b"content-length: 100000\r\n\r\n" + chat_stream(1)[0])
                await writer.drain()
                await reader.read()
                return
            count = int(fields.get(b"x-chunks", 200))
            if b"x-pace" in fields:
                await paced(writer, count, int(fields[b"x-pace"]) / 1000)
            elif b"x-chunks" in fields or b'"stream":true' in body or b'"stream": true' in body:
                writer.write(streamed(responses, count, b"x-each" in fields))
            else:
                writer.write(response if responses else chat)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=4096, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
