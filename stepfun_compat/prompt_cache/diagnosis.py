"""Compares two requests from their beginning and names the first difference; `prompt_cache.diagnose` is its door."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from typing_extensions import override

from .values import Row, as_row, as_rows, common_length, plain, same, shown, snippet, text_of

_MEDIA: Final[Mapping[str, BreakKind]] = {
    "image_url": "image",
    "input_image": "image",
    "video_url": "video",
    "input_video": "video",
    "input_audio": "audio",
}
_MONTH: Final = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_VOLATILE: Final[tuple[tuple[BreakKind, str, re.Pattern[str]], ...]] = (
    ("uuid", "a UUID", re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.I)),
    (
        "timestamp",
        "a date or time",
        re.compile(
            r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:?\d{2})?"
            r"|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m\b)?"
            rf"|\d{{1,2}}\.? {_MONTH}\.?,? \d{{4}}|{_MONTH}\.? \d{{1,2}},? \d{{4}}"
            r"|\d{4}年\d{1,2}月\d{1,2}日|\b1[5-9]\d{8}(?:\d{3})?\b",
            re.I,
        ),
    ),
    ("id", "an id", re.compile(r"\b(?=[A-Za-z_-]*\d)[A-Za-z]+[-_][A-Za-z0-9]{6,}\b|\b(?=[a-f]*\d)[0-9a-f]{12,}\b")),
    ("number", "a number", re.compile(r"\d+(?:[.,]\d+)*")),
)


# ---------------------------------------------------------------- snippets


def _break(kind: BreakKind, where: str, why: str, before: str = "", after: str = "") -> Diagnosis:
    return Diagnosis(True, kind, where, why, 0, before, after)


def _text_break(a: str, b: str, where: str, what: str) -> Diagnosis:
    """Two texts that differ: what kind of thing changed in them, and the snippet."""
    at = common_length(a, b)
    if at == len(a):
        return _break("text_added", where, f"{what} continues where it ended before", snippet(a, at), snippet(b, at))
    window = slice(max(at - 80, 0), at + 160)
    for kind, name, pattern in _VOLATILE:
        old = _covering(pattern, a[window], at - window.start)
        new = _covering(pattern, b[window], at - window.start)
        if old is None or new is None or old.start() != new.start() or old.group() == new.group():
            continue
        end_a, end_b = window.start + old.end(), window.start + new.end()
        alone = a[end_a:] == b[end_b:]
        start = window.start + old.start()
        why = f"{name} in {what} changed from {old.group()} to {new.group()}"
        why += "; nothing else in it did" if alone else ", and so did text after it"
        return _break(
            kind,
            where,
            f"{why}. Move the part that changes to the end",
            snippet(a, start, end_a),
            snippet(b, start, end_b),
        )
    return _break("text", where, f"{what} was edited at character {at}", snippet(a, at), snippet(b, at))


def _covering(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    return next((m for m in pattern.finditer(text) if m.start() <= at <= m.end()), None)


# ---------------------------------------------------------------- tools


def _name(tool: Row) -> str:
    inner = tool.get(str(tool.get("type"))) or tool.get("function") or tool
    row = as_row(inner)[0] if not isinstance(inner, str) else {}
    return str(row.get("name") or tool.get("name") or tool.get("type") or "")


def _tools(request: Mapping[str, Any]) -> list[tuple[Row, bool]]:
    if request.get("functions"):
        return [({"type": "function", "function": row}, kept) for row, kept in as_rows(request["functions"])]
    tools = request.get("tools")
    return [] if isinstance(tools, str) else as_rows(tools)


def _sent_tools(request: Mapping[str, Any]) -> list[tuple[Row, bool]]:
    """The tools that reach StepFun: it ignores tool_choice, so a choice is carried out by sending fewer (stepfun-api 3.2)."""
    tools = _tools(request)
    choice = request.get("tool_choice", request.get("function_call"))
    if choice == "none":
        return []
    if choice is None or isinstance(choice, str):
        return tools
    row = as_row(choice)[0]
    if row.get("type") == "allowed_tools":
        inner = as_row(row.get("allowed_tools") or row)[0]
        names = {_name(tool) for tool, _ in as_rows(inner.get("tools"))}
    else:
        names = {_name(row)}
    return [tool for tool in tools if _name(tool[0]) in names]


def _tools_break(previous: Mapping[str, Any], request: Mapping[str, Any]) -> Diagnosis | None:
    old, new = _sent_tools(previous), _sent_tools(request)
    key = "functions" if request.get("functions") else "tools"
    old_names, new_names = [_name(tool) for tool, _ in old], [_name(tool) for tool, _ in new]
    by_choice = not same(previous.get("tool_choice"), request.get("tool_choice")) or not same(
        previous.get("function_call"), request.get("function_call")
    )
    if old_names != new_names and by_choice:
        declared = [_name(t) for t, _ in _tools(previous)], [_name(t) for t, _ in _tools(request)]
        if declared[0] == declared[1]:
            return _break(
                "tool_choice",
                "tool_choice",
                "StepFun ignores tool_choice, so it is carried out by sending other tools, and tools are part of the prefix",
                ", ".join(old_names) or "no tools",
                ", ".join(new_names) or "no tools",
            )
    if sorted(old_names) == sorted(new_names) and old_names != new_names:
        i = next(i for i, (a, b) in enumerate(zip(old_names, new_names, strict=True)) if a != b)
        why = "the same tools in another order. Keep their order fixed, for instance sorted by name"
        return _break("tools_reordered", f"{key}[{i}]", why, ", ".join(old_names), ", ".join(new_names))
    for i in range(max(len(old), len(new))):
        where = f"{key}[{i}]"
        if i >= len(new) or (i < len(old) and old_names[i] not in new_names):
            return _break("tool_removed", where, f"the tool {old_names[i]} is gone", old_names[i], "")
        if i >= len(old) or new_names[i] not in old_names:
            return _break("tool_added", where, f"the tool {new_names[i]} is new", "", new_names[i])
        if old_names[i] != new_names[i]:
            return _break("tools_reordered", where, "tools changed places", old_names[i], new_names[i])
        found = _value_break(old[i], new[i], where, "tool_changed", f"the tool {new_names[i]}")
        if found is not None:
            return found
    return None


def _value_break(
    old: tuple[Any, bool], new: tuple[Any, bool], where: str, kind: BreakKind, what: str
) -> Diagnosis | None:
    """The first difference of two nested values; the order of keys counts where both are the caller's own."""
    a, b = plain(old[0]), plain(new[0])
    if same(a, b):
        if old[1] and new[1] and text_of(a) != text_of(b):
            return _key_order(where, a, b)
        return None
    path, x, y = _deepest(a, b, where)
    if isinstance(x, str) and isinstance(y, str):
        at = common_length(x, y)
        return _break(kind, path, f"{what} changed", snippet(x, at), snippet(y, at))
    return _break(kind, path, f"{what} changed", shown(x), shown(y))


