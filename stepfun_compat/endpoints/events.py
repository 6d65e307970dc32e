"""Server-sent events out of a body that was read whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..catalog.failures import FAILURES
from ..exchange import Refusal
from .chat_response import Dict, UnexpectedBody, as_dict


def server_sent(body: Any) -> Iterator[Dict]:
    """The JSON objects of a stream of events, up to `[DONE]`. A body that is one JSON object counts as one event.

    Raises:
        UnexpectedBody: the body is something else, or an event is not a JSON object.
    """
    whole = as_dict(body)
    if whole is not None:
        yield whole
        return
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if not isinstance(body, str):
        raise UnexpectedBody("the answer is no stream of events")
    data: list[str] = []
    for line in [*body.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            text, data = "\n".join(data), []
            if text.strip() == "[DONE]":
                return
            try:
                event = as_dict(json.loads(text))
            except ValueError as error:
                raise UnexpectedBody(f"an event is not JSON: {text[:200]!r}") from error
            if event is None:
                raise UnexpectedBody(f"an event is not an object: {text[:200]!r}")
            yield event


def failure(event: Mapping[str, Any], otherwise: str) -> Refusal:
    """An event that tells of an error, as the error a plain answer would have been; `otherwise` where it says nothing."""
    inner = as_dict(event.get("error")) or event
    message = str(inner.get("message") or otherwise)
    known = FAILURES.get(str(inner.get("type")))
    if known is None and "no speech found" in message.lower():  # told of silence (api 9.1)
        known = FAILURES["request_params_invalid"]
    if known is None:
        return Refusal(message, status=500, code="server_error", type="server_error")
    return Refusal(message, status=known.status, code=known.code)
