"""Speech: voices, instructions, and long texts in one file (stepfun-api 8.4)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from stepfun_compat.catalog import voices
from stepfun_compat.endpoints.audio import speech
from stepfun_compat.endpoints.audio.speech import split_text
from stepfun_compat.endpoints.base import BrokenOff, WireRequest, WireResponse
from stepfun_compat.endpoints.context import RequestRejected
from stepfun_compat.endpoints.json_values import UnexpectedBody
from tests.support.exchange import drive, exchange, lost
from tests.support.sound import mp3_frame, read_flac, samples, wav

OPENAI_VOICES = [
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
]


def say(text: str = "Hello.", **fields: Any) -> WireRequest:
    return WireRequest("POST", "/audio/speech", json={"model": "tts-1", "voice": "alloy", "input": text, **fields})


def wire(request: WireRequest) -> dict[str, Any]:
    return speech.Speech().transform_request(request, exchange(speech.Speech())).json


def test_every_openai_voice_is_mapped():
    known = {row.id for row in voices.VOICES}
    assert len(known) == len(voices.VOICES) == 39
    for name in OPENAI_VOICES:
        assert wire(say(voice=name))["voice"] in known
    assert set(voices.OPENAI_VOICES) == set(OPENAI_VOICES)


@pytest.mark.parametrize("voice", ["cixingnansheng", "voice-tone-abc", "something-new"])
def test_other_voices_are_sent_unchanged(voice: str):
    assert wire(say(voice=voice))["voice"] == voice
    assert wire(say(voice={"id": voice}))["voice"] == voice


def test_voice_is_required():
    with pytest.raises(RequestRejected, match="voice is missing"):
        wire(WireRequest("POST", "/audio/speech", json={"model": "tts-1", "input": "x"}))


@pytest.mark.parametrize(("asked", "sent"), [(0.25, 0.5), (1, 1), (1.5, 1.5), (4.0, 2.0)])
def test_speed_is_clamped_to_stepfuns_range(asked: float, sent: float):
    context = exchange(speech.Speech())
    assert speech.Speech().transform_request(say(speed=asked), context).json["speed"] == sent
    assert lost(context) == ([] if asked == sent else ["speed"])


def test_instructions_are_sent_to_models_that_support_them():
    sent = wire(say(model="gpt-4o-mini-tts", instructions="Whisper."))
    assert (sent["model"], sent["instruction"]) == ("stepaudio-2.5-tts", "Whisper.")
    assert "instructions" not in sent
    context = exchange(speech.Speech())
    assert (
        "instruction" not in speech.Speech().transform_request(say(model="step-tts-2", instructions="Hi"), context).json
    )
    assert lost(context) == ["instructions"]
    context = exchange(speech.Speech())
    assert len(speech.Speech().transform_request(say(instructions="a" * 300), context).json["instruction"]) == 200
    assert lost(context) == ["instructions"]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Plain.", "Plain."),
        ("He (Bob) left.", "He, Bob, left."),
        ("He left (at ten).", "He left, at ten."),
        ("你好（世界）。", "你好, 世界,。"),
        ("a ) b", "a ,  b"),
    ],
)
def test_parentheses_are_replaced_by_commas(text: str, spoken: str):
    assert wire(say(text))["input"] == spoken
    assert wire(say(text, model="stepaudio-2.5-tts"))["input"] == text
    assert wire(say(text, model="step-tts-2"))["input"] == text


def test_unknown_formats_and_models_are_refused():
    with pytest.raises(RequestRejected, match="mp3, wav, flac, opus, pcm"):
        wire(say(response_format="aac"))
    with pytest.raises(RequestRejected, match="step-tts-mini"):
        wire(say(model="gpt-4o"))


def test_stepfun_fields_are_sent():
    assert wire(say(volume=1.5, sample_rate=8000, markdown_filter=True)) == {
        "model": "stepaudio-2.5-tts",
        "voice": "elegantgentle-female",
        "input": "Hello.",
        "volume": 1.5,
        "sample_rate": 8000,
        "markdown_filter": True,
    }


# ---------------------------------------------------------------- long texts


def test_short_text_is_one_request():
    assert speech.Speech().script(say("x" * 1000), exchange(speech.Speech())) is None


@pytest.mark.parametrize("limit", [1, 7, 50, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "One sentence here. Another one there! A third? " * 60,
        "一句话。第二句话！第三句？" * 150,
        "word " * 900,
        "x" * 3001,
        "A paragraph.\n\nAnother, with a comma, and more; and more.\n" * 70,
    ],
)
def test_segments_are_short_and_lose_nothing(text: str, limit: int):
    pieces = split_text(text, limit)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_segments_end_at_sentence_ends():
    pieces = split_text("One sentence here. " * 30, 100)
    assert all(piece.endswith(".") for piece in pieces)
    assert all(piece.endswith("。") for piece in split_text("第一句话说完了。" * 40, 100))
    assert split_text("  short  ", 100) == ["short"]
    assert split_text("   ", 100) == []
    assert split_text("ab cd", 2) == ["ab", "cd"]


def long(**fields: Any) -> WireRequest:
    return say("This is a sentence of some length. " * 60, **fields)


def test_long_text_is_several_requests_and_one_mp3():
    context = exchange(speech.Speech())
    request = long()
    reply, sent = drive(speech.Speech(), request, [mp3_frame(1), mp3_frame(2), mp3_frame(3)], context)
    assert all(len(step.json["input"]) <= 1000 for step in sent)
    assert " ".join(step.json["input"] for step in sent) == request.json["input"].strip()
    assert reply.body.endswith(mp3_frame(1) + mp3_frame(2) + mp3_frame(3))
    assert reply.headers["content-type"] == "audio/mpeg"
    assert context.partial == [mp3_frame(1), mp3_frame(2), mp3_frame(3)]


def test_long_text_as_flac_is_requested_as_wav():
    data = samples(5000)
    reply, sent = drive(speech.Speech(), long(response_format="flac"), lambda _: WireResponse(wav(data)))
    assert {step.json["response_format"] for step in sent} == {"wav"}
    assert read_flac(reply.body)[4] == data * 3
    assert reply.headers["content-type"] == "audio/flac"


def test_long_text_can_be_streamed_as_events():
    def answer(step: WireRequest) -> str:
        audio = base64.b64encode(step.json["input"][:4].encode()).decode()
        events = [{"type": "speech.audio.delta", "audio": audio}, {"type": "speech.audio.done", "audio": ""}]
        return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"

    reply, sent = drive(speech.Speech(), long(response_format="pcm", stream_format="sse"), answer)
    assert reply.headers["content-type"] == "text/event-stream"
    events = [json.loads(line[6:]) for line in reply.body.splitlines() if line.startswith("data: {")]
    assert b"".join(base64.b64decode(event["audio"]) for event in events) == b"This" * len(sent)
    assert events[-1]["type"] == "speech.audio.done"
    assert reply.body.endswith("data: [DONE]\n\n")


def test_segments_that_cannot_be_joined_are_reported():
    with pytest.raises(UnexpectedBody, match="wav or mp3"):
        drive(speech.Speech(), long(response_format="opus"), lambda _: b"not ogg")
    with pytest.raises(UnexpectedBody, match="contains no audio"):
        drive(speech.Speech(), long(), lambda _: {"url": "https://x"})
    with pytest.raises(RequestRejected, match="return_url"):
        drive(speech.Speech(), long(return_url=True), lambda _: b"")


def test_error_event_is_raised():
    def answer(_: WireRequest) -> str:
        return 'data: {"type": "speech.audio.error", "error": {"message": "overloaded"}}\n\n'

    with pytest.raises(RequestRejected, match="overloaded") as refused:
        drive(speech.Speech(), long(stream_format="sse"), answer)
    assert refused.value.status == 500


def test_interrupted_speech_stream_keeps_the_received_audio():
    event = {"type": "speech.audio.delta", "audio": base64.b64encode(b"This").decode()}
    whole, cut = (f"data: {json.dumps(row)}\n\n" for row in (event, event))
    answers = iter([whole + 'data: {"type": "speech.audio.done", "audio": ""}\n\n', cut])
    with pytest.raises(BrokenOff) as broken:
        drive(speech.Speech(), long(response_format="pcm", stream_format="sse"), lambda _: next(answers))
    assert broken.value.partial == [b"This", b"This"]


# ---------------------------------------------------------------- cloning


def test_stepfun_voice_cloning_is_sent_and_openais_is_refused():
    request = WireRequest("POST", "/audio/voices", json={"model": "step-tts-2", "file_id": "file-1"})
    assert speech.Voice().transform_request(request, exchange(speech.Voice())) is request
    with pytest.raises(RequestRejected, match="purpose='storage'") as refused:
        speech.Voice().transform_request(
            WireRequest("POST", "/audio/voices", json={"name": "x", "consent": "c"}, files=[("audio_sample", b"1")]),
            exchange(speech.Voice()),
        )
    assert (refused.value.status, refused.value.code) == (404, "endpoint_not_available")
