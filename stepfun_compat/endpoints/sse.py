"""Read server-sent events from a complete body, and error events from any stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..catalog.failures import ERROR_TYPES, WORDINGS
from .context import RequestRejected
from .json_values import Dict, UnexpectedBody, as_dict


def server_sent(body: Any) -> Iterator[Dict]:
    """Yield the JSON objects of an event stream, up to `[DONE]`. A body that is one JSON object is one event.

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
        raise UnexpectedBody("the response is not an event stream")
    data: list[str] = []
    for line in [*body.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            text, data = "\n".join(data), []
            if text.strip() == "[DONE]":
                return
            yield _event(text)


def _event(text: str) -> Dict:
    try:
        event = as_dict(json.loads(text))
    except ValueError as error:
        raise UnexpectedBody(f"an event is not JSON: {text[:200]!r}") from error
    if event is None:
        raise UnexpectedBody(f"an event is not an object: {text[:200]!r}")
    return event


def failure(event: Mapping[str, Any], otherwise: str) -> RequestRejected:
    """Translate an error event to the error of a response without a stream; `otherwise` is the message if it has none."""
    inner = as_dict(event.get("error")) or event
    message = str(inner.get("message") or otherwise)
    known = ERROR_TYPES.get(str(inner.get("type"))) or ERROR_TYPES.get(str(inner.get("code")))
    if known is not None:
        return RequestRejected(message, status=known.status, code=known.code)
    worded = next((row for row in WORDINGS if 0 in row.wire and row.pattern.search(message)), None)
    if worded is not None:
        return RequestRejected(message, status=worded.status, code=worded.code)
    if "no speech found" in message.lower():  # StepFun's error for silence (stepfun-api 9.1)
        invalid = ERROR_TYPES["request_params_invalid"]
        return RequestRejected(message, status=invalid.status, code=invalid.code)
    return RequestRejected(message, status=500, code="server_error", type="server_error")


def error_in(event: Mapping[str, Any]) -> Dict | None:
    """Return the error object of a chat event without `choices` and `error`, None if it is not an error.

    StepFun's form is not documented (stepfun-api 4.5); gateways have their own.
    """
    status = as_dict(event.get("base_resp")) or {}
    code = _first(event.get("code"), status.get("status_code"))
    text = next((text for name in ("message", "msg", "detail") if (text := event.get(name))), status.get("status_msg"))
    marked = "error" in (event.get("type"), event.get("object"))
    if not marked and not _means_error(code, text):
        return None
    if text and not isinstance(text, str):
        text = json.dumps(text, ensure_ascii=False)
    message = text or "The server ended the stream with an error."
    return {**_without_marks(event), "message": message, "code": code}


_NO_ERROR = frozenset({"0", "200", "ok", "success"})


def _first(*codes: Any) -> Any:
    return next((code for code in codes if code not in (None, "")), None)


def _without_marks(event: Mapping[str, Any]) -> Dict:
    """Return an error event without the fields that only mark it as one."""
    return {key: value for key, value in event.items() if key != "object" and (key, value) != ("type", "error")}


def _means_error(code: Any, text: Any) -> bool:
    return bool(text) if code is None else str(code).lower() not in _NO_ERROR


def error_named(text: str) -> Any:
    """Return the error object of an event named `error`, whose data may be text."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return {"message": text}
    row = as_dict(event)
    if row is None:
        return {"message": text}
    return row.get("error") or error_in(row) or row
