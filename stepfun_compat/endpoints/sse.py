"""Server-sent events out of a body that was read whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..catalog.failures import FAILURES, WORDINGS
from .context import RequestRejected
from .json_values import Dict, UnexpectedBody, as_dict


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
        raise UnexpectedBody("the response is not an event stream")
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


def failure(event: Mapping[str, Any], otherwise: str) -> RequestRejected:
    """An event that tells of an error, as the error a plain answer would have been; `otherwise` where it says nothing."""
    inner = as_dict(event.get("error")) or event
    message = str(inner.get("message") or otherwise)
    known = FAILURES.get(str(inner.get("type"))) or FAILURES.get(str(inner.get("code")))
    if known is None:
        words = next((row for row in WORDINGS if 0 in row.wire and row.pattern.search(message)), None)
        if words is not None:
            return RequestRejected(message, status=words.status, code=words.code)
    if known is None and "no speech found" in message.lower():  # told of silence (stepfun-api 9.1)
        known = FAILURES["request_params_invalid"]
    if known is None:
        return RequestRejected(message, status=500, code="server_error", type="server_error")
    return RequestRejected(message, status=known.status, code=known.code)


def error_in(event: Mapping[str, Any]) -> Dict | None:
    """The error object of a chat event that has neither `choices` nor an `error` member, None where nothing says that
    it is an error. StepFun's own form is not documented (stepfun-api 4.5); gateways have theirs."""
    status = as_dict(event.get("base_resp")) or {}
    code = next((code for code in (event.get("code"), status.get("status_code")) if code not in (None, "")), None)
    text = event.get("message") or event.get("msg") or event.get("detail") or status.get("status_msg")
    if "error" not in (event.get("type"), event.get("object")):
        says_so = bool(text) if code is None else str(code).lower() not in _NO_ERROR
        if not says_so:
            return None
    message = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False) if text else ""
    kept = {key: value for key, value in event.items() if key != "object" and (key, value) != ("type", "error")}
    return {**kept, "message": message or "The server ended the stream with an error.", "code": code}


_NO_ERROR = frozenset({"0", "200", "ok", "success"})


def error_named(text: str) -> Any:
    """The error object of an event that is called `error`: its data need not be JSON."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return {"message": text}
    row = as_dict(event)
    if row is None:
        return {"message": text}
    return row.get("error") or error_in(row) or row
