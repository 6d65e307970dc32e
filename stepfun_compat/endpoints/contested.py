"""Rewrite requests to the safe form of contested facts, and recognize the errors that require it (stepfun-api 11, 13).

Pure. Everything here works on the request as it is sent, so it serves every endpoint that sends such a request,
streamed or not, alone or as a step of a flow.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, cast

from ..catalog.files import PICTURES
from .base import Endpoint, WireRequest, replace
from .changes import SENT_AGAIN
from .chat import structured_output as structured
from .chat.state import ChatState
from .context import RequestContext, RequestRejected

if TYPE_CHECKING:
    from ..catalog.schema import ContestedFact, Rewrite, SettledFact

MOST: Final = 6
"""How many facts one request may settle; each costs one more request."""
_ENDPOINTS: Final = {"/chat/completions": "chat.completions", "/responses": "responses", "/files": "files.create"}
_REFUSED: Final = 400
_SHOWN: Final = frozenset({"reasoning_effort", "reasoning", "stream_options"})
"""Parameters whose values are shown when they are dropped, since they contain nothing of a conversation."""
_DOCUMENTED: Final = frozenset({"role", "content", "tool_calls", "tool_call_id"})
_ROLES: Final = {"developer": "system", "function": "tool"}
_LISTED_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})


@dataclass(frozen=True)
class WireError:
    """An error response as plain data: its HTTP status and the fields of its `error` object, None if absent."""

    status: int
    message: str = ""
    type: str | None = None
    param: str | None = None

    @classmethod
    def of(cls, status: int, body: object) -> WireError:
        """Read an error body or its `error` object; any other body is the message."""
        outer = cast("Mapping[str, Any]", body) if isinstance(body, Mapping) else None
        inner = cast("Any", outer.get("error", outer) if outer is not None else body)
        if not isinstance(inner, Mapping):
            return cls(status, str(inner) if inner else "")
        row = cast("Mapping[str, Any]", inner)
        message, kind, param = (row.get(name) for name in ("message", "type", "param"))
        return cls(
            status,
            "" if message is None else str(message),
            None if kind is None else str(kind),
            None if param is None else str(param),
        )


# ---------------------------------------------------------------- the fact an error is about


@functools.lru_cache(maxsize=256)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


def concerns(fact: ContestedFact, error: WireError) -> bool:
    """Whether an error says that StepFun rejected the OpenAI form of this fact."""
    if error.status != _REFUSED:
        return False
    text = "\n".join((error.param or "", error.type or "", error.message)).lower()
    return (
        _any_of(fact.about).search(text) is not None
        and _any_of(fact.refusal).search(text) is not None
        and not (fact.unless and _any_of(fact.unless).search(text))
    )


def model_of(request: WireRequest) -> str:
    """Return the model of a request as it is sent, "" if it has none."""
    body: Any = request.json
    model = cast("Mapping[str, Any]", body).get("model") if isinstance(body, Mapping) else None
    return model if isinstance(model, str) else ""


def facts_for(request: WireRequest, context: RequestContext) -> list[ContestedFact]:
    """Return the facts that concern a request, in the order in which they are tried."""
    endpoint = _ENDPOINTS.get(request.path) if request.method == "POST" else None
    if endpoint is None:
        return []
    model = model_of(request)
    return [
        fact
        for fact in context.catalog.contested
        if fact.endpoint == endpoint and any(fnmatchcase(model, glob) for glob in fact.models)
    ]


def fixed(settled: Iterable[SettledFact], fact: str, model: str, host: str) -> SettledFact | None:
    """Return the catalog's fixed outcome for a fact; the last matching row wins."""
    found = None
    for row in settled:
        if row.fact == fact and fnmatchcase(model, row.model) and fnmatchcase(host, row.host):
            found = row
    return found


def _resendable(files: Any) -> bool:
    """Whether the files of a request can be read again: an open file that cannot be rewound cannot."""
    from .forms import file_parts

    for part in file_parts(files):
        if not isinstance(part.content, str | bytes | bytearray | os.PathLike):
            seekable = getattr(part.content, "seekable", None)
            if not callable(seekable) or not seekable():
                return False
    return True


# ---------------------------------------------------------------- the request to send