def _deepest(a: Any, b: Any, path: str) -> tuple[str, Any, Any]:
    """The first place where two values differ, as far down as both have it."""
    if isinstance(a, dict) and isinstance(b, dict):
        x, y = cast("Row", a), cast("Row", b)
        for key in [*y, *(key for key in x if key not in y)]:
            if key not in x or key not in y:
                return f"{path}.{key}", x.get(key, "(absent)"), y.get(key, "(absent)")
            if not same(x[key], y[key]):
                return _deepest(x[key], y[key], f"{path}.{key}")
    if isinstance(a, list) and isinstance(b, list):
        p, q = cast("list[Any]", a), cast("list[Any]", b)
        for i in range(min(len(p), len(q))):
            if not same(p[i], q[i]):
                return _deepest(p[i], q[i], f"{path}[{i}]")
    return path, cast("Any", a), cast("Any", b)


def _key_order(where: str, a: Any, b: Any) -> Diagnosis:
    x, y = text_of(a), text_of(b)
    at = common_length(x, y)
    why = "same content, other bytes: its keys are in another order. Build it the same way each time"
    return _break("key_order", where, why, snippet(x, at), snippet(y, at))


# ---------------------------------------------------------------- messages


def _role(row: Row) -> str:
    return str(row.get("role") or row.get("type") or "")


def _speaker(row: Row) -> str:
    """The role a message has in the prompt: developer and system are one there (stepfun-api 3.1)."""
    role = _role(row)
    return {"developer": "system", "function": "tool"}.get(role, role)


def _parts(content: Any) -> list[tuple[Row, bool]]:
    if isinstance(content, list | tuple):
        return [
            ({"type": "text", "text": item}, True) if isinstance(item, str) else as_row(item)
            for item in cast("Sequence[Any]", content)
        ]
    return []


