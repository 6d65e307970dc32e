"""StepFun's own `POST /responses`: which requests it can serve, and the translation in both directions (stepfun-api 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..changes import WHY_DROPPED
from ..chat.endpoint import JSON_LINE, speaks_of_json
from ..chat.messages import repair_arguments
from ..chat.structured_output import strip_fences
from ..chat.tools import Tools
from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict, UnexpectedBody, as_dict, as_list, row_of, rows_of, whole_number
from ..model_resolution import effective_effort, headroom, replays_reasoning, resolve_model
from ..models import on_step_plan
from .messages import messages_of
from .request import (
    HANDLED,
    ResponsesState,
    emits_reasoning_item,
    missing_input,
    new_id,
    record_ignored_parameters,
    reject_unsupported,
    response_format,
    unpacked,
)
from .response import FAILED_REASONS, finished, frame, message_item, reasoning_item, refusal_part, text_part
from .tools import Unpacked, packed_native

_SAMPLING: Final = ("temperature", "top_p")
_ITEMS: Final = frozenset({"message", "function_call", "function_call_output", "reasoning"})
_PARTS: Final = frozenset({"input_text", "output_text", "input_image", "input_video", "refusal"})
_KINDS: Final[Mapping[str, str]] = {"input_image": "image", "input_video": "video", "input_audio": "audio"}


def input_kinds(items: Sequence[Dict]) -> frozenset[str]:
    """Return the kinds of input in items, other than text."""
    kinds: set[str] = set()
    for item in items:
        for parts in (item.get("content"), item.get("output")):
            if parts is None or type(parts) is str:
                continue
            kinds.update(kind for part in rows_of(parts) if (kind := _KINDS.get(str(row_of(part).get("type")))))
    return frozenset(kinds)


def _undocumented_part(items: Sequence[Dict]) -> str | None:
    """Return the part of the input that StepFun's Responses does not document; None if there is none."""
    for item in items:
        kind = item["type"]
        if kind not in _ITEMS:
            return f"input contains an item of type {kind}"
        returned = rows_of(item.get("output")) if kind == "function_call_output" else ()
        if any(row_of(part).get("type") != "input_text" for part in returned):
            return "a tool returned more than text"
        for part in rows_of(item.get("content")) if kind == "message" else ():
            if isinstance(part, Mapping) and row_of(part).get("type") not in _PARTS:
                return f"input contains a part of type {row_of(part).get('type')}"
    return None


def chat_needed(original: ResponsesState, context: RequestContext) -> str | None:
    """Return why a request is sent over chat; None if StepFun's own Responses supports it.

    Raises:
        RequestRejected: `responses_route` is `native`, which does not support the request.
    """
    route = context.settings.responses_route
    if route == "chat":
        return "Settings.responses_route"
    why = _beyond_native(original, context)
    if route == "native" and why is not None:
        raise RequestRejected(
            f"{why}, which StepFun's own Responses does not support, and Settings.responses_route is native. "
            "Set STEPFUN_RESPONSES_ROUTE=auto to send such requests over chat.",
            code="unsupported_parameter",
            param="input",
        )
    return why or (_not_served(original, context) if route == "auto" else None)


def _resolved(original: ResponsesState, context: RequestContext) -> RequestContext:
    probe = RequestContext(context.endpoint, context.settings, context.catalog)
    name = original.fields.get("model")
    resolve_model(probe, name if isinstance(name, str) else None, input_kinds([*original.history, *original.items]))
    return probe


def _not_served(original: ResponsesState, context: RequestContext) -> str | None:
    """Return why the model or plan does not support a request over Responses; None if it does."""
    if on_step_plan(context):
        return "StepFun documents no Responses on Step Plan"
    try:
        probe = _resolved(original, context)
    except RequestRejected:
        return "the model is refused"
    if probe.model is None or "responses" not in probe.model.endpoints:
        return f"{probe.model_id} is not listed for Responses"
    if original.fields.get("max_output_tokens") is not None and headroom(probe):
        return "max_output_tokens needs headroom for reasoning, and only chat trims the answer to it"
    if response_format(original.fields.get("text")) is not None and not probe.model.json_schema:
        return f"{probe.model_id} is not known to follow a schema"
    return None


