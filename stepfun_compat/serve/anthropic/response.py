"""Convert a chat completion to Anthropic's message. Pure."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from .blocks import Dict
from .thinking import shows_thinking, sign

_STOPS: Final[Mapping[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_NOT_OF_AN_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True)
class MessageContext:
    """The parts of a request that the translation of its response needs. `model` is the name in the request: Claude Code
    returns thinking blocks only to the model that created them, which it identifies by this name.
    """

    model: str
    shows_thinking: bool = False
    stops: tuple[str, ...] = ()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> MessageContext:
        """Read the context from a valid body of Anthropic's API."""
        stops: Any = body.get("stop_sequences") or ()
        return cls(str(body.get("model")), shows_thinking(body), tuple(cast("list[str]", stops)))


def to_message(completion: Mapping[str, Any], context: MessageContext) -> Dict:
    """Anthropic's message for a chat completion."""
    choices = cast("list[Dict]", completion.get("choices") or [{}])
    choice = choices[0]
    message = cast("Dict", choice.get("message") or {})
    calls = cast("list[Dict]", message.get("tool_calls") or [])
    matched = matched_stop(choice, context)
    return {
        **head(context),
        "content": [*_thinking_and_text(message, context.shows_thinking), *map(_tool_use, calls)],
        "stop_reason": "stop_sequence" if matched else stop_reason(choice.get("finish_reason"), bool(calls)),
        "stop_sequence": matched,
        "usage": usage_of(completion.get("usage")),
    }


def _thinking_and_text(message: Mapping[str, Any], shows_thinking: bool) -> list[Dict]:
    content: list[Dict] = []
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if shows_thinking and isinstance(reasoning, str) and reasoning:
        content.append({"type": "thinking", "thinking": reasoning, "signature": sign(reasoning)})
    text = message.get("content") or message.get("refusal")
    if isinstance(text, str) and text:
        content.append(text_block(text))
    return content


def _tool_use(call: Mapping[str, Any]) -> Dict:
    function = cast("Dict", call.get("function") or {})
    return tool_block(call.get("id"), function.get("name"), input_of(function.get("arguments")))


def head(context: MessageContext) -> Dict:
    """A message without content, as at the start of a stream."""
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": context.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": usage_of(None),
    }


def text_block(text: str) -> Dict:
    """A block of text."""
    return {"type": "text", "text": text, "citations": None}


def tool_block(id: Any, name: Any, given: Mapping[str, Any]) -> Dict:
    """A `tool_use` block; characters that Anthropic's ids do not allow are replaced in the id."""
    clean = _NOT_OF_AN_ID.sub("_", str(id)) if id else f"toolu_{secrets.token_hex(12)}"
    return {
        "type": "tool_use",
        "id": clean,
        "name": str(name or ""),
        "input": dict(given),
        "caller": {"type": "direct"},
    }


def input_of(arguments: Any) -> Mapping[str, Any]:
    """A call's arguments as an object, as Anthropic's blocks have it; other values are kept as text."""
    if not isinstance(arguments, str) or not arguments.strip():
        return {}
    try:
        given: Any = json.loads(arguments)
    except (ValueError, RecursionError):
        return {"arguments": arguments}
    return cast("Mapping[str, Any]", given) if isinstance(given, dict) else {"arguments": given}


def stop_reason(finish: Any, has_calls: bool) -> str:
    """Return Anthropic's stop reason for a finish reason."""
    if has_calls and finish in (None, "stop"):
        return "tool_use"
    return _STOPS.get(str(finish), "end_turn")


def matched_stop(choice: Mapping[str, Any], context: MessageContext) -> str | None:
    """Return the stop sequence that ended a response, if the server names it, as vLLM and SGLang do; else None. OpenAI's
    finish reason is `stop` both for the end of a turn and for a stop sequence.
    """
    if choice.get("finish_reason") != "stop":
        return None
    return next((text for name in ("stop_reason", "matched_stop") if (text := choice.get(name)) in context.stops), None)


def usage_of(usage: Any) -> Dict:
    """Anthropic's usage, which counts cached input separately from other input."""
    reported: Mapping[str, Any] = cast("Mapping[str, Any]", usage) if isinstance(usage, Mapping) else Dict()
    details: Any = reported.get("prompt_tokens_details")
    cached = _count(cast("Mapping[str, Any]", details).get("cached_tokens")) if isinstance(details, Mapping) else 0
    spent: Any = reported.get("completion_tokens_details")
    thought = _count(cast("Mapping[str, Any]", spent).get("reasoning_tokens")) if isinstance(spent, Mapping) else 0
    prompt = _count(reported.get("prompt_tokens"))
    return {
        "input_tokens": max(0, prompt - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": min(cached, prompt),
        "cache_creation": None,
        "output_tokens": _count(reported.get("completion_tokens")),
        "output_tokens_details": {"thinking_tokens": thought},
        "server_tool_use": None,
        "service_tier": "standard",
        "inference_geo": None,
    }


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
