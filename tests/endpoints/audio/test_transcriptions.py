"""Transcriptions on the recommended route, in every form (stepfun-api 8.5)."""

from __future__ import annotations

import asyncio
import base64
import inspect
import io
import json
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import Settings
from stepfun_compat.endpoints.audio import transcriptions
from stepfun_compat.endpoints.audio.transcriptions import Segment, TranscriptStream, captions
from stepfun_compat.endpoints.base import BrokenOff, WireRequest
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.json_values import UnexpectedBody
from stepfun_compat.endpoints.sse import server_sent
from tests.support.exchange import drive, exchange, lost
from tests.support.sound import mp3_frame, samples, wav

ENDPOINT = transcriptions.Transcription()
SPEECH = wav(samples(16_000), rate=8_000)  # two seconds
USAGE = {
    "type": "tokens",
    "input_tokens": 9,
    "input_token_details": {"audio_tokens": 9},
    "output_tokens": 4,
    "total_tokens": 13,
}


def ask(content: Any = SPEECH, name: str = "talk.wav", **fields: Any) -> WireRequest:
    body = {"model": "whisper-1", **fields}
    headers = {"Content-Type": "multipart/form-data", "Accept": "application/json"}
    return WireRequest("POST", "/audio/transcriptions", headers=headers, json=body, files=[("file", (name, content))])


def stream(*events: dict[str, Any]) -> str:
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n" for e in events)


def delta(text: str, start: int | None = None, end: int | None = None) -> dict[str, Any]:
    times = {} if start is None else {"start_time": start, "end_time": end}
    return {"type": "transcript.text.delta", "delta": text, **times}


ANSWER = stream(
    delta("Hello", 0, 400),
    delta(" there.", 400, 900),
    delta(" How are you?", 1000, 1900),
    {"type": "transcript.text.done", "text": "Hello there. How are you?", "usage": USAGE},
)


def transcribe(answer: str = ANSWER, **fields: Any) -> Any:
    return drive(ENDPOINT, ask(**fields), [answer])[0].body


def test_request_uses_the_recommended_route():
    context = exchange(ENDPOINT)
    sent = ENDPOINT.transform_request(ask(language="en", hotwords=["StepFun"]), context)
    assert (sent.method, sent.path, sent.files) == ("POST", "/audio/asr/sse", None)
    assert sent.headers == {"Content-Type": "application/json", "Accept": "text/event-stream"}
    audio = sent.json["audio"]
    assert base64.b64decode(audio["data"]) == SPEECH
    assert audio["input"] == {
        "transcription": {"model": "stepaudio-2.5-asr", "language": "en", "hotwords": ["StepFun"]},
        "format": {"type": "wav", "codec": "pcm_s16le", "rate": 8000, "bits": 16, "channel": 1},
    }


def test_open_file_is_read_from_its_beginning():
    file = io.BytesIO(SPEECH)
    file.name = "/tmp/talk.wav"
    file.read(10)
    request = WireRequest("POST", "/audio/transcriptions", json={"model": "whisper-1"}, files=[("file", file)])
    sent = ENDPOINT.transform_request(request, exchange(ENDPOINT))
    assert base64.b64decode(sent.json["audio"]["data"]) == SPEECH


@pytest.mark.parametrize(
    ("content", "name", "format"),
    [
        (mp3_frame(1), "a.mp3", {"type": "mp3"}),
        (b"OggS" + bytes(30), "a.bin", {"type": "ogg"}),
        (bytes(20), "a.pcm", {"type": "pcm", "codec": "pcm_s16le", "rate": 16000, "bits": 16, "channel": 1}),
        (wav(bytes(24), bits=24), "a.wav", {"type": "wav"}),
    ],
)
def test_formats(content: bytes, name: str, format: dict[str, Any]):
    sent = ENDPOINT.transform_request(ask(content, name), exchange(ENDPOINT))
    assert sent.json["audio"]["input"]["format"] == format


@pytest.mark.parametrize(
    ("request_", "param", "words"),
    [
        (ask(b"fLaC....", "a.flac"), "file", "wav, mp3, ogg, pcm"),
        (ask(b"\0\0\0\x20ftypM4A ", "a.m4a"), "file", "ffmpeg"),
        (ask(b"RIFF0000WAVE", "a.wav"), "file", "complete wav"),
        (ask(response_format="diarized_json"), "response_format", "diarization"),
        (ask(response_format="xml"), "response_format", "srt"),
        (ask(model="gpt-4o"), "model", "stepaudio-2.5-asr"),
        (ask(model="step-asr-1.1"), "model", "stepaudio-2.5-asr"),
        (WireRequest("POST", "/audio/transcriptions", json={"model": "whisper-1"}), "file", "missing"),
    ],
)
def test_unsupported_requests_are_refused_before_the_network(request_: WireRequest, param: str, words: str):
    with pytest.raises(RequestRejected, match=words) as refused:
        ENDPOINT.transform_request(request_, exchange(ENDPOINT))
    assert refused.value.param == param


