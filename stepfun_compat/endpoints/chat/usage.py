"""Complete the usage of chat responses, and truncate text to the caller's cap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..context import Json, RequestContext
from ..json_values import Dict, as_dict, as_list, is_whole_json, whole_number
from .messages import call_key
from .state import ChatState


def fill_usage(usage: Json, text: int = 0, reasoning: int = 0) -> Dict | None:
    """Complete usage with OpenAI's nested details, always ints, since programs sum them unchecked (stepfun-api 4.4).

    `cached_tokens` is 0 if StepFun reports none. If it does not report `reasoning_tokens`, they are estimated from the
    `text` and `reasoning` characters.
    """
    given = as_dict(usage)
    if given is None:
        return None
    out = dict(given)
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        if type(out.get(name)) is not int:
            out[name] = whole_number(out.get(name)) or _missing_count(name, out)
    prompt = dict(as_dict(out.get("prompt_tokens_details")) or {})
    if type(prompt.get("cached_tokens")) is not int:
        prompt["cached_tokens"] = _cached_tokens(prompt.get("cached_tokens"), out.get("cached_tokens"))
    out["prompt_tokens_details"] = prompt
    completion = dict(as_dict(out.get("completion_tokens_details")) or {})
    if type(completion.get("reasoning_tokens")) is not int:
        reported = whole_number(completion.get("reasoning_tokens"))
        completion["reasoning_tokens"] = _share(reasoning, text, out) if reported is None else reported
    out["completion_tokens_details"] = completion
    return out


def _missing_count(name: str, usage: Dict) -> int:
    return usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0) if name == "total_tokens" else 0


def _share(reasoning: int, text: int, usage: Dict) -> int:
    """Estimate the reasoning tokens from the characters of the reasoning and of the text."""
    return round(usage["completion_tokens"] * reasoning / (text + reasoning)) if reasoning > 0 else 0


def _cached_tokens(nested: Json, beside: Json) -> int:
    """Return the cached tokens from the details, else from StepFun's field beside the totals, else 0."""
    cached = beside if nested is None else nested
    return 0 if cached is None else whole_number(cached) or 0


def add_usage(first: Json, second: Json) -> Json:
    """Return the sum of two usages, for a call that took two requests."""
    a, b = as_dict(first), as_dict(second)
    if a is None or b is None:
        return a or b
    out = dict(a)
    for key, value in b.items():
        if isinstance(value, dict):
            out[key] = add_usage(a.get(key) or {}, value)
        elif isinstance(value, int):
            old = a.get(key)
            out[key] = (old if isinstance(old, int) else 0) + value
        else:
            out.setdefault(key, value)
    return out


def characters_of(message: Mapping[str, Any]) -> tuple[int, int]:
    """Return (characters of text and calls, characters of reasoning) of one message in OpenAI's shape."""
    text = len(str(message.get("content") or ""))
    legacy = message.get("function_call")
    for call in (*as_list(message.get("tool_calls")), {"function": legacy} if legacy else None):
        if call is None:
            continue
        _, name, arguments = call_key(as_dict(call) or {})
        text += len(name) + len(arguments)
    return text, len(str(message.get("reasoning_content") or ""))


def visible_tokens(usage: Mapping[str, Any] | None, text: str, reasoning: str) -> int | None:
    """Return the number of completion tokens of the visible text, None if StepFun reports no total.

    It is the total minus the reasoning tokens, or, if those are not reported, the text's share by length.
    """
    total = whole_number(usage.get("completion_tokens")) if usage is not None else None
    if usage is None or total is None:
        return None
    details = as_dict(usage.get("completion_tokens_details")) or {}
    reported = whole_number(details.get("reasoning_tokens"))
    if reported is not None:
        return max(total - reported, 0)
    characters = len(text) + len(reasoning)
    share = round(total * len(text) / characters) if characters else 0
    return min(share, len(text.encode("utf-8", "surrogatepass")))  # a token is at least a byte of text


def truncate(text: str, tokens: int, cap: int) -> str:
    """Truncate a text that took `tokens` to the caller's cap, in proportion."""
    return text[: max(len(text) * cap // max(tokens, 1), 1)]


def is_call_truncated(usage: Json, message: Mapping[str, Any], context: RequestContext) -> bool:
    """Whether StepFun's cap ended the response inside the arguments of a call."""
    sent = context.state(ChatState).sent_cap
    used = whole_number((as_dict(usage) or {}).get("completion_tokens"))
    if sent is None or used is None or used < sent:
        return False
    calls = [*as_list(message.get("tool_calls")), {"function": message.get("function_call")}]
    return any(arguments and not is_whole_json(arguments) for _, _, arguments in (call_key(call) for call in calls))
