"""The content of batch files, and the HTTP client that sends the lines."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from stepfun_compat import AsyncOpenAI, OpenAI, Settings
from stepfun_compat._client import batch_operations
from stepfun_compat.emulator import EmulatorServer, Fault
from tests.support.batches import create, jsonl, line, rows_of, settled


@pytest.fixture
def server() -> Iterator[EmulatorServer]:
    with EmulatorServer() as server:
        yield server


@pytest.fixture
def settings(server: EmulatorServer, tmp_path: Path) -> Settings:
    return Settings(base_url=server.base_url, api_key=server.api_key, batch_dir=str(tmp_path / "batches"))


CONTENT = jsonl(line(i) for i in range(2000))


@pytest.fixture
def from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_operations, "_IN_MEMORY", 100)


@pytest.mark.usefixtures("from_disk")
def test_file_content_on_disk_reads_like_content_in_memory(settings: Settings, tmp_path: Path) -> None:
    with OpenAI(settings=settings) as client:
        id = client.files.create(file=("a.jsonl", CONTENT), purpose="batch").id
        content = client.files.content(id)
        client.files.delete(id)  # content already returned stays readable
        assert content.content == content.read() == CONTENT
        assert content.text == CONTENT.decode()
        id = client.files.create(file=("a.jsonl", CONTENT), purpose="batch").id
        content = client.files.content(id)
        pieces = list(content.iter_bytes(1000))
        assert {len(piece) for piece in pieces[:-1]} == {1000}
        assert b"".join(pieces) == b"".join(content.iter_bytes()) == CONTENT
        assert list(content.iter_lines()) == CONTENT.decode().splitlines()
        content.write_to_file(tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == CONTENT
        assert content.response.headers["content-length"] == str(len(CONTENT))
        with client.files.with_streaming_response.content(id) as streamed:
            assert b"".join(streamed.iter_bytes()) == CONTENT
        raw = client.files.with_raw_response.content(id)
        assert raw.parse().read() == CONTENT


@pytest.mark.anyio
@pytest.mark.usefixtures("from_disk")
async def test_file_content_on_disk_reads_like_content_in_memory_async(settings: Settings, tmp_path: Path) -> None:
    async with AsyncOpenAI(settings=settings) as client:
        id = (await client.files.create(file=("a.jsonl", CONTENT), purpose="batch")).id
        content = await client.files.content(id)
        assert await content.aread() == content.content == CONTENT
        assert content.text == CONTENT.decode()
        async with client.files.with_streaming_response.content(id) as streamed:
            assert b"".join([piece async for piece in streamed.iter_bytes()]) == CONTENT
            await streamed.stream_to_file(tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == CONTENT


def test_large_file_is_never_loaded_into_memory(settings: Settings, tmp_path: Path) -> None:
    """Upload, validate, process and download a file of 60 MB in less than 40 MB of additional memory."""
    pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("ru_maxrss is in kilobytes on Linux only")
    row = b'{"custom_id":"%d","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":"%s"}}\n'
    with (tmp_path / "large.jsonl").open("wb") as file:
        for number in range(60):
            file.write(row % (number, b"x" * 1_000_000))
        file.write(b"no json\n")
    program = f"""
import resource, sys, threading, stepfun_compat
client = stepfun_compat.OpenAI()
client.files.create(file=("small.jsonl", b"{{}}"), purpose="batch")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open({str(tmp_path / "large.jsonl")!r}, "rb") as opened:
    id = client.files.create(file=opened, purpose="batch").id
batch = client.batches.create(input_file_id=id, endpoint="/v1/chat/completions", completion_window="24h")
while batch.status != "failed":
    threading.Event().wait(0.05)
    batch = client.batches.retrieve(batch.id)
with client.files.with_streaming_response.content(id) as streamed:
    size = sum(map(len, streamed.iter_bytes()))
assert size == {(tmp_path / "large.jsonl").stat().st_size}, size
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    environment = {
        "STEPFUN_BASE_URL": settings.base_url or "",
        "STEPFUN_API_KEY": "k",
        "STEPFUN_BATCH_DIR": settings.batch_dir or "",
    }
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 40


class Counted(httpx.HTTPTransport):
    seen = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        type(self).seen += 1
        return super().handle_request(request)


class AsyncCounted(httpx.AsyncHTTPTransport):
    seen = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        type(self).seen += 1
        return await super().handle_async_request(request)


def test_lines_use_the_callers_http_client(settings: Settings) -> None:
    Counted.seen = 0
    with OpenAI(settings=settings, http_client=httpx.Client(transport=Counted())) as client:
        batch = settled(client, create(client, jsonl(line(i) for i in range(20))).id)
        assert batch.request_counts.completed == 20
        assert Counted.seen == 20


@pytest.mark.anyio
async def test_lines_use_the_callers_async_http_client(settings: Settings) -> None:
    AsyncCounted.seen = 0
    async with AsyncOpenAI(settings=settings, http_client=httpx.AsyncClient(transport=AsyncCounted())) as client:
        batch = await submitted(client, 20)
        with anyio.fail_after(30):
            while batch.status != "completed":
                await anyio.sleep(0.02)
                batch = await client.batches.retrieve(batch.id)
        assert batch.request_counts.completed == 20
        assert AsyncCounted.seen == 20


async def submitted(client: AsyncOpenAI, count: int) -> Any:
    file = await client.files.create(file=("in.jsonl", jsonl(line(i) for i in range(count))), purpose="batch")
    return await client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")


@pytest.mark.parametrize("closed", ["client", "loop"])
def test_lines_wait_for_the_next_client_when_the_callers_client_is_closed(
    settings: Settings, server: EmulatorServer, closed: str
) -> None:
    server.fault(Fault(hold=True, times=5))
    ids: list[str] = []

    async def main() -> None:
        client = AsyncOpenAI(settings=settings, http_client=httpx.AsyncClient())
        ids.append((await submitted(client, 20)).id)
        while not server.wait_until_held(5, timeout=0):
            await asyncio.sleep(0.01)

    if closed == "loop":
        asyncio.run(main())
    else:
        client = OpenAI(settings=settings, http_client=httpx.Client())
        ids.append(create(client, jsonl(line(i) for i in range(20))).id)
        assert server.wait_until_held(5, timeout=20)
        client.close()
    server.release()
    with OpenAI(settings=settings) as client:
        batch = settled(client, ids[0])
        assert (batch.request_counts.completed, batch.request_counts.failed) == (20, 0)
        assert len(rows_of(client.files.content(batch.output_file_id).text)) == 20