def _beyond_native(original: ResponsesState, context: RequestContext) -> str | None:
    """Return the part of a request that StepFun's Responses does not support; None if there is none."""
    fields = original.fields
    if fields.get("tool_choice") not in (None, "auto", "none"):
        return "tool_choice is enforced"
    reason = _beyond_native_tools(unpacked(original), fields)
    if reason is not None:
        return reason
    if context.client.reasoning_cache is not None and replays_reasoning(context):
        return "cached reasoning is replayed"
    table = context.catalog.parameters("responses")
    for name in fields:
        if name not in HANDLED and name not in table:
            return f"{name} is not a parameter of Responses"
    return _undocumented_part([*original.history, *original.items])


def _beyond_native_tools(unpack: Unpacked, fields: Mapping[str, Any]) -> str | None:
    if unpack.search:
        return "web search is a tool of chat"
    if unpack.packing.packs:
        return "tools contains one that packs a function"
    names = Tools()
    for tool in unpack.tools:
        name = row_of(tool.get("function")).get("name")
        if tool.get("type") != "function":
            return f"tools contains one of type {tool.get('type')}"
        if not isinstance(name, str) or names.wire_name(name) != name:
            return f"the function name {name!r} does not fit StepFun's pattern"
    if unpack.tools and fields.get("parallel_tool_calls") is False:
        return "parallel_tool_calls=False is enforced"
    return None


# ---------------------------------------------------------------- request


def native_fields(original: ResponsesState, context: RequestContext) -> Dict:
    """Build the body for StepFun's Responses: documented fields only (stepfun-api 5.1).

    Raises:
        RequestRejected: no StepFun model supports something in the request.
    """
    fields = original.fields
    reject_unsupported(fields)
    items = [*original.history, *original.items]
    if not items:
        raise missing_input()
    name = fields.get("model")
    wire: Dict = {"model": resolve_model(context, name if isinstance(name, str) else None, input_kinds(items))}
    unpack = unpacked(original)
    unpack.record(context)
    messages = _put_input(items, fields.get("instructions"), wire, unpack, context)
    effort = effective_effort(context, row_of(fields.get("reasoning")).get("effort"))
    if effort is not None:
        wire["reasoning"] = {"effort": effort}
    if unpack.tools and fields.get("tool_choice") != "none":
        wire["tools"] = [_tool(tool) for tool in unpack.tools]
    _put_format(row_of(fields.get("text")), wire, messages, context)
    _put_sampling(fields, wire, context)
    if fields.get("max_output_tokens") is not None:
        wire["max_output_tokens"] = _cap(fields["max_output_tokens"], context)
    if fields.get("stream"):
        wire["stream"] = True
    _record_dropped(fields, context)
    record_ignored_parameters(fields, context)
    return wire


def _put_input(
    items: Sequence[Dict], instructions: Json, wire: Dict, unpack: Unpacked, context: RequestContext
) -> list[Dict]:
    """Set `input`, and `instructions` if they are text; as items they come first in `input`. Returns chat's messages."""
    text = instructions if isinstance(instructions, str) else None
    messages = messages_of(items, None if text is not None else instructions, context, unpack.packing)
    wire["input"] = _input(messages, context)
    if text:
        wire["instructions"] = text
    return messages


def _put_sampling(fields: Mapping[str, Any], wire: Dict, context: RequestContext) -> None:
    for name in _SAMPLING:
        if fields.get(name) is not None:
            wire[name] = fields[name]
        elif context.settings.openai_sampling_defaults:
            wire[name] = 1
            context.record_change("inject", name, None, 1, "Settings.openai_sampling_defaults")


def _put_format(text: Mapping[str, Any], wire: Dict, messages: Sequence[Dict], context: RequestContext) -> None:
    """Set `text.format` of the body; add the line JSON mode needs if no message mentions JSON."""
    form = row_of(text.get("format"))
    if form and form.get("type") != "text":
        wire["text"] = {"format": {key: value for key, value in form.items() if value is not None}}
        instructions = str(wire.get("instructions") or "")
        if form.get("type") == "json_object" and "json" not in instructions.lower() and not speaks_of_json(messages):
            wire["input"] = [*wire["input"], {"type": "message", "role": "system", "content": JSON_LINE}]
            context.record_change(
                "inject", "input", None, "a line that asks for JSON", "StepFun requires it in a system message"
            )
    verbosity = text.get("verbosity")
    if verbosity not in (None, "medium"):
        context.record_change("drop", "text.verbosity", verbosity, None, "StepFun does not document it", lossy=True)


