"""Faults that tests can inject into responses and connections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Any, cast

from .json_values import Object, is_object


@dataclass(frozen=True)
class Fault:
    """One fault; fields may be combined. Delays are in seconds, counts in stream events.

    Replace the response: `status` (with StepFun's body for it, or `body`), `html`, `empty`, `disconnect`.
    Change the response: `content_type`, `half_close`, `cut_after`, `malformed_after`, `error_after`, `no_finish`,
    `no_done`, `chunk_delay`, `hold_after`, `headers`. Delay either: `delay`, `hold`.
    """

    status: int | None = None
    """Answer with this status. A status of 200 needs a `body`."""
    body: Any = None
    """A JSON value or, as a string, the raw body. Default: StepFun's error for the status."""
    headers: Mapping[str, str] = field(default_factory=lambda: cast("dict[str, str]", {}))
    """Headers added to the response."""
    delay: float = 0
    """Wait before answering."""
    hold: bool = False
    """Do not answer until `release()` is called or the client disconnects."""
    hold_after: int | None = None
    """Like `hold`, in the middle of a stream."""
    chunk_delay: float = 0
    """Wait before every event of a stream."""
    cut_after: int | None = None
    """Close the connection after this many events, or bytes of a plain response's body."""
    malformed_after: int | None = None
    """Send half a JSON object after this many events. A plain response is truncated, but complete at the HTTP level."""
    error_after: int | None = None
    """Send an error object after this many events, and end the stream properly."""
    error: Any = None
    """The error object for `error_after`; one with `"type": "error"` is sent as an `error` event (stepfun-api 5.3)."""
    no_finish: bool = False
    """End the stream without a finish reason and without [DONE]."""
    no_done: bool = False
    """End the stream without [DONE]."""
    html: bool = False
    """Answer with a gateway's HTML page; the status is 200 unless `status` is set."""
    empty: bool = False
    """Answer with an empty body; the status is 200 unless `status` is set."""
    disconnect: bool = False
    """Close the connection without a response."""
    half_close: bool = False
    """Declare the full Content-Length, send half of the body, and close."""
    content_type: str | None = None
    """The Content-Type of the response."""
    times: int | None = 1
    """How many requests are affected. None: all of them."""
    path: str | None = None
    """Only requests whose path contains this text, or matches it as a glob."""
    method: str | None = None

    def __post_init__(self) -> None:
        if self.status is not None and not 100 <= self.status <= 599:
            raise ValueError(f"Fault.status is {self.status!r}; allowed: 100 to 599")
        if self.status is not None and self.status < 400 and self.body is None and not (self.html or self.empty):
            raise ValueError("Fault.status below 400 needs a body")
        if self.times is not None and self.times < 1:
            raise ValueError("Fault.times must be at least 1, or None for every request")

    @property
    def replaces(self) -> bool:
        """Whether the fault replaces the endpoint's response."""
        return self.status is not None or self.html or self.empty or self.disconnect

    def matches(self, method: str, path: str) -> bool:
        if self.method is not None and self.method.upper() != method:
            return False
        if self.path is None:
            return True
        return self.path in path or fnmatchcase(path, self.path)


_KINDS: Mapping[str, Mapping[str, Any]] = {
    "html": {"html": True},
    "empty": {"empty": True},
    "disconnect": {"disconnect": True},
    "half_close": {"half_close": True},
    "cut": {"cut_after": 2},
    "malformed": {"malformed_after": 2},
    "error": {"error_after": 2},
    "no_finish": {"no_finish": True},
    "no_done": {"no_done": True},
    "hold": {"hold": True},
    "wrong_content_type": {"content_type": "text/plain"},
}


def make(kind: str | int | Fault | None = None, **options: Any) -> Fault:
    """Make a fault from a status (429) or a name ("html", "cut", …) and options. `retry_after` sets that header."""
    if isinstance(kind, Fault):
        return replace(kind, **options) if options else kind
    start: dict[str, Any] = {}
    if isinstance(kind, bool):
        raise TypeError("a fault must be a status, a name or options")
    if isinstance(kind, int):
        start["status"] = kind
    elif isinstance(kind, str):
        if kind not in _KINDS:
            raise ValueError(f"unknown fault {kind!r}; allowed: a status or {', '.join(sorted(_KINDS))}")
        start.update(_KINDS[kind])
    start.update(options)
    retry_after = start.pop("retry_after", None)
    if retry_after is not None:
        start["headers"] = {**start.get("headers", {}), "Retry-After": str(retry_after)}
    unknown = sorted(set(start) - {item.name for item in fields(Fault)})
    if unknown:
        raise ValueError(f"unknown fault option: {', '.join(unknown)}")
    return Fault(**start)


def parse(text: str) -> Fault:
    """Parse the header `X-Emulator-Fault`: `status=429;times=2`, `cut_after=3`, `html`. Values are JSON or text."""
    options: dict[str, Any] = {}
    kind: str | int | None = None
    for part in text.split(";"):
        name, equals, value = part.strip().partition("=")
        name = name.strip()
        if not name:
            continue
        if not equals:
            if name in _KINDS:
                options.update({key: item for key, item in _KINDS[name].items() if key not in options})
            elif name.isdigit():
                kind = int(name)
            else:
                raise ValueError(f"unknown fault {name!r}")
            continue
        options[name] = _value(value.strip())
    return make(kind, **options)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"none": None, "None": None, "True": True, "False": False}.get(text, text)


def error_object(fault: Fault) -> Object:
    """Return the error object that `error_after` sends. StepFun's own form is not documented (stepfun-api 4.5)."""
    given = fault.error
    if is_object(given):
        items = given
        return items if "error" in items or items.get("type") == "error" else {"error": items}
    message = given if isinstance(given, str) else "The engine is currently overloaded, please try again later"
    return {"error": {"message": message, "type": "server_error"}}