def alternative(
    endpoint: Endpoint, request: WireRequest, error: WireError, context: RequestContext, host: str = ""
) -> WireRequest | None:
    """Return the request to send in place of a rejected one, None if the error is raised to the caller.

    `request` is the rejected request as it was sent. The fact is added to `context.safe_forms`; the safe form and the
    additional request are recorded as changes.
    """
    if error.status != _REFUSED or len(context.safe_forms) >= MOST or not _resendable(request.files):
        return None
    for fact in facts_for(request, context):
        if not _may_rewrite(fact, request, error, context, host):
            continue
        recorded = len(context.changes)
        try:
            safe = endpoint.safe_form(fact, request, context)
        except RequestRejected:  # on_unsupported="error", or the safe form cannot express the request
            del context.changes[recorded:]
            return None
        if safe is None:
            continue
        context.safe_forms.append(fact.fact)
        context.record_change(
            "cost", fact.parameter, fact.openai, SENT_AGAIN, "StepFun rejected the first with status 400"
        )
        return safe
    return None


def _may_rewrite(
    fact: ContestedFact, request: WireRequest, error: WireError, context: RequestContext, host: str
) -> bool:
    """Whether the error is about this fact, and neither this call nor the catalog has settled it."""
    if fact.fact in context.safe_forms or not concerns(fact, error):
        return False
    row = fixed(context.catalog.settled, fact.fact, model_of(request), host)
    return row is None or row.outcome != "openai"


def settled_form(
    endpoint: Endpoint, request: WireRequest, context: RequestContext, refused: Collection[str], host: str = ""
) -> WireRequest:
    """Return the request with the safe form of every fact in `refused` and of those the catalog fixes as safe.

    Facts the catalog fixes as `openai` keep OpenAI's form.

    Raises:
        RequestRejected: the safe form is lossy, and `Settings.on_unsupported` is `error`.
    """
    model = model_of(request)
    rewritten: set[tuple[str, str]] = set()
    for fact in facts_for(request, context):
        row = fixed(context.catalog.settled, fact.fact, model, host)
        safe = row.outcome == "safe" if row is not None else fact.fact in refused
        if not safe or ((fact.parameter, fact.endpoint) in rewritten and fact.endpoint == "files.create"):
            continue
        new = endpoint.safe_form(fact, request, context)
        if new is None:
            continue
        rewritten.add((fact.parameter, fact.endpoint))
        request = new
        if request.path not in _ENDPOINTS or _ENDPOINTS[request.path] != fact.endpoint:  # the route has changed
            return settled_form(endpoint, request, context, refused, host)
    return request


# ---------------------------------------------------------------- the safe forms


def rewrite(fact: ContestedFact, request: WireRequest, context: RequestContext) -> WireRequest | None:
    """Return the request in the safe form, None if it has that already or there is none."""
    body: Any = request.json
    make = _REWRITES.get(fact.rewrite)
    if make is None or not isinstance(body, Mapping):
        return None
    new = make(fact, cast("Mapping[str, Any]", body), request, context)
    return None if new is None else replace(request, json=new)


_Body = Mapping[str, Any]
_Made = dict[str, Any] | None


def _why(fact: ContestedFact, context: RequestContext) -> str:
    return f"{context.model_id or 'StepFun'} rejects {fact.openai}"


def _json_mode(fact: ContestedFact, body: _Body, _: WireRequest, context: RequestContext) -> _Made:
    schema = structured.schema_of(body.get("response_format"))
    if not schema:
        return None
    context.record_change(
        "reshape",
        "response_format",
        "json_schema",
        "json_object and the schema in the prompt",
        f"{context.model_id} rejects it" if fact.remembered else f"{context.model_id} rejects this schema",
    )
    line = {"role": "system", "content": structured.instruction(schema)}
    state = context.state(ChatState)
    state.structured = state.json_text = state.emulated_schema = True
    state.schema = schema
    return {**body, "response_format": {"type": "json_object"}, "messages": [*_messages(body), line]}


def _clamp(fact: ContestedFact, body: _Body, _: WireRequest, context: RequestContext) -> _Made:
    value = body.get(fact.parameter)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    low, high = fact.low, fact.high
    within = max(value, low) if low is not None else value
    within = min(within, high) if high is not None else within
    if within == value:
        return None
    context.record_change("clamp", fact.parameter, value, within, _why(fact, context), lossy=fact.lossy)
    return {**body, fact.parameter: within}


