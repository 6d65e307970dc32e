"""Translate chat completions to OpenAI's shape: messages, tool calls, finish reasons, usage (stepfun-api 4.1 to 4.4)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..context import Json, RequestContext
from ..json_values import Dict, UnexpectedBody, as_dict, as_list, type_of
from ..model_resolution import replays_reasoning, shows_reasoning
from .messages import audio_id, call_key, same_arguments
from .state import ChatState
from .structured_output import strip_fences
from .tools import Tools
from .usage import characters_of, fill_usage, is_call_truncated, truncate, visible_tokens


def new_call_id(*seed: object) -> str:
    """Make an id for a tool call that has none; the same seed gives the same id."""
    return "call_" + hashlib.sha256(repr(seed).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def is_built_in(call: Mapping[str, Any]) -> bool:
    """Whether an entry of `tool_calls` is a search that StepFun ran, not a call for the caller (stepfun-api 3.4)."""
    kind = call.get("type")
    function = as_dict(call.get("function")) or {}
    return "results" in function or (bool(kind) and kind not in ("function", "custom"))


def citations(calls: Sequence[Mapping[str, Any]], length: int) -> list[Dict]:
    """Translate the results of built-in searches to URL citations of the complete text of `length` characters."""
    out: list[Dict] = []
    seen: set[str] = set()
    for call in calls:
        for hit in as_list((as_dict(call.get("function")) or {}).get("results")):
            row = as_dict(hit)
            url = row.get("url") if row else None
            if row is None or not isinstance(url, str) or url in seen:
                continue
            seen.add(url)
            citation = {"start_index": 0, "end_index": length, "title": str(row.get("title") or url), "url": url}
            out.append({"type": "url_citation", "url_citation": citation})
    return out


def unify_reasoning(message: Dict, context: RequestContext) -> None:
    """Put the reasoning, from `reasoning_content` or else `reasoning`, under both names (stepfun-api 4.1)."""
    del context
    text = message.get("reasoning_content")
    if text is None or text == "":
        text = message.get("reasoning", text)
    if text is not None or "reasoning_content" in message or "reasoning" in message:
        message["reasoning"] = message["reasoning_content"] = text


_XML_CALL = re.compile(r"<tool_call>\s*<function=([^>\s]+)>\s*(.*?)\s*</function>\s*</tool_call>", re.DOTALL)
_XML_PARAMETER = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?</parameter>", re.DOTALL)


def parse_xml_tool_calls(message: Dict) -> None:
    """Parse tool calls that arrived as XML text in the content (`Settings.parse_xml_tool_calls`)."""
    content = message.get("content")
    if not isinstance(content, str) or "<tool_call>" not in content or message.get("tool_calls"):
        return
    calls: list[Dict] = []
    for match in _XML_CALL.finditer(content):
        arguments: Dict = {}
        for parameter in _XML_PARAMETER.finditer(match.group(2)):
            try:
                arguments[parameter.group(1)] = json.loads(parameter.group(2))
            except ValueError:
                arguments[parameter.group(1)] = parameter.group(2)
        function = {"name": match.group(1), "arguments": json.dumps(arguments, ensure_ascii=False)}
        calls.append({"id": new_call_id(match.start(), match.group(0)), "type": "function", "function": function})
    if calls:
        message["tool_calls"] = calls
        message["content"] = _XML_CALL.sub("", content).strip()


def caller_call(call: Dict, position: int, tools: Tools) -> Dict:
    """Translate one function call: the caller's name for the tool, an id, and the text of a custom tool."""
    if call.get("type") == "custom" and as_dict(call.get("custom")):
        return call  # from a gateway that supports custom tools
    function = as_dict(call.get("function")) or {}
    arguments = function.get("arguments")
    if arguments is None:
        arguments = ""
    elif not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    if not arguments.strip():
        arguments = "{}"  # as OpenAI sends a call without arguments
    name = tools.caller_name(str(function.get("name") or ""))
    id = call.get("id") or new_call_id(position, name, arguments)
    if name in tools.custom:
        return {"id": id, "type": "custom", "custom": {"name": name, "input": custom_input(arguments)}}
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def custom_input(arguments: str) -> str:
    """Return the input of a custom tool's call from the arguments of the function that replaces the tool."""
    try:
        row = as_dict(json.loads(arguments))
    except (ValueError, RecursionError):
        return arguments
    value = row.get("input") if row is not None else None
    return value if isinstance(value, str) else arguments


