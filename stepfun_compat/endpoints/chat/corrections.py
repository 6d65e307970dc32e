"""Decide whether a response needs a correction by another request, and build that request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..base import WireRequest, replace
from ..context import Json, RequestContext
from ..json_values import Dict, as_dict, as_list
from . import structured_output as structured
from .messages import call_key
from .state import ChatState
from .tools import Tools, translate_tool_choice


def needs_check(body: Dict) -> bool:
    """Whether a response to this body may need a correction."""
    choice = translate_tool_choice(body)
    if body.get("stop") or (choice is not None and choice not in ("auto", "none")):
        return True
    return structured.schema_of(body.get("response_format")) is not None


def calls_none(data: Dict, tools: Tools) -> bool:
    """Whether no choice makes the required call: one of the forced functions, or any if none is named."""
    wanted = {tools.caller_name(name) for name in tools.forced or ()}
    for choice in as_list(data.get("choices")):
        message = as_dict((as_dict(choice) or {}).get("message")) or {}
        calls = [*as_list(message.get("tool_calls")), {"function": message.get("function_call")}]
        names = {call_key(as_dict(call) or {})[1] for call in calls} - {""}
        if names & wanted if wanted else names:
            return False
    return True


def find_miss(data: Dict, context: RequestContext) -> str | None:
    """Return which requirement of the request the response misses, None if it misses none."""
    state = context.state(ChatState)
    tools = state.tools
    choices = [as_dict(choice) or {} for choice in as_list(data.get("choices"))]
    if state.stop and _stopped_while_reasoning(choices, context):
        return STOPPED
    if any(choice.get("finish_reason") in ("length", "content_filter") for choice in choices):
        return None  # another request with the same cap would be truncated too
    if tools.forced is not None:
        return NOT_CALLED if calls_none(data, tools) else None
    return _schema_problem(choices, state.schema) if state.emulated_schema else None


def _schema_problem(choices: Sequence[Dict], schema: Mapping[str, Any]) -> str | None:
    """Return why the first invalid choice does not match the schema, None if all match. Tool calls are not checked."""
    for choice in choices:
        message = as_dict(choice.get("message")) or {}
        found = None if message.get("tool_calls") else structured.problem(message.get("content"), schema)
        if found is not None:
            return found
    return None


NOT_CALLED = "the model did not call the required tool"


STOPPED = "stop probably ended the reasoning, and the response has no text"


def _stopped_while_reasoning(choices: Sequence[Dict], context: RequestContext) -> bool:
    """Whether every choice ended before its text. That `stop` ends the reasoning is unverified (stepfun-api 11)."""
    messages = [as_dict(choice.get("message")) or {} for choice in choices]
    silent = not any(m.get("content") or m.get("tool_calls") or m.get("function_call") for m in messages)
    return silent and context.state(ChatState).reasoned and all(c.get("finish_reason") == "stop" for c in choices)


def cut_at_stop(data: Dict, stop: Json) -> None:
    """Truncate each text before its first stop sequence, for a response that was requested without `stop`."""
    sequences = [stop] if isinstance(stop, str) else [text for text in as_list(stop) if isinstance(text, str)]
    for choice in as_list(data.get("choices")):
        message = as_dict((as_dict(choice) or {}).get("message")) or {}
        content = message.get("content")
        if isinstance(content, str):
            end = _first_of(sequences, content)
            if end is not None:
                message["content"] = content[:end]
                choice["finish_reason"] = "stop"


def _first_of(sequences: Sequence[str], text: str) -> int | None:
    """Return the position of the first stop sequence, None if the text has none."""
    return min((place for sequence in sequences if sequence and (place := text.find(sequence)) >= 0), default=None)


def public_reason(miss: str) -> str:
    """Describe a miss without the content of the response."""
    return miss if miss in (NOT_CALLED, STOPPED) else "the response does not match the schema"


def corrected_request(wire: WireRequest, data: Dict, miss: str, context: RequestContext) -> WireRequest:
    """Build the request of a correction: append the response and what is wrong with it to the messages.

    A request whose `stop` ended the reasoning is sent without `stop` instead.
    """
    body = dict(cast("Dict", wire.json))
    if miss == STOPPED:
        body.pop("stop", None)
        return replace(wire, json=body)
    message = as_dict((as_dict((as_list(data.get("choices")) or [{}])[0]) or {}).get("message")) or {}
    tools = context.state(ChatState).tools
    if tools.forced is not None:
        which = f"the function {tools.forced[0]}" if tools.forced else "one of the available tools"
        line = f"That was text. Call {which} now; do not answer in text."
    else:
        line = f"That answer is not valid: {miss}. Answer again with only the JSON object."
    answer = {"role": "assistant", "content": message.get("content") or ""}
    body["messages"] = [*as_list(body.get("messages")), answer, {"role": "user", "content": line}]
    return replace(wire, json=body)
