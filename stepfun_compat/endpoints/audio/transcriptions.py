"""`POST /audio/transcriptions`: over the recommended route, in every format but `diarized_json` (stepfun-api 8.5)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from typing_extensions import override

from ...catalog import voices
from ...catalog.aliases import DEFAULT_ASR
from .. import audio_containers as sound
from ..base import BrokenOff, Flow, PassThroughEndpoint, Send, StreamTransform, WireRequest, WireResponse, replace
from ..context import Json, RequestContext, RequestRejected
from ..forms import Part, file_part
from ..json_values import Dict, UnexpectedBody, as_dict
from ..parameters import apply_parameter_policy, given, headers_for, resolve_model_of_kind
from ..sse import failure, server_sent

_ROUTE = "/audio/asr/sse"
_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
_TIMED = ("srt", "verbose_json", "vtt")
_OLD_FORMATS = ("json", "text")
_HANDLED = frozenset(
    [
        "model",
        "file",
        "response_format",
        "stream",
        "timestamp_granularities",
        "timestamp_granularities[]",
        "language",
        "hotwords",
        "enable_itn",
        "enable_timestamp",
    ]
)
_CUE = 80  # characters after which a caption ends even within a sentence
_CUE_SECONDS = 8.0
_SENTENCE_END = re.compile(r"[.!?。！？；…][\"'”’)）]*\s*\Z|\n\Z")


@dataclass(frozen=True)
class Segment:
    """A segment of speech; times in seconds."""

    start: float
    end: float
    text: str


@dataclass(slots=True)
class TranscriptionState:
    """What the response needs besides StepFun's text: the requested format, the length in seconds, the language."""

    format: str = "json"
    seconds: float | None = None
    language: Json = None


class Transcription(PassThroughEndpoint):
    """Speech to text."""

    name = "audio.transcriptions"

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        fields = given(request)
        model = resolve_model_of_kind(context, fields.get("model"), "asr", DEFAULT_ASR)
        endpoints = context.model.endpoints if context.model is not None else frozenset({"audio.asr.sse"})
        if "audio.asr.sse" in endpoints:
            return self._recommended(request, fields, model, context)
        if "audio.transcriptions" in endpoints:
            return self._old(request, fields, model, context)
        raise RequestRejected(
            f"model={model!r} is not available for transcriptions. Use {', '.join(_able(context))}, or an OpenAI name.",
            code="model_incompatible",
            param="model",
        )

    def _recommended(self, request: WireRequest, fields: Dict, model: str, context: RequestContext) -> WireRequest:
        format = _format(fields, _FORMATS)
        part = file_part(request.files)
        if part is None:
            raise RequestRejected("file is missing: it must be an audio file.", code="missing_parameter", param="file")
        data = part.read()
        kind = _kind(part, data)
        transcription: Dict = {"model": model}
        for name in ("language", "hotwords", "enable_itn", "enable_timestamp"):
            if name in fields:
                transcription[name] = fields[name]
        if format in _TIMED:
            transcription["enable_timestamp"] = True
        _granularities(fields, context)
        extra: Dict = {}
        apply_parameter_policy(fields, extra, context, self.name, _HANDLED)
        transcription.update(extra)
        state = context.state(TranscriptionState)
        state.format, state.seconds = format, sound.duration(data, kind, rate=voices.ASR_PCM_RATE)
        state.language = fields.get("language")
        context.record_change(
            "route", "path", request.path, _ROUTE, "StepFun is phasing out the old route, which has fewer formats"
        )
        body = {
            "audio": {
                "data": base64.b64encode(data).decode("ascii"),
                "input": {"transcription": transcription, "format": _format_fields(kind, data)},
            }
        }
        return replace(
            request,
            path=_ROUTE,
            json=body,
            files=None,
            headers=headers_for(request, content_type="application/json", accept="text/event-stream"),
        )

    def _old(self, request: WireRequest, fields: Dict, model: str, context: RequestContext) -> WireRequest:
        """Build the request for `step-asr` on the old route, which requires `response_format` (stepfun-api 8.5)."""
        format = _format(fields, _OLD_FORMATS, model, _able(context))
        wire: Dict = {"model": model, "response_format": format}
        for name in ("language", "stream", "timestamp_granularities", "timestamp_granularities[]"):
            if fields.get(name):
                context.record_change("drop", name, fields[name], None, f"{model} does not support it", lossy=True)
        apply_parameter_policy(fields, wire, context, self.name, _HANDLED - {"hotwords"})
        context.state(TranscriptionState).format = format
        return replace(request, json=wire, headers={**request.headers, **context.headers})

    @override
    def transform_response(self, data: Json, context: RequestContext) -> Json:
        if isinstance(data, str | bytes):
            return data
        row = as_dict(data)
        if row is None or not isinstance(row.get("text"), str):
            raise UnexpectedBody("the response has no text")
        return row

    @override
    def transform_stream(self, context: RequestContext) -> StreamTransform:
        return TranscriptStream()

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        """Build a single response from the events, which the recommended route always returns, unless `stream` is set."""
        fields = given(request)
        if fields.get("stream"):
            return None
        probe = RequestContext(context.endpoint, context.settings, context.catalog)
        resolve_model_of_kind(probe, fields.get("model"), "asr", DEFAULT_ASR)
        if probe.model is not None and "audio.asr.sse" not in probe.model.endpoints:
            return None
        return self._whole(request, context)

    def _whole(self, request: WireRequest, context: RequestContext) -> Flow:
        reply = yield Send(self.transform_request(request, context))
        body = answer(server_sent(reply.body), context)
        kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
        return WireResponse(body, reply.status, {**reply.headers, "content-type": kind})


