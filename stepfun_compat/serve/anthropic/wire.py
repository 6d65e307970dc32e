"""Anthropic's API: `/v1/messages` and `/v1/messages/count_tokens`, over the client's chat completions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, cast

from ...client import AsyncOpenAI
from ...endpoints.json_values import json_bytes
from .. import upstream
from ..outbound import Outbound
from ..rejections import Rejected, anthropic_error
from ..upstream import Outgoing
from .invalid import Invalid
from .request import to_chat
from .response import MessageContext, to_message
from .stream import MessageStream

PING_SECONDS: Final = 15.0
"""Seconds of silence before a `ping` is sent. A choice: programs give up on a silent stream after a minute or more."""
_CHARACTERS_PER_TOKEN: Final = 4


def chat_request(body: dict[str, Any] | None, *, counts: bool = False) -> tuple[Outgoing, list[str]]:
    """Translate a request of Anthropic's API to (the client's chat request, what was dropped).

    `counts` is True for a request whose tokens are counted, which needs no `max_tokens`.

    Raises:
        Rejected: Anthropic's API would refuse it, or only Anthropic's servers can handle it.
    """
    if body is None:
        raise Rejected(400, "The request has no body: send a JSON object with model, max_tokens and messages.")
    try:
        made = to_chat(body, needs_max_tokens=not counts)
    except Invalid as error:
        raise Rejected(400, str(error)) from None
    return Outgoing("POST", "/chat/completions", body=made.body), list(dict.fromkeys(made.left_out))


async def relay(
    client: AsyncOpenAI, context: MessageContext, request: Outgoing, out: Outbound, secrets: tuple[str, ...]
) -> None:
    """Send a message request and relay the response.

    Raises:
        openai.OpenAIError: as the client raises it, before anything was sent back.
    """
    answer = await upstream.send(client, request)
    try:
        headers = {k: v for k, v in answer.headers.items() if k not in ("content-type", "content-disposition")}
        if answer.content is not None:
            await out.whole(answer.status, json_bytes(to_message(json.loads(answer.content), context)), headers)
            return
        assert answer.pieces is not None
        events = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
        }
        await out.start(answer.status, {**headers, **events})
        await _events(answer, MessageStream(context), out, secrets)
        await out.end()
    finally:
        await answer.aclose()


async def _events(answer: upstream.Answer, stream: MessageStream, out: Outbound, secrets: tuple[str, ...]) -> None:
    """Send the events of a response, with a `ping` after each long silence, such as hidden reasoning."""
    assert answer.pieces is not None
    pings = asyncio.ensure_future(_pings(out))
    try:
        async for chunk in chunks(answer.pieces):
            made = stream.feed(chunk)
            if made:
                await out.piece(b"".join(frame(event) for event in made))
        await out.piece(b"".join(frame(event) for event in stream.close()))
    except Exception as error:
        if isinstance(error, OSError):
            raise
        failure = upstream.stream_failure(error, answer, secrets)
        await out.piece(frame(anthropic_error(failure.status, failure.message, out.request_id)))
    finally:
        pings.cancel()


async def _pings(out: Outbound) -> None:
    with suppress(OSError):
        while True:
            await asyncio.sleep(PING_SECONDS)
            if out.idle_for() >= PING_SECONDS:
                await out.piece(frame({"type": "ping"}))


def frame(event: dict[str, Any]) -> bytes:
    """One event as Anthropic frames it."""
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + json_bytes(event) + b"\n\n"


async def chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Parse the chunks of a chat stream as the client writes it: one `data:` line each, up to `[DONE]`."""
    rest = b""
    async for piece in pieces:
        rest += piece
        *frames, rest = rest.split(b"\n\n")
        for data in frames:
            text = data.removeprefix(b"data:").strip()
            if text == b"[DONE]":
                return
            if text:
                yield cast("dict[str, Any]", json.loads(text))


async def count(client: AsyncOpenAI, request: Outgoing, out: Outbound) -> None:
    """Respond with the number of input tokens: StepFun's own count, plus an estimate for tools, which StepFun does not
    count.

    Raises:
        openai.OpenAIError: as the client raises it.
    """
    body = request.body or {}
    number: int = await client.stepfun.count_tokens(body["messages"], model=body["model"])
    tools = body.get("tools")
    if tools:
        number += len(json.dumps(tools, ensure_ascii=False)) // _CHARACTERS_PER_TOKEN
    await out.whole(200, json_bytes({"input_tokens": number}))
