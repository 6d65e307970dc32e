"""Which streams may take the short way, and whether it leads where the SDK's does.

What the short way replaces is looked at for every stream: a client, a stream or a part of the SDK that somebody has
subclassed or patched keeps its own. The first stream of a kind also pays for a comparison of both ways on events built
in; if anything differs, no stream of the process takes the short way.
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
from .stream_objects import Build, Casting, Chunks, Events, Moulds

try:
    from pydantic_core import from_json as _from_json
except ImportError:  # pydantic 1, or 2 before it had this
    _from_json: Any = None

_LONG = 4096  # bytes; the longest number `json.loads` takes is a little longer

_moulds = Moulds()
_compared: set[str] = set()
_lock = threading.Lock()


def parse(data: bytes) -> Any:
    """The JSON of one event, as `json.loads` would give it.

    Raises:
        ValueError: it is for `json.loads` to say.
    """
    if len(data) > _LONG:
        raise ValueError("an event this long gains nothing")
    return _from_json(data)


def trusted() -> bool:
    """Whether the short way is open in this process: nothing has been found to differ."""
    return _moulds.trusted


def casting(stream: Any, endpoint: str, build: Build, class_of: Callable[[Any], Any]) -> Casting | None:
    """What builds the objects of a stream, None for one that goes the SDK's own way."""
    if not _moulds.trusted or _from_json is None or not _is_stock(stream):
        return None
    made: Casting
    if endpoint == "chat.completions" and stream._cast_to is _named("chat", "ChatCompletionChunk"):
        made, rows = Chunks(_moulds, build), CHUNKS
    elif endpoint == "responses" and stream._cast_to is _named("responses", "ResponseStreamEvent"):
        made, rows = Events(_moulds, build, class_of), EVENTS
    else:
        return None
    if endpoint not in _compared:
        with _lock:
            if endpoint not in _compared:
                _compare(stream, made, rows)
                _compared.add(endpoint)
    return made if _moulds.trusted else None


def _compare(stream: Any, cast: Casting, rows: list[dict[str, Any]]) -> None:
    """Both ways on the events built in. The rows come twice, since the first of a sort only makes its mould."""
    events = stream._client._make_sse_decoder().iter_bytes(iter([BODY]))
    if not same([json.loads(event.data) for event in events], [parse(data) for data in Frames().cut(BODY)]):
        _moulds.distrust("a decoded event")
    for row in [*rows, *rows]:
        if _moulds.trusted and not same(cast(row), cast.build(row)):
            _moulds.distrust(f"an event of {', '.join(row)}")


def _named(module: str, name: str) -> Any:
    return getattr(sys.modules.get(f"openai.types.{module}"), name, None)


# ---------------------------------------------------------------- whose code is it?


def _is_stock(stream: Any) -> bool:
    """Whether what the short way replaces is, for this stream, as the SDK and we have written it."""
    client, decoder = stream._client, stream._decoder
    base, models, streaming = (sys.modules[f"openai.{name}"] for name in ("_base_client", "_models", "_streaming"))
    return (
        not client._strict_response_validation
        and _files(client, "_process_response_data") == [sys.modules[_OURS].__file__, base.__file__]
        and _files(stream, "_iter_events") == [streaming.__file__]
        and type(decoder) is streaming.SSEDecoder
        and all(_files(decoder, name) == [streaming.__file__] for name in ("iter_bytes", "aiter_bytes", "decode"))
        and all(_file(getattr(models, name)) == models.__file__ for name in _BUILDERS)
        and base.construct_type is models.construct_type
        and _file(models.BaseModel.construct) == models.__file__
    )


_OURS = "stepfun_compat.client"
_BUILDERS = ("construct_type", "validate_type", "_construct_field")


def _files(thing: Any, name: str) -> list[str | None]:
    """The files that define a method of an object: its own, then those of its classes."""
    return [_file(vars(owner)[name]) for owner in (thing, *type(thing).__mro__) if name in vars(owner)]


def _file(function: Any) -> str | None:
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return None if code is None else code.co_filename
