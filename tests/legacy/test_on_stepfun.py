"""Programs for openai 0.28 against the emulator."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Any

import pytest

HELLO = [{"role": "user", "content": "Say hi there"}]


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    pytest.importorskip("starlette", reason="the emulator needs starlette")
    pytest.importorskip("uvicorn", reason="the emulator needs uvicorn")
    from stepfun_compat.emulator import EmulatorServer

    with EmulatorServer() as server:
        yield server


@pytest.fixture
def emulator(running: Any) -> Iterator[Any]:
    running.reset()
    yield running
    running.reset()


@pytest.fixture
def emulated(openai: Any, emulator: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("STEPFUN_API_KEY", emulator.api_key)
    monkeypatch.setenv("STEPFUN_BASE_URL", emulator.base_url)
    return openai


def sound() -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(bytes(range(200)) * 320)
    file.seek(0)
    file.name = "a.wav"
    return file


def test_chat_and_stream(emulated: Any) -> None:
    answer = emulated.ChatCompletion.create(model="gpt-3.5-turbo", messages=HELLO, max_tokens=64)
    chunks = list(emulated.ChatCompletion.create(model="gpt-3.5-turbo", messages=HELLO, stream=True))
    text = "".join(c.choices[0].delta.get("content") or "" for c in chunks)
    assert answer["choices"][0]["message"]["content"] == text == "Say hi there"
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.anyio
async def test_chat_and_stream_async(emulated: Any) -> None:
    answer = await emulated.ChatCompletion.acreate(model="gpt-4", messages=HELLO)
    text = ""
    async for chunk in await emulated.ChatCompletion.acreate(model="gpt-4", messages=HELLO, stream=True):
        text += chunk.choices[0].delta.get("content") or ""
    assert answer.choices[0].message.content == text == "Say hi there"


@pytest.mark.anyio
async def test_stream_may_be_closed_early(emulated: Any) -> None:
    stream = emulated.ChatCompletion.create(model="gpt-4", messages=HELLO, stream=True)
    next(stream)
    stream.close()
    astream = await emulated.ChatCompletion.acreate(model="gpt-4", messages=HELLO, stream=True)
    await astream.__anext__()
    await astream.aclose()
    assert emulated.ChatCompletion.create(model="gpt-4", messages=HELLO).choices


def test_returned_message_may_be_sent_back(emulated: Any, emulator: Any) -> None:
    answer = emulated.ChatCompletion.create(model="gpt-4", messages=HELLO)
    before = answer.to_dict_recursive()
    history = [*HELLO, answer.choices[0].message, {"role": "user", "content": "And again"}]
    assert emulated.ChatCompletion.create(model="gpt-4", messages=history).choices[0].message.content == "And again"
    assert answer.to_dict_recursive() == before
    assert [m["role"] for m in emulator.last.json["messages"]] == ["user", "assistant", "user"]


def test_completions_models_audio_and_images(emulated: Any) -> None:
    assert emulated.Completion.create(engine="text-davinci-003", prompt="x").choices[0].text
    assert "step-3.7-flash" in [m.id for m in emulated.Model.list().data]
    assert [m.id for m in emulated.Engine.list().data] == [m.id for m in emulated.Model.list().data]
    assert "wav" in emulated.Audio.transcribe("whisper-1", sound()).text
    assert isinstance(emulated.Audio.transcribe("whisper-1", sound(), response_format="text"), str)
    assert emulated.Image.create(prompt="a cat", size="1024x1024").data[0].url


def test_files(emulated: Any) -> None:
    file = emulated.File.create(io.BytesIO(b"hello"), "user_data", user_provided_filename="a.txt")
    while emulated.File.retrieve(file.id).status != "processed":
        pass
    assert emulated.File.download(file.id) == b"hello"
    assert [f.id for f in emulated.File.list().data] == [file.id]
    assert emulated.File.delete(file.id).deleted


@pytest.mark.parametrize(
    ("name", "method", "arguments"),
    [
        ("Embedding", "create", {"model": "ada", "input": "a"}),
        ("Moderation", "create", {"input": "a"}),
        ("Edit", "create", {"model": "m", "input": "a", "instruction": "b"}),
        ("FineTune", "list", {}),
        ("FineTuningJob", "list", {}),
        ("Model", "delete", {"sid": "x"}),
        ("Deployment", "list", {"api_type": "azure"}),
        ("Customer", "create", {"customer": "c", "endpoint": "e"}),
    ],
)
def test_unavailable_endpoints_are_invalid_requests(
    name: str, method: str, arguments: Any, emulated: Any, emulator: Any
) -> None:
    with pytest.raises(emulated.error.InvalidRequestError, match="StepFun has no") as caught:
        getattr(getattr(emulated, name), method)(**arguments)
    assert (caught.value.http_status, caught.value.code) == (404, "endpoint_not_available")
    assert caught.value.error.code == "endpoint_not_available"
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("status", "name", "http_status"),
    [
        (400, "InvalidRequestError", 400),
        (401, "AuthenticationError", 401),
        (402, "RateLimitError", 429),
        (403, "PermissionError", 403),
        (404, "InvalidRequestError", 404),
        (429, "RateLimitError", 429),
        (451, "InvalidRequestError", 400),
        (500, "APIError", 500),
        (503, "ServiceUnavailableError", 503),
    ],
)
def test_errors_have_0_28_classes(status: int, name: str, http_status: int, emulated: Any, emulator: Any) -> None:
    emulator.fault(status, times=None)
    with pytest.raises(emulated.error.OpenAIError) as caught:
        emulated.ChatCompletion.create(model="gpt-4", messages=HELLO)
    assert (type(caught.value).__name__, caught.value.http_status) == (name, http_status)
    assert len(emulator.requests) == 1  # 0.28 left retries to the program


@pytest.mark.parametrize(("fault", "name"), [("html", "APIError"), ("disconnect", "APIConnectionError")])
def test_invalid_responses_raise(fault: str, name: str, emulated: Any, emulator: Any) -> None:
    emulator.fault(fault, times=None)
    with pytest.raises(getattr(emulated.error, name)):
        emulated.ChatCompletion.create(model="gpt-4", messages=HELLO)


def test_broken_stream_is_a_connection_error(emulated: Any, emulator: Any) -> None:
    emulator.fault("cut")
    with pytest.raises(emulated.error.OpenAIError):
        list(emulated.ChatCompletion.create(model="gpt-4", messages=HELLO, stream=True))