def _part_text(part: Row) -> str | None:
    text = part.get("text")
    return text if isinstance(text, str) else None


def _message_break(old: tuple[Row, bool], new: tuple[Row, bool], where: str) -> Diagnosis | None:
    a, b = old[0], new[0]
    if _speaker(a) != _speaker(b):
        return _break("role", f"{where}.role", "the role changed", _role(a), _role(b))
    what = f"the {_role(b) or 'message'} text"
    found = _content_break(a.get("content"), b.get("content"), f"{where}.content", what)
    if found is not None:
        return found
    found = _calls_break(a.get("tool_calls"), b.get("tool_calls"), f"{where}.tool_calls")
    if found is not None:
        return found
    for name in ("arguments", "output"):  # a function call of Responses, and its result
        if a.get(name) != b.get(name):
            if isinstance(a.get(name), str) and isinstance(b.get(name), str):
                return _argument_break(a[name], b[name], f"{where}.{name}", f"the {name}")
            found = _value_break(
                (a.get(name), True), (b.get(name), True), f"{where}.{name}", "tool_call", f"the {name}"
            )
            if found is not None:
                return found
    reasoning = [str(row.get("reasoning_content") or row.get("reasoning") or "") for row in (a, b)]
    if reasoning[0] != reasoning[1]:
        why = "the reasoning of an earlier turn changed" if all(reasoning) else "the reasoning of an earlier turn is "
        why += "" if all(reasoning) else "passed back now" if reasoning[1] else "no longer passed back"
        at = common_length(*reasoning)
        return _break("reasoning", f"{where}.reasoning_content", why, *(snippet(text, at) for text in reasoning))
    for name in ("tool_call_id", "call_id"):
        if a.get(name) != b.get(name):
            why = "the id of a tool call changed. Keep the ids of earlier turns"
            return _break("tool_call_id", f"{where}.{name}", why, text_of(a.get(name)), text_of(b.get(name)))
    for name in [*b, *(key for key in a if key not in b)]:
        # ids and states of replayed items are the server's bookkeeping, not prompt
        if name not in _NOT_PROMPT and not same(a.get(name), b.get(name)):
            return _break("field", f"{where}.{name}", f"{name} changed", shown(a.get(name)), shown(b.get(name)))
    if old[1] and new[1] and list(a) != list(b) and sorted(a) == sorted(b):
        return _key_order(where, a, b)
    return None


_NOT_PROMPT: Final = frozenset(
    [
        "role",
        "content",
        "tool_calls",
        "arguments",
        "output",
        "reasoning",
        "reasoning_content",
        "tool_call_id",
        "call_id",
        "id",
        "status",
        "type",
        "refusal",
        "annotations",
        "audio",
        "parsed",
    ]
)


def _content_break(a: Any, b: Any, where: str, what: str) -> Diagnosis | None:
    old_parts, new_parts = _parts(a), _parts(b)
    if isinstance(a, str) and isinstance(b, str):
        return None if a == b else _text_break(a, b, where, what)
    if isinstance(a, str) and new_parts:
        old_parts = [({"type": "text", "text": a}, False)]
    elif isinstance(b, str) and old_parts:
        new_parts = [({"type": "text", "text": b}, False)]
    elif not old_parts and not new_parts:
        return None if not a and not b else _value_break((a, True), (b, True), where, "text", what)
    for i, (old, new) in enumerate(zip(old_parts, new_parts, strict=False)):
        found = _part_break(old, new, f"{where}[{i}]" if isinstance(b, list | tuple) else where, what)
        if found is not None:
            return found
    shared = min(len(old_parts), len(new_parts))
    if len(new_parts) > shared:
        return _break("part_added", f"{where}[{shared}]", "a content part is new", "", shown(new_parts[shared][0]))
    if len(old_parts) > shared:
        return _break("part_removed", f"{where}[{shared}]", "a content part is gone", shown(old_parts[shared][0]), "")
    return None


