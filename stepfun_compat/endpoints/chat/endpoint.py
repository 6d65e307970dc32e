"""`POST /chat/completions`: translate the request to StepFun's form and the response back (stepfun-api 3, 4)."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, cast

from typing_extensions import override

from ...catalog import chat_audio
from ..base import Effect, Flow, PassThroughEndpoint, Send, StreamTransform, WireRequest, WireResponse, replace
from ..changes import SENT_AGAIN
from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict, as_dict, as_list
from ..model_resolution import effective_effort, headroom, resolve_model
from ..parameters import apply_parameter_policy, apply_prompt_cache_key
from ..parameters import given as given_fields
from . import structured_output as structured
from .corrections import STOPPED, calls_none, corrected_request, cut_at_stop, find_miss, needs_check, public_reason
from .messages import input_kinds, translate_messages
from .response import transform_completion
from .state import ChatState
from .stream import ChatStream
from .tools import Tools, apply_tool_choice, translate_tool_choice, translate_tools
from .usage import add_usage

_HANDLED = frozenset(
    {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "web_search_options",
        "prompt_cache_key",
    }
)
_CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
# Values that request the default behaviour: dropping them changes nothing.
_INERT_VALUES: Mapping[str, tuple[Any, ...]] = {
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "verbosity": ("medium",),
    "moderation": ({},),
    "thinking": ({},),
}


class ChatCompletions(PassThroughEndpoint):
    """Chat completions, streamed or not."""

    name = "chat.completions"
    rewrites_raw = True

    # ------------------------------------------------------------ request

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        if not isinstance(request.json, dict):
            return request
        given = given_fields(request)
        model = _resolve(given, context)
        tools = Tools()
        wire: Dict = {}
        if model is not None:
            wire["model"] = model
        sent_tools, line = apply_tool_choice(
            translate_tool_choice(given), translate_tools(given, context, tools), context, tools
        )
        if "messages" in given:
            wire["messages"] = translate_messages(given["messages"], context, tools.wire_name)
        handled = _HANDLED | self._caps(given, wire, context)
        handled |= self._effort(given, wire, context)
        handled |= self._format(given, wire, context)
        handled |= self._audio(given, wire, context)
        handled |= self._stream(given, wire, context)
        apply_prompt_cache_key(given, context, request.headers)
        handled |= self._parallel(given, context, tools)
        if sent_tools:
            wire["tools"] = sent_tools
        if line is not None:
            _append_line(wire, line)
        apply_parameter_policy(given, wire, context, self.name, handled, _INERT_VALUES)
        self._sampling(given, wire, context)
        state = context.state(ChatState)
        state.stop, state.tools = given.get("stop") or state.stop, tools
        return replace(request, json=wire, headers={**request.headers, **context.headers})

    def _caps(self, given: Dict, wire: Dict, context: RequestContext) -> set[str]:
        """Send the cap as `max_tokens`, the only one StepFun honours; reasoning counts against it (stepfun-api 3.1, 4.6)."""
        name = next((name for name in _CAPS if name in given), None)
        if name is None:
            return set()
        cap = given[name]
        if name != "max_tokens":
            context.record_change("rename", name, cap, "max_tokens", "StepFun honours no other cap")
        wire["max_tokens"] = cap
        if not isinstance(cap, int) or isinstance(cap, bool) or cap <= 0:
            return set(_CAPS)  # StepFun rejects it
        state, extra = context.state(ChatState), headroom(context)
        state.sent_cap = cap + extra
        if extra:
            wire["max_tokens"] = cap + extra
            state.cap = cap
            context.record_change(
                "cost", "max_tokens", cap, cap + extra, "StepFun counts reasoning tokens against the cap"
            )
        return set(_CAPS)

    def _effort(self, given: Dict, wire: Dict, context: RequestContext) -> set[str]:
        requested = given.get("reasoning_effort")
        nested = as_dict(given.get("reasoning"))
        if requested is None and nested is not None:
            requested = nested.get("effort")
            context.record_change(
                "rename",
                "reasoning",
                nested,
                "reasoning_effort",
                "StepFun's chat has the effort as a top-level parameter",
            )
        effort = effective_effort(context, str(requested) if requested is not None else None)
        if effort is not None:
            wire["reasoning_effort"] = effort
        return {"reasoning_effort", "reasoning"} if nested is not None else {"reasoning_effort"}

    def _format(self, given: Dict, wire: Dict, context: RequestContext) -> set[str]:
        format = given.get("response_format")
        if not isinstance(format, Mapping):
            return set()
        format = cast("Mapping[str, Any]", format)
        schema = structured.schema_of(format)
        if schema is None:
            wire["response_format"] = format
            if format.get("type") != "json_object":
                return {"response_format"}
            _mention_json(wire, context)
        elif context.model is None or context.model.json_schema:
            wire["response_format"] = _without_nulls(format)
        else:
            _emulate_schema(schema, wire, context)
        state = context.state(ChatState)
        state.schema = schema
        # in JSON mode the text may have a code fence, which is removed (stepfun-api 3.5)
        state.structured = state.json_text = True
        state.cap = None  # truncated JSON is not valid
        return {"response_format"}

    def _audio(self, given: Dict, wire: Dict, context: RequestContext) -> set[str]:
        """Translate `modalities` and `audio`; StepFun returns wav, and pcm in a stream (stepfun-api 3.1)."""
        modalities = given.get("modalities")
        model = context.model
        if modalities is None:
            if model is not None and model.kind == "audio_chat":
                wire["modalities"] = ["text"]
                context.record_change(
                    "inject", "modalities", None, "text", "StepFun's audio models require it; it is OpenAI's default"
                )
        elif modalities == ["text"] and (model is None or model.kind == "chat"):
            context.record_change("drop", "modalities", modalities, None, "chat models return text only")
            return {"modalities", "audio"}
        else:
            _check_modalities(modalities, context)
            wire["modalities"] = modalities
        audio = as_dict(given.get("audio"))
        if audio is None:
            return {"modalities"}
        wire["audio"] = _spoken_form(audio, bool(given.get("stream")), context)
        return {"modalities", "audio"}

    def _stream(self, given: Dict, wire: Dict, context: RequestContext) -> set[str]:
        context.stream = bool(given.get("stream"))
        options = as_dict(given.get("stream_options"))
        if options is not None:
            context.state(ChatState).include_usage = bool(options.get("include_usage"))
            context.record_change(
                "drop", "stream_options", options, None, "StepFun reports usage on every chunk; the client reshapes it"
            )
        if context.stream:
            wire["stream"] = True
        return {"stream", "stream_options"}

    def _parallel(self, given: Dict, context: RequestContext, tools: Tools) -> set[str]:
        parallel = given.get("parallel_tool_calls")
        if parallel is False:
            tools.one_call = True
            context.record_change(
                "drop",
                "parallel_tool_calls",
                False,
                None,
                "StepFun does not document it; the client returns the first call only",
            )
        elif parallel is not None:
            context.record_change("drop", "parallel_tool_calls", parallel, None, "it is the default")
        return {"parallel_tool_calls"}

    def _sampling(self, given: Dict, wire: Dict, context: RequestContext) -> None:
        top_p = given.get("top_p")
        if isinstance(top_p, int | float) and not isinstance(top_p, bool) and top_p <= 0:
            wire["top_p"] = 0.01
            context.record_change("clamp", "top_p", top_p, 0.01, "StepFun requires a top_p above 0")
        if context.settings.openai_sampling_defaults:
            for name in ("temperature", "top_p"):
                if name not in given:
                    wire[name] = 1
                    context.record_change("inject", name, None, 1, "Settings.openai_sampling_defaults")

    # ------------------------------------------------------------ response

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        return transform_completion(data, context)

    @override
    def transform_stream(self, context: RequestContext) -> StreamTransform | None:
        return ChatStream(context)

    # ------------------------------------------------------------ corrections

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        """Return a flow for a request that may need a correction, None for any other.

        That is one with a forced tool call, with a schema, which a model may not enforce, or with a stop sequence,
        which may end the reasoning.
        """
        body = as_dict(request.json) or {}
        if body.get("stream") or not needs_check(body):
            return None
        return self._with_corrections(request, context)

    def _with_corrections(self, request: WireRequest, context: RequestContext) -> Flow:
        wire = self.transform_request(request, context)
        reply = yield Send(wire)
        return (yield from self.until_it_fits(wire, reply, context))

    def until_it_fits(
        self, wire: WireRequest, reply: WireResponse, context: RequestContext
    ) -> Generator[Effect, WireResponse, WireResponse]:
        """Translate the response to `wire`; while it misses what the request requires, send a correction."""
        state = context.state(ChatState)
        data = transform_completion(reply.body, context)
        total = data.get("usage")
        for _ in range(context.settings.max_corrections):
            miss = find_miss(data, context)
            if miss is None:
                break
            context.record_change("cost", "messages", None, SENT_AGAIN, public_reason(miss))
            reply = yield Send(corrected_request(wire, data, miss, context))
            data = transform_completion(reply.body, context)
            if miss == STOPPED:
                cut_at_stop(data, state.stop)
                state.stop = None
            total = add_usage(total, data.get("usage"))
        if total is not None:
            data["usage"] = total
        miss = find_miss(data, context)
        tools = state.tools
        if miss is not None and tools.forced is not None and calls_none(data, tools):
            context.forced_call_missing = True
        elif miss == STOPPED:
            context.record_change("miss", "stop", None, None, STOPPED, lossy=True)
        elif miss is not None:
            context.record_change(
                "miss", "response_format", "json_schema", None, "the response does not match the schema", lossy=True
            )
        return WireResponse(data, reply.status, reply.headers)


ENDPOINT = ChatCompletions()


def _resolve(given: Dict, context: RequestContext) -> Json:
    """Return the model to send. A value that is not a string is sent unchanged."""
    messages, name = given.get("messages"), given.get("model")
    kinds = input_kinds(given["messages"]) if isinstance(messages, list | tuple) else frozenset[str]()
    return resolve_model(context, name, kinds) if isinstance(name, str | None) else name


JSON_LINE = "Answer with one JSON object and nothing else."


def _mention_json(wire: Dict, context: RequestContext) -> None:
    """Add the instruction that JSON mode requires, unless a system message has one."""
    if not speaks_of_json(wire.get("messages")):
        _append_line(wire, JSON_LINE)
        context.record_change(
            "inject", "messages", None, "an instruction to answer in JSON", "StepFun requires it in a system message"
        )


def _without_nulls(format: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a `json_schema` format without the fields that are None."""
    inner = cast("Mapping[str, Any]", format["json_schema"])
    if not any(value is None for value in inner.values()):
        return format
    return {**format, "json_schema": {key: value for key, value in inner.items() if value is not None}}


