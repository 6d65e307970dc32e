"""A response that is ready at once is sent in one piece."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stepfun_compat.serve.protocol import JoiningTransport

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Recorder:
    """A transport that records what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 100


@pytest.mark.parametrize("end", ["body", "step", "close", "abort", "lost"])
def test_head_is_sent_with_its_body(end: str) -> None:
    async def use() -> tuple[list[bytes], int]:
        recorder: Any = Recorder()
        transport = JoiningTransport(recorder, asyncio.get_running_loop())
        transport.write(HEAD)
        assert recorder.sent == []
        size = transport.get_write_buffer_size()
        if end == "lost":
            recorder.close()
        elif end == "body":
            transport.write(b"body")
            assert recorder.sent == [HEAD + b"body"], "the body waits for the end of the event loop step"
        elif end != "step":
            getattr(transport, end)()
        await asyncio.sleep(0)
        if end == "body":
            await asyncio.sleep(0)
            transport.write(b"next")
        return recorder.sent, size

    sent, size = asyncio.run(use())
    assert size == 100 + len(HEAD)
    expected = {"body": [HEAD + b"body", b"next"], "step": [HEAD], "close": [HEAD], "abort": [], "lost": []}
    assert sent == expected[end]
