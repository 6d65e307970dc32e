"""The realtime WebSocket, with the event names of OpenAI's beta (stepfun-api 8.6)."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Iterator
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from .. import catalog as facts
from .. import media
from ..catalog import Model
from ..json_values import Object, as_list, as_object, as_text, dumps, is_integer, is_object
from ..model import generation, tokens
from ..model.rules import Conversation, Function, Reply, Turn
from . import errors
from .calls import Call
from .chat_request import Part, prompt_tokens
from .errors import ApiError

_SESSION_KEYS = frozenset(
    [
        "modalities",
        "voice",
        "instructions",
        "input_audio_format",
        "output_audio_format",
        "turn_detection",
        "tools",
        "temperature",
    ]
)
_DETECTION_KEYS = frozenset({"type", "prefix_padding_ms", "silence_duration_ms", "energy_awakeness_threshold"})
_DETECTION = {"prefix_padding_ms": 500, "silence_duration_ms": 100, "energy_awakeness_threshold": 2500}
_BYTES_IN_PIECE = 4800
_FRAME = media.SAMPLE_RATE // 50 * 2  # bytes in 20 ms; loudness is measured per frame
_MAX_SECONDS = 30 * 60


def check(call: Call, model: str | None, subprotocols: list[str]) -> Model:
    """Return the model named in the query. Strict mode refuses subprotocols."""
    if not model:
        raise errors.invalid_param("model", "not empty")
    row = facts.MODELS.get(model)
    if row is None or not row.realtime or (call.channel == "plan" and not row.plan):
        raise errors.unknown_model(model, 400)
    if call.config.strict and subprotocols:
        raise errors.invalid("subprotocols are not supported")
    return row


async def talk(call: Call, model: Model, socket: WebSocket) -> None:
    """Serve one session until the client disconnects."""
    session = _Session(call, model)
    ends = call.engine.now() + _MAX_SECONDS
    await socket.accept()
    for event in session.opening():
        await socket.send_text(dumps(event))
    try:
        while True:
            text = await socket.receive_text()
            if (
                call.engine.now() >= ends
            ):  # at most 30 minutes (stepfun-api 8.6); how the session ends is not documented
                await socket.close(1000, "session expired")
                return
            for event in session.handle(text):
                await socket.send_text(dumps(event))
    except WebSocketDisconnect:
        return


def _check_detection(detection: Object, *, strict: bool) -> None:
    """Check the `turn_detection` of a session."""
    if detection.get("type") != "server_vad":
        raise errors.invalid_param("session.turn_detection.type", "server_vad")
    unknown = set(detection) - _DETECTION_KEYS
    if strict and unknown:
        raise errors.unknown_param(f"session.turn_detection.{min(unknown)}")
    for name in ("prefix_padding_ms", "silence_duration_ms"):
        if not is_integer(detection.get(name, 0)) or detection.get(name, 0) < 0:
            raise errors.invalid_param(f"session.turn_detection.{name}", "milliseconds")
    level = detection.get("energy_awakeness_threshold", 2500)
    if not is_integer(level) or not 0 <= level <= 5000:
        raise errors.invalid_param("session.turn_detection.energy_awakeness_threshold", "[0,5000]")


def _check_tools(tools: list[Any]) -> None:
    for item in tools:
        tool = as_object(item)
        if tool.get("type") == "function" and not as_text(as_object(tool.get("function")).get("name")):
            raise errors.invalid_param("session.tools.function.name", "not empty")


class _Session:
    """The state of one connection and its responses to events."""

    def __init__(self, call: Call, model: Model) -> None:
        self.call = call
        self.model = model
        self.turns: list[Turn] = []
        self.heard = bytearray()
        self.looked = 0
        self.loud_since: int | None = None
        self.quiet_since = 0
        self.session: Object = {
            "id": f"sess_{call.engine.new_id()}",
            "object": "realtime.session",
            "model": model.id,
            "modalities": ["text", "audio"],
            "instructions": "",
            "voice": "wenrounansheng",
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "turn_detection": None,
            "tools": [],
        }

    def _event(self, kind: str, **fields: object) -> Object:
        return {"event_id": f"event_{self.call.engine.new_id(20)}", "type": kind, **fields}

    def opening(self) -> Iterator[Object]:
        yield self._event("session.created", session=dict(self.session))

    def handle(self, text: str) -> Iterator[Object]:
        """Yield the server events for one client event: an `error` event if it is invalid."""
        try:
            given: object = json.loads(text)
            if not is_object(given):
                raise errors.invalid("event is not a JSON object")
            yield from list(self._handle(given))
        except ValueError as error:
            yield self._error(errors.invalid(f"event is not JSON: {error}"))
        except ApiError as error:
            yield self._error(error)

    def _error(self, error: ApiError) -> Object:
        return self._event("error", error={"type": "invalid_request_error", "message": error.message})

    def _handle(self, event: Object) -> Iterator[Object]:
        kind = as_text(event.get("type"))
        if kind == "session.update":
            self._update(as_object(event.get("session")))
            yield self._event("session.updated", session=dict(self.session))
        elif kind == "input_audio_buffer.append":
            self.heard += base64.b64decode(as_text(event.get("audio")), validate=True)
            if self.session["turn_detection"] is not None:
                yield from self._listen()
        elif kind == "input_audio_buffer.clear":
            self._clear_audio()
            yield self._event("input_audio_buffer.cleared")
        elif kind == "input_audio_buffer.commit":
            yield from self._commit()
        elif kind == "conversation.item.create":
            yield from self._create_item(event)
        elif kind == "conversation.item.delete":
            yield self._event("conversation.item.deleted", item_id=event.get("item_id"))
        elif kind == "response.create":
            yield from self._respond()
        elif kind != "response.cancel":
            raise errors.invalid(f"unknown event type {kind}")

    def _update(self, changes: Object) -> None:
        strict = self.call.config.strict
        if strict:
            errors.check_known(changes, _SESSION_KEYS, "session.")
        if changes.get("modalities", ["text", "audio"]) != ["text", "audio"]:
            raise errors.invalid_param("session.modalities", '["text","audio"]')
        for name in ("input_audio_format", "output_audio_format"):
            if changes.get(name, "pcm16") != "pcm16":
                raise errors.invalid_param(f"session.{name}", "pcm16")
        detection = changes.get("turn_detection")
        if detection is not None:
            _check_detection(as_object(detection), strict=strict)
        _check_tools(as_list(changes.get("tools")))
        self.session.update({name: item for name, item in changes.items() if name in _SESSION_KEYS})
        if detection is not None:
            self.session["turn_detection"] = {**_DETECTION, **as_object(detection)}

    def _clear_audio(self) -> None:
        self.heard.clear()
        self.looked, self.loud_since = 0, None

    def _listen(self) -> Iterator[Object]:
        """Apply server_vad: a pause after speech ends the turn, and the model answers."""
        detection = as_object(self.session["turn_detection"])
        patience = detection["silence_duration_ms"] // 20 * _FRAME
        while len(self.heard) - self.looked >= _FRAME:
            samples = struct.unpack(f"<{_FRAME // 2}h", self.heard[self.looked : self.looked + _FRAME])
            self.looked += _FRAME
            loud = sum(map(abs, samples)) >= detection["energy_awakeness_threshold"] * len(samples)
            at = self.looked // _FRAME * 20
            if loud:
                if self.loud_since is None:
                    self.loud_since = at
                    yield self._event("input_audio_buffer.speech_started", audio_start_ms=at)
                self.quiet_since = self.looked
            elif self.loud_since is not None and self.looked - self.quiet_since >= patience:
                yield self._event("input_audio_buffer.speech_stopped", audio_end_ms=at)
                rest = self.heard[self.looked :]
                del self.heard[self.looked :]
                yield from self._commit()
                yield from self._respond()
                self.heard += rest

    def _commit(self) -> Iterator[Object]:
        if not self.heard:
            raise errors.invalid("input audio buffer is empty")
        transcript = f"{len(self.heard)} bytes of speech"
        self._clear_audio()
        self.turns.append(Turn("user", transcript))
        item = self._item("message", role="user", content=[{"type": "input_audio", "transcript": transcript}])
        yield self._event("input_audio_buffer.committed", item_id=item["id"])
        yield self._event("conversation.item.created", item=item)

    def _item(self, kind: str, **fields: object) -> Object:
        """Return an item with a new id; the client's ids are ignored."""
        identity = f"item_{self.call.engine.new_id(20)}"
        return {"id": identity, "object": "realtime.item", "type": kind, "status": "completed", **fields}

    def _create_item(self, event: Object) -> Iterator[Object]:
        item = as_object(event.get("item"))
        if event.get("previous_item_id") == "root":
            raise errors.invalid("previous_item_id root is not supported")
        kind = item.get("type")
        if kind == "message":
            parts = [as_object(part) for part in as_list(item.get("content"))]
            text = "".join(as_text(part.get("text")) or as_text(part.get("transcript")) for part in parts)
            self.turns.append(Turn(as_text(item.get("role")) or "user", text or "[audio]"))
            made = self._item("message", role=item.get("role"), content=item.get("content"))
        elif kind == "function_call_output":
            call_id = as_text(item.get("call_id"))
            self.turns.append(Turn("tool", as_text(item.get("output")), call_id=call_id))
            made = self._item("function_call_output", call_id=call_id, output=item.get("output"))
        else:
            raise errors.invalid(f"items of type {kind} cannot be created")
        yield self._event("conversation.item.created", item=made)

    # -- answers -------------------------------------------------------------------------------------------------

    def _respond(self) -> Iterator[Object]:
        turns = [Turn("system", as_text(self.session["instructions"])), *self.turns]
        functions = [as_object(as_object(item).get("function")) for item in as_list(self.session["tools"])]
        tools = [
            Function(as_text(item.get("name")), as_text(item.get("description")), as_object(item.get("parameters")))
            for item in functions
            if as_text(item.get("name"))
        ]
        script = generation.scripted(self.call)
        if script is not None and not isinstance(script, Reply):
            raise errors.invalid("a scripted realtime answer must be a text or a Reply")
        conversation = Conversation(tuple(turns), tuple(tools))
        prompt = prompt_tokens([[Part(f"<{turn.role}>"), Part(turn.text)] for turn in turns])
        made = generation.generate(self.call, self.model, conversation, prompt, cached=0, reply=script)
        identity = f"resp_{self.call.engine.new_id(20)}"
        response: Object = {"id": identity, "object": "realtime.response", "status": "in_progress", "output": []}
        yield self._event("response.created", response=dict(response))
        output: list[Object] = []
        for call in made.calls:
            item = self._item("function_call", call_id=call.id, name=call.name, arguments=call.arguments)
            at = {"response_id": identity, "item_id": item["id"], "output_index": len(output)}
            yield self._event("response.output_item.added", response_id=identity, output_index=len(output), item=item)
            for piece in tokens.pieces(call.arguments, 6):
                yield self._event("response.function_call_arguments.delta", **at, call_id=call.id, delta=piece)
            done = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
            yield self._event("response.function_call_arguments.done", **at, **done)
            yield self._event("response.output_item.done", response_id=identity, output_index=len(output), item=item)
            output.append(item)
        if not made.calls:
            yield from self._speak(identity, made.content, output)
        self.turns.append(Turn("assistant", made.content, made.calls))
        spent = made.usage
        usage = {
            "input_tokens": spent.prompt,
            "output_tokens": spent.completion,
            "total_tokens": spent.prompt + spent.completion,
        }
        response |= {"status": "completed", "output": output, "usage": usage}
        yield self._event("response.done", response=response)

    def _speak(self, identity: str, text: str, output: list[Object]) -> Iterator[Object]:
        """Yield the events of a spoken answer: reasoning, transcript and audio."""
        item = self._item("message", role="assistant", content=[{"type": "audio", "transcript": text}])
        at = {"response_id": identity, "item_id": item["id"], "output_index": 0, "content_index": 0}
        yield self._event(
            "response.output_item.added", response_id=identity, output_index=0, item={**item, "content": []}
        )
        yield self._event("conversation.item.created", item={**item, "content": []})
        thought = f"I answer {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}."
        yield self._event("response.thinking.delta", response_id=identity, item_id=item["id"], delta=thought)
        yield self._event("response.thinking.done", response_id=identity, item_id=item["id"], text=thought)
        yield self._event("response.content_part.added", **at, part={"type": "audio", "transcript": ""})
        for piece in tokens.pieces(text, self.call.config.chunk_tokens):
            yield self._event("response.audio_transcript.delta", **at, delta=piece)
        sound = media.speech(text)
        for start in range(0, len(sound), _BYTES_IN_PIECE):
            data = base64.b64encode(sound[start : start + _BYTES_IN_PIECE]).decode()
            yield self._event("response.audio.delta", **at, delta=data)
        yield self._event("response.audio.done", **at)
        yield self._event("response.audio_transcript.done", **at, transcript=text)
        yield self._event("response.content_part.done", **at, part={"type": "audio", "transcript": text})
        yield self._event("response.output_item.done", response_id=identity, output_index=0, item=item)
        output.append(item)