def _emulate_schema(schema: Mapping[str, Any], wire: Dict, context: RequestContext) -> None:
    """Send JSON mode and the schema in the prompt; the response is validated here."""
    context.record_change(
        "reshape",
        "response_format",
        "json_schema",
        "json_object and the schema in the prompt",
        f"json_schema is not known to work on {context.model_id}",
    )
    wire["response_format"] = {"type": "json_object"}
    _append_line(wire, structured.instruction(schema))
    context.state(ChatState).emulated_schema = True


def speaks_of_json(messages: Json) -> bool:
    """Whether a system message mentions JSON, which StepFun requires with `json_object` (stepfun-api 3.5, 13)."""
    for message in as_list(messages):
        row: Mapping[str, Any] = cast("Mapping[str, Any]", message) if isinstance(message, Mapping) else {}
        if row.get("role") == "system" and "json" in str(row.get("content")).lower():
            return True
    return False


def _append_line(wire: Dict, line: str) -> None:
    """Add a system message after the last message, so that the cached prefix stays the same."""
    wire["messages"] = [*as_list(wire.get("messages")), {"role": "system", "content": line}]


def _check_modalities(modalities: Json, context: RequestContext) -> None:
    """Check that the model can return audio if `modalities` contains it.

    Raises:
        RequestRejected: the model cannot return audio.
    """
    if not isinstance(modalities, list) or "audio" not in modalities:
        return
    if context.model is None or "audio" in context.model.output:
        return
    able = ", ".join(m.id for m in context.catalog.models.values() if "audio" in m.output and m.kind == "audio_chat")
    raise RequestRejected(
        f"modalities requests audio, which {context.model_id} cannot return. Use one of {able}.",
        code="model_incompatible",
        param="modalities",
    )


def _spoken_form(audio: Dict, stream: bool, context: RequestContext) -> Dict:
    """Return `audio` with StepFun's voice and the only format it returns."""
    wanted = chat_audio.STREAM_FORMAT if stream else chat_audio.FORMAT
    voice = audio.get("voice")
    sent = dict(audio)
    mapped = chat_audio.OPENAI_VOICES.get(voice) if isinstance(voice, str) else None
    if mapped is not None:
        sent["voice"] = mapped
        context.record_change("alias", "audio.voice", voice, mapped, "StepFun has its own voices")
    format = audio.get("format")
    if format != wanted:
        same = format in ("pcm16", "pcm") and wanted in ("pcm16", "pcm")
        sent["format"] = wanted
        context.record_change(
            "clamp", "audio.format", format, wanted, "StepFun returns no other format here", lossy=not same
        )
    return sent