def _able(context: RequestContext) -> list[str]:
    return [row.id for row in context.catalog.models.values() if "audio.asr.sse" in row.endpoints]


def _format(fields: Dict, known: Sequence[str], model: str = "", others: Sequence[str] = ()) -> str:
    format = fields.get("response_format", "json")
    if format in known:
        return str(format)
    advice = f"; {', '.join(others)} support {', '.join(_FORMATS)}" if others else ""
    if format == "diarized_json":
        advice = "; StepFun documents no diarization"
    raise RequestRejected(
        f"response_format={format!r} is not available{' with ' + model if model else ''}: it must be "
        f"{', '.join(known)}{advice}.",
        code="invalid_value",
        param="response_format",
    )


def _kind(part: Part, data: bytes) -> str:
    kind = sound.sound_format(data, part.extension)
    if kind not in voices.ASR_FORMATS:
        raise RequestRejected(
            f"{part.filename!r} is {kind or 'of an unknown type'}; StepFun takes {', '.join(voices.ASR_FORMATS)}. "
            "Convert it, for example with: ffmpeg -i input -ar 16000 -ac 1 output.wav",
            code="invalid_value",
            param="file",
        )
    return kind


def _format_fields(kind: str, data: bytes) -> Dict:
    """Describe the recording; rate and sample size only if they are known."""
    if kind == "pcm":
        return {"type": "pcm", "codec": "pcm_s16le", "rate": voices.ASR_PCM_RATE, "bits": 16, "channel": 1}
    if kind == "wav":
        try:
            wav = sound.parse_wav(data)
        except sound.SoundError as error:
            raise RequestRejected(
                f"file is not a complete wav file: {error}.", code="invalid_value", param="file"
            ) from error
        if wav.tag == 1 and wav.bits == 16:
            return {"type": "wav", "codec": "pcm_s16le", "rate": wav.rate, "bits": 16, "channel": wav.channels}
    return {"type": kind}