def _part_break(old: tuple[Row, bool], new: tuple[Row, bool], where: str, what: str) -> Diagnosis | None:
    a, b = old[0], new[0]
    texts = _part_text(a), _part_text(b)
    if texts[0] is not None and texts[1] is not None:
        return None if texts[0] == texts[1] else _text_break(texts[0], texts[1], where, what)
    if same(a, b):
        return _key_order(where, a, b) if old[1] and new[1] and text_of(a) != text_of(b) else None
    media = _MEDIA.get(str(a.get("type"))), _MEDIA.get(str(b.get("type")))
    if media[0] is not None and media[0] == media[1]:
        kind = media[0]
        path, x, y = _deepest(plain(a), plain(b), where)
        return _break(kind, path, f"the {kind} changed; it must be identical to be cached", shown(x), shown(y))
    return _break("part_changed", where, "a content part changed", shown(a), shown(b))


def _calls_break(a: Any, b: Any, where: str) -> Diagnosis | None:
    old, new = [] if isinstance(a, str) else as_rows(a), [] if isinstance(b, str) else as_rows(b)
    for i, (x, y) in enumerate(zip(old, new, strict=False)):
        f, g = as_row(x[0].get("function") or {})[0], as_row(y[0].get("function") or {})[0]
        at = f"{where}[{i}]"
        if f.get("name") != g.get("name"):
            return _break(
                "tool_call",
                f"{at}.function.name",
                "another function is called",
                text_of(f.get("name")),
                text_of(g.get("name")),
            )
        if f.get("arguments") != g.get("arguments"):
            return _argument_break(f.get("arguments"), g.get("arguments"), f"{at}.function.arguments", "the arguments")
        if x[0].get("id") != y[0].get("id"):
            why = "the id of a tool call changed. Keep the ids of earlier turns"
            return _break("tool_call_id", f"{at}.id", why, text_of(x[0].get("id")), text_of(y[0].get("id")))
        if not same(x[0], y[0]):
            return _value_break(x, y, at, "tool_call", "the tool call")
    if len(old) != len(new):
        i = min(len(old), len(new))
        why = "a tool call is gone" if len(old) > len(new) else "a tool call is new"
        return _break(
            "tool_call", f"{where}[{i}]", why, *(shown(rows[i][0]) if len(rows) > i else "" for rows in (old, new))
        )
    return None


def _argument_break(a: Any, b: Any, where: str, what: str) -> Diagnosis:
    x, y = text_of(a), text_of(b)
    at = common_length(x, y)
    try:
        equal = same(json.loads(x), json.loads(y))
    except (ValueError, RecursionError):
        equal = False
    if equal:
        why = "same content, other bytes: it was parsed and serialised again. Pass the text on unchanged"
        return _break("key_order", where, why, snippet(x, at), snippet(y, at))
    return _break("tool_call", where, f"{what} changed", snippet(x, at), snippet(y, at))


def _equal(a: tuple[Row, bool], b: tuple[Row, bool]) -> bool:
    return _message_break(a, b, "") is None


def _moved(old: list[tuple[Row, bool]], new: list[tuple[Row, bool]], i: int, key: str) -> Diagnosis | None:
    """Whether messages were put in, taken out or swapped at the place where two histories part."""
    ahead = next((k for k in range(1, len(new) - i) if _equal(old[i], new[i + k])), 0)
    behind = next((k for k in range(1, len(old) - i) if _equal(old[i + k], new[i])), 0)
    where = f"{key}[{i}]"
    snippets = _message_shown(old[i][0]), _message_shown(new[i][0])
    if ahead and behind:
        return _break("messages_reordered", where, "the same messages in another order", *snippets)
    if behind:
        count = "a message was" if behind == 1 else f"{behind} messages were"
        return _break("message_removed", where, f"{count} taken out before this one", *snippets)
    if ahead:
        count = "a message was" if ahead == 1 else f"{ahead} messages were"
        return _break("message_inserted", where, f"{count} put in here", *snippets)
    return None


def _message_shown(row: Row) -> str:
    return f"{_role(row)}: {shown(row.get('content') or row.get('tool_calls') or row)}"


# ---------------------------------------------------------------- whole requests


def _model(request: Mapping[str, Any]) -> str:
    """The model a name stands for by the catalog, so that two names of one model are one."""
    from ..catalog import default

    name = str(request.get("model") or "")
    catalog = default()
    alias = catalog.alias(name) if name and name not in catalog.models else None
    return alias.model if alias is not None else name


def _schema(request: Mapping[str, Any]) -> Any:
    """The JSON Schema an answer must fit: the only part of a response format that may stand in the prompt."""
    format = request.get("response_format")
    if format is None and request.get("text") is not None:
        format = as_row(request["text"])[0].get("format")
    if format is None:
        return None
    if isinstance(format, type):
        return f"class {format.__qualname__}"
    row = as_row(format)[0]
    return plain(row) if row.get("type") == "json_schema" else None


