"""Questions about every other endpoint."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

from .wire import chat, each, message, post


def model_facts(client: Any, model: str) -> str:
    rows: Any = client.get("/models", cast_to=object)["data"]
    row: dict[str, Any] | None = next((entry for entry in rows if entry.get("id") == model), None)
    if row is None:
        return f"{model} is not among the {len(rows)} models listed"
    fields = {key: value for key, value in row.items() if key not in ("id", "object", "created", "owned_by")}
    return f"{len(rows)} models listed; {model}: " + (
        ", ".join(f"{k}={v}" for k, v in fields.items()) or "nothing more"
    )


def picture_size(data: bytes) -> str:
    """Return the width x height of a png or jpeg."""
    if data.startswith(b"\x89PNG"):
        return "{}x{}".format(*struct.unpack(">II", data[16:24]))
    at = 2
    while data.startswith(b"\xff\xd8") and at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return f"{width}x{height}"
        at += 2 + length
    return "of an unknown size"


def image_size(client: Any, model: str) -> str:
    del model
    body = {"model": "step-image-edit-2", "prompt": "a cup", "size": "768x1360", "response_format": "b64_json"}
    data = base64.b64decode(post(client, "/images/generations", body)["data"][0]["b64_json"])
    return f"768x1360 was returned as {picture_size(data)}, width first"


def audio_chat(client: Any, model: str) -> str:
    del model
    return f"served; answered {message(chat(client, 'stepaudio-2.5-chat', modalities=['text'])).get('content')!r}"


def speech(client: Any, model: str) -> str:
    del model
    speak = client.audio.speech.create

    def case(name: str, **more: Any) -> Any:
        arguments: dict[str, Any] = {
            "model": name,
            "input": "Yes.",
            "voice": "wenrounansheng",
            "extra_body": more or None,
        }
        return lambda: f"{len(speak(**arguments).content)} bytes"

    return each(
        {
            "stepaudio-2.5-tts": case("stepaudio-2.5-tts"),
            "its instruction": case("stepaudio-2.5-tts", instruction="Calmly."),
            "stepaudio-3-tts": case("stepaudio-3-tts"),
            "its instruction too": case("stepaudio-3-tts", instruction="Calmly."),
            "step-tts-2": case("step-tts-2"),
        }
    )


def transcription(client: Any, model: str) -> str:
    del model
    tone = b"".join(struct.pack("<h", int(9000 * math.sin(i / 9))) for i in range(16_000))
    kind = {"type": "pcm", "codec": "pcm_s16le", "rate": 16_000, "bits": 16, "channel": 1}
    transcription = {"model": "stepaudio-2.5-asr", "enable_timestamp": True}
    audio = {"data": base64.b64encode(tone).decode(), "input": {"transcription": transcription, "format": kind}}
    text: str = client.post("/audio/asr/sse", body={"audio": audio}, cast_to=str)
    return f"served; {text.count('start_time')} events with a time"


def files(client: Any, model: str) -> str:
    del model
    note = ("note.txt", b"The kettle is blue.")
    made: list[str] = []

    def upload(**more: Any) -> Any:
        def ask() -> object:
            row = client.files.create(file=note, purpose="file-extract", **more)
            made.append(row.id)
            return f"status {row.status}"

        return ask

    try:
        return each({"an upload": upload(), "an unknown field": upload(extra_body={"expires_after[seconds]": "3600"})})
    finally:
        for id in made:
            client.files.delete(id)


def vector_stores(client: Any, model: str) -> str:
    del model
    plain = {"cast_to": object}
    beta = {**plain, "options": {"headers": {"OpenAI-Beta": "assistants=v2"}}}

    def case(options: dict[str, Any]) -> Any:
        return lambda: f"{len(client.get('/vector_stores', **options)['data'])} stores"

    return each({"a list": case(plain), "with OpenAI-Beta": case(beta)})