def _cap(cap: Json, context: RequestContext) -> Json:
    """Add the headroom for reasoning to the cap. A value that is not a number is sent as it is; StepFun rejects it."""
    extra = headroom(context) if isinstance(cap, int | float) and not isinstance(cap, bool) else 0
    if not extra:
        return cap
    context.record_change(
        "cost", "max_output_tokens", cap, cap + extra, "StepFun counts reasoning tokens against the cap"
    )
    return cap + extra


def _record_dropped(fields: Dict, context: RequestContext) -> None:
    """Record the OpenAI parameters that StepFun's Responses does not have."""
    table = context.catalog.parameters("responses")
    for name, value in fields.items():
        row = table.get(name)
        if name not in HANDLED and name not in _SAMPLING and row is not None and row.action == "drop":
            context.record_change("drop", name, value, None, WHY_DROPPED[row.state], lossy=row.meaning)


def _tool(tool: Dict) -> Dict:
    function = row_of(tool.get("function"))
    return {"type": "function", "parameters": {"type": "object", "properties": {}}, **function}


def _input(messages: Sequence[Dict], context: RequestContext) -> list[Dict]:
    """Translate chat messages to the items StepFun documents. The assistant's text is a string, which is safe (stepfun-api 5.1)."""
    items: list[Dict] = []
    for place, message in enumerate(messages):
        role, content = message["role"], message.get("content")
        if role == "tool":
            items.append({"type": "function_call_output", "call_id": message.get("tool_call_id"), "output": content})
            continue
        if message.get("reasoning_content"):
            context.record_change(
                "drop", f"input[{place}]", "reasoning", None, "StepFun's Responses does not document reasoning as input"
            )
        if content is not None and (content or role != "assistant"):
            parts = content if isinstance(content, str) else [_part(part) for part in as_list(content)]
            items.append({"type": "message", "role": role, "content": parts})
        for call in as_list(message.get("tool_calls")):
            function = row_of(row_of(call).get("function"))
            items.append(
                {
                    "type": "function_call",
                    "id": f"fc_{row_of(call).get('id')}",  # stable across turns, for the prefix cache
                    "call_id": row_of(call).get("id"),
                    "name": function.get("name"),
                    "arguments": repair_arguments(function.get("arguments"), f"input[{place}].arguments", context),
                }
            )
    return items


def _part(part: Json) -> Json:
    row = row_of(part)
    if row.get("type") == "text":
        return {"type": "input_text", "text": row.get("text")}
    if row.get("type") == "image_url":
        image = row_of(row.get("image_url"))
        detail = image.get("detail")
        wanted = detail in ("low", "high")  # StepFun has no `auto` (stepfun-api 3.3)
        return {
            "type": "input_image",
            "image_url": {"url": image.get("url"), "detail": detail} if wanted else image.get("url"),
        }
    if row.get("type") == "video_url":
        return {"type": "input_video", "video_url": row_of(row.get("video_url")).get("url")}
    return part


# ---------------------------------------------------------------- response


def native_usage(usage: Json, text: int = 0, thought: int = 0) -> Dict | None:
    """Usage with OpenAI's details, always ints; what StepFun does not report is 0 (stepfun-api 5.3).

    Reasoning tokens that StepFun does not report are estimated, as in chat, by the share of `thought` characters in the
    sum of `thought` and `text` characters.
    """
    given = as_dict(usage)
    if given is None:
        return None

    def count(value: Json) -> int:
        return whole_number(value) or 0

    cached, reasoning = given.get("input_tokens_details"), given.get("output_tokens_details")
    input_tokens, output_tokens = count(given.get("input_tokens")), count(given.get("output_tokens"))
    total = whole_number(given.get("total_tokens"))
    split = whole_number(row_of(reasoning).get("reasoning_tokens"))
    if split is None:
        split = round(output_tokens * thought / (text + thought)) if thought else 0
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": count(row_of(cached).get("cached_tokens")), "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": split},
        "total_tokens": input_tokens + output_tokens if total is None else total,
    }


def chat_usage(usage: Dict | None) -> Json:
    """Translate the usage of Responses to chat's, for the statistics."""
    if usage is None:
        return None
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
        "prompt_tokens_details": {"cached_tokens": usage["input_tokens_details"]["cached_tokens"]},
    }


