"""`prompt_cache.diagnose`: translate two requests as a call would, and compare what is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from .comparison import compare, messages_of, tool_names, tools_break
from .result import BreakKind, Diagnosis, broken, holds
from .values import Row

if TYPE_CHECKING:
    from ..diagnostics.explain import Explanation
    from ..settings import Settings

__all__ = ["BreakKind", "Diagnosis", "diagnose"]

_CHAT: Final = "/chat/completions"
_CHOICE: Final = ("tool_choice", "function_call")
_APPENDING: Final = (*_CHOICE, "response_format", "text")
"""Parameters for which the client may append an instruction to the messages."""
_RESPONSES: Final = frozenset({"input", "instructions", "text", "previous_response_id", "conversation"})
"""Parameters that only `responses.create` has."""


def diagnose(
    previous_request: Mapping[str, Any], request: Mapping[str, Any], *, settings: Settings | None = None
) -> Diagnosis:
    """Find the first message, part or tool where the prefix of `request` differs from that of `previous_request`.

    Both are the keyword arguments of `chat.completions.create` or `responses.create`; messages may be dicts or the
    SDK's own objects. Iterators are not read, since that would exhaust them. Nothing is sent or changed: both requests
    are translated as by `explain` with `settings` (default: those of the environment), and the results are compared.
    Tools and instructions are assumed to precede the messages in the prompt: StepFun documents that the complete array
    of messages is cached, but not how the prompt is built.

    A request with `previous_response_id` or `conversation` is assumed to continue `previous_request`.

    Raises:
        SettingsError: a setting has a value that is not allowed.
    """
    from ..settings import settings_or_default

    settings = settings_or_default(settings)
    old, new = cast("dict[str, Any]", _readable(previous_request)), cast("dict[str, Any]", _readable(request))
    stored = new.get("previous_response_id") is not None or new.get("conversation") is not None
    for fields in (old, new):
        fields.pop("previous_response_id", None)
        fields.pop("conversation", None)
    if stored:  # the client puts the history before the input; the same input leaves the rest to compare
        new["input"] = old.get("input", new.get("input"))
    before, after = _translated(old, settings), _translated(new, settings)
    found = _not_comparable(before, after)
    if found is not None:
        return found
    found = compare(_body(before), _body(after))
    if found.broken:
        if after.url.endswith(_CHAT):  # so that requests with fewer parameters take the same route
            settings = replace(settings, responses_route="chat")
        pair = _Pair(old, new, _body(before), _body(after), settings)
        found = pair.choice_break(found) or pair.without_appended(found) or found
    if stored and not found.broken:
        return holds("the input continues a stored conversation", found.shared_messages)
    return found


@dataclass(frozen=True)
class _Pair:
    """Two requests, as they were passed and as they are sent."""

    old: Mapping[str, Any]
    new: Mapping[str, Any]
    old_body: Row
    new_body: Row
    settings: Settings

    def choice_break(self, found: Diagnosis) -> Diagnosis | None:
        """Return the break as one of `tool_choice`, if that changes the tools that are sent; else None."""
        if not found.where.startswith("tools[") or all(self.old.get(name) == self.new.get(name) for name in _CHOICE):
            return None
        if tools_break(self._body(self.old, _CHOICE), self._body(self.new, _CHOICE)) is not None:
            return None
        why = "the client enforces tool_choice by the tools it sends, and tools are part of the prefix"
        before, after = (", ".join(tool_names(body)) or "no tools" for body in (self.old_body, self.new_body))
        return broken("tool_choice", "tool_choice", why, before, after)

    def without_appended(self, found: Diagnosis) -> Diagnosis | None:
        """Compare without an instruction that the client appended to the first request; None if it is not the break."""
        key, messages = messages_of(self.old_body)
        if not found.where.startswith(f"{key}["):
            return None
        written = len(messages_of(self._body(self.old, _APPENDING))[1])
        if not written <= found.shared_messages < len(messages):
            return None
        rest = compare({**self.old_body, key: messages[:written]}, self.new_body)
        why = "the request continues the previous one, except for an instruction that the client appends"
        return rest if rest.broken else holds(why, rest.shared_messages)

    def _body(self, fields: Mapping[str, Any], without: Collection[str]) -> Row:
        kept = {name: value for name, value in fields.items() if name not in without}
        return _body(_translated(kept, self.settings))


def _readable(value: Any) -> Any:
    """Return a copy without iterators."""
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {key: _readable(inner) for key, inner in items if not isinstance(inner, Iterator)}
    if isinstance(value, list | tuple):
        return [_readable(inner) for inner in cast("list[Any]", value) if not isinstance(inner, Iterator)]
    return value


def _translated(fields: Mapping[str, Any], settings: Settings) -> Explanation:
    from ..diagnostics.explain import explain_call

    responses = "messages" not in fields and not _RESPONSES.isdisjoint(fields)
    return explain_call("responses" if responses else "chat.completions", fields, settings)


def _body(explanation: Explanation) -> Row:
    body: Any = explanation.body
    return cast("Row", body) if isinstance(body, Mapping) else {}


def _not_comparable(before: Explanation, after: Explanation) -> Diagnosis | None:
    """Return the break if one of the requests is rejected, or they are sent to different endpoints; else None."""
    for name, explanation in (("previous_request", before), ("request", after)):
        if explanation.refusal is not None:
            return broken("rejected", name, f"it is rejected before it is sent: {explanation.refusal.rstrip('.')}")
    if before.url == after.url:
        return None
    over_chat = before if before.url.endswith(_CHAT) else after
    why = "each endpoint may have its own cache (StepFun does not document it)"
    why += "".join(f"; {change.why}" for change in over_chat.changes if change.kind == "route")
    return broken("route", "path", why, before.url, after.url)
