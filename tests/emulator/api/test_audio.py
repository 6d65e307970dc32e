"""Speech, voices and transcription on the wire (stepfun-api 8.4, 8.5)."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Callable
from typing import Any

import pytest

from stepfun_compat.emulator import media


def error_of(response: Any, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.text
    return response.json()["error"]


@pytest.fixture
def speak(http: Any) -> Callable[..., Any]:
    def post(path: str = "/v1/audio/speech", **body: Any) -> Any:
        return http.post(path, json={"model": "step-tts-2", "input": "hello", "voice": "wenrounansheng", **body})

    return post


@pytest.mark.parametrize(
    ("form", "start", "kind"),
    [
        (None, b"\xff\xf3", "audio/mpeg"),
        ("mp3", b"\xff\xf3", "audio/mpeg"),
        ("wav", b"RIFF", "audio/wav"),
        ("flac", b"fLaC", "audio/flac"),
        ("opus", b"OggS", "audio/ogg"),
        ("pcm", b"\x00\x00", "audio/pcm"),
    ],
)
def test_speech_in_each_format(speak: Any, form: Any, start: bytes, kind: str) -> None:
    response = speak(response_format=form)
    assert response.status_code == 200
    assert response.content.startswith(start)
    assert response.headers["content-type"] == kind


def test_wav_duration_depends_on_text_rate_and_speed(speak: Any) -> None:
    content = speak(response_format="wav", sample_rate=16000, speed=2, input="x" * 100).content
    with wave.open(io.BytesIO(content)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16000, 1, 2)
        assert sound.getnframes() == 16000


def test_text_in_parentheses_is_an_instruction_for_one_model_only(speak: Any) -> None:
    text = "（calmly）hello (like this) there"
    heard = {model: len(speak(model=model, input=text, response_format="pcm").content) for model in MODELS}
    assert heard["step-tts-2"] == len(speak(input="x" * len(text), response_format="pcm").content)
    assert heard["stepaudio-2.5-tts"] == len(speak(input="hello  there", response_format="pcm").content)


MODELS = ("step-tts-2", "stepaudio-2.5-tts")


@pytest.mark.parametrize(
    "body",
    [
        {"input": "x" * 1001},
        {"input": ""},
        {"voice": "alloy"},
        {"voice": None},
        {"response_format": "aac"},
        {"speed": 0.25},
        {"speed": 2.5},
        {"volume": 0},
        {"sample_rate": 44100},
        {"instruction": "softly"},
        {"model": "tts-1"},
        {"model": "step-3.7-flash"},
        {"model": "stepaudio-2.5-tts", "instruction": "x" * 201},
        {"model": "stepaudio-2.5-tts", "voice_label": {"style": "x"}},
        {"voice_label": {"style": "x", "emotion": "y"}},
        {"voice_label": {"mood": "x"}},
        {"stream_format": "wav"},
    ],
)
def test_invalid_requests_are_refused(speak: Any, body: Any) -> None:
    assert error_of(speak(**body))["type"] == "request_params_invalid"


def test_only_one_model_accepts_an_instruction(speak: Any, server: Any) -> None:
    assert speak(model="stepaudio-2.5-tts", instruction="softly").status_code == 200
    assert speak(instructions="softly").status_code == 200
    server.configure(strict=True)
    assert speak(instructions="softly").status_code == 400


def test_speech_as_events_has_no_usage_and_ends_with_done(speak: Any) -> None:
    text = speak(stream_format="sse", response_format="pcm").text
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    *deltas, done = (json.loads(line) for line in lines[:-1])
    assert done == {"type": "speech.audio.done", "audio": ""}
    assert b"".join(base64.b64decode(item["audio"]) for item in deltas) == media.speech("hello")


def test_blocked_text_is_451(speak: Any) -> None:
    assert error_of(speak(input="emulator-blocked"), 451)["type"] == "censorship_blocked"


def test_voices_are_listed_and_cloned(http: Any, speak: Any) -> None:
    voices = http.get("/v1/audio/system_voices", params={"model": "step-tts-2"}).json()
    assert "wenrounansheng" in voices["voices"]
    assert set(voices["voices-details"]) == set(voices["voices"])
    sample = http.post("/v1/files", data={"purpose": "storage"}, files={"file": ("a.wav", b"RIFF")}).json()["id"]
    made = http.post("/v1/audio/voices", json={"model": "step-tts-2", "file_id": sample}).json()
    assert made["object"] == "audio.voice"
    assert made["id"].startswith("voice-tone-")
    assert speak(voice=made["id"]).status_code == 200
    assert http.get("/v1/audio/voices").json()["data"][0]["id"] == made["id"]
    preview = http.post("/v1/audio/voices/preview", json={"model": "step-tts-2", "sample_text": "hi"}).json()
    assert base64.b64decode(preview["sample_audio"]).startswith(b"RIFF")
    assert http.post("/v1/audio/voices", json={"model": "step-tts-2", "file_id": "x"}).status_code == 400


# -- transcription -------------------------------------------------------------------------------------------------

SOUND = media.wav(media.speech("hello"))


@pytest.fixture
def transcribe(http: Any) -> Callable[..., Any]:
    def post(content: bytes = SOUND, name: str = "a.wav", **form: str) -> Any:
        return http.post("/v1/audio/transcriptions", data=form, files={"file": (name, content)})

    return post


def test_response_format_is_required(transcribe: Any) -> None:
    assert "response_format" in error_of(transcribe(model="step-asr"))["message"]
    assert "text" in transcribe(model="step-asr", response_format="json").json()
    assert transcribe(model="step-asr", response_format="text").headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("form", ["verbose_json", "srt", "vtt"])
def test_other_formats_are_refused(transcribe: Any, form: str) -> None:
    assert "response_format" in error_of(transcribe(model="step-asr", response_format=form))["message"]


def test_only_step_asr_and_known_audio_formats_are_accepted(transcribe: Any, server: Any) -> None:
    assert "step-asr" in error_of(transcribe(model="whisper-1", response_format="json"))["message"]
    assert error_of(transcribe(name="a.m4a", model="step-asr", response_format="json"))
    assert error_of(transcribe(model="step-asr", response_format="json", hotwords="not json"))
    assert transcribe(model="step-asr", response_format="json", language="en").status_code == 200
    server.configure(strict=True)
    assert transcribe(model="step-asr", response_format="json", language="en").status_code == 400


def test_silent_audio_has_no_speech(transcribe: Any) -> None:
    error = error_of(transcribe(media.wav(bytes(1000)), model="step-asr", response_format="json"))
    assert error == {"message": "no speech found", "type": "request_params_invalid"}


def recognition(data: bytes = SOUND, **options: Any) -> dict[str, Any]:
    transcription = {"model": "stepaudio-2.5-asr", **options}
    audio = {
        "data": base64.b64encode(data).decode(),
        "input": {"transcription": transcription, "format": {"type": "wav"}},
    }
    return {"audio": audio}


@pytest.mark.parametrize("path", ["/v1/audio/asr/sse", "/step_plan/v1/audio/asr/sse"])
def test_recognition_stream_has_a_plain_content_type(http: Any, server: Any, path: str) -> None:
    server.script("It is a fine day today.")
    response = http.post(path, json=recognition(enable_timestamp=True))
    assert response.headers["content-type"].startswith("text/plain")
    *deltas, done = (json.loads(line.removeprefix("data: ")) for line in response.text.split("\n\n") if line)
    assert {item["type"] for item in deltas} == {"transcript.text.delta"}
    assert "".join(item["delta"] for item in deltas) == done["text"] == "It is a fine day today."
    assert all(item["start_time"] < item["end_time"] for item in deltas)
    assert done["usage"]["total_tokens"] == done["usage"]["input_tokens"] + done["usage"]["output_tokens"]


def test_recognition_checks_its_input(http: Any, server: Any) -> None:
    path = "/v1/audio/asr/sse"
    assert "start_time" not in http.post(path, json=recognition()).text
    assert "no speech found" in error_of(http.post(path, json=recognition(media.wav(bytes(100)))))["message"]
    assert error_of(http.post(path, json=recognition(model="whisper-1")))
    assert error_of(http.post(path, json={"audio": {"data": "@@"}}))
    assert error_of(http.post(path, json=recognition(b"")))
    assert http.post(path, json=recognition(prompt="x")).status_code == 200
    server.configure(strict=True)
    assert http.post(path, json=recognition(prompt="x")).status_code == 400
    assert http.post("/v1/audio/translations").status_code == 404


def test_file_recognition_runs_before_it_returns_a_result(http: Any) -> None:
    body = {"model": "step-asr-1.1", "audio": {"url": "https://example.com/a.mp3"}}
    submitted = http.post("/v1/audio/asr/file/submit", json=body, headers={"X-Trace-Id": "mine"})
    assert submitted.headers["x-trace-id"] == "mine"
    query = {"task_id": submitted.json()["task_id"]}
    assert http.post("/v1/audio/asr/file/query", json=query).json() == {"status": "RUNNING"}
    assert "example.com" in http.post("/v1/audio/asr/file/query", json=query).json()["result"][0]["text"]
    assert http.post("/v1/audio/asr/file/query", json={"task_id": "x"}).status_code == 400
    assert http.post("/v1/audio/asr/file/submit", json={}).status_code == 400