def finish_reason(reason: Json, called: bool, tools: Tools) -> str:
    """Return OpenAI's finish reason, which depends on whether the message has calls (stepfun-api 4.3).

    With a forced named function it is `stop`, as with OpenAI, so that an agent's loop ends.
    """
    if reason in ("length", "content_filter"):
        return cast("str", reason)
    if called:
        return "stop" if tools.forced else "function_call" if tools.legacy else "tool_calls"
    if reason in ("tool_calls", "function_call", "", None):
        return "stop"
    return str(reason)


def transform_message(message: Dict, context: RequestContext, state: ChatState) -> tuple[Dict, bool]:
    """Translate one message in place. Returns it and whether it calls functions."""
    tools = state.tools
    message["role"] = "assistant"
    unify_reasoning(message, context)
    if context.settings.parse_xml_tool_calls:
        parse_xml_tool_calls(message)
    if state.json_text and isinstance(message.get("content"), str):
        message["content"] = strip_fences(message["content"])
    calls = as_list(message.pop("tool_calls", None))
    functions = _take_calls(message, calls, tools) if calls else []
    if functions:
        _put_calls(message, functions, context, tools)
    message.setdefault("content", None)
    message.setdefault("refusal", None)
    if tools.searches and not isinstance(message.get("annotations"), list):
        message["annotations"] = []  # as OpenAI's search models do without results
    audio = as_dict(message.get("audio"))
    if audio is not None:
        _complete_audio(audio)
    return message, bool(functions)


def _take_calls(message: Dict, calls: Sequence[Any], tools: Tools) -> list[Dict]:
    """Return the function calls for the caller; add citations for the searches StepFun has run."""
    built_in: list[Dict] = []
    functions: list[Dict] = []
    for entry in calls:
        call = as_dict(entry)
        if call is None:
            continue
        if is_built_in(call):
            built_in.append(call)
        else:
            functions.append(caller_call(call, len(functions), tools))
    if built_in:
        content = message.get("content")
        length = len(content) if isinstance(content, str) else 0
        message["annotations"] = as_list(message.get("annotations")) + citations(built_in, length)
    return functions[:1] if tools.one_call else functions


def _put_calls(message: Dict, functions: list[Dict], context: RequestContext, tools: Tools) -> None:
    """Put calls into the field that the caller reads, and cache the reasoning behind them."""
    if not message.get("content"):
        message["content"] = None
    if tools.legacy:
        message["function_call"] = functions[0].get("function")
        return
    message["tool_calls"] = functions
    reasoning = message.get("reasoning_content")
    if isinstance(reasoning, str):
        remember_reasoning(context, [call_key(call) for call in functions], reasoning)


def _complete_audio(audio: Dict) -> None:
    """Add the fields of OpenAI's audio that StepFun does not send."""
    audio.setdefault("id", audio_id(str(audio.get("transcript") or "")))
    audio.setdefault("data", "")
    audio.setdefault("transcript", "")
    # StepFun keeps no audio, so the id never expires; 0 would read as expired (stepfun-api 4.2)
    audio.setdefault("expires_at", 4102444800)


def remember_reasoning(context: RequestContext, calls: Sequence[tuple[str, str, str]], reasoning: str) -> None:
    """Cache the reasoning of a message by its calls, each (id, name, arguments) as the caller gets it.

    It is replayed if the caller's history lacks it. Whether StepFun needs it is unverified (stepfun-api 11.20).
    """
    cache = context.client.reasoning_cache
    if cache is None or not replays_reasoning(context):
        return
    for id, name, arguments in calls:
        cache.put(id, name, same_arguments(arguments), reasoning)


