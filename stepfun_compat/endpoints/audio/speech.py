"""`POST /audio/speech`: translate voices, instructions and speed; send a long text in several requests (stepfun-api 8.4)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from ...catalog import voices
from ...catalog.aliases import DEFAULT_TTS
from .. import audio_containers as sound
from ..base import BrokenOff, Flow, PassThroughEndpoint, Send, WireRequest, WireResponse, replace
from ..context import Json, RequestContext, RequestRejected
from ..json_values import Dict, UnexpectedBody, as_dict
from ..parameters import apply_parameter_policy, given, resolve_model_of_kind
from ..sse import failure, server_sent
from ..unsupported import ENDPOINT as ABSENT

_MEDIA = {"mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac", "opus": "audio/ogg", "pcm": "audio/pcm"}
_SILENCE = b"\0"  # the response body that `explain` uses
_CHUNK = 24_576  # bytes of sound in one event of a joined stream

# Where a long text may be cut, best first: paragraphs, sentences, clauses, words.
_CUTS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"""[.!?…]["'”’)\]]*\s+|[。！？…]["'”’）】」]*|\n"""),
    re.compile(r"[,;:]\s+|[，；：、]|\s[–—-]\s"),
    re.compile(r"\s+"),
)


def split_text(text: str, limit: int) -> list[str]:
    """Split a text into pieces of at most `limit` characters, each cut at the best place in its second half, if there is
    one, else at the best place anywhere. Only white space between pieces is lost."""
    pieces: list[str] = []
    rest = text.strip()
    while len(rest) > limit:
        at = _cut(rest[: limit + 1], limit)
        piece, rest = rest[:at].rstrip(), rest[at:].lstrip()
        if piece:
            pieces.append(piece)
    return [*pieces, rest] if rest else pieces


