"""The cost of a batch line, compared with a hand-written loop: a semaphore over the plain async client that writes the
responses to a file. Both send the same file to the same server; the server's own CPU is not counted."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from measure import cpu, figure, server

from stepfun_compat import Settings, stock
from stepfun_compat.batches import workspace
from stepfun_compat.batches.engine import Worker
from stepfun_compat.batches.limiter import Rate, SharedWindow
from stepfun_compat.batches.sending import AsyncSender
from stepfun_compat.batches.service import BatchService
from stepfun_compat.batches.sqlite_journal import SqliteJournal

MODEL = "step-3.7-flash"
CONCURRENCY = 64
ENDPOINT = "/v1/chat/completions"


def lines(count: int, size: int = 200, first: int = 0) -> bytes:
    rows: list[bytes] = []
    for number in range(first, first + count):
        body = {"model": MODEL, "messages": [{"role": "user", "content": f"{number} " + "x" * size}]}
        row = {"custom_id": f"line-{number}", "method": "POST", "url": ENDPOINT, "body": body}
        rows.append(json.dumps(row).encode() + b"\n")
    return b"".join(rows)


def by_hand(url: str, source: Path, output: Path) -> None:
    """The usual script; it does not resume after a crash, slow down, or count."""

    async def main() -> None:
        client = stock.AsyncOpenAI(api_key="k", base_url=url)
        semaphore = asyncio.Semaphore(CONCURRENCY)

        async def one(text: str, file: Any) -> None:
            async with semaphore:
                row = json.loads(text)
                answer = await client.chat.completions.create(**row["body"])
                line = {"custom_id": row["custom_id"], "response": {"status_code": 200, "body": answer.to_dict()}}
                file.write(json.dumps(line) + "\n")

        with output.open("w") as file:
            await asyncio.gather(*(one(text, file) for text in source.read_text().splitlines()))
        await client.close()

    asyncio.run(main())


def as_batch(url: str, source: Path, folder: Path, rate: Rate) -> BatchService:
    """The same work as a batch: validated, journalled, rate limited, and written in the order of the input."""
    settings = Settings(base_url=url, api_key="k", batch_dir=str(folder))
    journal = SqliteJournal(folder)
    service = BatchService(journal, "bench")
    with source.open("rb") as opened:
        file = service.create_file("in.jsonl", iter(lambda: opened.read(1 << 20), b""))
    batch = service.create({"input_file_id": file["id"], "endpoint": ENDPOINT, "completion_window": "24h"})

    async def main() -> None:
        async with workspace.async_client(settings, "k", url) as client:
            window = SharedWindow(folder, "bench", rate)
            await Worker(journal, AsyncSender(client), window, price=workspace.pricing(settings)).run()

    asyncio.run(main())
    ended = service.retrieve(batch["id"])
    assert ended["status"] == "completed", ended
    assert ended["request_counts"]["failed"] == 0, ended
    return service


def overhead(url: str, count: int, rounds: int) -> dict[str, Any]:
    """Measure CPU per line of both in interleaved rounds, and of the plain loop against itself."""
    with tempfile.TemporaryDirectory() as name:
        folder, runs = Path(name), iter(range(1_000_000))
        source = folder / "in.jsonl"
        source.write_bytes(lines(count))

        def plain() -> None:
            by_hand(url, source, folder / "out.jsonl")

        def ours() -> None:
            as_batch(url, source, folder / f"batches-{next(runs)}", Rate(CONCURRENCY))

        plain(), ours()
        rows = [(cpu(plain), cpu(ours), cpu(plain)) for _ in range(rounds)]
    return figure("a line of a batch", rows, scale=1e3 / count).json


def growth(url: str, counts: list[int], size: int) -> list[dict[str, Any]]:
    """Time and memory of a batch by size, each in a separate process."""
    rows: list[dict[str, Any]] = []
    for count in counts:
        command = [sys.executable, __file__, "--one", str(count), "--url", url, "--size", str(size)]
        rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    return rows


def one(url: str, count: int, size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "in.jsonl"
        with source.open("wb") as file:
            for first in range(0, count, 1000):
                file.write(lines(min(1000, count - first), size, first))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size_of = source.stat().st_size
        started, spent = time.perf_counter(), time.process_time()
        as_batch(url, source, Path(name) / "batches", Rate(CONCURRENCY))
        return {
            "lines": count,
            "input_mb": round(size_of / 1e6, 1),
            "seconds": round(time.perf_counter() - started, 2),
            "cpu_ms_a_line": round((time.process_time() - spent) * 1e3 / count, 3),
            "memory_mb_before": before // 1024,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }


def memory_of_ray() -> dict[str, int]:
    """Return the resident MB of Ray's processes and of the actors on this machine."""
    found = {"cluster": 0, "actors": 0}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
            pages = int((process / "statm").read_text().split()[1])
        except (OSError, IndexError):
            continue
        if command.startswith(b"ray::"):
            found["actors"] += pages
        elif b"/ray/" in command:
            found["cluster"] += pages
    return {kind: pages * os.sysconf("SC_PAGE_SIZE") // 1024**2 for kind, pages in found.items()}


def on_ray(url: str, count: int) -> dict[str, Any]:
    """Run the same batch on a Ray cluster of this machine: start-up, time, memory."""
    import ray as cluster

    from stepfun_compat.batches import ray

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.jsonl").write_bytes(lines(count))
        settings = Settings(base_url=url, api_key="k", batch_dir=str(folder / "batches"), batch_concurrency=CONCURRENCY)
        started, first = time.perf_counter(), list[float]()
        cluster.init(num_cpus=2, include_dashboard=False, log_to_driver=False, namespace="stepfun_compat")
        start_up = time.perf_counter() - started

        def note(_: str) -> None:
            if len(first) < 2:
                first.append(time.perf_counter())  # the end of the validation, and the first responses

        most = {"cluster": 0, "actors": 0}
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.5):
                for kind, size in memory_of_ray().items():
                    most[kind] = max(most[kind], size)

        watcher = threading.Thread(target=watch)
        watcher.start()
        record = ray.run(folder / "in.jsonl", folder / "out.jsonl", settings=settings, actors=2, on_change=note)
        ended.set()
        watcher.join()
        assert record.counts.completed == count, record
        seconds = time.perf_counter() - first[1]
        return {
            "ray": cluster.__version__,
            "lines": count,
            "start_of_ray_seconds": round(start_up, 1),
            "until_first_answers_seconds": round(first[1] - started, 1),
            "lines_a_second": round(count / seconds, 1),
            "peak_memory_mb": most,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--growth", type=int, nargs="*", default=[1000, 10_000, 50_000])
    parser.add_argument("--size", type=int, default=200, help="bytes of a prompt")
    parser.add_argument("--ray", type=int, metavar="LINES", help="also on a Ray cluster of this machine")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.url, options.one, options.size)))
        return
    with server() as port:
        url = f"http://127.0.0.1:{port}/v1"
        if options.rounds:
            print(json.dumps(overhead(url, options.lines, options.rounds), indent=1))
        for row in growth(url, options.growth, options.size):
            print(json.dumps(row), flush=True)
        if options.ray:
            print(json.dumps(on_ray(url, options.ray)))


if __name__ == "__main__":
    main()