def test_losses_are_reported():
    context = exchange(ENDPOINT)
    request = ask(
        prompt="names",
        temperature=0.2,
        include=["logprobs"],
        chunking_strategy="auto",
        timestamp_granularities=["word"],
    )
    ENDPOINT.transform_request(request, context)
    assert sorted(lost(context)) == ["include", "prompt", "temperature", "timestamp_granularities"]


def test_json():
    assert transcribe() == {"text": "Hello there. How are you?", "usage": USAGE}
    assert transcribe(stream(delta("a"), delta("b"), {"type": "transcript.text.done"})) == {"text": "ab"}


def test_text():
    assert transcribe(response_format="text") == "Hello there. How are you?\n"


def test_srt_and_vtt():
    assert transcribe(response_format="srt") == (
        "1\n00:00:00,000 --> 00:00:00,900\nHello there.\n\n2\n00:00:01,000 --> 00:00:01,900\nHow are you?\n\n"
    )
    assert transcribe(response_format="vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.900\nHello there.\n\n00:00:01.000 --> 00:00:01.900\nHow are you?\n\n"
    )


def test_timestamps_are_requested_when_needed():
    for format, wanted in (("srt", True), ("vtt", True), ("verbose_json", True), ("json", None), ("text", None)):
        sent = ENDPOINT.transform_request(ask(response_format=format), exchange(ENDPOINT))
        assert sent.json["audio"]["input"]["transcription"].get("enable_timestamp") is wanted


def test_caption_without_times_spans_the_recording():
    text = transcribe(stream(delta("Hello\n\n--> you"), {"type": "transcript.text.done"}), response_format="srt")
    assert text == "1\n00:00:00,000 --> 00:00:02,000\nHello → you\n\n"


def test_verbose_json():
    body = transcribe(response_format="verbose_json", language="en", timestamp_granularities=["segment"])
    assert (body["task"], body["language"], body["duration"]) == ("transcribe", "en", 2.0)
    assert [(s["id"], s["start"], s["end"], s["text"]) for s in body["segments"]] == [
        (0, 0.0, 0.9, "Hello there."),
        (1, 1.0, 1.9, " How are you?"),
    ]
    assert body["segments"][0]["no_speech_prob"] == 0.0


def test_usage_seconds_are_rounded_up():
    body = transcribe(content=wav(samples(9_600), rate=8_000), response_format="verbose_json")
    assert (body["duration"], body["usage"]) == (1.2, {"type": "duration", "seconds": 2})


def test_captions_are_split_before_they_grow_too_long():
    pieces = [Segment(i, i + 1, "word ") for i in range(40)]
    cues = captions(pieces)
    assert all(cue.end - cue.start <= 8 for cue in cues)
    assert "".join(cue.text for cue in cues) == "word " * 40
    assert captions([Segment(0, 1, "  ")]) == []


def test_silence_and_errors():
    assert transcribe(stream({"type": "transcript.text.done", "text": ""})) == {"text": ""}
    assert transcribe(stream({"type": "transcript.text.done", "text": ""}), response_format="srt") == ""
    with pytest.raises(RequestRejected, match="engine gone") as refused:
        transcribe(stream(delta("a"), {"type": "error", "message": "engine gone"}))
    assert refused.value.status == 500
    for body in ("<html>", "data: nonsense\n\n", "data: [1]\n\n", ""):
        with pytest.raises(UnexpectedBody):
            transcribe(body)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"message": "no speech found"}, 400, "request_params_invalid"),
        ({"message": "no", "type": "censorship_blocked"}, 400, "content_filter"),
        ({"message": "no", "type": "rate_limited"}, 429, "rate_limit_exceeded"),
        ({"message": "no", "type": "quota_exceeded"}, 429, "insufficient_quota"),
        ({"message": "no", "type": "server_error"}, 500, "server_error"),
        ({}, 500, "server_error"),
    ],
)
def test_error_event_raises_the_error_of_its_type(error: dict[str, str], status: int, code: str):
    for event in ({"type": "error", "error": error}, {"type": "error", "message": "x", "error": error}):
        with pytest.raises(RequestRejected) as whole:
            transcribe(stream(event))
        with pytest.raises(RequestRejected) as streamed:
            TranscriptStream().feed({**event, "type": "error"})
        for refused in (whole.value, streamed.value):
            assert (refused.status, refused.code) == (status, code)


def test_old_model_uses_the_old_route():
    context = exchange(ENDPOINT)
    request = ask(model="step-asr", language="zh", hotwords="[1]")
    assert ENDPOINT.script(request, context) is None
    sent = ENDPOINT.transform_request(request, context)
    assert sent.path == "/audio/transcriptions"
    assert sent.json == {"model": "step-asr", "response_format": "json", "hotwords": "[1]"}
    assert sent.files is request.files
    assert lost(context) == ["language"]
    assert ENDPOINT.transform_response({"text": "hi"}, context) == {"text": "hi"}
    assert ENDPOINT.transform_response("hi", context) == "hi"
    with pytest.raises(RequestRejected, match=r"stepaudio-2\.5-asr"):
        ENDPOINT.transform_request(ask(model="step-asr", response_format="srt"), exchange(ENDPOINT))
    with pytest.raises(UnexpectedBody):
        ENDPOINT.transform_response({}, context)


