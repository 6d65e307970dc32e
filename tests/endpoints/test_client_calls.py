"""The endpoints other than chat through the client, sync and async, against scripted responses of StepFun."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat.endpoints.audio_containers import Wav, join_wav, parse_wav

HAS = tuple(int(part) for part in openai.__version__.split(".")[:2])
Handler = Callable[[httpx.Request], httpx.Response]


class StepFun:
    """Sends the configured responses and records the requests."""

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], list[Any]] = {}
        self.seen: list[httpx.Request] = []

    def on(self, method: str, path: str, *answers: Any) -> None:
        self.routes[(method, "/v1" + path)] = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.seen.append(request)
        answers = self.routes[(request.method, request.url.path)]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, json=answer, headers={"X-Trace-Id": "trace-1"})

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.seen]


@pytest.fixture
def service() -> StepFun:
    return StepFun()


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, service: StepFun) -> Any:
    """`call(lambda client: client.files.list())` on either client; async results are awaited."""
    kind = request.param
    options = {"api_key": "stepfun-key", "max_retries": 0}

    def run(use: Callable[[Any], Any]) -> Any:
        if kind == "sync":
            return use(
                stepfun_compat.OpenAI(http_client=httpx.Client(transport=httpx.MockTransport(service)), **options)
            )
        import anyio

        async def main() -> Any:
            http = httpx.AsyncClient(transport=httpx.MockTransport(service))
            answer = use(stepfun_compat.AsyncOpenAI(http_client=http, **options))
            if hasattr(answer, "__await__"):
                answer = await answer
            if hasattr(answer, "__anext__") or isinstance(answer, openai.AsyncStream):
                return [event async for event in answer]
            if hasattr(answer, "_get_page"):
                return answer
            return answer

        return anyio.run(main)

    return run


def wav(count: int) -> bytes:
    return join_wav([Wav(1, 1, 24_000, 16, b"\1\0" * count)])


def asr(*events: dict[str, Any]) -> httpx.Response:
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return httpx.Response(200, content=text.encode(), headers={"content-type": "text/plain"})


DONE = {"type": "transcript.text.done", "text": "hello there", "usage": {"input_tokens": 1, "output_tokens": 2}}


def test_models(call: Any, service: StepFun) -> None:
    service.on("GET", "/models", {"data": [{"id": "step-3.7-flash", "max_input_tokens": 5}]})
    service.on("GET", "/models/step-3.7-flash", {"id": "step-3.7-flash"})
    page = call(lambda c: c.models.list())
    assert (page.data[0].id, page.data[0].object, page.data[0].max_input_tokens) == ("step-3.7-flash", "model", 5)
    assert "gpt-4o" in [m.id for m in page.data]
    model = call(lambda c: c.models.retrieve("gpt-4o"))
    assert (model.id, model.owned_by, model._request_id) == ("gpt-4o", "stepai", "trace-1")


def test_files(call: Any, service: StepFun) -> None:
    row = {"id": "file-1", "object": "file", "status": "processed", "purpose": "file-extract", "created_at": 1}
    service.on("POST", "/files", row)
    service.on("GET", "/files/file-1", row, {**row, "status": "success"})
    service.on("GET", "/files", {"data": [{**row, "id": f"file-{i}", "created_at": i} for i in range(5)]})
    service.on("GET", "/files/file-1/content", httpx.Response(200, text="the text"))
    made = call(lambda c: c.files.create(file=("a.pdf", io.BytesIO(b"%PDF")), purpose="user_data"))
    assert (made.id, made.status) == ("file-1", "uploaded")
    assert service.seen[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="purpose"\r\n\r\nfile-extract' in service.seen[0].content
    done = call(lambda c: c.files.wait_for_processing("file-1", poll_interval=0))
    assert done.status == "processed"
    first = call(lambda c: c.files.list(limit=2))
    assert [f.id for f in first.data] == ["file-4", "file-3"]
    assert first.has_next_page()
    assert "limit" not in str(service.seen[-1].url)
    assert call(lambda c: c.files.content("file-1")).text == "the text"
    with pytest.raises(openai.BadRequestError, match="fine-tuning"):
        call(lambda c: c.files.create(file=("a.jsonl", b"{}"), purpose="fine-tune"))


def test_file_list_pages_end(service: StepFun) -> None:
    service.on("GET", "/files", {"data": [{"id": f"file-{i}", "created_at": i} for i in range(5)]})
    client = stepfun_compat.OpenAI(api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(service)))
    assert len(list(client.files.list(limit=2))) == 5
    assert len(service.seen) == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::stepfun_compat.StepfunCompatWarning")
def test_images(call: Any, service: StepFun) -> None:
    picture = {"created": 7, "data": [{"b64_json": "QQ==", "finish_reason": "success", "seed": 1}]}
    service.on("POST", "/images/generations", picture)
    answer = call(lambda c: c.images.generate(model="gpt-image-1", prompt="a cat", n=2, size="1536x1024"))
    assert [row.b64_json for row in answer.data] == ["QQ==", "QQ=="]
    assert service.bodies[0] == {
        "model": "step-image-edit-2",
        "prompt": "a cat",
        "size": "896x1184",
        "response_format": "b64_json",
    }
    service.on("POST", "/images/edits", picture)
    call(lambda c: c.images.edit(model="gpt-image-1", image=("a.png", b"\x89PNG"), prompt="a hat"))
    assert b'name="image"; filename="a.png"' in service.seen[-1].content
    service.on("POST", "/images/image2image", picture)
    call(lambda c: c.images.create_variation(image=("a.png", b"\x89PNG....")))
    assert service.seen[-1].headers["content-type"] == "application/json"
    assert json.loads(service.seen[-1].content)["source_url"].startswith("data:image/png;base64,")


def test_blocked_image_error_contains_the_finished_images(call: Any, service: StepFun) -> None:
    blocked = {"created": 1, "data": [{"finish_reason": "content_filtered"}]}
    service.on("POST", "/images/generations", {"created": 1, "data": [{"url": "https://x/1.png"}]}, blocked)
    with pytest.raises(openai.BadRequestError) as raised:
        call(lambda c: c.images.generate(model="dall-e-3", prompt="x", n=3))
    assert raised.value.code == "content_policy_violation"
    assert [row["url"] for row in raised.value.partial["data"]] == ["https://x/1.png"]  # type: ignore[attr-defined]
    overloaded = httpx.Response(429, json={"error": {"message": "slow down", "type": "rate_limited"}})
    service.on("POST", "/images/generations", {"created": 1, "data": [{"url": "https://x/1.png"}]}, overloaded)
    with pytest.raises(openai.RateLimitError) as limited:
        call(lambda c: c.images.generate(model="dall-e-3", prompt="x", n=3))
    assert len(limited.value.partial["data"]) == 1  # type: ignore[attr-defined]


@pytest.mark.skipif(HAS < (1, 99), reason="this SDK does not stream images")
def test_images_can_be_streamed(call: Any, service: StepFun) -> None:
    service.on("POST", "/images/generations", {"created": 7, "data": [{"b64_json": "QQ=="}]})
    events = list(call(lambda c: c.images.generate(model="gpt-image-1", prompt="a cat", stream=True)))
    assert [(event.type, event.b64_json) for event in events] == [("image_generation.completed", "QQ==")]


def test_speech(call: Any, service: StepFun, tmp_path: Any) -> None:
    service.on(
        "POST", "/audio/speech", httpx.Response(200, content=b"ID3sound", headers={"content-type": "audio/mpeg"})
    )
    short = call(lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="Hi."))
    assert short.content == b"ID3sound"
    sound = httpx.Response(200, content=wav(10), headers={"content-type": "audio/wav"})
    service.on("POST", "/audio/speech", sound)
    text = "One more sentence. " * 150
    long = call(lambda c: c.audio.speech.create(model="tts-1", voice="nova", input=text, response_format="wav"))
    assert len(parse_wav(long.content).data) == 20 * 3
    assert [len(body["input"]) <= 1000 for body in service.bodies[1:]] == [True] * 3


def test_speech_can_be_streamed_and_raw(service: StepFun) -> None:
    service.on("POST", "/audio/speech", httpx.Response(200, content=wav(10), headers={"content-type": "audio/wav"}))
    client = stepfun_compat.OpenAI(api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(service)))
    for text in ("Hi.", "One more sentence. " * 150):
        with client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="nova", input=text, response_format="wav"
        ) as response:
            assert b"".join(response.iter_bytes())[:4] == b"RIFF"
        raw = client.audio.speech.with_raw_response.create(
            model="tts-1", voice="nova", input=text, response_format="wav"
        )
        assert raw.parse().read()[:4] == b"RIFF"


def test_transcriptions(call: Any, service: StepFun) -> None:
    pieces = [
        {"type": "transcript.text.delta", "delta": "hello", "start_time": 0, "end_time": 400},
        {"type": "transcript.text.delta", "delta": " there", "start_time": 400, "end_time": 900},
    ]
    service.on("POST", "/audio/asr/sse", asr(*pieces, DONE))
    file = ("a.wav", io.BytesIO(wav(24_000)))
    heard = call(lambda c: c.audio.transcriptions.create(model="whisper-1", file=file))
    assert heard.text == "hello there"
    sent = service.seen[0]
    assert (sent.headers["content-type"], sent.headers["accept"]) == ("application/json", "text/event-stream")
    assert base64.b64decode(service.bodies[0]["audio"]["data"]) == wav(24_000)
    for format, start in (("text", "hello there"), ("srt", "1\n00:00:00,000 --> 00:00:00,900"), ("vtt", "WEBVTT")):
        service.on("POST", "/audio/asr/sse", asr(*pieces, DONE))
        text = call(lambda c, f=format: c.audio.transcriptions.create(model="whisper-1", file=file, response_format=f))
        assert isinstance(text, str)
        assert text.startswith(start)
    service.on("POST", "/audio/asr/sse", asr(*pieces, DONE))
    verbose = call(
        lambda c: c.audio.transcriptions.create(model="whisper-1", file=file, response_format="verbose_json")
    )
    assert (float(verbose.duration), verbose.segments[0].end, verbose.segments[0].text) == (1.0, 0.9, "hello there")


@pytest.mark.skipif(HAS < (1, 68), reason="this SDK does not stream transcripts")
def test_transcript_can_be_streamed(call: Any, service: StepFun) -> None:
    service.on("POST", "/audio/asr/sse", asr({"type": "transcript.text.delta", "delta": "hello"}, DONE))
    events = list(
        call(lambda c: c.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", wav(9)), stream=True))
    )
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[-1].text == "hello there"


def store(**counts: int) -> dict[str, Any]:
    base = {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0}
    return {"id": "9", "name": "n", "created_at": 1, "file_counts": {**base, **counts, "total": sum(counts.values())}}


def vector_stores(client: Any) -> Any:
    return client.vector_stores if hasattr(client, "vector_stores") else client.beta.vector_stores


def test_vector_stores(call: Any, service: StepFun) -> None:
    file = {"id": "file-1", "status": "success", "purpose": "retrieval-text"}
    service.on("POST", "/vector_stores", {"id": "9", "name": "n"})
    service.on("GET", "/vector_stores/9", store(completed=1))
    service.on("GET", "/files/file-1", file)
    service.on("POST", "/vector_stores/9/files", {"files": [{"file_id": "file-1"}]})
    service.on("GET", "/vector_stores/9/files", {"data": [{"id": "file-1"}], "has_more": False})
    made = call(lambda c: vector_stores(c).create(name="My docs"))
    assert (made.id, made.status, made.file_counts.completed) == ("9", "completed", 1)
    polled = call(lambda c: vector_stores(c).files.create_and_poll("file-1", vector_store_id="9", poll_interval_ms=1))
    assert (polled.id, polled.status) == ("file-1", "completed")
    batch = call(lambda c: vector_stores(c).file_batches.create_and_poll("9", file_ids=["file-1"], poll_interval_ms=1))
    assert (batch.status, batch.file_counts.completed) == ("completed", 1)
    listed = call(lambda c: vector_stores(c).file_batches.list_files(batch.id, vector_store_id="9"))
    assert [row.id for row in listed.data] == ["file-1"]
    if HAS >= (1, 67):
        with pytest.raises(stepfun_compat.EndpointNotAvailableError, match="create it again"):
            call(lambda c: vector_stores(c).update("9", name="x"))


def test_vector_store_polling_respects_the_call_timeout(call: Any, service: StepFun) -> None:
    service.on("GET", "/files/file-1", {"id": "file-1", "status": "processed", "purpose": "retrieval-text"})
    with pytest.raises(openai.APITimeoutError):
        call(lambda c: vector_stores(c).files.create("9", file_id="file-1", timeout=0.5))


def test_uploads(call: Any, service: StepFun) -> None:
    service.on("POST", "/files", {"id": "file-1", "status": "processed", "purpose": "file-extract"})
    upload = call(
        lambda c: c.uploads.create(bytes=6, filename="a.pdf", mime_type="application/pdf", purpose="user_data")
    )
    parts = [call(lambda c, d=data: c.uploads.parts.create(upload.id, data=d)).id for data in (b"abc", b"def")]
    done = call(lambda c: c.uploads.complete(upload.id, part_ids=parts))
    assert (done.status, done.file.id) == ("completed", "file-1")
    assert len(service.seen) == 1
    assert b'filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\nabcdef' in service.seen[0].content


def test_completions(call: Any, service: StepFun) -> None:
    answer = {"id": "i", "created": 1, "choices": [{"message": {"content": " upon"}, "finish_reason": "stop"}]}
    service.on("POST", "/chat/completions", answer)
    received = call(lambda c: c.completions.create(model="gpt-3.5-turbo-instruct", prompt=["Once", "Twice"], echo=True))
    assert [choice.text for choice in received.choices] == ["Once upon", "Twice upon"]
    assert received.object == "text_completion"
    chunks = (
        'data: {"id":"i","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":" upon"},'
        '"finish_reason":""}]}\n\ndata: {"id":"i","created":1,"choices":[{"index":0,"delta":{"role":"","content":""},'
        '"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    )
    service.on(
        "POST", "/chat/completions", httpx.Response(200, text=chunks, headers={"content-type": "text/event-stream"})
    )
    events = list(call(lambda c: c.completions.create(model="davinci-002", prompt="Once", stream=True)))
    assert "".join(event.choices[0].text for event in events) == " upon"
    assert events[-1].choices[0].finish_reason == "stop"


@pytest.mark.skipif(HAS < (2, 2), reason="this SDK does not count input tokens")
def test_input_tokens(call: Any, service: StepFun) -> None:
    service.on("POST", "/token/count", {"data": {"total_tokens": 12}})
    counted = call(lambda c: c.responses.input_tokens.count(model="gpt-4o", input="hi"))
    assert (counted.input_tokens, service.bodies[0]["model"]) == (12, "step-3.7-flash")


def test_unavailable_endpoints_are_refused(call: Any, service: StepFun) -> None:
    with pytest.raises(stepfun_compat.EndpointNotAvailableError, match="STEPFUN_FALLBACK_EMBEDDINGS") as raised:
        call(lambda c: c.embeddings.create(model="text-embedding-3-small", input="x"))
    error = raised.value
    assert isinstance(error, openai.NotFoundError)
    assert (error.status_code, error.code) == (404, "endpoint_not_available")
    assert service.seen == []
    if HAS >= (3, 54):
        with pytest.raises(stepfun_compat.EndpointNotAvailableError):
            call(lambda c: c.admin.organization.invites.retrieve("i"))


@pytest.mark.parametrize("text", ["404 page not found", ""])
def test_endpoints_missing_from_step_plan_are_reported(service: StepFun, text: str) -> None:
    """Step Plan answers with plain text or an empty body (stepfun-api 1), which does not mention the plan."""
    service.routes["GET", "/step_plan/v1/files"] = [httpx.Response(404, text=text)]
    service.routes["GET", "/v1/files"] = [httpx.Response(404, text=text)]
    http = httpx.Client(transport=httpx.MockTransport(service))
    settings = stepfun_compat.Settings(plan="step_plan", api_key="k")
    with pytest.raises(stepfun_compat.EndpointNotAvailableError, match="STEPFUN_PLAN=standard") as lacking:
        stepfun_compat.OpenAI(settings=settings, http_client=http, max_retries=0).files.list()
    assert (lacking.value.code, lacking.value.status_code) == ("endpoint_not_available", 404)
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(GET /v1/files\).*base URL") as wrong:
        stepfun_compat.OpenAI(api_key="k", http_client=http, max_retries=0).files.list()
    assert wrong.value.code is None


@pytest.mark.parametrize("length", [1, 100])
def test_html_or_json_instead_of_audio_is_an_error(call: Any, service: StepFun, length: int) -> None:
    page = httpx.Response(200, text="<html>gateway</html>", headers={"content-type": "text/html"})
    error = {"error": {"message": "blocked", "type": "censorship_blocked"}}

    def speak(c: Any) -> Any:
        return c.audio.speech.create(model="tts-1", voice="nova", input="One more sentence. " * length)

    service.on("POST", "/audio/speech", page)
    with pytest.raises(openai.APIResponseValidationError):
        call(speak)
    service.on("POST", "/audio/speech", error)
    with pytest.raises(openai.BadRequestError if length == 1 else openai.APIError):
        call(speak)
    service.on("POST", "/audio/speech", {"url": "https://x.example/a.mp3"})
    if length == 1:  # the response to return_url
        answer = call(
            lambda c: c.audio.speech.create(model="tts-1", voice="nova", input="x", extra_body={"return_url": True})
        )
        assert json.loads(answer.content) == {"url": "https://x.example/a.mp3"}
