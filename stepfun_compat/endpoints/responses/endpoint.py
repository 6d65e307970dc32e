"""`POST /responses`: StepFun serves it for few models and keeps no state; chat serves the rest (stepfun-api 5)."""

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
from ..parameters import carry_cache_key, given
from .history import recall, refers
from .input import input_items
from .native import chat_needed, native_fields, native_response
from .native_stream import NativeStream
from .records import check_size, kept
from .replay import AsTold, replayed
from .request import Asked, chat_fields, check_references, new_id, response_format
from .response import built_in_calls, response_of
from .stream import ResponsesStream

if TYPE_CHECKING:
    from ...catalog.schema import ContestedFact

_CHAT_PATH = "/chat/completions"


@contextmanager
def _in_our_words() -> Generator[None, None, None]:
    """Refusals of chat name chat's parameters; the caller wrote those of Responses."""
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
    """Responses, plain and streamed."""

    name = "responses"
    reads_errors = True
    rewrites_raw = True

    def asked(self, request: WireRequest, context: RequestContext) -> Asked:
        """The request as it was asked, kept for the way back."""
        fields = given(request)
        check_references(fields)
        if fields.get("background"):  # made whole first; what is streamed is told afterwards
            fields.pop("stream", None)
        asked = Asked(fields, items=[_with_id(item) for item in input_items(fields.get("input"))])
        check_size(asked, context)
        context.set_state(asked)
        context.stream = bool(fields.get("stream"))
        return asked

    # ------------------------------------------------------------ two routes

    def _chat_request(self, request: WireRequest, asked: Asked, context: RequestContext, why: str) -> WireRequest:
        chat = replace(request, path=_CHAT_PATH, json=chat_fields(asked, context))
        context.record_change("route", "path", request.path, chat.path, why)
        return chat

    def _native_request(self, request: WireRequest, asked: Asked, context: RequestContext) -> WireRequest:
        asked.route = "native"
        carry_cache_key(asked.fields, context, request.headers)
        context.record_change("route", "path", request.path, request.path, "StepFun serves the model here")
        return replace(request, json=native_fields(asked, context))

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        ready = context.states.pop(WireRequest, None)
        return ready if ready is not None else self._one_request(request, self.asked(request, context), context)

    def _one_request(self, request: WireRequest, asked: Asked, context: RequestContext) -> WireRequest:
        way = self._way(request, asked, context, several=False)
        assert isinstance(way, WireRequest)
        return way

    def _way(
        self, request: WireRequest, asked: Asked, context: RequestContext, *, several: bool = True
    ) -> WireRequest | Flow:
        """The one request that carries a call, or the script of chat's where it may take several."""
        with _in_our_words():
            why = chat_needed(asked, context)
            if why is None:
                wire = self._native_request(request, asked, context)
            else:
                chat = self._chat_request(request, asked, context, why)
                script = CHAT.script(chat, context) if several else None
                if script is not None:
                    return script
                wire = CHAT.transform_request(chat, context)
        asked.sent = cast("Dict", wire.json)
        return wire

    @override
    def safe_form(self, fact: ContestedFact, request: WireRequest, context: RequestContext) -> WireRequest | None:
        """Chat in place of StepFun's own Responses, unless the settings insist on that."""
        if fact.rewrite != "chat":
            return super().safe_form(fact, request, context)
        asked = context.state(Asked)
        if asked.route != "native" or context.settings.responses_route == "native":
            return None
        told = [*context.changes]
        context.changes.clear()
        with _in_our_words():
            wire = CHAT.transform_request(
                self._chat_request(request, asked, context, f"StepFun refuses {fact.openai}"), context
            )
        context.changes[:] = [*told, *(change for change in context.changes if change not in told)]
        asked.route, asked.sent = "chat", cast("Dict", wire.json)
        return wire

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        asked = context.state(Asked)
        if asked.route == "native":
            return _made(native_response(data, asked, context), asked, context)
        asked.searches = built_in_calls(data)
        return _made(response_of(transform_completion(data, context), asked, context), asked, context)

    @override
    def transform_stream(self, context: RequestContext) -> StreamTransform:
        asked = context.state(Asked)
        if asked.fields.get("background") or context.events_translated:
            return AsTold()
        return NativeStream(asked, context) if asked.route == "native" else ResponsesStream(asked, context)

    # ------------------------------------------------------------ what came before, and what is kept

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        fields = given(request)
        if fields.get("background") or refers(fields):
            return self._with_past(request, context)
        if fields.get("stream"):
            return None
        asked = self.asked(request, context)
        way = self._way(request, asked, context)
        if isinstance(way, WireRequest) and not _has_schema(asked):
            context.set_state(way)  # for transform_request
            return None
        return self._whole(way, asked, context)

    def _with_past(self, request: WireRequest, context: RequestContext) -> Flow:
        asked = self.asked(request, context)
        yield from recall(asked, context)
        way = self._way(request, asked, context, several=not asked.fields.get("stream"))
        checked = _has_schema(asked) and not asked.fields.get("stream")
        if isinstance(way, WireRequest) and not asked.fields.get("background") and not checked:
            return way
        reply = yield from self._whole(way, asked, context)
        return replayed(cast("Dict", reply.body)) if given(request).get("stream") else reply

    def _whole(
        self, way: WireRequest | Flow, asked: Asked, context: RequestContext
    ) -> Generator[Effect, WireResponse, WireResponse]:
        """The whole answer, kept."""
        reply, body = yield from self._answered(way, asked, context)
        keep, context.save_operation = context.save_operation, None
        if keep is not None:
            yield keep
        return replace(reply, body=body)

    def _answered(
        self, way: WireRequest | Flow, asked: Asked, context: RequestContext
    ) -> Generator[Effect, WireResponse, tuple[WireResponse, Dict]]:
        """StepFun's last reply, and the Response made of it."""
        if not isinstance(way, WireRequest):
            return (yield from self._over_chat(way, asked, context))
        native = asked.route == "native"
        reply = yield Send(way)
        if native and asked.route != "native":  # refused there, so chat answered
            asked.searches = built_in_calls(reply.body)
            chat = replace(way, path=_CHAT_PATH, json=asked.sent)
            return (yield from self._over_chat(CHAT.until_it_fits(chat, reply, context), asked, context))
        return reply, self.transform_response(reply.body, context)

    def _over_chat(
        self, script: Flow, asked: Asked, context: RequestContext
    ) -> Generator[Effect, WireResponse, tuple[WireResponse, Dict]]:
        with _in_our_words():
            reply = yield from _watched(script, asked)
        return reply, _made(response_of(cast("Dict", reply.body), asked, context), asked, context)


def _made(response: Dict, asked: Asked, context: RequestContext) -> Dict:
    """A whole Response, with the operation that is to keep it before the caller gets it."""
    keep = kept(asked, response)
    if keep is not None:
        context.partial = response  # should the store be down, the error holds what was paid for
        context.save_operation = keep
    return response


def _has_schema(asked: Asked) -> bool:
    """Whether a schema is asked for, which may have to be asked for again."""
    form = response_format(asked.fields.get("text"))
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
    """An input item with an id, under which it can be listed and referred to."""
    return item if item.get("id") else {**item, "id": new_id(_PREFIXES.get(item["type"], "item"))}


def _watched(script: Flow, asked: Asked) -> Generator[Effect, WireResponse, WireResponse]:
    """Chat's script, with a look at what goes out and what StepFun's own tools did."""
    try:
        effect = next(script)
    except StopIteration as stop:  # it began with an answer, and that fits
        return stop.value
    if isinstance(effect, Send):
        asked.sent = cast("Dict", effect.request.json)
    while True:
        reply = yield effect
        asked.searches = built_in_calls(reply.body)
        try:
            effect = script.send(reply)
        except StopIteration as stop:
            return stop.value