def _cut(window: str, limit: int) -> int:
    for floor in (limit // 2, 1):
        for pattern in _CUTS:
            # white space after the mark may lie beyond the limit, the piece itself may not
            ends = [m.end() for m in pattern.finditer(window) if len(window[: m.end()].rstrip()) <= limit]
            if ends and ends[-1] >= floor:
                return ends[-1]
    return limit


class Speech(PassThroughEndpoint):
    """Text to speech."""

    name = "audio.speech"
    answers_bytes = True

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        """Return the object that `return_url` requests; any other body than audio or an object is unexpected."""
        row = as_dict(data)
        if row is None:
            raise UnexpectedBody("the response contains no audio")
        return row

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        fields = given(request)
        model = resolve_model_of_kind(context, fields.get("model"), "tts", DEFAULT_TTS)
        wire: Dict = {"model": model}
        apply_parameter_policy(fields, wire, context, self.name, ("model", "input", "voice", "speed", "instructions"))
        wire["input"] = self._text(fields.get("input"), model, context)
        self._voice(fields.get("voice"), wire, context)
        self._speed(fields.get("speed"), wire, context)
        self._instructions(fields, wire, model, context)
        format = fields.get("response_format", voices.DEFAULT_FORMAT)
        if format not in voices.FORMATS:
            raise RequestRejected(
                f"response_format={format!r} is not available: StepFun has {', '.join(voices.FORMATS)}.",
                code="invalid_value",
                param="response_format",
            )
        return replace(request, json=wire, headers={**request.headers, **context.headers})

    def _text(self, text: Json, model: str, context: RequestContext) -> Json:
        if (
            not isinstance(text, str)
            or model not in voices.PARENTHESES_ARE_INSTRUCTIONS
            or context.requested_model == model
        ):
            return text
        # a program for an OpenAI model expects text in parentheses to be spoken (stepfun-api 8.4)
        spoken = re.sub(r"\s*[(（]\s*([^()（）]*?)\s*[)）]", r", \1,", text)
        spoken = re.sub(r"[()（）]", ", ", re.sub(r",([,.;:!?])", r"\1", spoken))
        if spoken != text:
            context.record_change(
                "reshape", "input", "parentheses", "commas", f"{model} reads text in parentheses as instructions"
            )
        return spoken

    def _voice(self, voice: Json, wire: Dict, context: RequestContext) -> None:
        if voice is None:
            raise RequestRejected(
                "voice is missing: it must be one of OpenAI's voices, one of StepFun's system voices or a cloned voice.",
                code="missing_parameter",
                param="voice",
            )
        row = as_dict(voice)
        name = row.get("id") if row is not None else voice
        alias = voices.OPENAI_VOICES.get(name) if isinstance(name, str) else None
        wire["voice"] = alias.voice if alias is not None else name
        if alias is not None:
            context.record_change("alias", "voice", name, alias.voice, alias.why)

    def _speed(self, speed: Json, wire: Dict, context: RequestContext) -> None:
        if not isinstance(speed, int | float) or isinstance(speed, bool):
            if speed is not None:
                wire["speed"] = speed
            return
        low, high = voices.SPEED
        wire["speed"] = sent = min(max(speed, low), high)
        if sent != speed:
            context.record_change(
                "clamp", "speed", speed, sent, f"StepFun's speed ranges from {low} to {high}", lossy=True
            )

    def _instructions(self, fields: Dict, wire: Dict, model: str, context: RequestContext) -> None:
        text = fields.get("instructions")
        if not isinstance(text, str) or not text:
            return
        if model not in voices.INSTRUCTION_MODELS:
            able = ", ".join(sorted(voices.INSTRUCTION_MODELS))
            context.record_change("drop", "instructions", text, None, f"only {able} supports them", lossy=True)
            return
        wire["instruction"] = sent = text[: voices.INSTRUCTION_LIMIT]
        context.record_change("rename", "instructions", None, "instruction", "StepFun's name for it")
        if sent != text:
            context.record_change("clamp", "instructions", text, sent, "StepFun takes 200 characters", lossy=True)

    # ------------------------------------------------------------ long texts

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        text = given(request).get("input")
        return self._in_pieces(request, context) if isinstance(text, str) and len(text) > voices.INPUT_LIMIT else None

    def _in_pieces(self, request: WireRequest, context: RequestContext) -> Flow:
        wire = self.transform_request(request, context)
        body: Dict = wire.json
        format = str(body.get("response_format", voices.DEFAULT_FORMAT))
        if body.get("return_url"):
            raise RequestRejected(
                f"return_url is not available for a text of more than {voices.INPUT_LIMIT} characters, which takes "
                "several requests: omit it, or shorten the text.",
                code="invalid_value",
                param="return_url",
            )
        events = body.get("stream_format") == "sse"
        pieces = split_text(str(body["input"]), voices.INPUT_LIMIT)
        context.record_change(
            "cost",
            "input",
            f"{len(str(body['input']))} characters",
            f"{len(pieces)} requests",
            f"a StepFun request takes {voices.INPUT_LIMIT} characters",
        )
        fields = {**body}
        if format == "flac":  # frames of several FLAC files cannot be joined; samples can
            fields["response_format"] = "wav"
            context.record_change(
                "reshape", "response_format", "flac", "wav", "the client joins the samples and writes uncompressed FLAC"
            )
        parts: list[bytes] = []
        reply = WireResponse(b"")
        example = speech_events(_SILENCE) if events else _SILENCE
        for piece in pieces:
            reply = yield Send(replace(wire, json={**fields, "input": piece}), example=example)
            parts.append(_events_sound(reply.body, parts) if events else _sound(reply.body))
            context.partial = list(parts)  # each a complete file, for the error of a later request
        try:
            joined = sound.join(parts, format)
        except sound.SoundError as error:
            raise UnexpectedBody(
                f"the parts of the speech cannot be joined as {format} ({error}): request wav or mp3"
            ) from error
        if events:
            return WireResponse(speech_events(joined), reply.status, {"content-type": "text/event-stream"})
        return WireResponse(joined, reply.status, {**reply.headers, "content-type": _MEDIA.get(format, "audio/mpeg")})


def _sound(body: Any) -> bytes:
    if isinstance(body, bytes) and body:
        return body
    raise UnexpectedBody("the response contains no audio")


def _events_sound(body: Any, before: Sequence[bytes]) -> bytes:
    """Return the audio in a stream of speech events; `before` holds the audio of earlier requests.

    Raises:
        RequestRejected: the stream ended in an error.
        UnexpectedBody: the stream contains no audio.
        BrokenOff: the stream ended without `speech.audio.done`.
    """
    out: list[bytes] = []
    done = False
    for event in server_sent(body):
        kind = event.get("type")
        if kind == "speech.audio.error":
            raise failure(event, "StepFun could not complete the speech.")
        done = done or kind == "speech.audio.done"
        if kind == "speech.audio.delta" and isinstance(event.get("audio"), str):
            try:
                out.append(base64.b64decode(event["audio"]))
            except binascii.Error as error:
                raise UnexpectedBody("an event's audio is not base64") from error
    if not out:
        raise UnexpectedBody("the response contains no audio")
    if not done:
        raise BrokenOff("StepFun's response ended before the speech was complete.", [*before, b"".join(out)])
    return b"".join(out)


def speech_events(data: bytes) -> str:
    """Build StepFun's events for an audio file."""
    events: list[Dict] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(data[at : at + _CHUNK]).decode("ascii")}
        for at in range(0, len(data), _CHUNK)
    ]
    events.append({"type": "speech.audio.done", "audio": ""})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


class Voice(PassThroughEndpoint):
    """`POST /audio/voices`: pass through StepFun's cloning from a file id; reject OpenAI's from a recording."""

    name = "audio.voices"

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        if request.files or "file_id" not in given(request):
            raise ABSENT.refusal(request, context)
        return request
