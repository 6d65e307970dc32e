"""The overhead of `stepfun-compat serve` per call. `python benchmarks/serve.py [--quick]`

A server with canned responses replaces StepFun. It is called directly, through a plain reverse proxy with the same web
server and HTTP client that changes nothing (the baseline), and through `serve`. All three run at once in separate
processes and take turns, so that other load affects them equally. The caller is a bare socket.

Latency is of one caller after another; requests a second, of 32 at once. CPU is the measured server's own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import environment, versions
from scale import raise_limit
from server import COMPLETION, HEAD, chat_stream, framed, whole

HERE = Path(__file__).parent
STREAM_CHUNKS = 200
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


# ---------------------------------------------------------------- the servers


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Return the body of the next request."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """StepFun: a completion; a stream, each event on its own; or a stream that stays open, if the message says `hold`."""
    completion = whole(json.dumps(COMPLETION).encode(), b"application/json")
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            body = await read_request(reader)
            if b'"stream":true' not in body.replace(b" ", b""):
                writer.write(completion)
                continue
            writer.write(HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n")
            for event in chat_stream(STREAM_CHUNKS):
                writer.write(framed(event))
                await writer.drain()
                if b"hold" in body:
                    await reader.read()
                    return
            writer.write(b"0\r\n\r\n")
    writer.close()


async def upstream() -> None:
    raise_limit(8192)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def proxy(port: int) -> None:
    """The baseline: a proxy that relays requests and responses unchanged."""
    import socket

    import openai
    import uvicorn

    raise_limit(8192)
    http: Any = sys.modules.get("httpx2") or __import__("httpx")
    limits = http.Limits(max_connections=None, max_keepalive_connections=256)
    client = openai.DefaultAsyncHttpxClient(limits=limits, base_url=f"http://127.0.0.1:{port}")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        headers = {"content-type": "application/json"}
        async with client.stream("POST", scope["path"], content=body, headers=headers) as back:
            kind = [(b"content-type", back.headers["content-type"].encode())]
            await send({"type": "http.response.start", "status": back.status_code, "headers": kind})
            async for piece in back.aiter_bytes():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, http="h11", lifespan="off", access_log=False, log_level="critical")
    uvicorn.Server(config).run(sockets=[listener])


@dataclass
class Target:
    """A running server."""

    name: str
    process: subprocess.Popen[str]
    port: int
    seconds: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """CPU seconds of this process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory(self) -> int:
        """Resident bytes of this process."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE


@contextlib.contextmanager
def running(name: str, command: list[str], **variables: str) -> Iterator[Target]:
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, env={**environment(), **variables}
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield Target(name, process, int(line.split()[-1] if line.strip().isdigit() else line.split(":")[2].split()[0]))
    finally:
        process.kill()  # the plain proxy does not detect disconnected callers, and would wait for them
        process.wait()


@contextlib.contextmanager
def targets() -> Iterator[list[Target]]:
    with contextlib.ExitStack() as stack:
        direct = stack.enter_context(running("direct", [__file__, "--upstream"]))
        through = stack.enter_context(running("plain proxy", [__file__, "--proxy", str(direct.port)]))
        serve = ["-m", "stepfun_compat", "serve", "--port", "0", "--no-token", "--log-level", "warning"]
        ours = stack.enter_context(
            running(
                "serve",
                serve,
                STEPFUN_BASE_URL=f"http://127.0.0.1:{direct.port}/v1",
                STEPFUN_API_KEY="k",
                PYTHONUNBUFFERED="1",
            )
        )
        yield [direct, through, ours]


# ---------------------------------------------------------------- the caller


def request(stream: bool = False, text: str = "Say hello.") -> bytes:
    fields = {"model": "step-3.7-flash", "messages": [{"role": "user", "content": text}], "stream": stream}
    body = json.dumps(fields).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer anything\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send one request and read the whole response."""
    writer.write(data)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise RuntimeError(head + await reader.read(2000))
    if b"content-length:" in head:
        await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        return
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
    await reader.readexactly(2)


async def callers(target: Target, data: bytes, number: int, at_once: int = 1) -> float:
    """Send a number of requests with a given concurrency on persistent connections; return the seconds."""
    left = iter(range(number))

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        for _ in left:
            started = time.perf_counter()
            await call(reader, writer, data)
            target.seconds.append(time.perf_counter() - started)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    return time.perf_counter() - started


