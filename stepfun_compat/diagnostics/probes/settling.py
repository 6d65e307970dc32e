"""Settle contested facts for one account: send OpenAI's form, then the safe form if a 400 is about it.

Refused facts can be written to an overlay (`Settings.catalog_overlay`), with which the safe form is sent directly.
Accepted facts are not written, since OpenAI's form is sent by default.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import openai

from ...catalog import Catalog, load_overlay
from ...catalog.schema import ContestedFact, SettledFact
from ...contested_memory import host_of
from ...endpoints import contested
from ...endpoints.base import PLAIN, WireRequest
from ...endpoints.context import RequestContext
from ...settings import Settings
from .wire import ASK, SHORT, TOOL, USE_TOOL, rejection

_NODE: Final = {"type": "object", "properties": {"a": {"$ref": "#/$defs/word"}}, "$defs": {"word": {"type": "string"}}}
_PLAIN: Final = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
_CALL: Final = {"id": "call_1", "type": "function", "function": {"name": "note", "arguments": '{"text": "tea"}'}}


def _schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}


SAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "chat.json_schema_keywords": _schema(_NODE),
    "chat.json_schema": _schema(_PLAIN),
    "chat.frequency_penalty": {"frequency_penalty": -0.5},
    "chat.presence_penalty": {"presence_penalty": -0.5},
    "chat.reasoning_effort_levels": {"reasoning_effort": "medium"},
    "chat.reasoning_effort": {"reasoning_effort": "low"},
    "chat.null_content": {
        "messages": [
            *USE_TOOL,
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "done"},
        ],
        "tools": [TOOL],
    },
    "chat.text_parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "Say yes."}]}]},
    "chat.roles": {"messages": [{"role": "developer", "content": "Be brief."}, *ASK]},
    "chat.message_keys": {"messages": [{**ASK[0], "name": "ann"}]},
    "chat.system_messages": {"messages": [*ASK, {"role": "system", "content": "Be brief."}]},
    "chat.stream_options": {"stream": True, "stream_options": {"include_usage": True}},
    "chat.tool_choice": {"messages": USE_TOOL, "tools": [TOOL], "tool_choice": "required"},
    "chat.messages_api": {},
    "responses.model": {},
    "responses.json_schema": {"text": {"format": {"type": "json_schema", "name": "x", "schema": _PLAIN}}},
    "responses.tool_choice": {
        "tools": [{"type": "function", **TOOL["function"]}],
        "tool_choice": "required",
    },
    "responses.reasoning": {"reasoning": {"effort": "low"}},
    "files.purpose": {"purpose": "file-extract"},
    "files.storage": {"purpose": "storage"},
}
"""OpenAI's form of each fact, added to a small request."""


@dataclass(frozen=True)
class Settlement:
    """The result of one fact for a host: `openai` if it accepts OpenAI's form, `safe` if only the safe form, `open` if
    neither, or if the fact could not be tested (`failed`)."""

    fact: str
    outcome: Literal["openai", "safe", "open"]
    answer: str
    row: SettledFact | None = None
    failed: bool = False


def facts(catalog: Catalog, names: Sequence[str] = ()) -> list[ContestedFact]:
    """Return the facts that have a sample request, or those with these names.

    Raises:
        ValueError: a name is not one of them.
    """
    known = {fact.fact: fact for fact in catalog.contested if fact.fact in SAMPLES}
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r} is not a contested fact: use {', '.join(known)}")
    return [known[name] for name in names] if names else list(known.values())


