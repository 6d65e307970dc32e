"""Speech, voices and transcription (stepfun-api 8.4, 8.5)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from .. import catalog as facts
from .. import media
from ..catalog import Model
from ..json_values import Object, as_list, as_object, as_text
from ..model import generation, tokens
from ..model.rules import Reply
from . import errors
from .answers import DONE, Answer, Body, Event, Events, json_body, text_body
from .calls import Call, Endpoint
from .chat_request import check_number

_SPEECH = frozenset(
    [
        "model",
        "input",
        "voice",
        "response_format",
        "speed",
        "instruction",
        "stream_format",
        "volume",
        "sample_rate",
        "voice_label",
        "pronunciation_map",
        "markdown_filter",
        "return_url",
        "language",
    ]
)
_TYPES = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "pcm": "audio/pcm",
}
_RATES = (8000, 16000, 22050, 24000, 48000)
_MAX_INPUT = 1000
_MAX_INSTRUCTION = 200
_CHUNK = 8192
_DIRECTIONS = re.compile(r"[(（][^()（）]*[)）]")
_ASR_MODELS = frozenset(
    {"stepaudio-3-asr-max", "stepaudio-2.5-asr", "stepaudio-2-asr-pro", "step-asr-1.1-stream", "step-asr"}
)
_ASR_TYPES = ("pcm", "wav", "mp3", "ogg")
_MAX_TRANSCRIPTION = 100 * 1024 * 1024


def _model(call: Call, value: object, kind: str) -> Model:
    if not isinstance(value, str) or not value:
        raise errors.invalid_param("model", "not empty")
    row = facts.MODELS.get(value)
    if row is None or (call.channel == "plan" and not row.plan):
        raise errors.unknown_model(value, call.config.unknown_model_status)
    if row.kind != kind:
        raise errors.invalid_param("model", ", ".join(item.id for item in facts.MODELS.values() if item.kind == kind))
    return row


# -- speech ------------------------------------------------------------------------------------------------------


def speak(call: Call) -> Answer:
    """Return speech as a file or as events. `return_url` is ignored, because no response to it is documented."""
    body = call.object()
    model = _model(call, body.get("model"), "tts")
    if call.config.strict:
        errors.check_known(body, _SPEECH)
    text = _spoken_text(call, body.get("input"))
    _check_voice(call, body.get("voice"))
    form = body.get("response_format") or "mp3"
    if form not in _TYPES:
        raise errors.invalid_param("response_format", ", ".join(_TYPES))
    check_number(body, "speed", 0.5, 2, "[0.5,2.0]")
    check_number(body, "volume", 0.1, 2, "[0.1,2.0]")
    rate = body.get("sample_rate") or media.SAMPLE_RATE
    if rate not in _RATES:
        raise errors.invalid_param("sample_rate", ", ".join(map(str, _RATES)))
    newest = model.id == "stepaudio-2.5-tts"
    _check_instruction(body.get("instruction"), model, supported=newest)
    _check_voice_label(body.get("voice_label"), model, supported=not newest)
    way = body.get("stream_format") or "audio"
    if way not in ("audio", "sse"):
        raise errors.invalid_param("stream_format", "audio, sse")
    spoken = _DIRECTIONS.sub("", text) if newest else text  # text in parentheses is not spoken (stepfun-api 8.4)
    sound = media.encode(str(form), spoken, int(rate), float(body.get("speed") or 1))
    return Body(sound, 200, _TYPES[str(form)]) if way == "audio" else _sound_events(sound)


def _spoken_text(call: Call, value: object) -> str:
    text = as_text(value)
    if not 1 <= len(text) <= _MAX_INPUT:
        raise errors.invalid_param("input", f"1 to {_MAX_INPUT} characters")
    if any(term in text for term in call.config.blocked_terms):
        raise errors.blocked()
    return text


def _check_instruction(value: object, model: Model, *, supported: bool) -> None:
    if value is None:
        return
    if not supported:
        raise errors.invalid(f"instruction is not supported by {model.id}")
    if len(as_text(value)) > _MAX_INSTRUCTION:
        raise errors.invalid_param("instruction", f"at most {_MAX_INSTRUCTION} characters")


def _check_voice_label(value: object, model: Model, *, supported: bool) -> None:
    if value is None:
        return
    if not supported:
        raise errors.invalid(f"voice_label is not supported by {model.id}")
    label = as_object(value)
    if len(label) != 1 or set(label) - {"language", "emotion", "style"}:
        raise errors.invalid_param("voice_label", "one of language, emotion, style")


def _sound_events(sound: bytes) -> Events:
    pieces = [sound[start : start + _CHUNK] for start in range(0, len(sound), _CHUNK)]
    deltas = [Event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}) for piece in pieces]
    return Events([*deltas, Event({"type": "speech.audio.done", "audio": ""}), DONE])


def _check_voice(call: Call, value: object) -> None:
    if not isinstance(value, str) or (value not in facts.SYSTEM_VOICES and value not in call.engine.table("voices")):
        raise errors.invalid_param("voice", "a system voice or a cloned voice")


def system_voices(call: Call) -> Answer:
    _model(call, call.request.query.get("model"), "tts")
    details = {voice: {"voice-name": voice, "voice-description": ""} for voice in facts.SYSTEM_VOICES}
    return json_body({"voices": list(facts.SYSTEM_VOICES), "voices-details": details})


def clone_voice(call: Call) -> Answer:
    body = call.object()
    _model(call, body.get("model"), "tts")
    sample = as_object(call.engine.table("files").get(as_text(body.get("file_id"))))
    if sample.get("purpose") != "storage":
        raise errors.invalid_param("file_id", "a file with purpose storage")
    identity = f"voice-tone-{call.engine.new_id(10)}"
    call.engine.table("voices")[identity] = {
        "id": identity,
        "object": "audio.voice",
        "file_id": sample["id"],
        "created_at": call.engine.now(),
    }
    return json_body({"id": identity, "object": "audio.voice"})


def list_voices(call: Call) -> Answer:
    return json_body({"object": "list", "data": list(call.engine.table("voices").values())})


def preview_voice(call: Call) -> Answer:
    body = call.object()
    _model(call, body.get("model"), "tts")
    text = as_text(body.get("sample_text")) or as_text(body.get("text")) or "你好"
    sound = base64.b64encode(media.encode("wav", text)).decode()
    return json_body({"sample_text": text, "sample_audio": sound, "request_id": call.engine.new_id()})


# -- transcription -----------------------------------------------------------------------------------------------


def _transcript(call: Call, form: str, data: bytes) -> str:
    """Return the next scripted reply, or a sentence about the audio. Silence is an error."""
    if media.is_silent(form, data):
        raise errors.invalid("no speech found")
    script = generation.scripted(call)
    if isinstance(script, Reply):
        return script.content
    if script is not None:
        raise ValueError("a scripted transcript must be a text")
    return f"This is what was said in {len(data)} bytes of {form}."


def transcribe(call: Call) -> Answer:
    """Transcribe with /audio/transcriptions, which accepts only step-asr and requires `response_format`."""
    form = {name: values[-1] for name, values in call.request.form.items()}
    if call.config.strict:
        errors.check_known([*form, *call.request.files], ("model", "response_format", "file", "hotwords"))
    if form.get("model") != "step-asr":
        raise errors.invalid_param("model", "step-asr")
    wanted = form.get("response_format")
    if wanted not in ("json", "text"):
        raise errors.invalid_param("response_format", "json, text")
    sent = call.request.files.get("file")
    if not sent:
        raise errors.invalid_param("file", "not empty")
    kind = sent[0].filename.rpartition(".")[2].lower()
    if kind not in _ASR_TYPES:
        raise errors.invalid_param("file", ", ".join(_ASR_TYPES))
    if len(sent[0].content) > _MAX_TRANSCRIPTION:
        raise errors.invalid("file is larger than 100 MB")
    _check_hotwords(form.get("hotwords"))
    text = _transcript(call, kind, sent[0].content)
    return json_body({"text": text}) if wanted == "json" else text_body(text)


def _check_hotwords(value: str | None) -> None:
    if value is None:
        return
    try:
        words: object = json.loads(value)
    except ValueError:
        words = None
    if not isinstance(words, list):
        raise errors.invalid_param("hotwords", "JSON array of strings")


def recognise(call: Call) -> Answer:
    """Transcribe with /audio/asr/sse, which sends its events as text/plain."""
    body = call.object()
    audio = as_object(body.get("audio"))
    given = as_object(audio.get("input"))
    options = as_object(given.get("transcription"))
    model = options.get("model")
    if model not in _ASR_MODELS or (call.channel == "plan" and not facts.MODELS[str(model)].plan):
        raise errors.invalid_param("audio.input.transcription.model", ", ".join(sorted(_ASR_MODELS)))
    form = as_object(given.get("format")).get("type")
    if form not in _ASR_TYPES:
        raise errors.invalid_param("audio.input.format.type", ", ".join(_ASR_TYPES))
    if call.config.strict:
        known = {"model", "language", "hotwords", "enable_itn", "enable_timestamp"}
        errors.check_known(options, known, "audio.input.transcription.")
    data = _sound_in(audio)
    text = _transcript(call, str(form), data)
    deltas = _transcript_deltas(text, timestamps=options.get("enable_timestamp") is True)
    input_tokens, output_tokens = len(data) // 320 + 1, tokens.count(text)
    usage = {
        "type": "tokens",
        "input_tokens": input_tokens,
        "input_token_details": {"text_tokens": 0, "audio_tokens": input_tokens},
        "output_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    done = Event({"type": "transcript.text.done", "text": text, "usage": usage})
    return Events([*deltas, done], content_type="text/plain; charset=utf-8")


def _sound_in(audio: Object) -> bytes:
    try:
        data = base64.b64decode(as_text(audio.get("data")), validate=True)
    except (binascii.Error, ValueError) as error:
        raise errors.invalid_param("audio.data", "base64") from error
    if not data:
        raise errors.invalid_param("audio.data", "not empty")
    return data


def _transcript_deltas(text: str, *, timestamps: bool) -> Iterator[Event]:
    """Yield the text in segments of 400 ms."""
    for place, piece in enumerate(tokens.pieces(text, 4)):
        times = {"start_time": 400 * place, "end_time": 400 * (place + 1)} if timestamps else {}
        yield Event({"type": "transcript.text.delta", "delta": piece, **times})


def submit_file(call: Call) -> Answer:
    body = call.object()
    url = _find_url(body)
    if url is None:
        raise errors.invalid_param("url", "http or https URL")
    task = call.engine.new_id()
    call.engine.table("asr_tasks")[task] = {"url": url, "looks": 0, "polls": call.config.parse_polls}
    return json_body({"task_id": task})


def query_file(call: Call) -> Answer:
    task = as_object(call.engine.table("asr_tasks").get(as_text(call.object().get("task_id"))))
    if not task:
        raise errors.invalid_param("task_id", "a submitted task")
    task["looks"] += 1
    if task["looks"] <= task["polls"]:
        return json_body({"status": "RUNNING"})
    text = f"This is what was said at {task['url']}."
    utterances = [{"text": text, "start_time": 0, "end_time": 2000}]
    return json_body({"duration": 2000, "result": [{"text": text, "utterances": utterances}]})


def _find_url(value: Any) -> str | None:
    """Return the first URL anywhere in the body, because its field is not documented."""
    if isinstance(value, str):
        return value if value.startswith(("http://", "https://")) else None
    for item in [*as_object(value).values(), *as_list(value)]:
        found = _find_url(item)
        if found is not None:
            return found
    return None


ENDPOINTS = (
    Endpoint("POST", "/audio/speech", speak, plan=True, metered=True),
    Endpoint("GET", "/audio/system_voices", system_voices),
    Endpoint("POST", "/audio/voices", clone_voice, plan=True, metered=True),
    Endpoint("GET", "/audio/voices", list_voices, plan=True),
    Endpoint("POST", "/audio/voices/preview", preview_voice, plan=True, metered=True),
    Endpoint("POST", "/audio/transcriptions", transcribe, metered=True),
    Endpoint("POST", "/audio/asr/sse", recognise, plan=True, metered=True),
    Endpoint("POST", "/audio/asr/file/submit", submit_file, metered=True),
    Endpoint("POST", "/audio/asr/file/query", query_file),
)