def _granularities(fields: Dict, context: RequestContext) -> None:
    requested = fields.get("timestamp_granularities") or fields.get("timestamp_granularities[]")
    if isinstance(requested, list | tuple) and "word" in requested:
        context.record_change(
            "drop",
            "timestamp_granularities",
            requested,
            ["segment"],
            "StepFun reports times of segments, not of words",
            lossy=True,
        )


# ---------------------------------------------------------------- response

_BROKEN_OFF = "StepFun's response ended before the transcript was complete."


def usage_of(event: Mapping[str, Any]) -> Dict | None:
    """Return the usage of a transcription in OpenAI's shape, None if there is none."""
    usage = as_dict(event.get("usage"))
    if usage is None:
        return None
    out: Dict = {"type": "tokens", **{key: value for key, value in usage.items() if value is not None}}
    for name in ("input_tokens", "output_tokens"):
        if not isinstance(out.get(name), int):
            out[name] = 0
    out.setdefault("total_tokens", out["input_tokens"] + out["output_tokens"])
    return out


def _seconds(value: Json) -> float | None:
    """Convert milliseconds to seconds; None for a value that is not a number."""
    try:
        return float(value) / 1000 if value is not None and not isinstance(value, bool) else None
    except (TypeError, ValueError):
        return None


def failed(event: Mapping[str, Any]) -> RequestRejected:
    """Translate an `error` event to the error that code for OpenAI catches."""
    return failure(event, "StepFun could not transcribe the recording.")


def answer(events: Any, context: RequestContext) -> Dict | str:
    """Build the response body from all events, in the `response_format` of the request.

    Raises:
        RequestRejected: the stream ended in an error.
        UnexpectedBody: the stream contains no text.
        BrokenOff: the stream ended without `transcript.text.done`.
    """
    transcript = _Transcript()
    for event in events:
        transcript.add(event)
    text, timed = transcript.complete_text(), transcript.timed
    state = context.state(TranscriptionState)
    if state.format == "json":
        return {"text": text} if transcript.usage is None else {"text": text, "usage": transcript.usage}
    if state.format == "text":
        return text + "\n"
    end = timed[-1].end if timed else 0.0
    seconds = end if state.seconds is None else state.seconds
    segments = captions(timed)
    if not segments and text.strip():
        segments = [Segment(0.0, seconds, text)]
    captions_of = _CAPTIONS.get(state.format)
    return captions_of(segments) if captions_of is not None else _verbose(text, state.language, seconds, segments)


class _Transcript:
    """Collect the events of one transcription."""

    def __init__(self) -> None:
        self.usage: Dict | None = None
        self.timed: list[Segment] = []
        self._pieces: list[str] = []
        self._text: str | None = None

    def add(self, event: Mapping[str, Any]) -> None:
        """Read one event. An event without a type is an error or the final text.

        Raises:
            RequestRejected: the event is an error.
        """
        kind = event.get("type")
        if kind is None:
            kind = _kind_of_untyped(event)
        if kind == "error":
            raise failed(event)
        if kind == "transcript.text.delta":
            delta = str(event.get("delta") or "")
            self._pieces.append(delta)
            segment = _timed(event, delta)
            if segment is not None:
                self.timed.append(segment)
        elif kind == "transcript.text.done":
            self._text = str(event.get("text") or "")
            self.usage = usage_of(event)

    def complete_text(self) -> str:
        """Return the text.

        Raises:
            UnexpectedBody: there was no text at all.
            BrokenOff: the final event is missing.
        """
        pieces = "".join(self._pieces)
        if self._text is not None:
            return self._text or pieces
        if not self._pieces:
            raise UnexpectedBody("the response has no transcript")
        raise BrokenOff(_BROKEN_OFF, pieces)


def _kind_of_untyped(event: Mapping[str, Any]) -> str | None:
    if event.get("error"):
        return "error"
    return "transcript.text.done" if isinstance(event.get("text"), str) else None


