"""Generate an answer and its usage, with reasoning, limits and prompt cache. Shared by all endpoints with a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from ..api import errors
from ..api.answers import DONE, Answer, Body, Event, Events, json_body, text_body
from ..api.calls import Call
from ..catalog import Model
from ..json_values import Object, as_list, as_object, as_text, dumps, is_object
from . import tokens
from .rules import Call as FunctionCall
from .rules import Conversation, Reply, answer, reasoning_text


@dataclass(frozen=True)
class Usage:
    prompt: int
    cached: int
    reasoning: int
    completion: int


@dataclass(frozen=True)
class Generated:
    """One answer and its usage. `length`: max_tokens or the context window truncated it."""

    reasoning: str
    content: str
    calls: tuple[FunctionCall, ...]
    length: bool
    finish_reason: str | None
    usage: Usage
    given_usage: Object | None = None


def scripted(call: Call) -> Reply | Answer | None:
    """Return the next scripted reply, or None."""
    item = call.engine.next_scripted()
    if callable(item):
        item = cast("Callable[[Any], Any]", item)(call.request.json)
    return None if item is None else read_scripted(item)


def read_scripted(item: object) -> Reply | Answer:
    """Convert a scripted reply: a text, a Reply, or a mapping with fields of a reply, status and body, or chunks."""
    if isinstance(item, Reply):
        return item
    if isinstance(item, str):
        return Reply(content=item)
    if not is_object(item):
        raise ValueError(f"a scripted reply must be a text, a Reply, a mapping or a function, not {item!r}")
    given = as_object(item)
    if "chunks" in given:
        return _scripted_chunks(given)
    if "body" in given or "status" in given:
        return _scripted_body(given.get("body"), given.get("status", 200))
    unknown = sorted(set(given) - {"content", "reasoning", "tool_calls", "finish_reason", "usage", "parsed"})
    if unknown:
        raise ValueError(f"unknown keys in a scripted reply: {', '.join(unknown)}")
    content = json.dumps(given["parsed"], ensure_ascii=False) if "parsed" in given else as_text(given.get("content"))
    return Reply(
        content=content,
        calls=tuple(_scripted_call(as_object(entry)) for entry in as_list(given.get("tool_calls"))),
        reasoning=given.get("reasoning"),
        finish_reason=given.get("finish_reason"),
        usage=given.get("usage"),
    )


def _scripted_chunks(given: Object) -> Events:
    events = [chunk if isinstance(chunk, Event) else Event(chunk) for chunk in as_list(given["chunks"])]
    return Events([*events, DONE] if given.get("done", True) else events)


def _scripted_body(body: Any, status: int) -> Body:
    if isinstance(body, str):
        return replace(text_body(body, status), content_type="application/json")
    return json_body(errors.for_status(status) if body is None else body, status)


def _scripted_call(entry: Object) -> FunctionCall:
    function = as_object(entry.get("function")) or entry
    arguments = function.get("arguments", {})
    text = arguments if isinstance(arguments, str) else dumps(arguments)
    return FunctionCall(as_text(function.get("name")), text, as_text(entry.get("id")))


def check_blocked(call: Call, talk: Conversation) -> None:
    """Raise a 451 for a prompt with a blocked term (stepfun-api 9.1)."""
    for turn in talk.turns:
        if any(term in turn.text for term in call.config.blocked_terms):
            raise errors.blocked()


def window(call: Call, model: Model) -> int:
    return call.config.context_window or model.context


def look_up_cache(call: Call, model: Model, prompt: Sequence[str]) -> int:
    """Return the number of cached prompt tokens, or raise a 400 for a prompt that is too long (stepfun-api 9.2)."""
    limit = window(call, model)
    if len(prompt) > limit:
        raise errors.invalid(f"input length {len(prompt)} exceeds the maximum context length {limit} of {model.id}")
    config = call.config
    return call.engine.cache.look_up(f"{model.id} {call.key}", prompt, config.cache_unit, config.cache_warm_after)


def generate(
    call: Call,
    model: Model,
    talk: Conversation,
    prompt: Sequence[str],
    *,
    cached: int,
    reply: Reply | None = None,
    max_tokens: int | None = None,
    effort: str | None = None,
    stop: Sequence[str] = (),
) -> Generated:
    """Generate reasoning and then the answer, within one token budget (stepfun-api 4.6)."""
    if reply is None:
        reply = answer(talk)
    budget = max(0, window(call, model) - len(prompt))
    if max_tokens is not None:
        budget = min(budget, max_tokens)
    reasoning = _reasoning(call, model, talk, reply, effort)
    reasoning_pieces = tokens.split(reasoning)
    content = _stopped(reply.content, stop)
    length = len(reasoning_pieces) > budget
    reasoning_pieces = reasoning_pieces[:budget]
    spent = len(reasoning_pieces)
    content_pieces = [] if length else tokens.split(content)
    if spent + len(content_pieces) > budget:
        length = True
        content_pieces = content_pieces[: budget - spent]
    spent += len(content_pieces)
    calls: list[FunctionCall] = []
    for item in () if length else reply.calls:
        room = budget - spent - tokens.count(item.name)
        if room <= 0:
            length = True
            break
        arguments = tokens.cut(item.arguments, room)
        spent += tokens.count(item.name) + tokens.count(arguments)
        calls.append(replace(item, arguments=arguments, id=item.id or f"call_{call.engine.new_id(22)}"))
        if arguments != item.arguments:
            length = True
            break
    return Generated(
        reasoning="".join(reasoning_pieces),
        content="".join(content_pieces),
        calls=tuple(calls),
        length=length,
        finish_reason=reply.finish_reason,
        usage=Usage(len(prompt), cached, len(reasoning_pieces), spent),
        given_usage=reply.usage,
    )


def _stopped(text: str, stop: Sequence[str]) -> str:
    ends = [text.find(item) for item in stop if item in text]
    return text[: min(ends)] if ends else text


def _reasoning(call: Call, model: Model, talk: Conversation, reply: Reply, effort: str | None) -> str:
    if reply.reasoning is not None:
        return reply.reasoning
    if not model.reasons:
        return ""
    costs = call.config.reasoning_tokens
    # An unset effort costs as much as high (stepfun-api 3.6), and so does one without support (even `none`).
    amount = costs.get(effort or "high") if effort in model.efforts else None
    if amount is None:
        amount = costs.get("high", 0)
    if amount <= 0:
        return ""
    thought = reasoning_text(talk, reply)
    return tokens.cut(thought * (amount // max(1, tokens.count(thought)) + 1), amount)
