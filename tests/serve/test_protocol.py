"""A response goes out in one piece where it is there in one piece."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stepfun_compat.serve.protocol import JoiningTransport


class Recorder:
    """A transport that notes what is sent through it."""

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


@pytest.mark.parametrize("end", ["step", "close", "abort", "lost"])
def test_what_one_step_writes_is_sent_at_once(end: str) -> None:
    async def use() -> tuple[list[bytes], int]:
        recorder: Any = Recorder()
        transport = JoiningTransport(recorder, asyncio.get_running_loop())
        transport.write(b"head ")
        transport.write(b"body")
        assert recorder.sent == []
        size = transport.get_write_buffer_size()
        if end == "lost":
            recorder.close()
        elif end != "step":
            getattr(transport, end)()
        await asyncio.sleep(0)
        if end == "step":
            assert not transport.is_closing()
            transport.write(b"next")
            await asyncio.sleep(0)
        return recorder.sent, size

    sent, size = asyncio.run(use())
    assert size == 109
    assert sent == {"step": [b"head body", b"next"], "close": [b"head body"], "abort": [], "lost": []}[end]
