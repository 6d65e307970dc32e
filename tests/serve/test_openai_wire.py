"""OpenAI's API over loopback, read by the stock openai package: it returns what our client returns in process."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import openai
import pytest

from stepfun_compat import stock
from tests.support.serve import OTHER_TOKEN, TOKEN, Served, serving

OLD = openai.__version__ == "1.66.0"
HELLO: Any = [{"role": "user", "content": "Say hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def client_of(served: Served, token: str = TOKEN) -> openai.OpenAI:
    return served.client(token)


def in_process(served: Served) -> openai.OpenAI:
    return served.in_process()


# StepFun's ids first: one may begin with `fc`
_IDS = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{32}|[0-9a-f]{32,}|(resp|msg|rs|fc|call|chatcmpl|ws|item)_?-?[0-9a-zA-Z]{8,}")


def plain(value: Any) -> Any:
    """Return what a program reads, with ids and times masked."""
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    text = json.dumps(value, sort_keys=True, default=str)
    text = re.sub(r'"(created|created_at|completed_at)": [0-9.]+', r'"\1": 0', text)
    return json.loads(_IDS.sub("ID", text))


CASES: dict[str, Callable[[openai.OpenAI], Any]] = {
    "chat": lambda c: c.chat.completions.create(model="gpt-4o", messages=HELLO),
    "chat under a StepFun id": lambda c: c.chat.completions.create(model="step-3.7-flash", messages=HELLO),
    "chat capped": lambda c: c.chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=1),
    "chat stream": lambda c: list(c.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)),
    "chat stream of a StepFun id": lambda c: list(
        c.chat.completions.create(model="step-3.7-flash", messages=HELLO, stream=True)
    ),
    "chat stream with usage": lambda c: list(
        c.chat.completions.create(model="gpt-5", messages=HELLO, stream=True, stream_options={"include_usage": True})
    ),
    "tools": lambda c: c.chat.completions.create(
        model="gpt-4o", messages=HELLO, tools=[WEATHER], tool_choice="required"
    ),
    "tools streamed": lambda c: list(
        c.chat.completions.create(model="gpt-4o", messages=HELLO, tools=[WEATHER], tool_choice="required", stream=True)
    ),
    "completions": lambda c: c.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once"),
    "completions streamed": lambda c: list(
        c.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once", stream=True)
    ),
    "responses": lambda c: c.responses.create(model="gpt-5", input="hello"),
    "responses streamed": lambda c: list(c.responses.create(model="gpt-5", input="hello", stream=True)),
    "responses over chat": lambda c: c.responses.create(model="gpt-4o", input="hello", instructions="Be short"),
    "responses with tools streamed": lambda c: list(
        c.responses.create(
            model="gpt-4o",
            input="hello",
            tools=[{"type": "function", "strict": False, **WEATHER["function"]}],
            tool_choice="required",
            stream=True,
        )
    ),
    "input tokens": lambda c: c.post(
        "/responses/input_tokens", body={"model": "gpt-5", "input": "hello"}, cast_to=object
    ),
    "a model": lambda c: c.models.retrieve("gpt-4o"),
    "an image": lambda c: c.images.generate(model="dall-e-3", prompt="a cat", response_format="b64_json"),
    "speech": lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="hi").read().hex(),
    "a transcript": lambda c: c.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"\xff\xfb" * 99)),
    "a transcript as text": lambda c: c.audio.transcriptions.create(
        model="whisper-1", file=("a.mp3", b"\xff\xfb" * 99), response_format="text"
    ),
    "a transcript with words": lambda c: c.audio.transcriptions.create(
        model="whisper-1",
        file=("a.mp3", b"\xff\xfb" * 99),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    ),
    "a transcript streamed": lambda c: list(
        c.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"\xff\xfb" * 99), stream=True)
    ),
}


@pytest.mark.filterwarnings("ignore::stepfun_compat.StepfunCompatWarning")
@pytest.mark.parametrize("name", CASES)
def test_serve_relays_the_clients_response(served: Served, name: str) -> None:
    if OLD and name in ("responses streamed", "a transcript streamed"):
        pytest.skip("this SDK has no type for reasoning text, and no streamed transcripts")
    expected = CASES[name](in_process(served))
    served.emulator.reset()
    got = CASES[name](client_of(served))
    many = isinstance(expected, list)
    assert [plain(x) for x in got] == [plain(x) for x in expected] if many else plain(got) == plain(expected)


ERRORS: dict[str, Callable[[openai.OpenAI], Any]] = {
    "unknown model": lambda c: c.chat.completions.create(model="nope", messages=HELLO),
    "no messages": lambda c: c.chat.completions.create(model="gpt-4o", messages=[]),
    "absent endpoint": lambda c: c.embeddings.create(model="text-embedding-3-small", input="x"),
    "unknown response": lambda c: c.responses.retrieve("resp_unknown"),
    "unknown file": lambda c: c.files.retrieve("file-unknown"),
    "bad effort": lambda c: c.chat.completions.create(model="gpt-5", messages=HELLO, reasoning_effort="furious"),  # type: ignore[arg-type]
    "compact": lambda c: c.post("/responses/compact", body={"model": "gpt-5", "input": "x"}, cast_to=object),
}


@pytest.mark.parametrize("name", ERRORS)
def test_serve_raises_what_the_client_raises(served: Served, name: str) -> None:
    with pytest.raises(openai.APIStatusError) as expected:
        ERRORS[name](in_process(served))
    served.emulator.reset()
    with pytest.raises(openai.APIStatusError) as got:
        ERRORS[name](client_of(served))
    stock_class = next(c for c in type(expected.value).__mro__ if c.__module__.startswith("openai"))
    assert type(got.value) is stock_class
    assert got.value.status_code == expected.value.status_code
    assert plain(got.value.body) == plain(expected.value.body)
    assert got.value.request_id


@pytest.mark.parametrize(("status", "shown"), [(401, 401), (402, 429), (429, 429), (451, 400), (500, 500), (503, 503)])
def test_stepfun_error_has_openais_status_and_body(served: Served, status: int, shown: int) -> None:
    served.emulator.fault(status)
    with pytest.raises(openai.APIStatusError) as got:
        client = client_of(served)
        served.app.clients._made.clear()
        for _ in range(3):
            served.emulator.fault(status)
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert got.value.status_code == shown
    assert set(got.value.body) >= {"message", "type", "param", "code"}  # type: ignore[arg-type]


def test_html_in_place_of_json_is_a_502(served: Served) -> None:
    served.emulator.fault("html")
    with pytest.raises(openai.InternalServerError) as got:
        client_of(served).chat.completions.create(model="gpt-4o", messages=HELLO)
    assert got.value.status_code == 502


def test_broken_stream_ends_with_an_error_event(served: Served) -> None:
    served.emulator.fault(cut_after=2)
    with pytest.raises(openai.APIError) as got:
        list(client_of(served).chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))
    assert not isinstance(got.value, openai.APIConnectionError)


@pytest.mark.skipif(OLD, reason="this SDK reads the error event as another type")
def test_broken_responses_stream_ends_with_an_error_event(served: Served) -> None:
    served.emulator.fault(cut_after=2)
    events = list(client_of(served).responses.create(model="gpt-5", input="hello", stream=True))
    assert events[-1].type == "error"
    assert events[-1].code == "upstream_unreachable"
    assert events[-1].sequence_number == events[-2].sequence_number + 1


def test_chat_streams_are_framed_like_openais(served: Served) -> None:
    body = {"model": "gpt-4o", "messages": HELLO, "stream": True}
    status, headers, data = served.call("POST", "/v1/chat/completions", body)
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    frames = data.split(b"\n\n")
    assert frames[-1] == b""
    assert frames[-2] == b"data: [DONE]"
    assert all(frame.startswith(b"data: {") for frame in frames[:-2])


def test_responses_streams_have_event_lines_and_no_done(served: Served) -> None:
    status, _, data = served.call("POST", "/v1/responses", {"model": "gpt-5", "input": "x", "stream": True})
    frames = [frame for frame in data.split(b"\n\n") if frame]
    assert status == 200
    for frame in frames:
        event, _, rest = frame.partition(b"\n")
        assert rest.startswith(b"data: {")
        assert json.loads(rest[6:])["type"] == event.removeprefix(b"event: ").decode()
    assert b"[DONE]" not in data


def test_paths_work_with_and_without_v1(served: Served) -> None:
    for path in ("/v1/chat/completions", "/chat/completions", "/v1/chat/completions/"):
        status, _, data = served.call("POST", path, {"model": "gpt-4o", "messages": HELLO})
        assert (status, json.loads(data)["object"]) == (200, "chat.completion")


def test_every_response_has_a_request_id(served: Served) -> None:
    for method, path, body in (
        ("GET", "/healthz", None),
        ("GET", "/v1/models", None),
        ("GET", "/v1/nothing", None),
        ("POST", "/v1/chat/completions", {"model": "gpt-4o", "messages": HELLO}),
        ("POST", "/v1/chat/completions", b"{"),
        ("POST", "/v1/messages", b"{"),
    ):
        assert served.call(method, path, body)[1]["x-request-id"], path


def test_model_list_has_stepfun_openai_and_anthropic_names(served: Served) -> None:
    rows = {model.id for model in client_of(served).models.list()}
    assert {"step-3.7-flash", "gpt-4o", "gpt-5", "whisper-1", "claude-sonnet-4-5"} <= rows
    assert len(rows) == len(client_of(served).models.list().data)
    for name in rows:
        assert client_of(served).models.retrieve(name).id


def test_stored_responses_and_conversations_have_all_their_methods(served: Served) -> None:
    client = client_of(served)
    if not hasattr(client, "conversations"):
        pytest.skip("this SDK has no conversations")
    conversation = client.conversations.create(items=[{"type": "message", "role": "user", "content": "I am Ada"}])
    first = client.responses.create(model="gpt-5", input="hello", conversation=conversation.id)
    assert len(client.conversations.items.list(conversation.id).data) >= 2
    assert client.responses.retrieve(first.id).id == first.id
    assert client.responses.input_items.list(first.id).data
    assert (
        client.responses.create(model="gpt-5", input="more", previous_response_id=first.id).previous_response_id
        == first.id
    )
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(first.id)
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    assert client.conversations.delete(conversation.id).deleted


def test_files_uploads_and_vector_stores(served: Served) -> None:
    client = client_of(served)
    file = client.files.create(file=("a.txt", b"hello world"), purpose="user_data")
    assert file.id in [row.id for row in client.files.list()]
    store = client.vector_stores.create(name="s")
    assert client.vector_stores.retrieve(store.id).id == store.id
    assert client.vector_stores.delete(store.id).deleted
    assert client.files.delete(file.id).deleted
    upload = client.uploads.create(bytes=5, filename="b.txt", mime_type="text/plain", purpose="user_data")
    part = client.uploads.parts.create(upload.id, data=io.BytesIO(b"hello"))
    assert client.uploads.complete(upload.id, part_ids=[part.id]).file is not None


def test_images_can_be_edited_with_a_form(served: Served) -> None:
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001"
        "e221bc330000000049454e44ae426082"
    )
    edit = {"model": "gpt-image-1", "prompt": "a hat", "image": ("a.png", png, "image/png")}
    expected = in_process(served).images.edit(**edit)  # type: ignore[call-overload]
    got = client_of(served).images.edit(**edit)  # type: ignore[call-overload]
    assert plain(got).keys() == plain(expected).keys()


def test_callers_do_not_see_each_others_responses(served: Served) -> None:
    mine = client_of(served).responses.create(model="gpt-5", input="a secret")
    with pytest.raises(openai.NotFoundError):
        client_of(served, OTHER_TOKEN).responses.retrieve(mine.id)
    with pytest.raises(openai.APIStatusError):
        client_of(served, OTHER_TOKEN).responses.create(model="gpt-5", input="x", previous_response_id=mine.id)
    with pytest.raises(openai.NotFoundError):
        client_of(served, OTHER_TOKEN).responses.delete(mine.id)
    assert client_of(served).responses.retrieve(mine.id).id == mine.id


def test_callers_without_tokens_are_distinguished_by_their_keys(served: Served) -> None:
    with serving(served.emulator, tokens=()) as open_server:
        mine = client_of(open_server, "any-key-1").responses.create(model="gpt-5", input="a secret")
        with pytest.raises(openai.NotFoundError):
            client_of(open_server, "any-key-2").responses.retrieve(mine.id)
        assert client_of(open_server, "any-key-1").responses.retrieve(mine.id).id == mine.id


class _Embeddings(BaseHTTPRequestHandler):
    seen: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(self.headers["authorization"])
        body = json.dumps(
            {"object": "list", "data": [], "model": "e", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        )
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None: ...


def test_fallback_serves_unavailable_endpoints(served: Served) -> None:
    with HTTPServer(("127.0.0.1", 0), _Embeddings) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        other = stock.AsyncOpenAI(api_key="their-key", base_url=f"http://127.0.0.1:{server.server_port}/v1")
        with serving(served.emulator, settings={"fallback": {"embeddings": other}}) as routed:
            answer = client_of(routed).embeddings.create(model="e", input="x", encoding_format="float")
        server.shutdown()
        thread.join()
    assert answer.model == "e"
    assert _Embeddings.seen == ["Bearer their-key"]


@pytest.mark.anyio
async def test_async_client_reads_the_same(served: Served) -> None:
    async with stock.AsyncOpenAI(api_key=TOKEN, base_url=served.base_url, max_retries=0) as client:
        stream = await client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
        text = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
        answer = await client.responses.create(model="gpt-5", input="Say hello")
    assert text
    assert answer.output_text


def test_no_header_describes_the_server_machine(served: Served) -> None:
    client_of(served).chat.completions.create(model="gpt-4o", messages=HELLO)
    request = served.emulator.requests[-1]
    platform = [name for name in request.headers if name.startswith("x-stainless-")]
    assert set(platform) <= {"x-stainless-retry-count", "x-stainless-read-timeout", "x-stainless-raw-response"}
