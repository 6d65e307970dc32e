"""Server-sent events out of a body that was read whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

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
