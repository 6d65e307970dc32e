"""The measured cases: calls, streams, Responses, the import, and memory, with plain openai and with this package."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from measure import Figure, Work, compare, cpu, figure, in_child

import stepfun_compat
from stepfun_compat import stock

MODEL = "step-3.7-flash"
ONE = [{"role": "user", "content": "x"}]


@dataclass
class Clients:
    """The plain clients and this package's against one server, both with their defaults. With `former`, an earlier version
    of the package, its clients replace the plain ones."""

    port: int
    former: Any = None

    def __post_init__(self) -> None:
        url = f"http://127.0.0.1:{self.port}/v1"
        self.ours, self.ours_over_chat, self.ours_async = made(stepfun_compat, url)
        if self.former is None:
            theirs: dict[str, Any] = {"api_key": "k", "base_url": url, "timeout": 300}
            self.plain = self.plain_over_chat = stock.OpenAI(**theirs)
            self.plain_async = stock.AsyncOpenAI(**theirs)
        else:
            self.plain, self.plain_over_chat, self.plain_async = made(self.former, url)
        self.loop = asyncio.new_event_loop()


def made(package: Any, url: str) -> tuple[Any, Any, Any]:
    """The clients of a version of the package: sync, sync with Responses over chat, async."""
    settings = package.Settings(base_url=url, api_key="k")
    over_chat = settings.replace(responses_route="chat")
    return (
        package.OpenAI(settings=settings, timeout=300),
        package.OpenAI(settings=over_chat, timeout=300),
        package.AsyncOpenAI(settings=settings, timeout=300),
    )


def messages(count: int) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": f"message {i}"} for i in range(count)]


# ---------------------------------------------------------------- work


def calls(client: Any, count: int, times: int) -> Work:
    given = messages(count)

    def work() -> None:
        for _ in range(times):
            client.chat.completions.create(model=MODEL, messages=given)

    return work


def async_calls(client: Any, loop: Any, count: int, times: int) -> Work:
    given = messages(count)

    async def every() -> None:
        for _ in range(times):
            await client.chat.completions.create(model=MODEL, messages=given)

    return lambda: loop.run_until_complete(every())


def response_calls(client: Any, count: int, times: int) -> Work:
    given = messages(count)

    def work() -> None:
        for _ in range(times):
            client.responses.create(model=MODEL, input=given, store=False)

    return work


def headers(chunks: int, each: bool) -> dict[str, str]:
    return {"x-chunks": str(chunks), **({"x-each": "1"} if each else {})}


def stream(client: Any, chunks: int, each: bool = False) -> Work:
    extra = headers(chunks, each)

    def work() -> None:
        for _ in client.chat.completions.create(model=MODEL, messages=ONE, stream=True, extra_headers=extra):
            pass

    return work


async def drain(client: Any, extra: dict[str, str]) -> None:
    async for _ in await client.chat.completions.create(model=MODEL, messages=ONE, stream=True, extra_headers=extra):
        pass


def async_streams(client: Any, loop: Any, streams: int, chunks: int, each: bool = False) -> Work:
    extra = headers(chunks, each)

    async def every() -> None:
        await asyncio.gather(*(drain(client, extra) for _ in range(streams)))

    return lambda: loop.run_until_complete(every())


def response_events(client: Any, events: int) -> Work:
    extra = headers(events, False)

    def work() -> None:
        for _ in client.responses.create(model=MODEL, input="x", store=False, stream=True, extra_headers=extra):
            pass

    return work


# ---------------------------------------------------------------- import and memory, in separate processes

IMPORT = """
import json, sys, time
started = time.process_time()
import openai
first, before = time.process_time(), set(sys.modules)
exec(sys.argv[1])
print(json.dumps([first - started, time.process_time() - first, sorted(set(sys.modules) - before)]))
"""


def import_cost(statement: str, rounds: int) -> dict[str, Any]:
    """The cost of a statement on top of `import openai`: milliseconds, their share, and modules."""
    import statistics
    import sys

    in_child(IMPORT, statement)  # writes the byte code, as installing does
    rows = [in_child(IMPORT, statement) for _ in range(rounds)]
    added = rows[0][2]
    ours = [name for name in added if name.partition(".")[0] == "stepfun_compat"]
    third = {name.partition(".")[0] for name in added} - {"stepfun_compat", "openai", *sys.stdlib_module_names}
    openai_ms = statistics.median(row[0] for row in rows) * 1e3
    ours_ms = statistics.median(row[1] for row in rows) * 1e3
    return {
        "statement": statement,
        "openai_ms": openai_ms,
        "added_ms": ours_ms,
        "share": ours_ms / openai_ms,
        "control": statistics.median(row[0] for row in rows[::2]) / statistics.median(row[0] for row in rows[1::2]),
        "modules": len(ours),
        "third_party": sorted(third),
    }


_MEMORY = """
import asyncio, gc, json, os, resource, sys
from importlib import import_module
package, port, count = import_module(sys.argv[1]), sys.argv[2], int(sys.argv[3])
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
url = f"http://127.0.0.1:{port}/v1"
def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
async def main():
    given = {"max_retries": 0, "timeout": 120}
    if hasattr(package, "Settings"):
        client = package.AsyncOpenAI(settings=package.Settings(base_url=url, api_key="k"), **given)
    else:
        client = package.AsyncOpenAI(api_key="k", base_url=url, **given)
    async def one():
        stream = await client.chat.completions.create(model="step-3.7-flash", stream=True,
            messages=[{"role": "user", "content": "x"}], extra_headers={"x-hold": "1"})
        await anext(aiter(stream))
        return stream
    warm = [await one() for _ in range(3)]
    before, kept = resident(), []
    left = count - len(warm)  # the SDK's pool has a thousand connections
    while len(kept) < left:
        kept += await asyncio.gather(*(one() for _ in range(min(50, left - len(kept)))))
    print(json.dumps((resident() - before) * count / left))
    sys.stdout.flush()
    os._exit(0)