def native_item(
    item: Mapping[str, Any], context: RequestContext, *, reasoning: str = "", status: str | None = None
) -> Dict:
    """Translate an output item to OpenAI's. `reasoning` is its text if only the stream had it (stepfun-api 5.2)."""
    kind = item.get("type")
    state = status or item.get("status") or "completed"
    if kind == "reasoning":
        text = reasoning or "".join(str(row_of(part).get("text") or "") for part in rows_of(item.get("content")))
        return reasoning_item(str(item.get("id") or new_id("rs")), text, state)
    if kind == "message":
        parts = [_output_part(row_of(part), context) for part in rows_of(item.get("content"))]
        return message_item(str(item.get("id") or new_id("msg")), parts, state)
    out = {key: value for key, value in item.items() if value is not None}
    if kind == "function_call":
        out["arguments"] = call_arguments(item.get("arguments"), whole=state == "completed")
        out = packed_native(out, _original(context).packing)
    return {**out, "id": item.get("id") or new_id("fc"), "status": state}


def _output_part(part: Mapping[str, Any], context: RequestContext) -> Dict:
    """Translate a part of a message to OpenAI's."""
    if part.get("type") == "refusal":
        return refusal_part(str(part.get("refusal") or ""))
    text = str(part.get("text") or "")
    if wants_json(context):
        text = strip_fences(text)
    return text_part(text, [dict(row_of(annotation)) for annotation in rows_of(part.get("annotations"))])


def call_arguments(value: Json, *, whole: bool) -> str:
    """Return a call's arguments as text; a complete call (`whole`) without arguments gets `{}`, as at OpenAI."""
    if value is not None and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return "{}" if whole and not (value or "").strip() else value or ""


def _characters(rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """(characters of text and calls, characters of reasoning) of output items."""
    text = reasoning = 0
    for row in rows:
        characters = sum(len(str(row_of(part).get("text") or "")) for part in rows_of(row.get("content")))
        if row.get("type") == "reasoning":
            reasoning += characters
            continue
        text += characters + len(str(row.get("name") or "")) + len(str(row.get("arguments") or ""))
        reasoning += len(str(row.get("reasoning_content") or ""))
    return text, reasoning


def native_items(rows: Sequence[Mapping[str, Any]], original: ResponsesState, context: RequestContext) -> list[Dict]:
    """Translate output items, without reasoning if it is not an item of the output."""
    if emits_reasoning_item(original, context):
        return [native_item(row, context) for row in rows]
    items = [native_item(row, context) for row in rows if row.get("type") != "reasoning"]
    return items or [empty_answer()]


def empty_answer() -> Dict:
    """Build the message of a response that was cut before its first word."""
    return message_item(new_id("msg"), [text_part("")], "incomplete")


def wants_json(context: RequestContext) -> bool:
    """Whether the response is JSON, which StepFun may wrap in a fence (stepfun-api 3.5)."""
    return response_format(_original(context).fields.get("text")) is not None


def _original(context: RequestContext) -> ResponsesState:
    return context.state(ResponsesState)


def native_final(data: Json, output: Sequence[Dict], original: ResponsesState, context: RequestContext) -> Dict:
    """Build a Response with all of OpenAI's fields from StepFun's."""
    body = as_dict(data) or {}
    response = frame(original, context, model=body.get("model"))
    detail: Json = row_of(body.get("incomplete_details")).get("reason")
    reason = "length" if body.get("status") == "incomplete" else None
    for given in (detail, body.get("status")):
        if isinstance(given, str) and given in FAILED_REASONS:
            reason, detail = given, None
    text, thought = _characters(output)
    hidden = _characters([row_of(row) for row in as_list(body.get("output"))])[1]
    final = finished(response, output, reason, native_usage(body.get("usage"), text, max(thought, hidden)))
    if reason and detail:
        final["incomplete_details"] = {"reason": detail}
    if body.get("status") == "failed":
        final.update(status="failed", error=body.get("error"), completed_at=None)
    return final


def native_response(data: Json, original: ResponsesState, context: RequestContext) -> Dict:
    """Translate a complete response of StepFun's Responses.

    Raises:
        UnexpectedBody: the body is not a Response.
    """
    body = as_dict(data)
    if body is None or not isinstance(body.get("output"), list):
        raise UnexpectedBody("the response has no list of output items")
    if isinstance(body.get("created_at"), int) and body["created_at"]:
        original.created = body["created_at"]
    rows = [row for entry in as_list(body["output"]) if (row := as_dict(entry)) is not None]
    if rows and body.get("status") == "incomplete" and not rows[-1].get("status"):
        rows[-1]["status"] = "incomplete"  # StepFun's reasoning has no status (stepfun-api 5.2)
    output = native_items(rows, original, context)
    return native_final(body, output, original, context)
