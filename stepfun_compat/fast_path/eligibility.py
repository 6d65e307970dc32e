"""Decide which streams may use the fast path, and check that it gives the SDK's objects.

What the fast path replaces is examined for every stream: a client, a stream or a part of the SDK that is subclassed or
patched is used as it is. The first stream of a kind also compares the fast path with the SDK on built-in events; if
anything differs, no stream of the process uses the fast path.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from typing import Any

from .object_templates import same
from .self_check import BODY, CHUNKS, EVENTS
from .sse_frames import Frames
from .stream_objects import Build, ChunkBuilder, EventBuilder, ObjectBuilder, TemplateCache

try:
    from pydantic_core import from_json as _from_json
except ImportError:  # pydantic 1, or 2 before it had this
    _from_json: Any = None

_LONG = 4096  # bytes, less than the longest number `json.loads` takes

_templates = TemplateCache()
_compared: set[str] = set()
_lock = threading.Lock()


def parse(data: bytes) -> Any:
    """Parse the JSON of one event, as `json.loads` does.

    Raises:
        ValueError: the caller must use `json.loads`.
    """
    if len(data) > _LONG:
        raise ValueError("an event of this length gains nothing")
    return _from_json(data)


def is_enabled() -> bool:
    """Whether the process uses the fast path: no difference from the SDK was found."""
    return _templates.enabled


def builder_for(stream: Any, endpoint: str, sdk: Build, class_of: Callable[[Any], Any]) -> ObjectBuilder | None:
    """Return the builder of a stream's objects, None for a stream that the SDK must build."""
    if not _templates.enabled or _from_json is None or not _is_stock(stream):
        return None
    builder: ObjectBuilder
    if endpoint == "chat.completions" and stream._cast_to is _named("chat", "ChatCompletionChunk"):
        builder, rows = ChunkBuilder(_templates, sdk), CHUNKS
    elif endpoint == "responses" and stream._cast_to is _named("responses", "ResponseStreamEvent"):
        builder, rows = EventBuilder(_templates, sdk, class_of), EVENTS
    else:
        return None
    if endpoint not in _compared:
        with _lock:
            _compare_once(endpoint, stream, builder, rows)
    return builder if _templates.enabled else None


def _compare_once(endpoint: str, stream: Any, builder: ObjectBuilder, rows: list[dict[str, Any]]) -> None:
    """Compare the fast path with the SDK on the built-in events, twice each, since the first only makes the template."""
    if endpoint in _compared:
        return
    events = stream._client._make_sse_decoder().iter_bytes(iter([BODY]))
    if not same([json.loads(event.data) for event in events], [parse(data) for data in Frames().feed(BODY)]):
        _templates.disable("a decoded event")
    for row in [*rows, *rows]:
        if _templates.enabled and not same(builder(row), builder.sdk(row)):
            _templates.disable(f"an event of {', '.join(row)}")
    _compared.add(endpoint)


def _named(module: str, name: str) -> Any:
    return getattr(sys.modules.get(f"openai.types.{module}"), name, None)


# ---------------------------------------------------------------- is the code the SDK's and ours?


def _is_stock(stream: Any) -> bool:
    """Whether the parts of the SDK that the fast path replaces are neither subclassed nor patched for this stream."""
    client, decoder = stream._client, stream._decoder
    base, models, streaming = (sys.modules[f"openai.{name}"] for name in ("_base_client", "_models", "_streaming"))
    return (
        not client._strict_response_validation
        and _files(client, "_process_response_data") == [sys.modules[_OURS].__file__, base.__file__]
        and _files(stream, "_iter_events") == [streaming.__file__]
        and type(decoder) is streaming.SSEDecoder
        and all(_files(decoder, name) == [streaming.__file__] for name in ("iter_bytes", "aiter_bytes", "decode"))
        and base.construct_type is models.construct_type
        and all(_file(function) == models.__file__ for function in _builders(models))
    )


_OURS = "stepfun_compat.client"


def _builders(models: Any) -> tuple[Any, ...]:
    """Return the SDK's functions that build objects."""
    return models.construct_type, models.validate_type, models._construct_field, models.BaseModel.construct


def _files(thing: Any, name: str) -> list[str | None]:
    """Return the files that define a method: the object's own, then those of its classes."""
    return [_file(vars(owner)[name]) for owner in (thing, *type(thing).__mro__) if name in vars(owner)]


def _file(function: Any) -> str | None:
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return None if code is None else code.co_filename
