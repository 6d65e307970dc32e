"""`POST /chat/completions`: OpenAI's request as StepFun takes it, and the answer back (api 3, 4)."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any, cast

from typing_extensions import override

from .. import structured
from ..catalog import chat_audio
from ..exchange import Exchange, Json, Refusal
from ..resolve import effective_effort, headroom, resolve_model
from .base import Effect, PlainEndpoint, Reply, Request, Script, Send, StreamTransform, replace
from .chat_messages import call_key, input_kinds, translate_messages
from .chat_response import Dict, add_usage, as_dict, as_list, transform_completion
from .chat_stream import ChatStream
from .chat_tools import Tools, apply_tool_choice, translate_tools

_CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
# Values that ask for what happens anyway: their absence changes nothing.
_INERT_VALUES: Mapping[str, tuple[Any, ...]] = {
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "verbosity": ("medium",),
    "moderation": ({},),
    "thinking": ({},),
}


def carry_cache_key(given: Mapping[str, Any], x: Exchange, headers: Mapping[str, str]) -> None:
    """The cache key as a header, hashed. That StepFun heeds any is unverified (api 6, 11.12)."""
    per_call = given.get("prompt_cache_key")
    key = per_call or x.settings.prompt_cache_key
    name = x.settings.prompt_cache_header
    if not isinstance(key, str) or not key:
        return
    if not name:
        if per_call:
            x.change("drop", "prompt_cache_key", "…", None, "no header is configured for it")
    elif not any(given_name.lower() == name.lower() for given_name in headers):
        x.headers[name] = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        x.change("reshape", "prompt_cache_key", "…", f"header {name}", "StepFun documents no cache key in the body")


class ChatCompletions(PlainEndpoint):
    """Chat, plain and streamed."""

    name = "chat.completions"
    rewrites_raw = True

    # ------------------------------------------------------------ request

    @override
    def transform_request(self, request: Request, x: Exchange) -> Request:
        body = as_dict(request.json)
        if body is None:
            return request
        # None is how the SDK's callers leave a parameter out
        given = {key: value for key, value in body.items() if value is not None}
        messages = given.get("messages")
        kinds = input_kinds(cast("Sequence[Any]", messages)) if isinstance(messages, list | tuple) else frozenset[str]()
        name = given.get("model")
        model = resolve_model(x, name, kinds) if isinstance(name, str | None) else name
        tools = Tools()
        wire: Dict = {}
        if model is not None:
            wire["model"] = model
        sent_tools, line = apply_tool_choice(_choice(given), translate_tools(given, x, tools), x, tools)
        if messages is not None:
            wire["messages"] = translate_messages(messages, x, tools.wire_name)
        handled = {"model", "messages", "tools", "tool_choice", "functions", "function_call", "web_search_options"}
        handled |= self._caps(given, wire, x)
        handled |= self._effort(given, wire, x)
        handled |= self._format(given, wire, x)
        handled |= self._audio(given, wire, x)
        handled |= self._stream(given, wire, x)
        carry_cache_key(given, x, request.headers)
        handled.add("prompt_cache_key")
        handled |= self._parallel(given, x, tools)
        if sent_tools:
            wire["tools"] = sent_tools
        if line is not None:
            _append_line(wire, line)
        table = x.catalog.parameters(self.name)
        for name, value in given.items():
            if name in handled:
                continue
            row = table.get(name)
            if row is None or row.action != "drop" or (name == "thinking" and x.model_id == "step-router-v1"):
                wire[name] = value  # documented by StepFun, or unknown to us: the caller wins
                continue
            inert = not row.meaning or value in _INERT_VALUES.get(name, ())
            x.change("drop", name, value, None, f"not documented by StepFun ({row.state})", loses=not inert)
        self._sampling(given, wire, x)
        if x.notes.get("structured"):
            x.notes.pop("cap", None)  # JSON cut in half is no JSON
        if given.get("stop"):
            x.notes["stop"] = given["stop"]
        x.notes["tools"] = tools
        return replace(request, json=wire, headers={**request.headers, **x.headers})

    def _caps(self, given: Dict, wire: Dict, x: Exchange) -> set[str]:
        """`max_tokens` is the only cap StepFun heeds, and reasoning is paid from it (api 3.1, 4.6)."""
        name = next((name for name in _CAPS if name in given), None)
        if name is None:
            return set()
        cap = given[name]
        if name != "max_tokens":
            x.change("rename", name, cap, "max_tokens", "the only cap StepFun heeds")
        extra = headroom(x) if isinstance(cap, int) and not isinstance(cap, bool) and cap > 0 else 0
        wire["max_tokens"] = cap + extra if extra else cap
        if isinstance(cap, int) and not isinstance(cap, bool) and cap > 0:
            x.notes["sent_cap"] = cap + extra
        if extra:
            x.notes["cap"] = cap
            x.change("cost", "max_tokens", cap, cap + extra, "headroom for reasoning, which StepFun takes from the cap")
        return set(_CAPS)

    def _effort(self, given: Dict, wire: Dict, x: Exchange) -> set[str]:
        asked = given.get("reasoning_effort")
        nested = as_dict(given.get("reasoning"))
        if asked is None and nested is not None:
            asked = nested.get("effort")
            x.change("rename", "reasoning", nested, "reasoning_effort", "StepFun's chat takes the effort at the top")
        effort = effective_effort(x, str(asked) if asked is not None else None)
        if effort is not None:
            wire["reasoning_effort"] = effort
        return {"reasoning_effort", "reasoning"} if nested is not None else {"reasoning_effort"}

    def _format(self, given: Dict, wire: Dict, x: Exchange) -> set[str]:
        format = given.get("response_format")
        if not isinstance(format, Mapping):
            return set()
        format = cast("Mapping[str, Any]", format)
        schema = structured.schema_of(format)
        if schema is None or x.model is None or x.model.json_schema:
            if schema is not None:
                x.notes["schema"] = schema
                inner = cast("Mapping[str, Any]", format["json_schema"])
                if any(value is None for value in inner.values()):
                    format = {**format, "json_schema": {k: v for k, v in inner.items() if v is not None}}
            wire["response_format"] = format
            if schema is not None or format.get("type") == "json_object":
                # a fence is never JSON: JSON mode that wraps its answer in one is unwrapped (api 3.5)
                x.notes.update(structured=True, json_text=True)
            if format.get("type") == "json_object" and not speaks_of_json(wire.get("messages")):
                _append_line(wire, JSON_LINE)
                x.change(
                    "inject", "messages", None, "a line that asks for JSON", "StepFun wants it in a system message"
                )
            return {"response_format"}
        x.change(
            "reshape",
            "response_format",
            "json_schema",
            "json_object and the schema in the prompt",
            f"json_schema is not shown to work on {x.model_id}",
        )
        wire["response_format"] = {"type": "json_object"}
        _append_line(wire, structured.instruction(schema))
        x.notes.update(structured=True, json_text=True, schema=schema, emulated_schema=True)
        return {"response_format"}

    def _audio(self, given: Dict, wire: Dict, x: Exchange) -> set[str]:
        """Voice and format for spoken answers: StepFun has wav without and pcm with a stream (api 3.1)."""
        modalities = given.get("modalities")
        if isinstance(modalities, list) and "audio" in modalities and x.model is not None:
            if "audio" not in x.model.output:
                able = ", ".join(
                    m.id for m in x.catalog.models.values() if "audio" in m.output and m.kind == "audio_chat"
                )
                raise Refusal(
                    f"modalities asks {x.model_id} for audio, which it cannot answer in. Use one of {able}.",
                    code="model_incompatible",
                    param="modalities",
                )
        elif modalities is None and x.model is not None and x.model.kind == "audio_chat":
            wire["modalities"] = ["text"]
            x.change("inject", "modalities", None, "text", "OpenAI's default, which StepFun's audio models want said")
        elif modalities == ["text"] and (x.model is None or x.model.kind == "chat"):
            x.change("drop", "modalities", modalities, None, "text is what a chat model answers in")
            return {"modalities", "audio"}
        if modalities is not None:
            wire["modalities"] = modalities
        audio = as_dict(given.get("audio"))
        if audio is None:
            return {"modalities"}
        wanted = chat_audio.STREAM_FORMAT if given.get("stream") else chat_audio.FORMAT
        voice = audio.get("voice")
        sent = dict(audio)
        mapped = chat_audio.OPENAI_VOICES.get(voice) if isinstance(voice, str) else None
        if mapped is not None:
            sent["voice"] = mapped
            x.change("alias", "audio.voice", voice, mapped, "OpenAI's voices are not StepFun's")
        format = audio.get("format")
        if format != wanted:
            same = format in ("pcm16", "pcm") and wanted in ("pcm16", "pcm")
            sent["format"] = wanted
            x.change("clamp", "audio.format", format, wanted, "the only format StepFun answers in here", loses=not same)
        wire["audio"] = sent
        return {"modalities", "audio"}

    def _stream(self, given: Dict, wire: Dict, x: Exchange) -> set[str]:
        x.stream = bool(given.get("stream"))
        options = as_dict(given.get("stream_options"))
        if options is not None:
            x.notes["include_usage"] = bool(options.get("include_usage"))
            x.change(
                "drop", "stream_options", options, None, "StepFun reports usage on every chunk; it is reshaped here"
            )
        if x.stream:
            wire["stream"] = True
        return {"stream", "stream_options"}

    def _parallel(self, given: Dict, x: Exchange, tools: Tools) -> set[str]:
        parallel = given.get("parallel_tool_calls")
        if parallel is False:
            tools.one_call = True
            x.change(
                "drop",
                "parallel_tool_calls",
                False,
                None,
                "not documented by StepFun; only the first call is handed on",
            )
        elif parallel is not None:
            x.change("drop", "parallel_tool_calls", parallel, None, "several calls are allowed anyway")
        return {"parallel_tool_calls"}

    def _sampling(self, given: Dict, wire: Dict, x: Exchange) -> None:
        top_p = given.get("top_p")
        if isinstance(top_p, int | float) and not isinstance(top_p, bool) and top_p <= 0:
            wire["top_p"] = 0.01
            x.change("clamp", "top_p", top_p, 0.01, "StepFun's top_p is above 0")
        if x.settings.openai_sampling_defaults:
            for name in ("temperature", "top_p"):
                if name not in given:
                    wire[name] = 1
                    x.change("inject", name, None, 1, "Settings.openai_sampling_defaults")

    # ------------------------------------------------------------ answer

    @override
    def transform_response(self, data: Json, x: Exchange) -> Json:
        return transform_completion(data, x)

    @override
    def transform_stream(self, x: Exchange) -> StreamTransform | None:
        return None if x.notes.get("told") else ChatStream(x)

    # ------------------------------------------------------------ asking again

    @override
    def script(self, request: Request, x: Exchange) -> Script | None:
        """Only where an answer may have to be asked for again: a forced call, a schema, which a model may refuse to
        enforce, or a stop sequence that may have ended the reasoning."""
        body = as_dict(request.json) or {}
        if body.get("stream") or not _may_miss(body):
            return None
        return self._asked_until_it_fits(request, x)

    def _asked_until_it_fits(self, request: Request, x: Exchange) -> Script:
        wire = self.transform_request(request, x)
        reply = yield Send(wire)
        return (yield from self.until_it_fits(wire, reply, x))

    def until_it_fits(self, wire: Request, reply: Reply, x: Exchange) -> Generator[Effect, Reply, Reply]:
        """StepFun's first answer to `wire` as OpenAI's, asked for again while it is not what was demanded."""
        data = transform_completion(reply.body, x)
        total = data.get("usage")
        for _ in range(x.settings.max_reasks):
            miss = _miss(data, x)
            if miss is None:
                break
            x.change("cost", "messages", None, "asked again", _public(miss))
            reply = yield Send(_asked_again(wire, data, miss, x))
            data = transform_completion(reply.body, x)
            if miss == STOPPED:
                _cut_at_stop(data, x.notes.pop("stop"))
            total = add_usage(total, data.get("usage"))
        if total is not None:
            data["usage"] = total
        miss = _miss(data, x)
        tools = cast("Tools", x.notes["tools"])
        if miss is not None and tools.forced is not None and _no_call(data, tools):
            x.notes["forced_missed"] = True
        elif miss == STOPPED:
            x.change("drop", "stop", None, None, STOPPED, loses=True)
        elif miss is not None:
            x.change("drop", "response_format", "json_schema", None, "the answer does not fit the schema", loses=True)
        return Reply(data, reply.status, reply.headers)


ENDPOINT = ChatCompletions()


def _choice(given: Dict) -> Json:
    """`tool_choice`, or `function_call` in its words."""
    choice = given.get("tool_choice")
    if choice is None and "function_call" in given:
        choice = given["function_call"]
        if isinstance(choice, Mapping):
            return {"type": "function", "function": dict(cast("Mapping[str, Any]", choice))}
    return choice


JSON_LINE = "Answer with one JSON object and nothing else."


def speaks_of_json(messages: Json) -> bool:
    """Whether a system message speaks of JSON, which StepFun asks for with `json_object` (api 3.5, 13)."""
    for message in as_list(messages):
        row: Mapping[str, Any] = cast("Mapping[str, Any]", message) if isinstance(message, Mapping) else {}
        if row.get("role") == "system" and "json" in str(row.get("content")).lower():
            return True
    return False


def _append_line(wire: Dict, line: str) -> None:
    """A system line after the last message, so that the cached prefix survives."""
    wire["messages"] = [*as_list(wire.get("messages")), {"role": "system", "content": line}]


def _may_miss(body: Dict) -> bool:
    choice = _choice(body)
    if body.get("stop") or (choice is not None and choice not in ("auto", "none")):
        return True
    return structured.schema_of(body.get("response_format")) is not None


def _no_call(data: Dict, tools: Tools) -> bool:
    """Whether no choice makes the call that was demanded: one of the named functions, or any where none is named."""
    wanted = {tools.caller_name(name) for name in tools.forced or ()}
    for choice in as_list(data.get("choices")):
        message = as_dict((as_dict(choice) or {}).get("message")) or {}
        calls = [*as_list(message.get("tool_calls")), {"function": message.get("function_call")}]
        names = {call_key(as_dict(call) or {})[1] for call in calls} - {""}
        if names & wanted if wanted else names:
            return False
    return True


def _miss(data: Dict, x: Exchange) -> str | None:
    """Why the answer is not what was asked for, None if it is."""
    tools: Tools = x.notes["tools"]
    choices = [as_dict(choice) or {} for choice in as_list(data.get("choices"))]
    if x.notes.get("stop") and _stopped_while_reasoning(choices, x):
        return STOPPED
    if any(choice.get("finish_reason") in ("length", "content_filter") for choice in choices):
        return None  # cut off: asking again with the same cap would be cut off again
    if tools.forced is not None:
        return NOT_CALLED if _no_call(data, tools) else None
    if x.notes.get("emulated_schema"):
        for choice in choices:
            message = as_dict(choice.get("message")) or {}
            if message.get("tool_calls"):
                continue
            found = structured.problem(message.get("content"), x.notes["schema"])
            if found is not None:
                return found
    return None


NOT_CALLED = "the demanded tool was not called"
STOPPED = "stop seems to have ended the reasoning: no text came"


def _stopped_while_reasoning(choices: Sequence[Dict], x: Exchange) -> bool:
    """Whether every choice ended before its text (api 11: whether StepFun stops inside the reasoning is unverified)."""
    messages = [as_dict(choice.get("message")) or {} for choice in choices]
    silent = not any(m.get("content") or m.get("tool_calls") or m.get("function_call") for m in messages)
    return silent and x.notes.get("reasoned", False) and all(c.get("finish_reason") == "stop" for c in choices)


def _cut_at_stop(data: Dict, stop: Json) -> None:
    """Cut each text before the first stop sequence, for an answer that was asked for without them."""
    sequences = [stop] if isinstance(stop, str) else [text for text in as_list(stop) if isinstance(text, str)]
    for choice in as_list(data.get("choices")):
        message = as_dict((as_dict(choice) or {}).get("message")) or {}
        content = message.get("content")
        if isinstance(content, str):
            places = [place for text in sequences if text and (place := content.find(text)) >= 0]
            if places:
                message["content"] = content[: min(places)]
                choice["finish_reason"] = "stop"


def _public(miss: str) -> str:
    """What was wrong with an answer, without its content."""
    return miss if miss in (NOT_CALLED, STOPPED) else "the answer does not fit the schema"


def _asked_again(wire: Request, data: Dict, miss: str, x: Exchange) -> Request:
    """The request once more, with the answer that missed and what was wrong with it after the last message."""
    body = dict(cast("Dict", wire.json))
    if miss == STOPPED:
        body.pop("stop", None)
        return replace(wire, json=body)
    message = as_dict((as_dict((as_list(data.get("choices")) or [{}])[0]) or {}).get("message")) or {}
    tools: Tools = x.notes["tools"]
    if tools.forced is not None:
        which = f"the function {tools.forced[0]}" if tools.forced else "one of the available tools"
        line = f"That was text. Call {which} now; do not answer in text."
    else:
        line = f"That answer is not valid: {miss}. Answer again with only the JSON object."
    said = {"role": "assistant", "content": message.get("content") or ""}
    body["messages"] = [*as_list(body.get("messages")), said, {"role": "user", "content": line}]
    return replace(wire, json=body)
