"""How alterations are made visible: one line or warning per kind and parameter where meaning may be lost, and one INFO
line a request. Neither shows what the caller wrote, only names, numbers and values of ours; DEBUG shows the body."""

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
    """Something the caller requested may be missing from the answer. Given once per kind and parameter and process, if
    `Settings.on_unsupported` is `warn`."""


def reset_warnings() -> None:
    """Forget which warnings were given, so that each is given once more."""
    with _lock:
        _seen.clear()


def _stack_level() -> int:
    """The depth of the first frame that is neither ours nor the SDK's: the line a warning should point at."""
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
    """Log `text` at WARNING, or give it as a `StepfunCompatWarning`, unless one for this kind and parameter was given.

    The log line is visible without any set-up, and no `-W error` turns it into an exception.
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
    """Tell what was changed since `start`; returns where to go on from.

    One INFO line for the request, and a warning for each change that may lose meaning while the policy is `warn`.
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
    """One INFO line: the request and its changes, or the changes since `start`, if there are any."""
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
    """A body fit for a log: keys hidden, data URLs and long texts shortened."""
    if isinstance(value, Mapping):
        return {key: redacted(inner) for key, inner in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in cast("list[Any]", value)]
    if isinstance(value, str):
        text = _KEYLIKE.sub(lambda m: f"{m.group(1)}…" if m.group(1) else "Bearer …", value)
        return text if len(text) <= _LONG else f"{text[:_LONG]}… ({len(text)} characters)"
    return value


def debug_body(context: RequestContext, method: str, path: str, body: Json) -> None:
    """The translated body at DEBUG, redacted."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug(
            "%s %s %s %s", context.endpoint, method, path, json.dumps(redacted(body), ensure_ascii=False, default=str)
        )


if not TYPE_CHECKING:  # which would otherwise take any name for one of this module
    from .former_lookup import former_names_of

    __getattr__ = former_names_of(__name__)
