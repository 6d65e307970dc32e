"""`POST /responses`: StepFun serves it for a few models and stores nothing; chat serves the rest (stepfun-api 5)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

from typing_extensions import override

from ..base import Effect, Flow, PassThroughEndpoint, Send, StreamTransform, WireRequest, WireResponse, replace
from ..chat.endpoint import ENDPOINT as CHAT
from ..chat.response import transform_completion
from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict
from ..parameters import apply_prompt_cache_key, given
from .history import load_history, needs_history
from .input import input_items
from .native import chat_needed, native_fields, native_response
from .native_stream import NativeStream
from .records import check_size, kept
from .replay import PassThroughStream, replayed
from .request import ResponsesState, chat_fields, check_references, new_id, response_format
from .response import built_in_calls, response_of
from .stream import ResponsesStream

if TYPE_CHECKING:
    from ...catalog.schema import ContestedFact

_CHAT_PATH = "/chat/completions"


@contextmanager
def _responses_names() -> Generator[None, None, None]:
    """Name the parameters of Responses in errors raised by chat's translation."""
    names = {
        "messages": "input",
        "reasoning_effort": "reasoning.effort",
        "response_format": "text.format",
        "max_tokens": "max_output_tokens",
    }
    try:
        yield
    except RequestRejected as refusal:
        if refusal.param in names:
            refusal.param = names[refusal.param]
        raise


class Responses(PassThroughEndpoint):
    """`POST /responses`, streamed or not."""

    name = "responses"
    reads_errors = True
    rewrites_raw = True

    def read(self, request: WireRequest, context: RequestContext) -> ResponsesState:
        """Read a request into the state that building its response requires."""
        fields = given(request)
        check_references(fields)
        if fields.get("background"):  # completed first, then streamed
            fields.pop("stream", None)
        original = ResponsesState(fields, items=[_with_id(item) for item in input_items(fields.get("input"))])
        check_size(original, context)
        context.set_state(original)
        context.stream = bool(fields.get("stream"))
        return original

    # ------------------------------------------------------------ two routes

    def _chat_request(
        self, request: WireRequest, original: ResponsesState, context: RequestContext, why: str
    ) -> WireRequest:
        chat = replace(request, path=_CHAT_PATH, json=chat_fields(original, context))
        context.record_change("route", "path", request.path, chat.path, why)
        return chat

    def _native_request(self, request: WireRequest, original: ResponsesState, context: RequestContext) -> WireRequest:
        original.route = "native"
        apply_prompt_cache_key(original.fields, context, request.headers)
        context.record_change("route", "path", request.path, request.path, "StepFun serves the model here")
        return replace(request, json=native_fields(original, context))

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        ready = context.take_state(WireRequest)
        return ready if ready is not None else self._one_request(request, self.read(request, context), context)

    def _one_request(self, request: WireRequest, original: ResponsesState, context: RequestContext) -> WireRequest:
        way = self._send_or_chat(request, original, context, several=False)
        assert isinstance(way, WireRequest)
        return way

    def _send_or_chat(
        self, request: WireRequest, original: ResponsesState, context: RequestContext, *, several: bool = True
    ) -> WireRequest | Flow:
        """Return the single request of a call, or chat's flow if the call may take several requests."""
        with _responses_names():
            why = chat_needed(original, context)
            if why is None:
                wire = self._native_request(request, original, context)
            else:
                chat = self._chat_request(request, original, context, why)
                script = CHAT.script(chat, context) if several else None
                if script is not None:
                    return script
                wire = CHAT.transform_request(chat, context)
        original.sent = wire.json
        return wire

    @override
    def safe_form(self, fact: ContestedFact, request: WireRequest, context: RequestContext) -> WireRequest | None:
        """Rebuild the request for chat, unless the settings require StepFun's own Responses."""
        if fact.rewrite != "chat":
            return super().safe_form(fact, request, context)
        original = context.state(ResponsesState)
        if original.route != "native" or context.settings.responses_route == "native":
            return None
        earlier = [*context.changes]
        context.changes.clear()
        with _responses_names():
            wire = CHAT.transform_request(
                self._chat_request(request, original, context, f"StepFun refuses {fact.openai}"), context
            )
        context.changes[:] = [*earlier, *(change for change in context.changes if change not in earlier)]
        original.route, original.sent = "chat", cast("Dict", wire.json)
        return wire

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        original = context.state(ResponsesState)
        if original.route == "native":
            return _made(native_response(data, original, context), original, context)
        original.searches = built_in_calls(data)
        return _made(response_of(transform_completion(data, context), original, context), original, context)

    @override
    def transform_stream(self, context: RequestContext) -> StreamTransform:
        original = context.state(ResponsesState)
        if original.fields.get("background") or context.events_translated:
            return PassThroughStream()
        return NativeStream(original, context) if original.route == "native" else ResponsesStream(original, context)

    # ------------------------------------------------------------ history and storage

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        fields = given(request)
        if fields.get("background") or needs_history(fields):
            return self._with_past(request, context)
        if fields.get("stream"):
            return None
        original = self.read(request, context)
        way = self._send_or_chat(request, original, context)
        if isinstance(way, WireRequest) and not _has_schema(original):
            context.set_state(way)  # for transform_request
            return None
        return self._whole(way, original, context)

    def _with_past(self, request: WireRequest, context: RequestContext) -> Flow:
        original = self.read(request, context)
        yield from load_history(original, context)
        way = self._send_or_chat(request, original, context, several=not original.fields.get("stream"))
        checked = _has_schema(original) and not original.fields.get("stream")
        if isinstance(way, WireRequest) and not original.fields.get("background") and not checked:
            return way
        reply = yield from self._whole(way, original, context)
        return replayed(cast("Dict", reply.body)) if given(request).get("stream") else reply

    def _whole(
        self, way: WireRequest | Flow, original: ResponsesState, context: RequestContext
    ) -> Generator[Effect, WireResponse, WireResponse]:
        """Run the call and store its Response."""
        reply, body = yield from self._answered(way, original, context)
        keep, context.save_operation = context.save_operation, None
        if keep is not None:
            yield keep
        return replace(reply, body=body)

    def _answered(
        self, way: WireRequest | Flow, original: ResponsesState, context: RequestContext
    ) -> Generator[Effect, WireResponse, tuple[WireResponse, Dict]]:
        """Run the call. Returns StepFun's last response and the Response built from it."""
        if not isinstance(way, WireRequest):
            return (yield from self._over_chat(way, original, context))
        native = original.route == "native"
        reply = yield Send(way)
        if native and original.route != "native":  # rejected there, so chat serves it
            original.searches = built_in_calls(reply.body)
            chat = replace(way, path=_CHAT_PATH, json=original.sent)
            return (yield from self._over_chat(CHAT.until_it_fits(chat, reply, context), original, context))
        return reply, self.transform_response(reply.body, context)

    def _over_chat(
        self, script: Flow, original: ResponsesState, context: RequestContext
    ) -> Generator[Effect, WireResponse, tuple[WireResponse, Dict]]:
        with _responses_names():
            reply = yield from _watched(script, original)
        return reply, _made(response_of(cast("Dict", reply.body), original, context), original, context)


