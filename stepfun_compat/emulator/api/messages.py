"""POST /messages and /messages/count_tokens: Anthropic's Messages API (stepfun-api 7).

A request is translated to a chat request; the answer uses Anthropic's blocks and events. Reasoning tokens are counted,
but no reasoning is sent, because its block type is not documented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..json_values import Object, as_list, as_object, as_text, dumps, is_array, is_integer, is_object
from ..model import generation, tokens
from ..model.generation import Generated
from ..model.rules import Reply
from . import chat_request, errors
from .answers import Answer, Event, Events, json_body
from .calls import Call, Endpoint
from .chat_request import ChatRequest, check_number, find_model

_COUNTED = frozenset({"model", "messages", "system", "tools"})
_DOCUMENTED = _COUNTED | {
    "max_tokens",
    "output_config",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
}
_BLOCKS = {"user": ("text", "image", "tool_result"), "assistant": ("text", "tool_use")}


def create(call: Call) -> Answer:
    """Answer with a message or its events."""
    body = call.object()
    _check(body, call, _DOCUMENTED)
    if not is_integer(body.get("max_tokens")) or body["max_tokens"] < 1:
        raise errors.invalid_param("max_tokens", "greater than 0")
    check_number(body, "top_k", 0, 500, "[0,500]")
    request = chat_request.read(_as_chat(body, call), call)
    generation.check_blocked(call, request.talk)
    script = generation.scripted(call)
    if script is not None and not isinstance(script, Reply):
        return script
    made = generation.generate(
        call,
        request.model,
        request.talk,
        request.prompt,
        cached=generation.look_up_cache(call, request.model, request.prompt),
        reply=script,
        max_tokens=request.max_tokens,
        effort=None if request.model.kind == "router" else request.effort,
        stop=request.stop,
    )
    whole = _message(call, request, made)
    return Events(list(_events(whole, call))) if request.stream else json_body(whole)


def count(call: Call) -> Answer:
    """Answer with the number of tokens in the prompt."""
    body = call.object()
    _check(body, call, _COUNTED)
    request = chat_request.read(_as_chat(body, call), call)
    return json_body({"input_tokens": len(request.prompt)})


# -- the request -------------------------------------------------------------------------------------------------


def _check(body: Object, call: Call, known: frozenset[str]) -> None:
    model = find_model(body.get("model"), call)
    if not model.messages:
        raise errors.invalid(f"model {model.id} is not enabled for the Messages API")
    if call.config.strict:
        errors.check_known(body, known)


def _as_chat(body: Object, call: Call) -> Object:
    messages: list[Object] = []
    system = body.get("system")
    if system:
        messages.append({"role": "system", "content": _text_of(system)})
    if not is_array(body.get("messages")) or not body["messages"]:
        raise errors.invalid_param("messages", "not empty")
    for entry in as_list(body["messages"]):
        messages += _turns(as_object(entry), call)
    made: Object = {"model": body.get("model"), "messages": messages}
    for name in ("max_tokens", "temperature", "top_p", "stream"):
        if body.get(name) is not None:
            made[name] = body[name]
    if body.get("stop_sequences"):
        made["stop"] = body["stop_sequences"]
    effort = as_object(body.get("output_config")).get("effort")
    if effort is not None:
        made["reasoning_effort"] = effort
    tools = as_list(body.get("tools"))
    if tools:
        made["tools"] = [_tool(as_object(item)) for item in tools]
    return made


def _tool(item: Object) -> Object:
    function: Object = {
        "name": item.get("name"),
        "description": as_text(item.get("description")),
        "parameters": item.get("input_schema") or {},
    }
    return {"type": "function", "function": function}


def _turns(entry: Object, call: Call) -> list[Object]:
    """Translate one message to chat messages, with a separate message for each tool result."""
    role = entry.get("role")
    if role not in ("user", "assistant"):
        raise errors.invalid_param("messages.role", "user, assistant")
    content = entry.get("content")
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    blocks = [as_object(item) for item in as_list(content)]
    for block in blocks:
        _check_block(block, role, call)
    return [_assistant_turn(blocks)] if role == "assistant" else _user_turns(blocks)


def _assistant_turn(blocks: list[Object]) -> Object:
    text = "".join(as_text(block.get("text")) for block in blocks if block["type"] == "text")
    calls = [_tool_call(block) for block in blocks if block["type"] == "tool_use"]
    turn: Object = {"role": "assistant", "content": text}
    return {**turn, "tool_calls": calls} if calls else turn


def _user_turns(blocks: list[Object]) -> list[Object]:
    parts = [_part(block) for block in blocks if block["type"] in ("text", "image")]
    results = [_tool_result(block) for block in blocks if block["type"] == "tool_result"]
    return [*results, *([{"role": "user", "content": parts}] if parts or not results else [])]


def _check_block(block: Object, role: str, call: Call) -> None:
    if call.config.strict and "cache_control" in block:
        raise errors.unknown_param("messages.content.cache_control")
    if block.get("type") not in _BLOCKS[role]:
        raise errors.invalid_param("messages.content.type", "text, image, tool_use, tool_result")


def _part(block: Object) -> Object:
    """Convert a text or image block to a part of a chat message."""
    if block["type"] == "text":
        return {"type": "text", "text": as_text(block.get("text"))}
    source = as_object(block.get("source"))
    url = as_text(source.get("url"))
    if source.get("type") == "base64":
        url = f"data:{source.get('media_type')};base64,{source.get('data')}"
    return {"type": "image_url", "image_url": {"url": url}}


def _tool_call(block: Object) -> Object:
    function = {"name": block.get("name"), "arguments": dumps(block.get("input") or {})}
    return {"id": block.get("id"), "type": "function", "function": function}


def _tool_result(block: Object) -> Object:
    return {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": _text_of(block.get("content"))}


def _text_of(content: object) -> str:
    """Return a text, or the joined texts of a list of blocks."""
    if isinstance(content, str):
        return content
    return "".join(as_text(as_object(block).get("text")) for block in as_list(content))


# -- the answer --------------------------------------------------------------------------------------------------


def _message(call: Call, request: ChatRequest, made: Generated) -> Object:
    blocks: list[Object] = [{"type": "text", "text": made.content}] if made.content or not made.calls else []
    for item in made.calls:
        try:
            arguments: object = json.loads(item.arguments)
        except ValueError:  # truncated by max_tokens
            arguments = {}
        blocks.append(
            {
                "type": "tool_use",
                "id": item.id,
                "name": item.name,
                "input": arguments if is_object(arguments) else {},
            }
        )
    return {
        "id": f"msg_{call.engine.new_id()}",
        "type": "message",
        "role": "assistant",
        "model": request.model.id,
        "content": blocks,
        "stop_reason": "max_tokens" if made.length else "tool_use" if made.calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": made.usage.prompt, "output_tokens": made.usage.completion},
    }


def _events(whole: Object, call: Call) -> Iterator[Event]:
    def event(kind: str, **fields: object) -> Event:
        return Event({"type": kind, **fields}, kind)

    usage = as_object(whole["usage"])
    begun: Object = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 0}}
    yield event("message_start", message=begun)
    for index, block in enumerate(as_object(item) for item in as_list(whole["content"])):
        text = block["type"] == "text"
        empty: Object = {**block, "text": ""} if text else {**block, "input": {}}
        yield event("content_block_start", index=index, content_block=empty)
        for piece in tokens.pieces(block["text"] if text else dumps(block["input"]), call.config.chunk_tokens):
            delta = (
                {"type": "text_delta", "text": piece} if text else {"type": "input_json_delta", "partial_json": piece}
            )
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=ended, usage={"output_tokens": usage["output_tokens"]})
    yield event("message_stop")


ENDPOINTS = (
    Endpoint("POST", "/messages", create, plan=True, metered=True),
    Endpoint("POST", "/messages/count_tokens", count, plan=True),
)
