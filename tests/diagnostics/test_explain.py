"""`explain`: every request a call would send, in order, without sending or storing anything."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import anyio
import openai
import pytest

import stepfun_compat
from stepfun_compat.emulator import EmulatorServer
from stepfun_compat.endpoints.files.uploads import PENDING
from stepfun_compat.endpoints.routing import ROUTES
from tests.support import sound

PLACE = "https://api.stepfun.ai/v1"


def wav(count: int) -> bytes:
    return sound.wav(b"\1\0" * count)


@pytest.mark.parametrize(
    ("endpoint", "arguments", "sent", "requests"),
    [
        ("images.edit", {"image": ("a.png", b"\x89PNG"), "prompt": "x", "n": 2}, "POST /images/edits", 2),
        ("images.create_variation", {"image": b"\x89PNG...."}, "POST /images/image2image", 1),
        ("audio.transcriptions.create", {"model": "whisper-1", "file": ("a.wav", wav(9))}, "POST /audio/asr/sse", 1),
        ("files.create", {"purpose": "assistants", "file": ("a.txt", b"x")}, "POST /files", 1),
        ("files.list", {"limit": 1}, "GET /files", 1),
        ("vector_stores.create", {"name": "a b"}, "POST /vector_stores", 2),
        ("responses.input_tokens.count", {"model": "gpt-4o", "input": "x"}, "POST /token/count", 1),
        ("models.retrieve", {"model": "gpt-4o"}, "GET /models/step-3.7-flash", 1),
        ("files.content", {"file_id": "file-1"}, "GET /files/file-1/content", 1),
        ("files.delete", {"file_id": "file/1"}, "DELETE /files/file%2F1", 1),
    ],
)
def test_call_is_explained(endpoint: str, arguments: Any, sent: str, requests: int) -> None:
    explained = stepfun_compat.explain(endpoint, **arguments)
    assert f"{explained.method} {explained.url.removeprefix('https://api.stepfun.ai/v1')}" == sent
    assert explained.requests == requests
    assert explained.refusal is None
    assert "requests: 0" not in str(explained)


def test_refused_call_has_a_reason() -> None:
    explained = stepfun_compat.explain("audio.translations.create", model="whisper-1", file=b"x")
    assert explained.refusal is not None
    assert (explained.requests, explained.steps) == (0, ())
    assert f"refused: {explained.refusal}" in str(explained)
    assert "nothing is changed" not in str(explained)


def test_path_ids_are_required() -> None:
    with pytest.raises(ValueError, match="file_id is missing"):
        stepfun_compat.explain("files.retrieve")
    with pytest.raises(ValueError, match="'file' is not known"):
        stepfun_compat.explain("file")


def test_audio_file_is_read_from_its_path(tmp_path: Any) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(9000))
    explained = stepfun_compat.explain("audio.transcriptions", model="whisper-1", file=path)
    assert explained.body["audio"]["data"] == base64.b64encode(wav(9000)).decode()
    assert "characters)" in str(explained)
    assert len(str(explained)) < 2000


STEPS = {
    "vector_stores.create": (
        {"name": "docs", "file_ids": ["file-1", "file-2", "file-3"]},
        ["GET /files poll", "POST /vector_stores", "POST /vector_stores/VECTOR_STORE_ID/files", "GET /vector_stores/VECTOR_STORE_ID"],
    ),
    "POST /vector_stores/vs_1/files": (
        {"file_id": "file-1"},
        ["GET /files/file-1 poll", "POST /vector_stores/vs_1/files"],
    ),
    "GET /vector_stores/vs_1/files/file-1": ({}, ["GET /vector_stores/vs_1", "GET /vector_stores/vs_1/files"]),
    "images.generate": ({"prompt": "a cat", "n": 3, "seed": 7}, ["POST /images/generations"] * 3),
    "completions.create": ({"model": "gpt-4o", "prompt": ["a", "b"]}, ["POST /chat/completions"] * 2),
    "audio.speech.create": ({"model": "tts-1", "voice": "nova", "input": "x" * 1500}, ["POST /audio/speech"] * 2),
    "vector_stores.files.create": (
        {"vector_store_id": "vs_1", "file_id": "file-1"},
        ["GET /files/file-1 poll", "POST /vector_stores/vs_1/files"],
    ),
    "vector_stores.file_batches.create": (
        {"vector_store_id": "vs_1", "file_ids": ["file-1", "file-2"]},
        ["GET /files/file-1 poll", "GET /files/file-2 poll", "POST /vector_stores/vs_1/files", "GET /vector_stores/vs_1"],
    ),
    "vector_stores.files.list": ({"vector_store_id": "vs_1"}, ["GET /vector_stores/vs_1/files", "GET /vector_stores/vs_1"]),
    "images.edit": ({"image": ("a.png", b"\x89PNG"), "prompt": "x", "n": 2}, ["POST /images/edits"] * 2),
    "images.create_variation": ({"image": b"\x89PNG....", "n": 2}, ["POST /images/image2image"] * 2),
    "audio.transcriptions.create": ({"model": "whisper-1", "file": ("a.wav", wav(9))}, ["POST /audio/asr/sse"]),
    "responses.create": ({"model": "gpt-4o", "input": "x", "background": True}, ["POST /responses"]),
    "responses": ({"model": "gpt-4o", "input": "x", "previous_response_id": "resp_1"}, ["POST /responses"]),
    "responses.input_tokens": (
        {"model": "gpt-4o", "input": "x", "conversation": "conv_1"},
        ["POST /token/count"],
    ),
    "responses.retrieve": ({"response_id": "resp_1"}, []),
    "conversations.items.list": ({"conversation_id": "conv_1"}, []),
    "GET /conversations/conv_1": ({}, []),
    "batches.create": (
        {"input_file_id": "file-batch_1", "endpoint": "/v1/chat/completions", "completion_window": "24h"},
        [],
    ),
    "batches.cancel": ({"batch_id": "batch_1"}, []),
    "files.create": ({"purpose": "batch", "file": ("a.jsonl", b"{}")}, []),
    "uploads.create": ({"bytes": 1, "filename": "a.txt", "mime_type": "text/plain", "purpose": "assistants"}, []),
}  # fmt: skip


@pytest.mark.parametrize("endpoint", STEPS)
def test_every_request_of_a_call_is_explained_in_order(endpoint: str) -> None:
    arguments, sent = STEPS[endpoint]
    explained = stepfun_compat.explain(endpoint, **arguments)
    assert [f"{s.method} {s.url.removeprefix(PLACE)}{' poll' * s.poll}" for s in explained.steps] == sent
    assert (explained.refusal, explained.requests) == (None, len(sent))
    assert explained.to_dict()["steps"][:1] == [vars(explained.steps[0])] if sent else explained.steps == ()
    assert ("requests: 0 (the client handles it locally)" in str(explained)) == (not sent)


def test_every_segment_of_a_long_speech_is_explained() -> None:
    text = "One sentence. " * 200
    for more in ({}, {"stream_format": "sse"}, {"response_format": "flac"}, {"response_format": "wav"}):
        explained = stepfun_compat.explain("audio.speech", model="tts-1", voice="nova", input=text, **more)
        assert " ".join(step.body["input"] for step in explained.steps).split() == text.split()
        assert explained.requests == len(explained.steps) == 3


def test_item_references_are_reported_but_not_looked_up() -> None:
    items = [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "And?"}]
    explained = stepfun_compat.explain("responses", model="gpt-4o", input=items)
    assert explained.refusal is None
    assert (explained.changes[0].parameter, explained.changes[0].before) == ("input", "msg_1")
    assert "looks them up" in str(explained)


@pytest.mark.parametrize("kind", ["a URL", "a client"])
def test_request_for_another_provider_is_explained_unchanged(kind: str) -> None:
    url = "https://embeddings.example/v1"
    other: Any = url if kind == "a URL" else openai.OpenAI(base_url=url, api_key="theirs")
    settings = stepfun_compat.Settings(fallback={"embeddings": other})
    explained = stepfun_compat.explain("embeddings", model="m", input="x", settings=settings)
    assert (explained.refusal, explained.requests, explained.url) == (None, 1, f"{url}/embeddings")
    assert explained.body == {"model": "m", "input": "x"}
    assert [(change.kind, change.lossy) for change in explained.changes] == [("route", False)]
    assert stepfun_compat.explain("moderations", input="x", settings=settings).refusal


def test_endpoint_argument_belongs_to_the_call_if_an_endpoint_is_named() -> None:
    wire = {"input_file_id": "file-batch_1", "endpoint": "/v1/responses", "completion_window": "24h"}
    assert stepfun_compat.explain("batches", **wire).body == wire
    explained = stepfun_compat.explain(endpoint="completions", model="gpt-4o", prompt="x")
    assert explained.url == f"{PLACE}/chat/completions"
    assert explained.endpoint == "completions"
    assert stepfun_compat.explain(model="gpt-4o", messages=[]).endpoint == "chat.completions"


def test_explaining_an_upload_changes_no_state(stepfun_client: stepfun_compat.OpenAI) -> None:
    fields: Any = {"bytes": 2, "filename": "a.txt", "mime_type": "text/plain", "purpose": "assistants"}
    upload = stepfun_client.uploads.create(**fields)
    part = stepfun_client.uploads.parts.create(upload.id, data=b"ab").id
    explain = stepfun_client.stepfun.explain
    before = PENDING.get(upload.id)
    parts = dict(before.parts)
    assert explain("uploads", **fields).refusal is None
    assert "exceed the" in str(explain("uploads.parts", upload_id=upload.id, data=b"c").refusal)
    explained = explain("uploads.complete", upload_id=upload.id, part_ids=[part])
    assert [f"{step.method} {step.url.rpartition('/')[2]}" for step in explained.steps] == ["POST files"]
    assert explain("uploads.cancel", upload_id=upload.id).refusal is None
    assert PENDING.get(upload.id) is before
    assert before.parts == parts
    assert stepfun_client.uploads.complete(upload.id, part_ids=[part]).status == "completed"


ROUTED = [(method, pattern.replace("*", "x")) for method, pattern, target in ROUTES if "unsupported" not in target]


@pytest.mark.parametrize(("method", "path"), ROUTED)
def test_every_endpoint_is_explained_without_arguments(method: str, path: str) -> None:
    explained = stepfun_compat.explain(f"{method} {path}")
    assert explained.requests == len(explained.steps)
    assert bool(explained.refusal) <= (explained.requests == 0)
    assert str(explained)


# ---------------------------------------------------------------- compared with the sent requests

Use = Callable[[Any, list[str]], Any]

CALLS: dict[str, tuple[str, Callable[[list[str]], dict[str, Any]], Use]] = {
    "a store of three files": (
        "vector_stores",
        lambda ids: {"name": "docs", "file_ids": ids},
        lambda c, ids: c.vector_stores.create(name="docs", file_ids=ids),
    ),
    "three images": (
        "images.generate",
        lambda _: {"prompt": "a cat", "n": 3, "seed": 7, "model": "step-image-edit-2"},
        lambda c, _: c.images.generate(prompt="a cat", n=3, model="step-image-edit-2", extra_body={"seed": 7}),
    ),
    "two prompts": (
        "completions",
        lambda _: {"model": "gpt-4o", "prompt": ["a", "b"], "max_tokens": 50},
        lambda c, _: c.completions.create(model="gpt-4o", prompt=["a", "b"], max_tokens=50),
    ),
    "a long speech": (
        "audio.speech",
        lambda _: {"model": "tts-1", "voice": "nova", "input": "One sentence. " * 150, "response_format": "wav"},
        lambda c, _: c.audio.speech.create(
            model="tts-1", voice="nova", input="One sentence. " * 150, response_format="wav"
        ),
    ),
    "a recording": (
        "audio.transcriptions",
        lambda _: {"model": "whisper-1", "file": ("a.wav", wav(24_000))},
        lambda c, _: c.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(24_000))),
    ),
    "a response": (
        "responses",
        lambda _: {"model": "gpt-4o", "input": "x", "background": True},
        lambda c, _: c.responses.create(model="gpt-4o", input="x", extra_body={"background": True}),
    ),
}


def sent_since(emulator: EmulatorServer, before: int) -> list[tuple[str, str, Any]]:
    """Return the sent requests without repeated polls."""
    rows = [(row.method, row.path.removeprefix("/v1"), row.json) for row in emulator.requests[before:]]
    return [row for at, row in enumerate(rows) if row[0] != "GET" or row not in rows[:at]]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("name", CALLS)
def test_explained_requests_equal_the_sent_requests(name: str, kind: str, stepfun_emulator: EmulatorServer) -> None:
    endpoint, arguments, use = CALLS[name]
    settings = stepfun_compat.Settings(base_url=stepfun_emulator.base_url, api_key=stepfun_emulator.api_key)
    with stepfun_compat.OpenAI(settings=settings) as client:
        files = [client.files.create(file=(f"{n}.txt", b"x"), purpose="assistants").id for n in range(3)]
        if kind == "sync":
            explained = client.stepfun.explain(endpoint, **arguments(files))
            before = len(stepfun_emulator.requests)
            use(client, files)
    if kind == "async":

        async def run() -> tuple[Any, int]:
            async with stepfun_compat.AsyncOpenAI(settings=settings) as client:
                explained = client.stepfun.explain(endpoint, **arguments(files))
                before = len(stepfun_emulator.requests)
                await use(client, files)
                return explained, before

        explained, before = anyio.run(run)
    sent = sent_since(stepfun_emulator, before)
    store = next((path.split("/")[2] for _, path, _ in sent if path.startswith("/vector_stores/")), "")
    place = stepfun_emulator.base_url.rstrip("/")
    planned = [
        (step.method, step.url.removeprefix(place).replace("VECTOR_STORE_ID", store), step.body)
        for step in explained.steps
    ]
    assert planned == sent
    assert explained.requests == len(sent)
    if len(sent) > 1:
        assert f"{len(sent)}. {sent[-1][0]}" in str(explained)
    if any(step.poll for step in explained.steps):
        assert "repeated until StepFun is ready" in str(explained)


def test_an_object_named_like_a_file_is_json() -> None:
    explained = stepfun_compat.explain("responses", model="gpt-4o", input="x", image={"detail": "low"})
    assert [change.before for change in explained.changes if change.parameter == "image"] == [{"detail": "low"}]
