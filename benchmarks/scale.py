"""Many concurrent async streams in one process against a loopback server. `python benchmarks/scale.py [--streams N]`

Prints the memory and CPU per stream, the fairness (when each stream received its last chunk), and the memory still in use
after the end. The run is bounded: streams, chunks and seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib.util
import json
import resource
import statistics
import sys
import time
from typing import Any

import openai
from measure import server, versions

import stepfun_compat
from stepfun_compat import Settings, stock


def resident() -> int:
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def raise_limit(wanted: int) -> int:
    """Raise the limit of open files to the wanted number, or as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def make(kind: str, backend: str, url: str, streams: int) -> Any:
    given: dict[str, Any] = {"max_retries": 0, "timeout": 600}
    http: Any = sys.modules.get("httpx2") or __import__("httpx")
    # the SDK's default is 1,000; aiohttp reads None as 100
    limits = http.Limits(max_connections=streams + 100, max_keepalive_connections=100)
    cls = openai.DefaultAioHttpClient if backend == "aiohttp" else openai.DefaultAsyncHttpxClient
    given["http_client"] = cls(limits=limits, timeout=600)
    if kind == "plain":
        return stock.AsyncOpenAI(api_key="k", base_url=url, **given)
    return stepfun_compat.AsyncOpenAI(settings=Settings(base_url=url, api_key="k"), **given)


async def run(
    kind: str, backend: str, port: int, streams: int, chunks: int, pace: int, seconds: float
) -> dict[str, Any]:
    client = make(kind, backend, f"http://127.0.0.1:{port}/v1", streams)
    extra = {"x-chunks": str(chunks), "x-pace": str(pace)}
    opened, done, counts = asyncio.Semaphore(200), [], []
    everybody, at_once, peak = asyncio.Event(), 0, 0

    async def open_one() -> Any:
        async with opened:
            return await client.chat.completions.create(
                model="step-3.7-flash", messages=[{"role": "user", "content": "x"}], stream=True, extra_headers=extra
            )

    async def one() -> None:
        nonlocal at_once, peak
        stream = await open_one()
        seen = 0
        async for _ in stream:
            seen += 1
            if seen == 1:
                at_once += 1
                peak = max(peak, at_once)
                if at_once == streams:
                    everybody.set()
        at_once -= 1
        everybody.set()  # the first stream ended: the peak is over
        counts.append(seen)
        done.append(time.monotonic())

    await asyncio.gather(*(one_of(client) for _ in range(3)))
    before, started, cpu = resident(), time.monotonic(), time.process_time()
    tasks = [asyncio.create_task(one()) for _ in range(streams)]
    end = time.monotonic() + seconds
    everyone = asyncio.gather(*tasks, return_exceptions=True)
    with contextlib.suppress(asyncio.TimeoutError):  # then report what was reached
        await asyncio.wait_for(everybody.wait(), seconds)
    open_memory = resident() - before
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(everyone, max(end - time.monotonic(), 1))
    spent = time.process_time() - cpu
    if not counts:
        return {"client": kind, "backend": backend, "streams": streams, "open_at_once": peak, "ended": 0}
    finished = sorted(moment - started for moment in done)
    await client.close()
    tasks.clear()
    return {
        "client": kind,
        "backend": backend,
        "streams": streams,
        "open_at_once": peak,
        "ended": len(counts),
        "chunks": sum(counts),
        "complete": len(set(counts)) == 1 and len(counts) == streams,
        "kB_per_open_stream": open_memory / peak / 1024,
        "kB_per_stream_left": (resident() - before) / streams / 1024,
        "cpu_us_per_chunk": spent / sum(counts) * 1e6,
        "seconds": finished[-1],
        "last_chunk_p50": statistics.median(finished),
        "last_chunk_p99": finished[int(len(finished) * 0.99)],
        "fairness": finished[0] / finished[-1],
    }


async def one_of(client: Any) -> None:
    async for _ in await client.chat.completions.create(
        model="step-3.7-flash",
        messages=[{"role": "user", "content": "x"}],
        stream=True,
        extra_headers={"x-chunks": "2"},
    ):
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--chunks", type=int, default=10, help="chunks of each stream")
    parser.add_argument("--pace", type=int, default=10_000, help="milliseconds between two chunks of a stream")
    parser.add_argument("--seconds", type=float, default=300, help="time limit of the run")
    parser.add_argument("--client", choices=("ours", "plain"), default="ours")
    parser.add_argument("--backend", choices=("httpx", "aiohttp"), default="httpx", help="the SDK's HTTP backend")
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    files = raise_limit(options.streams + 200)
    streams = min(options.streams, files - 200)
    if streams < options.streams:
        print(f"the system allows {files} open files, so {streams} streams", file=sys.stderr)
    if options.uvloop:
        if importlib.util.find_spec("uvloop") is None:
            parser.error("uvloop is not installed")
        import uvloop

        uvloop.install()
    with server() as port:
        figures = asyncio.run(
            run(options.client, options.backend, port, streams, options.chunks, options.pace, options.seconds)
        )
    print(json.dumps({**versions(), "uvloop": options.uvloop, **figures}, indent=2))


if __name__ == "__main__":
    main()
