"""Ours against the plain client, in the same run, on loopback. `python benchmarks/run.py [--quick]`

Each figure is client CPU of ours over the plain client's (below 1 is cheaper), the median of interleaved rounds, with
an A/A control beside it: the plain client against itself, which shows the noise. Printed as Markdown; `--json` for
JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai

import stepfun_compat
from stepfun_compat import stock

HERE = Path(__file__).parent


def clients(port: int) -> tuple[Any, Any]:
    url = f"http://127.0.0.1:{port}/v1"
    plain = stock.OpenAI(api_key="k", base_url=url)
    ours = stepfun_compat.OpenAI(settings=stepfun_compat.Settings(base_url=url, api_key="k", on_unsupported="ignore"))
    return plain, ours


def cpu(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def compare(plain: Callable[[], Any], ours: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """(ours over plain, plain over plain), medians of interleaved rounds."""
    plain(), ours()
    ratios, control = [], []
    for _ in range(rounds):
        a, b, c = cpu(plain), cpu(ours), cpu(plain)
        ratios.append(b / ((a + c) / 2))
        control.append(c / a)
    return statistics.median(ratios), statistics.median(control)


def call(client: Any, messages: list[Any], times: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(times):
            client.chat.completions.create(model="step-3.7-flash", messages=messages)

    return work


def streamed(client: Any, chunks: int) -> Callable[[], None]:
    def work() -> None:
        stream = client.chat.completions.create(
            model="step-3.7-flash",
            messages=[{"role": "user", "content": "x"}],
            stream=True,
            extra_headers={"x-chunks": str(chunks)},
        )
        for _ in stream:
            pass

    return work


def import_cost(rounds: int) -> tuple[float, float]:
    def cost(module: str) -> float:
        code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE.parent)
        return float(done.stdout)

    rows = [(cost("openai"), cost("stepfun_compat"), cost("openai")) for _ in range(rounds)]
    return (
        statistics.median(b / ((a + c) / 2) for a, b, c in rows),
        statistics.median(c / a for a, b, c in rows),
    )


def third_party_modules() -> list[str]:
    """Top-level modules that importing ours adds to those of openai, less its own and the standard library's."""
    code = "import sys, json; import openai; a = set(sys.modules); import stepfun_compat; print(json.dumps(sorted(set(sys.modules) - a)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE.parent)
    tops = {name.partition(".")[0] for name in json.loads(done.stdout)}
    return sorted(tops - {"stepfun_compat", "openai"} - set(sys.stdlib_module_names))


_STREAMS = """
import asyncio, resource, sys
sys.path.insert(0, {root!r})
import stepfun_compat
from stepfun_compat import stock
url = "http://127.0.0.1:{port}/v1"
async def main():
    if {ours}:
        client = stepfun_compat.AsyncOpenAI(settings=stepfun_compat.Settings(base_url=url, api_key="k"), max_retries=0)
    else:
        client = stock.AsyncOpenAI(api_key="k", base_url=url, max_retries=0)
    async def one():
        stream = await client.chat.completions.create(model="step-3.7-flash", messages=[{{"role": "user", "content": "x"}}],
                                                      stream=True, extra_headers={{"x-hold": "1"}})
        return stream
    await (await one()).close()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = await asyncio.gather(*(one() for _ in range({count})))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    sys.stdout.flush()
    import os
    os._exit(0)
asyncio.run(main())
"""


def stream_memory(port: int, count: int) -> tuple[float, float]:
    """Growth of the process for `count` open streams, ours over plain."""

    def grown(ours: bool) -> float:
        code = _STREAMS.format(root=str(HERE.parent), port=port, ours=ours, count=count)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        return float(done.stdout)

    a, b, c = grown(False), grown(True), grown(False)
    return b / ((a + c) / 2), c / a


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    rounds = 5 if options.quick else 15
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard > 0 else 8192, hard))
    server = subprocess.Popen(
        [sys.executable, str(HERE / "server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    port = int(server.stdout.readline())
    figures: dict[str, tuple[float, float]] = {}
    try:
        plain, ours = clients(port)
        for count in (2, 50, 200):
            messages = [{"role": ("user", "assistant")[i % 2], "content": f"message {i}"} for i in range(count)]
            times = max(60 // count, 4)
            figures[f"call with {count} messages"] = compare(
                call(plain, messages, times), call(ours, messages, times), rounds
            )
        figures["streamed chunk (2,000 a stream)"] = compare(streamed(plain, 2000), streamed(ours, 2000), rounds)
        figures["import"] = import_cost(rounds)
        figures["memory of 1,000 open streams"] = stream_memory(port, 1000)
    finally:
        server.terminate()
        server.wait()
    versions = {
        "python": sys.version.split()[0],
        "openai": openai.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "rounds": rounds,
    }
    if options.json:
        print(json.dumps({**versions, "figures": figures, "third_party_modules": third_party_modules()}, indent=2))
        return
    print(", ".join(f"{name} {value}" for name, value in versions.items()))
    print("\n| measured | ours / plain | plain / plain |\n|---|---|---|")
    for name, (ratio, control) in figures.items():
        print(f"| {name} | {ratio:.2f} | {control:.2f} |")
    print(f"\nthird-party modules added by the import: {', '.join(third_party_modules()) or 'none'}")


if __name__ == "__main__":
    main()