def _made(response: Dict, original: ResponsesState, context: RequestContext) -> Dict:
    """Return a complete Response, and set the operation that stores it before the caller receives it."""
    keep = kept(original, response)
    if keep is not None:
        context.partial = response  # if the store fails, the error still holds the response
        context.save_operation = keep
    return response


def _has_schema(original: ResponsesState) -> bool:
    """Whether the response must match a schema, so that a correction may take a second request."""
    form = response_format(original.fields.get("text"))
    return form is not None and form["type"] == "json_schema"


_PREFIXES: Final = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "local_shell_call": "lsh",
    "shell_call": "sh",
    "shell_call_output": "sho",
    "apply_patch_call": "apc",
    "apply_patch_call_output": "apco",
    "tool_search_call": "tsc",
    "tool_search_output": "tso",
}


def _with_id(item: Dict) -> Dict:
    """Give an input item an id, so that it can be listed and referenced."""
    return item if item.get("id") else {**item, "id": new_id(_PREFIXES.get(item["type"], "item"))}


def _watched(script: Flow, original: ResponsesState) -> Generator[Effect, WireResponse, WireResponse]:
    """Run chat's flow; keep the body that is sent and the calls of StepFun's own tools."""
    try:
        effect = next(script)
    except StopIteration as stop:  # the flow started with a response, and that is valid
        return stop.value
    if isinstance(effect, Send):
        original.sent = cast("Dict", effect.request.json)
    while True:
        reply = yield effect
        original.searches = built_in_calls(reply.body)
        try:
            effect = script.send(reply)
        except StopIteration as stop:
            return stop.value