def transform_completion(data: Json, context: RequestContext) -> Dict:
    """Translate a complete response in place, and return it.

    Raises:
        UnexpectedBody: the response has no list of choices.
    """
    body = _completion(data)
    state = context.state(ChatState)
    tools = state.tools
    messages: list[Dict] = []
    text = reasoning = 0
    for position, entry in enumerate(body["choices"]):
        choice = as_dict(entry)
        if choice is None:
            raise UnexpectedBody("a choice is not an object")
        message, called = transform_message(as_dict(choice.get("message")) or {}, context, state)
        messages.append(message)
        choice["message"] = message
        choice.setdefault("index", position)
        if called and is_call_truncated(body.get("usage"), message, context):
            choice["finish_reason"] = "length"
        elif called or not message.get("function_call"):  # a gateway may send function_call itself
            choice["finish_reason"] = finish_reason(choice.get("finish_reason"), called, tools)
        choice.setdefault("logprobs", None)
        visible, hidden = characters_of(message)
        text, reasoning = text + visible, reasoning + hidden
    state.reasoned = bool(reasoning)
    usage = fill_usage(body.get("usage"), text, reasoning)
    if state.cap is not None:
        _apply_cap(body, messages, state.cap)
    if usage is not None:
        body["usage"] = usage
    body["object"] = "chat.completion"
    finish_envelope(body, context)
    hide_reasoning(str(body["id"]), messages, context, state.reasoned)
    return body


def _completion(data: Json) -> Dict:
    if type_of(data) is not dict or not isinstance(data.get("choices"), list):
        raise UnexpectedBody("the response has no list of choices")
    return data


def _apply_cap(body: Dict, messages: Sequence[Dict], cap: int) -> None:
    """Truncate each choice's text to the caller's cap, by its share of the tokens StepFun reported for all of them."""
    usage = as_dict(body.get("usage"))
    texts = _texts(messages, "content")
    total = visible_tokens(usage, "".join(texts), "".join(_texts(messages, "reasoning_content")))
    characters = sum(map(len, texts))
    if not total or not characters:
        return
    for choice, message, text in zip(as_list(body["choices"]), messages, texts, strict=True):
        if message.get("tool_calls") or message.get("function_call"):
            continue
        tokens = round(total * len(text) / characters)
        if text and tokens > cap:
            message["content"] = truncate(text, tokens, cap)
            choice["finish_reason"] = "length"


def _texts(messages: Sequence[Dict], field: str) -> list[str]:
    return [str(message.get(field) or "") for message in messages]


def hide_reasoning(id: str, messages: Sequence[Dict], context: RequestContext, reasoned: bool) -> None:
    """Remove the reasoning if the caller does not see it; `client.stepfun.reasoning` still returns it."""
    if (not reasoned and not any("reasoning" in message for message in messages)) or shows_reasoning(context):
        return
    keep_answer_reasoning(context, id, "".join(_texts(messages, "reasoning_content")))
    for message in messages:
        message.pop("reasoning", None)
        message.pop("reasoning_content", None)


def keep_answer_reasoning(context: RequestContext, id: str, reasoning: str) -> None:
    """Cache the reasoning of a response by its id, for `client.stepfun.reasoning`."""
    cache = context.client.reasoning_cache
    if cache is not None and reasoning:
        cache.put_answer(id, reasoning)


def finish_envelope(body: Dict, context: RequestContext) -> None:
    """Complete the fields beside the choices: id, created and model are always set."""
    if not isinstance(body.get("id"), str) or not body["id"]:
        content = repr(body.get("choices")).encode("utf-8", "surrogatepass")
        body["id"] = "chatcmpl-" + hashlib.sha256(content).hexdigest()[:24]
    if not isinstance(body.get("created"), int):
        body["created"] = 0
    if context.settings.echo_requested_model and context.requested_model:
        body["model"] = context.requested_model
    elif not body.get("model"):
        body["model"] = context.model_id or ""
    body.pop("agent", None)
