"""Build the Response object, with all of OpenAI's fields, from a chat completion and the request (stepfun-api 5.2)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..chat.response import is_built_in
from ..chat.usage import fill_usage
from ..context import Json, RequestContext
from ..json_values import Dict, as_dict, as_list, row_of, rows_of
from .request import ResponsesState, emits_reasoning_item, new_id
from .tools import PACKED_CALLS, call_item, item_prefix

# StepFun's defaults for chat (stepfun-api 3.1).
_CHAT_TEMPERATURE: Final = 0.5
_CHAT_TOP_P: Final = 0.9


def usage_of(chat_usage: Json) -> Dict | None:
    """Translate chat's usage to that of Responses; None if StepFun reported none.

    A detail StepFun does not report is 0, since the SDK's types require a number.
    """
    usage = fill_usage(chat_usage)
    if usage is None:
        return None
    reasoning = usage["completion_tokens_details"].get("reasoning_tokens")
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {
            "cached_tokens": usage["prompt_tokens_details"]["cached_tokens"],
            "cache_write_tokens": 0,
        },
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": reasoning if isinstance(reasoning, int) else 0},
        "total_tokens": usage["total_tokens"],
    }


def _tool(tool: Json) -> Json:
    row = row_of(tool)
    if row.get("type", "function") != "function" or "function" in row:
        return tool
    return {"type": "function", "description": None, "parameters": None, "strict": True, **row}


_DEFAULTS: Final[Mapping[str, Any]] = {
    "id": "",
    "object": "response",
    "created_at": 0,
    "status": "in_progress",
    "background": False,
    "completed_at": None,
    "error": None,
    "frequency_penalty": 0.0,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": "",
    "output": (),
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": _CHAT_TEMPERATURE,
    "text": None,
    "tool_choice": "auto",
    "tools": (),
    "top_logprobs": 0,
    "top_p": _CHAT_TOP_P,
    "truncation": "disabled",
    "usage": None,
    "user": None,
    "metadata": None,
    # fields of OpenAI's newest Response that StepFun has no value for, included for programs that read the JSON
    "access_programs": None,
    "conversation": None,
    "image": None,
    "input_transformations": None,
    "moderation": None,
    "prompt": None,
    "prompt_cache_diagnostics": None,
    "prompt_cache_options": None,
    "tool_usage": None,
}
"""The fields of a Response, in OpenAI's order."""
_REPEATED: Final = (
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "tool_choice",
    "truncation",
    "user",
)
"""Parameters that a Response repeats as they were passed."""


def frame(original: ResponsesState, context: RequestContext, *, model: Json = None) -> Dict:
    """Build the Response without output: `in_progress`, with every field of the request that OpenAI repeats."""
    fields = original.fields
    echo = context.requested_model if context.settings.echo_requested_model else None
    text = row_of(fields.get("text"))
    response: Dict = {
        **_DEFAULTS,
        **{name: fields[name] for name in _REPEATED if fields.get(name) is not None},
        **_sampling(original),
        "id": original.id,
        "created_at": original.created,
        "background": bool(fields.get("background")),
        "model": echo or model or context.model_id or "",
        "output": [],
        "reasoning": _reasoning(original),
        "store": original.stored and not original.too_large,
        "text": {"format": text.get("format") or {"type": "text"}, "verbosity": text.get("verbosity") or "medium"},
        "tools": [_tool(tool) for tool in rows_of(fields.get("tools"))],
        "metadata": fields.get("metadata") or {},
    }
    conversation = fields.get("conversation")
    if conversation is not None:
        response["conversation"] = {"id": row_of(conversation).get("id") or conversation}
    return response


def _sampling(original: ResponsesState) -> Dict:
    """The sampling parameters as they were sent, else StepFun's defaults."""
    sent, native = original.sent, original.route == "native"
    return {
        "temperature": sent.get("temperature", 1.0 if native else _CHAT_TEMPERATURE),
        "top_p": sent.get("top_p", 1.0 if native else _CHAT_TOP_P),
        "frequency_penalty": _number(sent.get("frequency_penalty")),
        "presence_penalty": _number(sent.get("presence_penalty")),
    }


def _reasoning(original: ResponsesState) -> Dict:
    """`reasoning` as it was passed; the effort defaults to the one that was sent."""
    reasoning, sent = row_of(original.fields.get("reasoning")), original.sent
    effort = reasoning.get("effort") or sent.get("reasoning_effort") or row_of(sent.get("reasoning")).get("effort")
    return {"effort": effort, "summary": reasoning.get("summary") or reasoning.get("generate_summary")}


def _number(value: Json) -> Json:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


FAILED_REASONS: Final = frozenset({"error", "network_error"})
"""Finish reasons of a response that failed midway."""


def finished(response: Dict, output: Sequence[Dict], reason: str | None, usage: Dict | None) -> Dict:
    """Complete the frame with its output. `reason` is chat's finish reason."""
    if reason in FAILED_REASONS:
        return failed(response, output, "server_error", f"StepFun ended the answer with {reason!r}.", usage)
    why = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(reason or "")
    return {
        **response,
        "status": "incomplete" if why else "completed",
        "completed_at": None if why else max(int(time.time()), int(response["created_at"])),
        "incomplete_details": {"reason": why} if why else None,
        "output": list(output),
        "usage": usage,
    }


def failed(response: Dict, output: Sequence[Dict], code: str, message: str, usage: Dict | None = None) -> Dict:
    """Complete the frame of a response that failed."""
    error = {"code": code, "message": message}
    return {**response, "status": "failed", "error": error, "output": list(output), "usage": usage}


# ---------------------------------------------------------------- items


