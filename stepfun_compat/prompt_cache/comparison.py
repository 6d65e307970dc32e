"""Compare the bodies of two requests in the order of the prompt: model, tools, instructions, messages, schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from .result import BreakKind, Diagnosis, broken, holds
from .texts import text_break
from .values import Json, Row, common_length, first_difference, rows, same, shown, snippet, text_of

_MEDIA: Final[Mapping[str, BreakKind]] = {
    "image_url": "image",
    "input_image": "image",
    "video_url": "video",
    "input_video": "video",
    "input_audio": "audio",
}


def compare(old: Row, new: Row) -> Diagnosis:
    """Name the first break between two bodies. Both are for the same endpoint.

    A difference in the order of a message's keys counts only where nothing else differs: whether it matters depends on
    how StepFun builds the prompt, which it does not document (stepfun-api 6).
    """
    return (
        _model_break(old, new)
        or tools_break(old, new)
        or _instructions_break(old, new)
        or _messages_break(old, new)
        or _format_break(old, new)
        or _message_order_break(old, new)
        or _continuation(old, new)
    )


def messages_of(body: Row) -> tuple[str, list[Row]]:
    """Return (name, entries) of the list of messages in a body."""
    key = "input" if "input" in body and "messages" not in body else "messages"
    return key, rows(body.get(key))


def _continuation(old: Row, new: Row) -> Diagnosis:
    before, after = (len(messages_of(body)[1]) for body in (old, new))
    if after < before:
        return holds("the request is a prefix of the previous one", after)
    return holds(
        "the request continues the previous one" if after > before else "both requests have the same prompt", before
    )


def _model_break(old: Row, new: Row) -> Diagnosis | None:
    models = old.get("model"), new.get("model")
    if models[0] == models[1]:
        return None
    before, after = ("(StepFun's default)" if model is None else str(model) for model in models)
    return broken("model", "model", "each model has its own cache", before, after)


def _instructions_break(old: Row, new: Row) -> Diagnosis | None:
    first, second = (text_of(body.get("instructions") or "") for body in (old, new))
    if first == second:
        return None
    if first and second:
        return text_break(first, second, "instructions", "the instructions")
    why = "instructions are new" if second else "the instructions are gone"
    return broken("instructions", "instructions", why, snippet(first, 0), snippet(second, 0))


def _format_break(old: Row, new: Row) -> Diagnosis | None:
    schemas = _schema(old), _schema(new)
    if same(*schemas):
        return None
    key = "response_format" if "response_format" in new or "response_format" in old else "text.format"
    where, x, y = first_difference(*schemas, key)
    why = "the JSON Schema changed, which may be part of the prompt (StepFun does not document it)"
    at = common_length(text_of(x), text_of(y))
    shared = min(len(messages_of(old)[1]), len(messages_of(new)[1]))
    return Diagnosis(True, "response_format", where, why, shared, snippet(text_of(x), at), snippet(text_of(y), at))


def _schema(body: Row) -> Json:
    """Return the response format if it is a JSON Schema, the only one that may be part of the prompt; else None."""
    form = _row(body.get("response_format")) or _row(_row(body.get("text")).get("format"))
    return form if form.get("type") == "json_schema" else None


def _row(value: Json) -> Row:
    return cast("Row", value) if isinstance(value, Mapping) else {}


# ---------------------------------------------------------------- tools


def tools_break(old: Row, new: Row) -> Diagnosis | None:
    """Return the first difference in the tools of two bodies, None if there is none."""
    before, after = rows(old.get("tools")), rows(new.get("tools"))
    names = tool_names(old), tool_names(new)
    for i in range(max(len(before), len(after))):
        if names[0][i : i + 1] != names[1][i : i + 1]:
            return _tool_list_break(*names, i)
        found = _tool_break(before[i], after[i], f"tools[{i}]", names[1][i])
        if found is not None:
            return found
    return None


def tool_names(body: Row) -> list[str]:
    """Return the names of a body's tools, in order."""
    return [
        str(_row(tool.get("function")).get("name") or tool.get("name") or tool.get("type") or "")
        for tool in rows(body.get("tools"))
    ]


def _tool_list_break(old: list[str], new: list[str], i: int) -> Diagnosis:
    """Describe two lists of tools whose names differ at a place."""
    where = f"tools[{i}]"
    if sorted(old) == sorted(new):
        why = "the same tools in a different order. Keep their order fixed, for instance sorted by name"
        return broken("tools_reordered", where, why, ", ".join(old), ", ".join(new))
    if i >= len(new) or (i < len(old) and old[i] not in new):
        return broken("tool_removed", where, f"the tool {old[i]} is gone", old[i])
    if i >= len(old) or new[i] not in old:
        return broken("tool_added", where, f"the tool {new[i]} is new", "", new[i])
    return broken("tools_reordered", where, "tools changed places", old[i], new[i])