async def held(target: Target, number: int, limit: float = 60.0) -> float:
    """Return the server's bytes per open stream."""
    before = target.memory
    data = request(True, "hold")
    opened: list[asyncio.StreamWriter] = []

    async def open_one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(data)
        await reader.readuntil(b"data: ")
        opened.append(writer)

    for start in range(0, number, 50):
        await asyncio.wait_for(asyncio.gather(*(open_one() for _ in range(min(50, number - start)))), limit)
    grown = target.memory - before
    for writer in opened:
        writer.close()
    await asyncio.sleep(1.0)
    return grown / number


def quantile(seconds: list[float], share: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))]


async def measure(quick: bool) -> dict[str, Any]:
    rounds, each = (2, 60) if quick else (10, 300)
    figures: dict[str, Any] = {}
    with targets() as all_targets:
        for target in all_targets:
            await callers(target, request(), 200, 8)
            await callers(target, request(True), 5)
        for target in all_targets:
            target.seconds.clear()
        for _ in range(rounds):  # the servers take turns
            for target in all_targets:
                await callers(target, request(), each)
        for target in all_targets:
            row = figures.setdefault(target.name, {})
            row["p50"], row["p99"] = quantile(target.seconds, 0.5), quantile(target.seconds, 0.99)
        loads: dict[str, list[float]] = {}
        for _ in range(rounds):
            for target in all_targets:
                before = target.cpu
                seconds = await callers(target, request(), each, 32)
                loads.setdefault(target.name, []).append(each / seconds)
                figures[target.name]["cpu"] = figures[target.name].get("cpu", 0.0) + (target.cpu - before)
        for target in all_targets:
            figures[target.name]["rate"] = statistics.median(loads[target.name])
            figures[target.name]["cpu"] /= rounds * each
        streams = 5 if quick else 20
        for target in all_targets:
            before = target.cpu
            for _ in range(rounds):
                await callers(target, request(True), streams, 5)
            figures[target.name]["chunk"] = (target.cpu - before) / (rounds * streams * STREAM_CHUNKS)
        for target in all_targets[1:]:
            for number in (1, 100) if quick else (1, 100, 1000):
                figures[target.name][f"open {number}"] = await held(target, number)
        ours = all_targets[-1]
        await callers(ours, request(), 300 if quick else 2000, 16)
        before = ours.memory
        await callers(ours, request(), 500 if quick else 20_000, 16)
        figures["growth"] = ours.memory - before
        figures["memory"] = ours.memory
    return figures


def table(figures: dict[str, Any]) -> str:
    direct, rows = figures["direct"], []
    for name in ("direct", "plain proxy", "serve"):
        row = figures[name]
        added = "" if name == "direct" else f" (+{1000 * (row['p50'] - direct['p50']):.2f})"
        late = "" if name == "direct" else f" (+{1000 * (row['p99'] - direct['p99']):.2f})"
        memory = [f"{row[f'open {n}'] / 1024:.0f}" if f"open {n}" in row else "" for n in (1, 100, 1000)]
        rows.append(
            f"| {name} | {1000 * row['p50']:.2f} ms{added} | {1000 * row['p99']:.2f} ms{late} | {row['rate']:.0f} "
            f"| {1e6 * row['cpu']:.0f} µs | {1e6 * row['chunk']:.1f} µs | {' / '.join(filter(None, memory))} |"
        )
    head = "| path | p50 (added) | p99 (added) | requests/s | CPU per request | CPU per streamed chunk | kB per open stream: 1 / 100 / 1,000 |"
    closing = f"Memory at the end: {figures['memory'] / 2**20:.0f} MB; {figures['growth'] / 1024:+.0f} kB over the last requests."
    return "\n".join([head, "|---" * 7 + "|", *rows, "", closing])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few requests, and no more than 100 open streams")
    parser.add_argument("--upstream", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--proxy", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.upstream:
        asyncio.run(upstream())
    elif options.proxy:
        proxy(options.proxy)
    else:
        raise_limit(8192)
        print(", ".join(f"{name} {version}" for name, version in versions().items()))
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
        print(table(asyncio.run(measure(options.quick))))


if __name__ == "__main__":
    main()
