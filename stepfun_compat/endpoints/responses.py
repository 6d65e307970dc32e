"""`POST /responses`: StepFun serves it for few models and keeps no state; chat serves the rest (api 5)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

from typing_extensions import override

from ..exchange import Exchange, Json, Refusal
from .base import PlainEndpoint, Reply, Request, Script, StreamTransform, replace
from .chat_completions import ENDPOINT as CHAT
from .chat_response import transform_completion
from .common import Dict, given
from .responses_input import input_items
from .responses_native import chat_needed, native_fields, native_response
from .responses_native_stream import NativeStream
from .responses_request import Asked, chat_fields
from .responses_response import built_in_calls, response_of
from .responses_stream import ResponsesStream

_NOTE = "responses"


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
    except Refusal as refusal:
        if refusal.param in names:
            refusal.param = names[refusal.param]
        raise


class Responses(PlainEndpoint):
    """Responses, plain and streamed."""

    name = "responses"
    reads_errors = True

    def asked(self, request: Request, x: Exchange) -> Asked:
        """The request as it was asked, kept for the way back."""
        fields = given(request)
        asked = Asked(fields, items=input_items(fields.get("input")))
        x.notes[_NOTE] = asked
        x.stream = bool(fields.get("stream"))
        return asked

    # ------------------------------------------------------------ two routes

    def _chat_request(self, request: Request, asked: Asked, x: Exchange, why: str) -> Request:
        chat = replace(request, path="/chat/completions", json=chat_fields(asked, x))
        x.change("route", "path", request.path, chat.path, why)
        return chat

    def _native_request(self, request: Request, asked: Asked, x: Exchange) -> Request:
        asked.route = "native"
        x.change("route", "path", request.path, request.path, "StepFun serves the model here")
        return replace(request, json=native_fields(asked, x))

    @override
    def transform_request(self, request: Request, x: Exchange) -> Request:
        with _in_our_words():
            asked = self.asked(request, x)
            why = chat_needed(asked, x)
            if why is None:
                wire = self._native_request(request, asked, x)
            else:
                wire = CHAT.transform_request(self._chat_request(request, asked, x, why), x)
        asked.sent = cast("Dict", wire.json)
        return wire

    @override
    def transform_response(self, data: Json, x: Exchange) -> Json:
        asked: Asked = x.notes[_NOTE]
        if asked.route == "native":
            return native_response(data, asked, x)
        asked.searches = built_in_calls(data)
        return response_of(transform_completion(data, x), asked, x)

    @override
    def transform_stream(self, x: Exchange) -> StreamTransform:
        asked: Asked = x.notes[_NOTE]
        return NativeStream(asked, x) if asked.route == "native" else ResponsesStream(asked, x)

    @override
    def script(self, request: Request, x: Exchange) -> Script | None:
        return None if given(request).get("stream") else self._whole(request, x)

    def _whole(self, request: Request, x: Exchange) -> Script:
        with _in_our_words():
            asked = self.asked(request, x)
            why = chat_needed(asked, x)
            chat = None if why is None else self._chat_request(request, asked, x, why)
            script = None if chat is None else CHAT.script(chat, x)
            if script is None:
                wire = self._native_request(request, asked, x) if chat is None else CHAT.transform_request(chat, x)
                asked.sent = cast("Dict", wire.json)
                reply = yield wire
                return replace(reply, body=self.transform_response(reply.body, x))
            reply = yield from _watched(script, asked)
            return replace(reply, body=response_of(cast("Dict", reply.body), asked, x))


def _watched(script: Script, asked: Asked) -> Generator[Request, Reply, Reply]:
    """Chat's script, with a look at what goes out and what StepFun's own tools did."""
    wire = next(script)
    asked.sent = cast("Dict", wire.json)
    while True:
        reply = yield wire
        asked.searches = built_in_calls(reply.body)
        try:
            wire = script.send(reply)
        except StopIteration as stop:
            return stop.value


ENDPOINT = Responses()
