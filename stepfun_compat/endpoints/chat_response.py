"""StepFun's chat answers in OpenAI's shape (api 4.1 to 4.4): messages, tool calls, finish reasons, usage."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..exchange import Exchange, Json
from ..resolve import replays_reasoning, shows_reasoning
from ..structured import strip_fences
from .chat_messages import audio_id, call_key, same_arguments
from .chat_tools import Tools

Dict = dict[str, Any]


class BrokenOff(Exception):
    """An answer that ended before its end; the client raises `APIConnectionError` with `partial`."""

    def __init__(self, message: str, partial: Json) -> None:
        super().__init__(message)
        self.partial = partial


class UnexpectedBody(Exception):
    """The body is JSON, but not an answer of this endpoint; the client raises `APIResponseValidationError`."""


def as_dict(value: Json) -> Dict | None:
    """The value as a dict, None for anything else."""
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]


def as_list(value: Json) -> list[Any]:
    """The value as a list, empty for anything else."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def new_call_id(*seed: object) -> str:
    """An id for a tool call that came without one; the same call always gets the same."""
    return "call_" + hashlib.sha256(repr(seed).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def is_built_in(call: Mapping[str, Any]) -> bool:
    """Whether an entry of `tool_calls` is a search StepFun has already run, not a call for the program (api 3.4)."""
    kind = call.get("type")
    function = as_dict(call.get("function")) or {}
    return "results" in function or (bool(kind) and kind not in ("function", "custom"))


def citations(calls: Sequence[Mapping[str, Any]], length: int) -> list[Dict]:
    """The hits of built-in searches as OpenAI's url citations over the whole answer of `length` characters."""
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


def unify_reasoning(message: Dict, x: Exchange) -> None:
    """Put the reasoning under both spellings, identical (api 4.1); read `reasoning_content`, else `reasoning`."""
    del x
    text = message.get("reasoning_content")
    if text is None or text == "":
        text = message.get("reasoning", text)
    if text is not None or "reasoning_content" in message or "reasoning" in message:
        message["reasoning"] = message["reasoning_content"] = text


def whole_number(value: Json) -> int | None:
    """A count as an int: gateways send some as strings or floats. None for anything that is no count."""
    if type(value) is int:
        return value
    if isinstance(value, bool):
        return None
    try:
        return int(float(value)) if isinstance(value, float | str) else None
    except (ValueError, OverflowError):
        return None


def fill_usage(usage: Json, text: int = 0, reasoning: int = 0) -> Dict | None:
    """Fill usage with OpenAI's nested details, always ints, since programs add them up without looking (api 4.4).

    `cached_tokens` is 0 where StepFun reports none. Where it does not split off the reasoning, `reasoning_tokens` is
    an estimate: the share of `reasoning` characters in those and the `text` characters, rounded.
    """
    given = as_dict(usage)
    if given is None:
        return None
    out = dict(given)
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        if type(out.get(name)) is not int:
            total = out.get("prompt_tokens", 0) + out.get("completion_tokens", 0) if name == "total_tokens" else 0
            out[name] = whole_number(out.get(name)) or total
    prompt = dict(as_dict(out.get("prompt_tokens_details")) or {})
    if type(prompt.get("cached_tokens")) is not int:
        cached = prompt.get("cached_tokens")
        cached = out.get("cached_tokens") if cached is None else cached
        prompt["cached_tokens"] = 0 if cached is None else whole_number(cached) or 0
    out["prompt_tokens_details"] = prompt
    completion = dict(as_dict(out.get("completion_tokens_details")) or {})
    if type(completion.get("reasoning_tokens")) is not int:
        split = completion.get("reasoning_tokens")
        split = None if split is None else whole_number(split)
        if split is None:
            split = round(out["completion_tokens"] * reasoning / (text + reasoning)) if reasoning > 0 else 0
        completion["reasoning_tokens"] = split
    out["completion_tokens_details"] = completion
    return out


def add_usage(first: Json, second: Json) -> Json:
    """The sum of two usages, for a call that was asked again."""
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
    """(characters of what the caller reads, characters of the reasoning) of one answer message in OpenAI's shape."""
    text = len(str(message.get("content") or ""))
    legacy = message.get("function_call")
    for call in (*as_list(message.get("tool_calls")), {"function": legacy} if legacy else None):
        if call is None:
            continue
        _, name, arguments = call_key(as_dict(call) or {})
        text += len(name) + len(arguments)
    return text, len(str(message.get("reasoning_content") or ""))


def visible_tokens(usage: Mapping[str, Any] | None, text: str, reasoning: str) -> int | None:
    """How many completion tokens were the visible text: the reported total less the reported reasoning, or, where
    StepFun does not split it, the text's share by length. None without a report."""
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


_XML_CALL = re.compile(r"<tool_call>\s*<function=([^>\s]+)>\s*(.*?)\s*</function>\s*</tool_call>", re.DOTALL)
_XML_PARAMETER = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?</parameter>", re.DOTALL)


def rescue_tool_calls(message: Dict) -> None:
    """Read tool calls that arrived as XML text in the content (opt-in)."""
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
    """One function call as the caller's tools were declared: its own name, an id, custom tools with their text."""
    if call.get("type") == "custom" and as_dict(call.get("custom")):
        return call  # a gateway that has them
    function = as_dict(call.get("function")) or {}
    arguments = function.get("arguments")
    if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
        arguments = "{}"  # as OpenAI sends a call without arguments
    elif not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    name = tools.caller_name(str(function.get("name") or ""))
    id = call.get("id") or new_call_id(position, name, arguments)
    if name in tools.custom:
        return {"id": id, "type": "custom", "custom": {"name": name, "input": custom_input(arguments)}}
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def custom_input(arguments: str) -> str:
    """The free text of a custom tool's call, out of the object it travelled in."""
    try:
        row = as_dict(json.loads(arguments))
    except (ValueError, RecursionError):
        return arguments
    value = row.get("input") if row is not None else None
    return value if isinstance(value, str) else arguments


def finish_reason(reason: Json, called: bool, tools: Tools) -> str:
    """The reason OpenAI would give, on the evidence of the calls (api 4.3).

    A named function that was forced ends in `stop`, as OpenAI's does: loops go on for as long as the model itself
    wants tools.
    """
    if reason in ("length", "content_filter"):
        return cast("str", reason)
    if called:
        return "stop" if tools.forced else "function_call" if tools.legacy else "tool_calls"
    if reason in ("tool_calls", "function_call", "", None):
        return "stop"
    return str(reason)


def transform_message(message: Dict, x: Exchange, tools: Tools) -> tuple[Dict, bool]:
    """One answer message in OpenAI's shape, and whether it calls tools."""
    if message.get("role") != "assistant":
        message["role"] = "assistant"
    unify_reasoning(message, x)
    if x.settings.rescue_tool_calls:
        rescue_tool_calls(message)
    built_in: list[Dict] = []
    functions: list[Dict] = []
    for row in as_list(message.get("tool_calls")):
        call = as_dict(row)
        if call is not None and is_built_in(call):
            built_in.append(call)
        elif call is not None:
            functions.append(caller_call(call, len(functions), tools))
    if tools.one_call and len(functions) > 1:
        functions = functions[:1]
    content = message.get("content")
    if x.notes.get("json_text") and isinstance(content, str):
        message["content"] = content = strip_fences(content)
    if built_in:
        length = len(content) if isinstance(content, str) else 0
        message["annotations"] = as_list(message.get("annotations")) + citations(built_in, length)
    message.pop("tool_calls", None)
    if functions:
        if not content:
            message["content"] = None
        if tools.legacy:
            message["function_call"] = functions[0].get("function")
        else:
            message["tool_calls"] = functions
            reasoning = message.get("reasoning_content")
            if isinstance(reasoning, str):
                remember_reasoning(x, [call_key(call) for call in functions], reasoning)
    message.setdefault("content", None)
    message.setdefault("refusal", None)
    if x.notes.get("searches") and not isinstance(message.get("annotations"), list):
        message["annotations"] = []  # OpenAI's search models have a list, also without hits
    audio = as_dict(message.get("audio"))
    if audio is not None:
        audio.setdefault("id", audio_id(str(audio.get("transcript") or "")))
        audio.setdefault("data", "")
        audio.setdefault("transcript", "")
        # StepFun keeps no audio, so the id never expires; 0 would read as expired (api 4.2)
        audio.setdefault("expires_at", 4102444800)
    return message, bool(functions)


def remember_reasoning(x: Exchange, calls: Sequence[tuple[str, str, str]], reasoning: str) -> None:
    """Keep the reasoning behind an answer's calls, (id, name, arguments) as the caller was given them, for a caller
    that drops it from its history, or never saw it (whether StepFun needs it back is unverified, api 11.20)."""
    cache = x.client.reasoning_cache
    if cache is None or not replays_reasoning(x):
        return
    for id, name, arguments in calls:
        cache.put(id, name, same_arguments(arguments), reasoning)


def cut(text: str, tokens: int, cap: int) -> str:
    """The text up to the caller's cap, by its share of the tokens StepFun reported for it."""
    return text[: max(len(text) * cap // max(tokens, 1), 1)]


def transform_completion(data: Json, x: Exchange) -> Dict:
    """A whole answer in OpenAI's shape, changed in place.

    Raises:
        UnexpectedBody: there is no list of choices in it.
    """
    body = as_dict(data)
    if body is None or not isinstance(body.get("choices"), list):
        raise UnexpectedBody("the answer has no list of choices")
    tools: Tools = x.notes.get("tools") or Tools()
    messages: list[Dict] = []
    for position, entry in enumerate(cast("list[Any]", body["choices"])):
        choice = as_dict(entry)
        if choice is None:
            raise UnexpectedBody("a choice is not an object")
        message, called = transform_message(as_dict(choice.get("message")) or {}, x, tools)
        messages.append(message)
        choice["message"] = message
        choice.setdefault("index", position)
        if called or not message.get("function_call"):  # a gateway may speak of function_call itself
            choice["finish_reason"] = finish_reason(choice.get("finish_reason"), called, tools)
            if called and cut_off(body.get("usage"), message, x):
                choice["finish_reason"] = "length"
        choice.setdefault("logprobs", None)
    text = reasoning = 0
    for message in messages:
        visible, thought = characters_of(message)
        text, reasoning = text + visible, reasoning + thought
    x.notes["reasoned"] = bool(reasoning)
    usage = fill_usage(body.get("usage"), text, reasoning)
    if x.notes.get("cap") is not None:
        _apply_cap(body, messages, x)
    if usage is not None:
        body["usage"] = usage
    body["object"] = "chat.completion"
    finish_envelope(body, x)
    hide_reasoning(str(body["id"]), messages, x)
    return body


def cut_off(usage: Json, message: Mapping[str, Any], x: Exchange) -> bool:
    """Whether StepFun's cap ended the answer inside the arguments of a call."""
    sent: int | None = x.notes.get("sent_cap")
    used = whole_number((as_dict(usage) or {}).get("completion_tokens"))
    if sent is None or used is None or used < sent:
        return False
    calls = [*as_list(message.get("tool_calls")), {"function": message.get("function_call")}]
    return any(arguments and not is_whole_json(arguments) for _, _, arguments in (call_key(call) for call in calls))


def is_whole_json(text: str) -> bool:
    """Whether a text is one JSON value."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _apply_cap(body: Dict, messages: Sequence[Dict], x: Exchange) -> None:
    """Cut each choice's text at the caller's cap, by its share of the tokens StepFun reported for all of them."""
    cap: int = x.notes["cap"]
    usage = as_dict(body.get("usage"))
    texts = [str(message.get("content") or "") for message in messages]
    thoughts = [str(message.get("reasoning_content") or "") for message in messages]
    total = visible_tokens(usage, "".join(texts), "".join(thoughts))
    characters = sum(map(len, texts))
    if not total or not characters:
        return
    for choice, message, text in zip(as_list(body["choices"]), messages, texts, strict=True):
        tokens = round(total * len(text) / characters)
        if text and tokens > cap and not message.get("tool_calls") and not message.get("function_call"):
            message["content"] = cut(text, tokens, cap)
            choice["finish_reason"] = "length"


def hide_reasoning(id: str, messages: Sequence[Dict], x: Exchange) -> None:
    """Take the reasoning out of an answer whose caller does not know of it; `client.stepfun.reasoning` still has it."""
    if (not x.notes["reasoned"] and not any("reasoning" in message for message in messages)) or shows_reasoning(x):
        return
    thoughts = [str(message.get("reasoning_content") or "") for message in messages]
    keep_answer_reasoning(x, id, "".join(thoughts))
    for message in messages:
        message.pop("reasoning", None)
        message.pop("reasoning_content", None)


def keep_answer_reasoning(x: Exchange, id: str, reasoning: str) -> None:
    """Remember the reasoning of an answer by its id, for `client.stepfun.reasoning`."""
    cache = x.client.reasoning_cache
    if cache is not None and reasoning:
        cache.put_answer(id, reasoning)


def finish_envelope(body: Dict, x: Exchange) -> None:
    """The fields around the choices: an id, a time and a model are always there."""
    if not isinstance(body.get("id"), str) or not body["id"]:
        said = repr(body.get("choices")).encode("utf-8", "surrogatepass")
        body["id"] = "chatcmpl-" + hashlib.sha256(said).hexdigest()[:24]
    if not isinstance(body.get("created"), int):
        body["created"] = 0
    if x.settings.echo_requested_model and x.requested_model:
        body["model"] = x.requested_model
    elif not body.get("model"):
        body["model"] = x.model_id or ""
    body.pop("agent", None)
