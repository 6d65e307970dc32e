"""A server of canned bytes in a process of its own, so that what is measured is the client."""

from __future__ import annotations

import asyncio
import json

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


def chunk(delta: dict[str, str], reason: str) -> bytes:
    body = {
        "id": "d4",
        "object": "chat.completion.chunk",
        "created": 1710146871,
        "model": MODEL,
        "choices": [{"index": 0, "delta": {"role": "", **delta}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 90, "completion_tokens": 4, "total_tokens": 94},
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def stream(chunks: int) -> list[bytes]:
    first = chunk({"role": "assistant", "content": ""}, "")
    last = chunk({"content": ""}, "stop") + b"data: [DONE]\n\n"
    return [first, *([chunk({"content": "word "}, "")] * chunks), last]


def whole(body: bytes, kind: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (kind, len(body)) + body


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    answer = whole(json.dumps(COMPLETION).encode(), b"application/json")
    streams: dict[int, bytes] = {}
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            wanted = chunks = hold = 0
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                elif name.lower() == b"x-chunks":
                    wanted, chunks = 1, int(value)
                elif name.lower() == b"x-hold":
                    hold = 1
            await reader.readexactly(length)
            if hold:
                events = stream(1)
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100000\r\n\r\n" + events[0]
                )
                await writer.drain()
                await reader.read()
                return
            if wanted:
                if chunks not in streams:
                    streams[chunks] = whole(b"".join(stream(chunks)), b"text/event-stream")
                writer.write(streams[chunks])
            else:
                writer.write(answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