def settle(fact: ContestedFact, client: Any, model: str, catalog: Catalog) -> Settlement:
    """Test one fact at the host of a stock client: one request if OpenAI's form is accepted, else two or more."""
    host = host_of(str(client.base_url))
    request = _request(fact, model)
    try:
        _send(client, request)
    except openai.APIStatusError as error:
        refusal = contested.WireError.of(error.status_code, error.body)
        if not contested.concerns(fact, refusal):
            return Settlement(fact.fact, "open", f"rejected for another reason: {rejection(error)}")
        words = rejection(error)
    except openai.OpenAIError as error:
        return Settlement(fact.fact, "open", f"failed: {error}", failed=True)
    else:
        return Settlement(fact.fact, "openai", f"{fact.openai} is accepted")
    context = RequestContext("probe", Settings(on_unsupported="ignore"), catalog)
    if fact.rewrite == "chat":
        safe: WireRequest | None = WireRequest(
            "POST", "/chat/completions", json={"model": model, "messages": ASK, **SHORT}
        )
    else:
        safe = contested.rewrite(fact, request, context)
    if safe is None:
        return Settlement(fact.fact, "open", f"rejected with {words}; there is no other form")
    context.safe_forms.append(fact.fact)
    try:
        _send_settling(client, safe, context)
    except openai.OpenAIError as error:
        return Settlement(fact.fact, "open", f"rejected with {words}; the safe form is rejected, too: {error}")
    scope = "*" if fact.endpoint == "files.create" else model
    row = SettledFact(fact.fact, "safe", scope, host) if fact.remembered else None
    return Settlement(fact.fact, "safe", f"rejected with {words}; accepted: {fact.safe}", row)


def _request(fact: ContestedFact, model: str) -> WireRequest:
    sample = SAMPLES[fact.fact]
    if fact.endpoint == "files.create":
        name = "note.png" if sample["purpose"] == "storage" else "note.txt"
        return WireRequest("POST", "/files", json=dict(sample), files=[("file", (name, b"\x89PNG\r\n\x1a\n kettle"))])
    if fact.endpoint == "responses":
        return WireRequest("POST", "/responses", json={"model": model, "input": "Say yes.", **sample})
    return WireRequest("POST", "/chat/completions", json={"model": model, "messages": ASK, **SHORT, **sample})


def _send(client: Any, request: WireRequest) -> None:
    if request.path != "/files":
        client.post(request.path, body=request.json, cast_to=object)
        return
    row = client.files.create(file=request.files[0][1], purpose=request.json["purpose"])
    client.files.delete(row.id)


def _send_settling(client: Any, request: WireRequest, context: RequestContext) -> None:
    """Send a safe form, in which StepFun may refuse other contested facts."""
    while True:
        try:
            return _send(client, request)
        except openai.APIStatusError as error:
            refusal = contested.WireError.of(error.status_code, error.body)
            again = contested.alternative(PLAIN, request, refusal, context)
            if again is None:
                raise
            request = again


# ---------------------------------------------------------------- the overlay file


def rows_text(settlements: Iterable[Settlement], day: datetime.date) -> str:
    """Return the rows of an overlay as TOML."""
    lines = [f"# settled by `stepfun-compat probe --write` on {day.isoformat()}"]
    for settlement in settlements:
        row = settlement.row
        if row is None:
            lines.append(f"# {settlement.fact}: {settlement.outcome}")
            continue
        lines += ["", "[[settled]]"]
        lines += [f"{name} = {json.dumps(getattr(row, name))}" for name in ("fact", "outcome", "model", "host")]
        lines += ['source = "stepfun-compat probe"', f"as_of = {day.isoformat()}"]
    return "\n".join(lines) + "\n"


def check_file(path: str) -> None:
    """Check the file to write to before any request is paid for.

    Raises:
        SettingsError: the file exists and is not a catalog overlay.
        OSError: the file cannot be written.
    """
    place = Path(path).expanduser()
    if place.exists():
        load_overlay(place)
        with place.open("a", encoding="utf-8"):
            pass
    elif not os.access(place.absolute().parent, os.W_OK):
        raise OSError(f"{place.absolute().parent} is not a writable folder")


def write(path: str, settlements: Sequence[Settlement], day: datetime.date) -> int:
    """Append the rows to a file and return how many. Of two rows for one fact, the later one counts.

    Raises:
        OSError: the file cannot be written.
    """
    place = Path(path).expanduser()
    before = place.read_text(encoding="utf-8") if place.exists() else ""
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    with place.open("a", encoding="utf-8") as file:
        file.write(gap + rows_text(settlements, day))
    return sum(settlement.row is not None for settlement in settlements)