def _timed(event: Mapping[str, Any], text: str) -> Segment | None:
    """Return a segment for a delta, None if the delta is empty or has no times."""
    start, end = _seconds(event.get("start_time")), _seconds(event.get("end_time"))
    if start is None or end is None or not text:
        return None
    return Segment(start, max(end, start), text)


def _verbose(text: str, language: Json, seconds: float, segments: Sequence[Segment]) -> Dict:
    """Build a `verbose_json` body."""
    return {
        "task": "transcribe",
        "language": language or "",
        "duration": seconds,
        "text": text,
        # StepFun reports no probabilities; programs for OpenAI compare them unchecked, so they are 0 and not None
        "segments": [
            {
                "id": i,
                "seek": 0,
                "start": row.start,
                "end": row.end,
                "text": row.text,
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": 0.0,
                "compression_ratio": 0.0,
                "no_speech_prob": 0.0,
            }
            for i, row in enumerate(segments)
        ],
        "usage": {"type": "duration", "seconds": ceil(seconds)},  # OpenAI rounds up to full seconds
    }


def captions(pieces: Sequence[Segment]) -> list[Segment]:
    """Join timed segments into sentences, or into captions that fit on a screen."""
    out: list[Segment] = []
    start, end, text = 0.0, 0.0, ""
    for piece in pieces:
        if not text:
            start = piece.start
        text, end = text + piece.text, piece.end
        if _SENTENCE_END.search(text) or len(text) >= _CUE or end - start >= _CUE_SECONDS:
            out.append(Segment(start, end, text))
            text = ""
    if text.strip():
        out.append(Segment(start, end, text))
    return [row for row in out if row.text.strip()]


def _clock(seconds: float, mark: str) -> str:
    total = round(seconds * 1000)
    return f"{total // 3_600_000:02}:{total // 60_000 % 60:02}:{total // 1000 % 60:02}{mark}{total % 1000:03}"


def to_srt(segments: Sequence[Segment]) -> str:
    """Format segments as SubRip captions."""
    return "".join(
        f"{i}\n{_clock(row.start, ',')} --> {_clock(row.end, ',')}\n{_line(row.text)}\n\n"
        for i, row in enumerate(segments, 1)
    )


def to_vtt(segments: Sequence[Segment]) -> str:
    """Format segments as WebVTT captions."""
    return "WEBVTT\n\n" + "".join(
        f"{_clock(row.start, '.')} --> {_clock(row.end, '.')}\n{_line(row.text)}\n\n" for row in segments
    )


def _line(text: str) -> str:
    """Escape a caption's text: an empty line would end it, an arrow would start another."""
    return re.sub(r"\s*\n\s*", " ", text.strip()).replace("-->", "→")


_CAPTIONS = {"srt": to_srt, "vtt": to_vtt}


class TranscriptStream:
    """Translate StepFun's transcription events to OpenAI's."""

    def __init__(self) -> None:
        self._text = ""
        self._done = False

    def feed(self, chunk: Json) -> Sequence[Json]:
        """Translate one event into one or none.

        Raises:
            RequestRejected: the event is an error.
            UnexpectedBody: the event is not an object.
        """
        event = as_dict(chunk)
        if event is None:
            raise UnexpectedBody("an event is not an object")
        kind = event.get("type")
        if kind == "error":
            raise failed(event)
        if kind == "transcript.text.delta":
            event["delta"] = str(event.get("delta") or "")
            self._text += event["delta"]
            return (event,)
        if kind == "transcript.text.done":
            self._done = True
            event["text"] = str(event.get("text") or self._text)
            usage = usage_of(event)
            if usage is not None:
                event["usage"] = usage
            return (event,)
        return (event,) if kind else ()

    def close(self) -> Sequence[Json]:
        """Return no events.

        Raises:
            BrokenOff: the stream ended without `transcript.text.done`.
        """
        if not self._done:
            raise BrokenOff(_BROKEN_OFF, self._text)
        return ()