asyncio.run(main())
"""


def stream_memory(port: int, count: int, rounds: int, plain: str = "stepfun_compat.stock") -> Figure:
    """Growth of a process by `count` open streams, each after its first chunk."""

    def grown(package: str) -> float:
        return float(in_child(_MEMORY, package, port, count))

    rows = [(grown(plain), grown("stepfun_compat"), grown(plain)) for _ in range(rounds)]
    return figure(f"memory of {count:,} open streams", rows, "kB each", 1 / 1024 / count)


# ---------------------------------------------------------------- all of it


def fitting(once: Work) -> int:
    """The number of calls for a round of about a fifth of a second."""
    once()
    return max(min(round(0.2 / cpu(once)), 60), 2)


def works(
    sync: Any, over_chat: Any, later: Any, loop: Any, chunks: int, streams: int
) -> dict[str, Callable[[int], Work]]:
    """The cases by name for the clients of one side: functions of the number of calls in a round, which streams ignore."""
    each: dict[str, Callable[[int], Work]] = {}
    for count in (2, 50, 200):
        each[f"call with {count} messages"] = partial(calls, sync, count)
    for count in (2, 200):
        each[f"async call with {count} messages"] = partial(async_calls, later, loop, count)
    each["sync stream, 64 KiB reads"] = lambda _: stream(sync, chunks)
    each["async stream, 64 KiB reads"] = lambda _: async_streams(later, loop, 1, chunks)
    each["sync stream, one event per read"] = lambda _: stream(sync, chunks, True)
    each["async stream, one event per read"] = lambda _: async_streams(later, loop, 1, chunks, True)
    each[f"{streams} streams x 200 chunks"] = lambda _: async_streams(later, loop, streams, 200)
    each["Responses events"] = lambda _: response_events(sync, chunks)
    for count in (2, 200):
        for route, client in (("native", sync), ("chat", over_chat)):
            each[f"Responses call, {route} route, {count} items"] = partial(response_calls, client, count)
    return each


def every_case(clients: Clients, rounds: int, quick: bool) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """The comparisons by name, each as a function."""
    c, chunks = clients, 400 if quick else 1000
    ours = works(c.ours, c.ours_over_chat, c.ours_async, c.loop, chunks, 200)

    def compared(name: str, plain: Callable[[int], Work]) -> Figure:
        times = fitting(plain(1)) if "call" in name else 1
        return compare(name, plain(times), ours[name](times), max(rounds // 3, 3) if name.startswith("200") else rounds)

    for name, plain in works(c.plain, c.plain_over_chat, c.plain_async, c.loop, chunks, 200).items():
        yield name, partial(compared, name, plain)