def _replace(fact: ContestedFact, body: _Body, _: WireRequest, context: RequestContext) -> _Made:
    value = body.get(fact.parameter)
    new = fact.values.get(value) if isinstance(value, str) else None
    if new is None or new == value:
        return None
    context.record_change("clamp", fact.parameter, value, new, _why(fact, context), lossy=fact.lossy)
    return {**body, fact.parameter: new}


def _drop(fact: ContestedFact, body: _Body, _: WireRequest, context: RequestContext) -> _Made:
    if fact.parameter not in body:
        return None
    shown = body[fact.parameter] if fact.parameter in _SHOWN else "…"
    context.record_change("drop", fact.parameter, shown, None, _why(fact, context), lossy=fact.lossy)
    return {key: value for key, value in body.items() if key != fact.parameter}


def _other_purpose(fact: ContestedFact, body: _Body, request: WireRequest, context: RequestContext) -> _Made:
    from .forms import file_part

    if body.get("purpose") != "storage":
        return None
    part = file_part(request.files)
    picture = part is not None and part.extension in PICTURES
    new = "retrieval-image" if picture else "file-extract"
    context.record_change("clamp", "purpose", "storage", new, _why(fact, context), lossy=fact.lossy)
    return {**body, "purpose": new}


# ---------------------------------------------------------------- messages


def _messages(body: _Body) -> Sequence[Any]:
    messages: Any = body.get("messages")
    return cast("Sequence[Any]", messages) if isinstance(messages, list | tuple) else ()


def _each_message(name: str, edit: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Any:
    """Make a rewrite from `edit`, which translates one message and returns the same object if nothing changes."""

    def make(fact: ContestedFact, body: _Body, _: WireRequest, context: RequestContext) -> _Made:
        out = [
            edit(cast("Mapping[str, Any]", message)) if isinstance(message, Mapping) else message
            for message in _messages(body)
        ]
        changed = sum(new is not old for new, old in zip(out, _messages(body), strict=True))
        if not changed:
            return None
        context.record_change(
            "reshape", "messages", f"{changed} messages with {name}", fact.safe, _why(fact, context), lossy=fact.lossy
        )
        return {**body, "messages": out}

    return make


def _string(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace null content, except in a user or system message, where OpenAI rejects it as well."""
    if message.get("content") is not None or message.get("role") in ("user", "system", "developer"):
        return message
    return {**message, "content": ""}


def _joined(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Join the content of a message that has only text parts."""
    content: Any = message.get("content")
    if not isinstance(content, list | tuple):
        return message
    texts: list[str] = []
    for part in cast("Sequence[Any]", content):
        row = cast("dict[str, Any]", part if isinstance(part, Mapping) else {})
        if row.get("type") != "text" or not isinstance(row.get("text"), str):
            return message
        texts.append(row["text"])
    return {**message, "content": "\n".join(texts)}


def _listed_role(message: Mapping[str, Any]) -> Mapping[str, Any]:
    role = message.get("role")
    if role in _LISTED_ROLES:
        return message
    return {**message, "role": _ROLES.get(str(role), "user")}


def _documented(message: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {key: value for key, value in message.items() if key in _DOCUMENTED}
    return kept if len(kept) != len(message) else message


def _one_system(fact: ContestedFact, body: _Body, _: WireRequest, context: RequestContext) -> _Made:
    messages = _messages(body)
    places = [place for place, row in enumerate(messages) if _is_system(row)]
    if not places or places == [0]:
        return None
    texts = [_joined(messages[place]).get("content") for place in places]
    if not all(isinstance(text, str) for text in texts):
        return None
    first = {"role": "system", "content": "\n\n".join(cast("list[str]", texts))}
    context.record_change(
        "reshape", "messages", f"{len(places)} system messages", fact.safe, _why(fact, context), lossy=fact.lossy
    )
    return {**body, "messages": [first, *(row for place, row in enumerate(messages) if place not in places)]}


def _is_system(message: Any) -> bool:
    return isinstance(message, Mapping) and cast("Mapping[str, Any]", message).get("role") == "system"


_REWRITES: Final[Mapping[Rewrite, Callable[[ContestedFact, _Body, WireRequest, RequestContext], _Made]]] = {
    "json_mode": _json_mode,
    "clamp": _clamp,
    "replace": _replace,
    "drop": _drop,
    "other_purpose": _other_purpose,
    "string_content": _each_message("content null", _string),
    "join_text": _each_message("text parts", _joined),
    "roles": _each_message("another role", _listed_role),
    "documented_keys": _each_message("other keys", _documented),
    "one_system": _one_system,
}
