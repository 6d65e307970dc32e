"""Report changes: one line or warning per kind and parameter if meaning may be lost, and one INFO line per request.

Neither shows the caller's content, only names, numbers and values of this package. DEBUG shows the redacted body.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
import threading
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .endpoints.context import Json, RequestContext

log = logging.getLogger("stepfun_compat")

_INDEX = re.compile(r"\[\d+\]")
_seen: set[tuple[str, str]] = set()
_lock = threading.Lock()


class StepfunCompatWarning(UserWarning):
    """Something the caller requested may be missing from the response. Emitted once per kind, parameter and process if
    `Settings.on_unsupported` is `warn`."""


def reset_warnings() -> None:
    """Reset the record of emitted warnings, so that each is emitted once more."""
    with _lock:
        _seen.clear()


def _stack_level() -> int:
    """Return the depth of the first frame outside this package and the SDK: the line a warning should point to."""
    ours = ("openai.", "stepfun_compat.")
    frame = inspect.currentframe()
    level = 0
    while frame is not None and frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", "")) + "."
        if not name.startswith(ours):
            return level
        frame, level = frame.f_back, level + 1
    return level


def tell_once(kind: str, parameter: str, text: str, *, as_warning: bool = True) -> None:
    """Log `text` at WARNING, or emit it as a `StepfunCompatWarning`, once for this kind and parameter.

    The log line is visible without configuration, and `-W error` does not turn it into an exception.
    """
    key = (kind, _INDEX.sub("[]", parameter))
    with _lock:
        if key in _seen:
            return
        _seen.add(key)
    if not as_warning:
        log.warning("%s", text)
        return
    warnings.warn(text, StepfunCompatWarning, stacklevel=_stack_level())


def report(context: RequestContext, start: int = 0) -> int:
    """Report the changes since `start`, and return the next `start`.

    Logs one INFO line for the request. A change that may lose meaning gets its own line or warning, as `on_unsupported`
    says.
    """
    changes = context.changes
    if log.isEnabledFor(logging.INFO):
        _log_line(context, start)
    if context.settings.on_unsupported in ("log", "warn"):
        for change in changes[start:]:
            if change.lossy:
                text = change.for_log()
                tell_once(change.kind, change.parameter, text, as_warning=context.settings.on_unsupported == "warn")
    return len(changes)


def _log_line(context: RequestContext, start: int) -> None:
    """Log one INFO line: the request and its changes, or the changes since `start` if there are any."""
    changes = " | ".join(change.for_log() for change in context.changes[start:])
    if start == 0:
        effort = next((str(c.after) for c in context.changes if c.parameter == "reasoning_effort"), "-")
        log.info(
            "%s %s -> %s effort=%s%s",
            context.endpoint,
            context.requested_model,
            context.model_id,
            effort,
            f" | {changes}" if changes else "",
        )
    elif changes:
        log.info("%s %s | %s", context.endpoint, context.model_id, changes)


_LONG = 512
_KEYLIKE = re.compile(r"\b(sk-[A-Za-z0-9_-]{8})[A-Za-z0-9_-]+|(?i:bearer\s+)\S+")


def redacted(value: Json) -> Json:
    """Return a body for a log: keys are hidden, data URLs and long texts shortened."""
    if isinstance(value, Mapping):
        return {key: redacted(inner) for key, inner in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in cast("list[Any]", value)]
    if isinstance(value, str):
        text = _KEYLIKE.sub(lambda m: f"{m.group(1)}…" if m.group(1) else "Bearer …", value)
        return text if len(text) <= _LONG else f"{text[:_LONG]}… ({len(text)} characters)"
    return value


def debug_body(context: RequestContext, method: str, path: str, body: Json) -> None:
    """Log the translated body at DEBUG, redacted."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug(
            "%s %s %s %s", context.endpoint, method, path, json.dumps(redacted(body), ensure_ascii=False, default=str)
        )


if not TYPE_CHECKING:  # a type checker would accept any name of this module
    from .former_lookup import former_names_of

    __getattr__ = former_names_of(__name__)