def _tool_break(a: Row, b: Row, where: str, name: str) -> Diagnosis | None:
    if text_of(a) == text_of(b):
        return None
    return _key_order(where, a, b) if same(a, b) else _value_break(a, b, where, "tool_changed", f"the tool {name}")


def _value_break(a: Json, b: Json, where: str, kind: BreakKind, what: str) -> Diagnosis:
    path, x, y = first_difference(a, b, where)
    if isinstance(x, str) and isinstance(y, str):
        at = common_length(x, y)
        return broken(kind, path, f"{what} changed", snippet(x, at), snippet(y, at))
    return broken(kind, path, f"{what} changed", shown(x), shown(y))


def _key_order(where: str, a: Json, b: Json) -> Diagnosis:
    x, y = text_of(a), text_of(b)
    at = common_length(x, y)
    why = "same content, different bytes: its keys are in a different order. Build it the same way each time"
    return broken("key_order", where, why, snippet(x, at), snippet(y, at))


# ---------------------------------------------------------------- messages


def _messages_break(old: Row, new: Row) -> Diagnosis | None:
    key, after = messages_of(new)
    before = messages_of(old)[1]
    for i, (a, b) in enumerate(zip(before, after, strict=False)):
        found = _message_break(a, b, f"{key}[{i}]")
        if found is not None:
            return replace(_moved(before, after, i, key) or found, shared_messages=i)
    return None


def _message_order_break(old: Row, new: Row) -> Diagnosis | None:
    key, after = messages_of(new)
    for i, (a, b) in enumerate(zip(messages_of(old)[1], after, strict=False)):
        if text_of(a) != text_of(b) and same(a, b):
            return replace(_key_order(f"{key}[{i}]", a, b), shared_messages=i)
    return None


def _role(message: Row) -> str:
    return str(message.get("role") or message.get("type") or "")


def _message_break(a: Row, b: Row, where: str) -> Diagnosis | None:
    """Return the first difference of two messages; None also if a text is a string in one and a part in the other."""
    if same(a, b):
        return None
    if _role(a) != _role(b):
        return broken("role", f"{where}.role", "the role changed", _role(a), _role(b))
    for name in dict.fromkeys((*_DESCRIBE, *b, *a)):
        x, y = a.get(name), b.get(name)
        if not same(x, y):
            found = _DESCRIBE.get(name, _field_break)(x, y, f"{where}.{name}", b)
            if found is not None:
                return found
    return None


def _content_break(a: Json, b: Json, where: str, message: Row) -> Diagnosis | None:
    what = f"the {_role(message) or 'message'} text"
    if isinstance(a, str) and isinstance(b, str):
        return text_break(a, b, where, what)
    if not a and not b:
        return None
    old, new = _parts(a), _parts(b)
    if not old and not new:
        return _value_break(a, b, where, "text", what)
    for i, (x, y) in enumerate(zip(old, new, strict=False)):
        found = _part_break(x, y, f"{where}[{i}]" if isinstance(b, list) else where, what)
        if found is not None:
            return found
    return _part_count_break(old, new, where)


def _part_count_break(old: list[Row], new: list[Row], where: str) -> Diagnosis | None:
    i = min(len(old), len(new))
    if len(new) > i:
        return broken("part_added", f"{where}[{i}]", "a content part is new", "", shown(new[i]))
    if len(old) > i:
        return broken("part_removed", f"{where}[{i}]", "a content part is gone", shown(old[i]))
    return None


def _parts(content: Json) -> list[Row]:
    return rows(content) if content and isinstance(content, str | list) else []


def _part_break(a: Row, b: Row, where: str, what: str) -> Diagnosis | None:
    x, y = a.get("text"), b.get("text")
    if isinstance(x, str) and isinstance(y, str):
        return None if x == y else text_break(x, y, where, what)
    if same(a, b):
        return None
    kind = _MEDIA.get(str(b.get("type")))
    if kind is None or a.get("type") != b.get("type"):
        return broken("part_changed", where, "a content part changed", shown(a), shown(b))
    path, x, y = first_difference(a, b, where)
    return broken(kind, path, f"the {kind} changed; it must be identical to be cached", shown(x), shown(y))


