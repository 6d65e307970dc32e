"""Send responses: one head, then the body, whole or in pieces."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..endpoints.json_values import json_bytes
from .inbound import Inbound, Send
from .metering import Sample
from .rejections import Rejected, anthropic_error, openai_error


class Outbound:
    """The response to one request. Each response has `x-request-id` and the headers in `headers`."""

    def __init__(self, send: Send, sample: Sample, head_only: bool = False) -> None:
        self._send = send
        self._sample = sample
        self.head_only = head_only
        self.headers: dict[str, str] = {}
        self.request_id = ""
        self.anthropic = False
        self.started = False
        self.finished = False
        self.events = False
        self.pieces = 0
        self._last: float | None = None

    async def start(self, status: int, headers: Mapping[str, str], length: int | None = None) -> None:
        """Send the head. `length` None: the body is sent in pieces."""
        rows = {**headers, **self.headers}
        self.request_id = rows.setdefault("x-request-id", self.request_id)  # StepFun's id, if it sent one
        if self.anthropic:
            rows.setdefault("request-id", self.request_id)
        if length is not None:
            rows["content-length"] = str(length)
        self.started = True
        self.events = rows.get("content-type", "").startswith("text/event-stream")
        self._sample.status = status
        raw = [(name.encode("latin-1"), _line(value)) for name, value in rows.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def piece(self, data: bytes) -> None:
        """Send a piece of the body."""
        self.pieces += 1
        self._last = time.monotonic()
        if self._sample.first_byte is None:
            self._sample.first_byte = self._last
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    def idle_for(self) -> float:
        """Seconds since the last piece; 0 before the first."""
        return 0.0 if self._last is None else time.monotonic() - self._last

    async def end(self) -> None:
        """Complete the body."""
        self.finished = True
        await self._send({"type": "http.response.body", "body": b""})

    async def whole(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a complete response."""
        rows = {"content-type": "application/json", **(headers or {})}
        await self.start(status, rows, len(body))
        self.finished = True
        await self._send({"type": "http.response.body", "body": b"" if self.head_only else body})

    async def rejection(self, error: Rejected) -> None:
        """Send an error of this server in the format of the caller's API."""
        if self.anthropic:
            body = anthropic_error(error.status, error.message, self.request_id)
        else:
            body = openai_error(error.status, error.message, error.code, error.param)
        await self.whole(error.status, json_bytes(body), error.headers)

    def of(self, inbound: Inbound) -> None:
        """Take the id and the error format of the request this answers."""
        self.request_id = inbound.id
        self.anthropic = inbound.is_anthropic


def _line(value: str) -> bytes:
    """Encode a header's value, without line breaks."""
    return value.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace")
