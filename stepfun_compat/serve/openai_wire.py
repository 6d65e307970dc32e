"""OpenAI's API: pass requests to the client, and relay its responses as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from ..catalog import Catalog
from ..client import AsyncOpenAI
from ..endpoints.json_values import json_bytes
from . import listing, upstream
from .forms import is_form, parse_form
from .inbound import Inbound, parse_json
from .outbound import Outbound
from .rejections import Rejected
from .upstream import Answer

FAMILIES: Final = frozenset(
    [
        "chat",
        "completions",
        "responses",
        "conversations",
        "models",
        "files",
        "uploads",
        "vector_stores",
        "images",
        "audio",
        "batches",
        "embeddings",
        "moderations",
        "fine_tuning",
        "evals",
        "assistants",
        "threads",
        "agents",
        "vaults",
        "chatkit",
        "videos",
        "containers",
        "skills",
        "realtime",
        "live",
        "organization",
        "projects",
        "webhook_endpoints",
        "webhook_event_types",
        "safety",
        "content_provenance_checks",
        "decisions",
        "token",
    ]
)
"""The first segments of the paths passed to the client: OpenAI's. The client knows which of them StepFun lacks."""
METERED: Final = frozenset(["chat", "completions", "responses", "images", "audio", "messages", "embeddings"])
"""The resources that use a model: their POST requests count against the concurrency limit."""


async def read(inbound: Inbound, body: bytes) -> upstream.Outgoing:
    """Return the client's request for a caller's.

    Raises:
        Rejected: the path is not one of OpenAI's, or the body cannot be read.
    """
    if not inbound.segments or inbound.segments[0] not in FAMILIES:
        raise unknown(inbound)
    if inbound.method not in ("GET", "HEAD", "POST", "DELETE"):
        raise Rejected(405, f"{inbound.method} is not allowed here.", headers={"allow": "GET, POST, DELETE"})
    kind = inbound.headers.get("content-type", "")
    if is_form(kind):
        fields, files = await parse_form(body, kind)
        return upstream.outgoing(inbound, fields, files)
    if kind.startswith("application/sdp"):  # realtime calls, which StepFun lacks: the client's error says so
        return upstream.outgoing(inbound, None)
    return upstream.outgoing(inbound, parse_json(body))


def unknown(inbound: Inbound) -> Rejected:
    """Return the 404 for an unknown path, with the fix."""
    return Rejected(
        404,
        f"Invalid URL ({inbound.method if inbound.method.isalpha() else '?'} {inbound.sent_path}): this server serves OpenAI's API "
        "below /v1 (chat/completions, responses, models, files, images, audio, …) and Anthropic's at /v1/messages. Check the base URL.",
        code="unknown_url",
    )


async def relay(client: AsyncOpenAI, request: upstream.Outgoing, out: Outbound, secrets: tuple[str, ...]) -> None:
    """Send a request through the client and relay the response.

    Raises:
        openai.OpenAIError: as the client raises it, before anything was sent back.
    """
    answer = await upstream.send(client, request)
    try:
        await send_back(answer, out, request, secrets)
    finally:
        await answer.aclose()


async def send_back(answer: Answer, out: Outbound, request: upstream.Outgoing, secrets: tuple[str, ...]) -> None:
    """Send a response; a stream that breaks ends with an error event, as in OpenAI's API."""
    if answer.content is not None:
        await out.whole(answer.status, answer.content, answer.headers)
        return
    assert answer.pieces is not None
    headers = dict(answer.headers)
    if headers.get("content-type", "").startswith("text/event-stream"):
        headers.setdefault("cache-control", "no-cache")
        headers["x-accel-buffering"] = "no"
    await out.start(answer.status, headers)
    if out.head_only:
        await out.end()
        return
    try:
        async for piece in answer.pieces:
            if piece:
                await out.piece(piece)
    except Exception as error:
        if not out.events or isinstance(error, OSError):
            raise  # close the connection before the end of the body: HTTP's sign of an incomplete response
        failure = upstream.stream_failure(error, answer, secrets)
        await out.piece(error_event(failure.body, request.path, out.pieces))
    await out.end()


def error_event(body: Mapping[str, Any], path: str, sequence: int) -> bytes:
    """An error inside a stream: an `error` event on Responses, an object in place of a chunk elsewhere."""
    if not path.startswith("/responses"):
        return b"data: " + json_bytes(body) + b"\n\n"
    error = body["error"]
    event = {
        "type": "error",
        "code": error.get("code"),
        "message": error.get("message"),
        "param": error.get("param"),
        "sequence_number": sequence,
    }
    return b"event: error\ndata: " + json_bytes(event) + b"\n\n"


async def models(client: AsyncOpenAI, inbound: Inbound, catalog: Catalog, out: Outbound) -> None:
    """Respond with the list of models, in the format of the caller's API.

    Raises:
        openai.OpenAIError: as the client raises it.
    """
    answer = await upstream.send(client, upstream.outgoing(inbound, None))
    body = cast("dict[str, Any]", json.loads(answer.content or b"{}"))
    rows = listing.with_aliases(body["data"], catalog)
    shown: Mapping[str, Any] = listing.anthropic_list(rows) if inbound.is_anthropic else {**body, "data": rows}
    await out.whole(answer.status, json_bytes(shown), answer.headers)