def reasoning_item(id: str, text: str, status: str = "completed") -> Dict:
    """Build a reasoning item, its text in `content`."""
    content = [{"type": "reasoning_text", "text": text}] if text else []
    return {"id": id, "type": "reasoning", "summary": [], "content": content, "status": status}


def text_part(text: str, annotations: Sequence[Dict] = ()) -> Dict:
    """Build a message's text part."""
    return {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": []}


def refusal_part(text: str) -> Dict:
    """Build a message's refusal part."""
    return {"type": "refusal", "refusal": text}


def message_item(id: str, content: Sequence[Dict], status: str = "completed") -> Dict:
    """Build an assistant's message item."""
    return {"id": id, "type": "message", "role": "assistant", "status": status, "content": list(content)}


def search_item(id: str, call: Mapping[str, Any], original: ResponsesState, status: str = "completed") -> Dict:
    """Build OpenAI's `web_search_call` of a search StepFun ran, with the pages it found if `include` requests them."""
    function = row_of(call.get("function"))
    try:
        parsed: Json = json.loads(str(function.get("arguments") or "{}"))
    except ValueError:
        parsed = None
    arguments = row_of(parsed)
    query = next((str(arguments[key]) for key in ("keyword", "query", "q") if arguments.get(key)), "")
    action: Dict = {"type": "search", "query": query, "queries": [query] if query else []}
    if "web_search_call.action.sources" in rows_of(original.fields.get("include")):
        urls = [row_of(hit).get("url") for hit in rows_of(function.get("results"))]
        action["sources"] = [{"type": "url", "url": url} for url in urls if isinstance(url, str)]
    return {"id": id, "type": "web_search_call", "status": status, "action": action}


_ANSWERS: Final = frozenset({"message", "function_call", "custom_tool_call", *PACKED_CALLS})


def with_thought(items: Sequence[Dict], thought: Json) -> list[Dict]:
    """Add reasoning as `reasoning_content` to the first message or call."""
    out = list(items)
    first = next((place for place, item in enumerate(out) if item["type"] in _ANSWERS), None)
    if first is not None and isinstance(thought, str) and thought:
        out[first] = {**out[first], "reasoning_content": thought}
    return out


def annotations_of(citations: Json) -> list[Dict]:
    """Translate chat's citations, which lack the inner object in Responses."""
    out: list[Dict] = []
    for entry in rows_of(citations):
        row = row_of(entry)
        out.append({"type": row.get("type"), **row_of(row.get("url_citation"))} if "url_citation" in row else dict(row))
    return out


def built_in_calls(body: Json) -> list[Dict]:
    """Return the searches StepFun ran itself, from a chat completion or chunk as received (stepfun-api 3.4)."""
    found: list[Dict] = []
    for choice in as_list((as_dict(body) or {}).get("choices")):
        row = as_dict(choice) or {}
        message = as_dict(row.get("message")) or as_dict(row.get("delta")) or {}
        calls = [entry for call in as_list(message.get("tool_calls")) if (entry := as_dict(call)) is not None]
        found += [dict(call) for call in calls if is_built_in(call)]
    return found


def response_of(chat: Dict, original: ResponsesState, context: RequestContext) -> Dict:
    """Translate a chat completion in OpenAI's form to a complete Response."""
    choice = as_dict((as_list(chat.get("choices")) or [{}])[0]) or {}
    message = as_dict(choice.get("message")) or {}
    reason = choice.get("finish_reason")
    cut = reason in ("length", "content_filter") or reason in FAILED_REASONS
    if isinstance(chat.get("created"), int) and chat["created"]:
        original.created = chat["created"]
    output = [
        search_item(new_id("ws"), call, original) for call in original.searches
    ]  # StepFun searches first (stepfun-api 3.4)
    with_reasoning = emits_reasoning_item(original, context)
    output += _spoken_items(message, cut, with_reasoning)
    output += _call_items(as_list(message.get("tool_calls")), cut, original)
    if not with_reasoning:
        output = with_thought(output, message.get("reasoning_content"))
    return finished(frame(original, context, model=chat.get("model")), output, reason, usage_of(chat.get("usage")))


def _spoken_items(message: Dict, cut: bool, with_reasoning: bool) -> list[Dict]:
    """Build the reasoning item (only `with_reasoning`) and the message item of a chat completion.

    A completion that was `cut` before its first word has a message with empty text, unless its reasoning is an item.
    """
    silent = not (message.get("content") or as_list(message.get("tool_calls")) or message.get("refusal"))
    items: list[Dict] = []
    reasoning = message.get("reasoning_content")
    if with_reasoning and isinstance(reasoning, str) and reasoning:
        items.append(reasoning_item(new_id("rs"), reasoning, "incomplete" if cut and silent else "completed"))
    if message.get("content") or (silent and not (cut and with_reasoning)):
        items.append(_text_message(message, cut))
    elif message.get("refusal"):
        items.append(message_item(new_id("msg"), [refusal_part(str(message["refusal"]))]))
    return items


def _text_message(message: Dict, cut: bool) -> Dict:
    """Build the message item of a chat completion's text; if calls follow it, it is complete."""
    content = message.get("content")
    part = text_part(content if isinstance(content, str) else "", annotations_of(message.get("annotations")))
    complete = not cut or bool(as_list(message.get("tool_calls")))
    return message_item(new_id("msg"), [part], "completed" if complete else "incomplete")


def _call_items(calls: Sequence[Json], cut: bool, original: ResponsesState) -> list[Dict]:
    """Build the items of a chat completion's tool calls; if it was `cut`, the last is incomplete."""
    items: list[Dict] = []
    for position, entry in enumerate(calls):
        call = row_of(entry)
        last = cut and position == len(calls) - 1
        id = new_id(item_prefix(call, original.packing))
        items.append(call_item(id, call, "incomplete" if last else "completed", original.packing))
    return items