def _calls_break(a: Json, b: Json, where: str, _message: Row) -> Diagnosis | None:
    old, new = rows(a), rows(b)
    for i, (x, y) in enumerate(zip(old, new, strict=False)):
        found = None if same(x, y) else _call_break(x, y, f"{where}[{i}]")
        if found is not None:
            return found
    i = min(len(old), len(new))
    if len(old) == len(new):
        return None
    why = "a tool call is gone" if len(old) > i else "a tool call is new"
    return broken(
        "tool_call", f"{where}[{i}]", why, *(shown(calls[i]) if len(calls) > i else "" for calls in (old, new))
    )


def _call_break(a: Row, b: Row, where: str) -> Diagnosis:
    """Describe two calls in chat's form that differ."""
    f, g = _row(a.get("function")), _row(b.get("function"))
    if f.get("name") != g.get("name"):
        return _function_break(f.get("name"), g.get("name"), f"{where}.function.name")
    if not same(f.get("arguments"), g.get("arguments")):
        return _arguments_break(f.get("arguments"), g.get("arguments"), f"{where}.function.arguments", b)
    if a.get("id") != b.get("id"):
        return _call_id_break(a.get("id"), b.get("id"), f"{where}.id", b)
    return _value_break(a, b, where, "tool_call", "the tool call")


def _function_break(a: Json, b: Json, where: str) -> Diagnosis:
    return broken("tool_call", where, "another function is called", text_of(a), text_of(b))


def _arguments_break(a: Json, b: Json, where: str, _message: Row) -> Diagnosis:
    x, y = text_of(a), text_of(b)
    at = common_length(x, y)
    try:
        equal = same(json.loads(x), json.loads(y))
    except (ValueError, RecursionError):
        equal = False
    if equal:
        why = "same content, different bytes: it was parsed and serialized again. Pass the text on unchanged"
        return broken("key_order", where, why, snippet(x, at), snippet(y, at))
    return broken("tool_call", where, "the arguments changed", snippet(x, at), snippet(y, at))


def _reasoning_break(a: Json, b: Json, where: str, _message: Row) -> Diagnosis:
    x, y = text_of(a or ""), text_of(b or "")
    change = "changed" if x and y else "is passed back now" if y else "is no longer passed back"
    at = common_length(x, y)
    return broken("reasoning", where, f"the reasoning of an earlier turn {change}", snippet(x, at), snippet(y, at))


def _call_id_break(a: Json, b: Json, where: str, _message: Row) -> Diagnosis:
    why = "the id of a tool call changed. Keep the ids of earlier turns"
    return broken("tool_call_id", where, why, text_of(a), text_of(b))


def _name_break(a: Json, b: Json, where: str, message: Row) -> Diagnosis:
    """Describe a difference in the function of a `function_call` item, or in the name of a speaker."""
    return _function_break(a, b, where) if "arguments" in message else _field_break(a, b, where, message)


def _field_break(a: Json, b: Json, where: str, _message: Row) -> Diagnosis:
    return broken("field", where, f"{where.rpartition('.')[2]} changed", shown(a), shown(b))


_DESCRIBE: Final[Mapping[str, Callable[[Any, Any, str, Row], Diagnosis | None]]] = {
    "content": _content_break,
    "tool_calls": _calls_break,
    "name": _name_break,
    "arguments": _arguments_break,
    "output": _content_break,
    "reasoning_content": _reasoning_break,
    "tool_call_id": _call_id_break,
    "call_id": _call_id_break,
}
"""The functions that describe a difference in a field of a message, in the order in which fields are compared."""


def _moved(old: list[Row], new: list[Row], i: int, key: str) -> Diagnosis | None:
    """Describe messages that were inserted, removed or reordered where two histories diverge; None if none were."""
    ahead, behind = _distance(old[i], new[i:]), _distance(new[i], old[i:])
    if not ahead and not behind:
        return None
    where = f"{key}[{i}]"
    snippets = _message_shown(old[i]), _message_shown(new[i])
    if ahead and behind:
        return broken("messages_reordered", where, "the same messages in a different order", *snippets)
    count = ahead or behind
    counted = "a message was" if count == 1 else f"{count} messages were"
    if behind:
        return broken("message_removed", where, f"{counted} removed before this one", *snippets)
    return broken("message_inserted", where, f"{counted} inserted here", *snippets)


def _distance(message: Row, messages: list[Row]) -> int:
    """Return how many messages later a message appears in a list; 0 if it does not."""
    return next((k for k, other in enumerate(messages) if k and _message_break(message, other, "") is None), 0)


def _message_shown(message: Row) -> str:
    return f"{_role(message)}: {shown(message.get('content') or message.get('tool_calls') or message)}"