# ---------------------------------------------------------------- streams


def test_stream_is_one_request_and_passes_events_through():
    request = ask(stream=True)
    context = exchange(ENDPOINT)
    assert ENDPOINT.script(request, context) is None
    assert "stream" not in ENDPOINT.transform_request(request, context).json
    transform = ENDPOINT.transform_stream(context)
    out = [event for chunk in server_sent(ANSWER) for event in transform.feed(chunk)]
    assert [event["type"] for event in out] == ["transcript.text.delta"] * 3 + ["transcript.text.done"]
    assert out[-1]["usage"] == USAGE
    assert list(transform.close()) == []


def test_stream_fills_in_missing_text():
    transform = TranscriptStream()
    transform.feed(delta("a"))
    transform.feed({"type": "transcript.text.delta", "delta": None})
    done = transform.feed({"type": "transcript.text.done", "usage": {"output_tokens": 2}})[0]
    assert done["text"] == "a"
    assert done["usage"] == {"type": "tokens", "output_tokens": 2, "input_tokens": 0, "total_tokens": 2}
    assert transform.feed({}) == ()
    assert transform.close() == ()


def test_failed_or_cut_stream_raises():
    transform = TranscriptStream()
    with pytest.raises(RequestRejected, match="engine gone"):
        transform.feed({"type": "error", "message": "engine gone"})
    with pytest.raises(UnexpectedBody):
        transform.feed("text")
    with pytest.raises(BrokenOff):
        transform.close()


def test_events_are_read_in_every_framing():
    for text in (
        'data: {"a":1}\r\n\r\ndata:{"a":2}\r\n\r\n',
        'data: {"a":\ndata: 1}\n\ndata: {"a":2}',
    ):
        assert list(server_sent(text)) == [{"a": 1}, {"a": 2}]
    assert list(server_sent({"a": 1})) == [{"a": 1}]
    assert list(server_sent(b"data: {}\n\ndata: [DONE]\n\ndata: {}\n\n")) == [{}]
    with pytest.raises(UnexpectedBody):
        list(server_sent(None))


def transcribed(events: str, later: bool, stream: bool = False, said: list[str] | None = None) -> Any:
    """Return the client's result for a body: the transcript, or with `stream` its events; collect their texts in `said`."""
    texts: list[str] = [] if said is None else said

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=events)

    common: Any = {"api_key": "k", "base_url": "https://api.stepfun.ai/v1", "settings": Settings(), "max_retries": 0}
    asked: Any = {"model": "whisper-1", "file": ("talk.wav", SPEECH), **({"stream": True} if stream else {})}
    if stream and "stream" not in inspect.signature(openai.resources.audio.Transcriptions.create).parameters:
        pytest.skip("this SDK does not stream transcripts")
    transport = httpx.MockTransport(answer)
    if not later:
        with stepfun_compat.OpenAI(**common, http_client=httpx.Client(transport=transport)) as c:
            made = c.audio.transcriptions.create(**asked)
            if stream:
                for event in made:
                    texts.append(getattr(event, "delta", ""))
            return made

    async def main() -> Any:
        async with stepfun_compat.AsyncOpenAI(**common, http_client=httpx.AsyncClient(transport=transport)) as c:
            made = await c.audio.transcriptions.create(**asked)
            if stream:
                async for event in made:
                    texts.append(getattr(event, "delta", ""))
            return made

    return asyncio.run(main())


@pytest.mark.parametrize("later", [False, True])
def test_interrupted_transcript_is_a_connection_error_with_the_text(later: bool):
    with pytest.raises(openai.APIConnectionError) as caught:
        transcribed(stream(delta("Hello"), delta(" there")), later)
    assert caught.value.partial == "Hello there"  # type: ignore[attr-defined]


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("events", [[delta("Hello"), delta(" there")], []])
def test_interrupted_streamed_transcript_is_a_connection_error_with_the_text(events: list[Any], later: bool):
    said: list[str] = []
    with pytest.raises(openai.APIConnectionError) as caught:
        transcribed(stream(*events), later, stream=True, said=said)
    assert said == [event["delta"] for event in events]
    assert caught.value.partial == "".join(said)  # type: ignore[attr-defined]
    with pytest.raises(openai.APIConnectionError):
        transcribed(stream(*events) + "data: [DONE]\n\n", later, stream=True)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "message": "content blocked by policy"},
        {"type": "error", "error": {"type": "censorship_block", "message": "no"}},
        {"type": "error", "error": {"code": "censorship_blocked", "message": "no"}},
    ],
)
def test_blocked_recording_is_a_content_filter_error_without_retries(event: Any, later: bool):
    with pytest.raises(stepfun_compat.ContentFilteredError):
        transcribed(stream(delta("Hello"), event), later)