def compare(previous: Mapping[str, Any], request: Mapping[str, Any]) -> Diagnosis:
    """The first break between two requests, in the order of the prompt."""
    if _model(previous) != _model(request):
        return _break(
            "model", "model", "each model has its own cache", str(previous.get("model")), str(request.get("model"))
        )
    found = _tools_break(previous, request)
    if found is not None:
        return found
    instructions = previous.get("instructions"), request.get("instructions")
    if instructions[0] != instructions[1]:
        first, second = (str(text or "") for text in instructions)
        if first and second:
            return _text_break(first, second, "instructions", "the instructions")
        why = "instructions are new" if second else "the instructions are gone"
        return _break("instructions", "instructions", why, snippet(first, 0), snippet(second, 0))
    key = "messages" if "messages" in request or "messages" in previous else "input"
    old, new = as_rows(previous.get(key)), as_rows(request.get(key))
    if request.get("previous_response_id") or request.get("conversation"):
        return Diagnosis(False, "none", "", "the input continues a stored conversation", 0)
    for i, (a, b) in enumerate(zip(old, new, strict=False)):
        found = _message_break(a, b, f"{key}[{i}]")
        if found is None:
            continue
        if found.kind != "key_order":
            found = _moved(old, new, i, key) or found
        return Diagnosis(True, found.kind, found.where, found.why, i, found.before, found.after)
    shared = min(len(old), len(new))
    schemas = _schema(previous), _schema(request)
    if not same(*schemas):
        found = _value_break(
            (schemas[0], False), (schemas[1], False), "response_format", "response_format", "the schema"
        )
        before, after = (found.before, found.after) if found else ("", "")
        why = "the JSON Schema changed, which may stand in the prompt (StepFun does not say)"
        return Diagnosis(
            True, "response_format", found.where if found else "response_format", why, shared, before, after
        )
    if len(new) < len(old):
        return Diagnosis(False, "none", "", "the request is a beginning of the previous one", shared)
    why = "the request continues the previous one" if len(new) > len(old) else "both requests have the same prompt"
    return Diagnosis(False, "none", "", why, shared)


BreakKind = Literal[
    "none",
    "model",
    "tool_choice",
    "tools_reordered",
    "tool_added",
    "tool_removed",
    "tool_changed",
    "instructions",
    "role",
    "text",
    "timestamp",
    "uuid",
    "id",
    "number",
    "text_added",
    "part_added",
    "part_removed",
    "part_changed",
    "image",
    "video",
    "audio",
    "tool_call",
    "tool_call_id",
    "reasoning",
    "field",
    "message_inserted",
    "message_removed",
    "messages_reordered",
    "response_format",
    "key_order",
]
"""What broke a prefix. `key_order`: the same content in other bytes."""


@dataclass(frozen=True)
class Diagnosis:
    """Where the prefix two requests share ends, and why.

    `broken` is False where the second request goes on from the first (or is a beginning of it). `where` names the
    place in the second request, in the caller's own terms. `shared_messages` counts the whole messages, from the
    first, that both requests have in common and that come before the break. `before` and `after` are the differing
    snippets.
    """

    broken: bool
    kind: BreakKind
    where: str
    why: str
    shared_messages: int
    before: str = ""
    after: str = ""

    @override
    def __str__(self) -> str:
        shared = f"{self.shared_messages} message{'' if self.shared_messages == 1 else 's'} shared"
        if not self.broken:
            return f"The prefix holds: {self.why} ({shared})."
        lines = [f"The prefix breaks at {self.where}: {self.why} ({shared})."]
        if self.before or self.after:
            lines += [f"  before: {self.before}", f"  after:  {self.after}"]
        return "\n".join(lines)


def diagnose(previous_request: Mapping[str, Any], request: Mapping[str, Any]) -> Diagnosis:
    """Name the first message, part or tool where the prefix of `request` leaves that of `previous_request`.

    Both are the keyword arguments of `chat.completions.create` or `responses.create`; messages may be dicts or the
    SDK's own objects. Nothing is sent and nothing is changed. Tools and instructions are taken to stand before the
    messages in the prompt; StepFun documents that the whole message array is cached and not how the prompt is laid
    out (stepfun-api 6).
    """
    from .diagnosis import compare

    return compare(previous_request, request)
