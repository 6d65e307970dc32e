"""Valid but unusual HTTP requests, and the server's own errors in the caller's format."""

from __future__ import annotations

import gzip
import json
import logging
from typing import Any

import pytest

from stepfun_compat.serve.launch import start_logging
from tests.support.serve import TOKEN, Served, serving

HELLO: Any = [{"role": "user", "content": "a very private question"}]
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": HELLO}
MESSAGE: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": HELLO}
AUTHORIZATION = b"authorization: Bearer %s\r\n" % TOKEN.encode()


def post(body: bytes, more: bytes = b"", version: bytes = b"1.1") -> bytes:
    """The bytes of a chat request with a `content-length`."""
    return (
        b"POST /v1/chat/completions HTTP/%s\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %d\r\n%s%s\r\n%s"
        % (version, len(body), AUTHORIZATION, more, body)
    )


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-4o", "/v1/files", "/v1/responses/resp_unknown"])
def test_head_is_answered_like_get_without_the_body(served: Served, path: str) -> None:
    status, headers, body = served.call("GET", path)
    head_status, head_headers, head_body = served.call("HEAD", path)
    assert (head_status, head_body) == (status, b"")
    for name in ("content-type", "content-length"):
        assert head_headers[name] == headers[name]
    assert int(headers["content-length"]) == len(body)


def test_head_of_a_download_has_no_body(served: Served) -> None:
    served.emulator.configure(parse_polls=0)
    file = served.client().files.create(file=("a.txt", b"hello world"), purpose="user_data")
    assert served.call("GET", f"/v1/files/{file.id}/content")[::2] == (200, b"hello world")
    assert served.call("HEAD", f"/v1/files/{file.id}/content")[::2] == (200, b"")
    assert served.emulator.wait_until_idle(20)


def test_doubled_v1_is_collapsed(served: Served) -> None:
    """OpenAI's SDKs expect `/v1` in the base URL; Anthropic's add it, even to a base URL that ends in it."""
    assert served.call("GET", "/v1/v1/models")[2] == served.call("GET", "/v1/models")[2]
    assert json.loads(served.call("POST", "/v1/v1/messages", MESSAGE)[2])["type"] == "message"
    assert served.call("GET", "/v1/v1/v1/models")[0] == 404


def test_unknown_path_is_named_as_sent(served: Served) -> None:
    for path in ("/v1/nothing", "/nothing", "/v1/messages/batches"):
        assert f"GET {path}" in json.loads(served.call("GET", path)[2])["error"]["message"]


def test_compressed_body_is_refused_by_name(served: Served) -> None:
    body = gzip.compress(json.dumps(CHAT).encode())
    for path in ("/v1/chat/completions", "/v1/messages"):
        status, headers, answer = served.call("POST", path, body, {"content-encoding": "gzip"})
        assert (status, headers["accept-encoding"]) == (415, "identity")
        assert "Content-Encoding" in json.loads(answer)["error"]["message"]
    assert served.call("POST", "/v1/chat/completions", CHAT, {"content-encoding": "identity"})[0] == 200


def test_http_1_0_stream_ends_with_the_connection(served: Served) -> None:
    body = json.dumps({**CHAT, "stream": True}).encode()
    head, _, data = served.raw(post(body, version=b"1.0")).partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert b"transfer-encoding" not in head.lower()
    assert data.startswith(b"data: {")
    assert data.endswith(b"data: [DONE]\n\n")


def test_expect_100_continue_is_answered(served: Served) -> None:
    answer = served.raw(post(json.dumps(CHAT).encode(), b"expect: 100-continue\r\n"))
    assert answer.startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 200 OK" in answer
    with serving(served.emulator, max_body=10) as small:
        answer = small.raw(post(json.dumps(CHAT).encode(), b"expect: 100-continue\r\n"))
        assert answer.startswith(b"HTTP/1.1 413")


def test_chunked_body_is_read(served: Served) -> None:
    body = json.dumps(CHAT).encode()
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:]))
    request = (
        b"POST /chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n"
    )
    answer = served.raw(request + AUTHORIZATION + b"\r\n" + chunks + b"0\r\nx-trailer: 1\r\n\r\n")
    assert b"HTTP/1.1 200 OK" in answer
    assert b"chat.completion" in answer


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_protocol_upgrade_is_ignored(served: Served, protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    caplog.set_level(logging.WARNING, logger="uvicorn.error")  # the test server sets it to CRITICAL
    headers = {"connection": "Upgrade, HTTP2-Settings, close", "upgrade": protocol, "http2-settings": "AAMAAABk"}
    assert served.call("POST", "/v1/chat/completions", CHAT, headers)[0] == 200
    assert not caplog.records


# ---------------------------------------------------------------- the server's own errors

LARGE = {"x-large": "a" * 2000}
OWN_ERRORS: dict[str, tuple[int, str, dict[str, Any], dict[str, str | None]]] = {
    # name: (status, Anthropic's type, options of the server, headers)
    "no token": (401, "authentication_error", {}, {"authorization": None}),
    "a wrong token": (401, "authentication_error", {}, {"authorization": "Bearer wrong-token"}),
    "another origin": (403, "permission_error", {}, {"origin": "https://evil.example"}),
    "another host": (421, "invalid_request_error", {}, {"host": "evil.example"}),
    "a large body": (413, "request_too_large", {"max_body": 10}, {}),
    "a slow body": (408, "timeout_error", {"body_timeout": 0.1}, {"content-length": "1000"}),
    "large headers": (431, "invalid_request_error", {"max_header_bytes": 1000}, LARGE),
    "two origins": (400, "invalid_request_error", {}, {"origin": "a", "Origin": "b"}),
    "a compressed body": (415, "invalid_request_error", {}, {"content-encoding": "br"}),
    "too long": (504, "timeout_error", {"request_timeout": 0.001}, {}),
}


@pytest.mark.parametrize("name", OWN_ERRORS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_server_error_has_the_callers_format(served: Served, name: str, path: str) -> None:
    status, kind, options, headers = OWN_ERRORS[name]
    body = {"/v1/messages": MESSAGE, "/v1/responses": {"model": "gpt-5", "input": "x"}}.get(path, CHAT)
    with serving(served.emulator, **options) as server:
        served.emulator.fault("hold")
        got, answered, content = server.call("POST", path, body, headers)
        served.emulator.release()
    answer = json.loads(content)
    assert got == status
    assert answered["x-request-id"].startswith("req_")
    if path == "/v1/messages":
        assert (answer["type"], answer["error"]["type"]) == ("error", kind)
        assert set(answer["error"]) == {"type", "message"}
        assert answer["request_id"] == answered["request-id"] == answered["x-request-id"]
    else:
        assert set(answer) == {"error"}
        assert set(answer["error"]) == {"message", "type", "param", "code"}


def test_invalid_path_error_has_the_callers_format(served: Served) -> None:
    for path, headers in (("/v1/messages/%00", {}), ("/v1//models", {"anthropic-version": "2023-06-01"})):
        status, answered, content = served.call("POST", path, MESSAGE, headers)
        assert (status, json.loads(content)["type"]) == (400, "error")
        assert answered["x-request-id"].startswith("req_")
    answered = served.call("GET", "/v1//models")[1]
    assert answered["x-request-id"].startswith("req_")


# ---------------------------------------------------------------- logs


@pytest.fixture
def levels() -> Any:
    names = ("", "stepfun_compat", "stepfun_compat.serve")
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("levels")
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_no_level_of_the_log_shows_a_prompt(served: Served, level: str, caplog: pytest.LogCaptureFixture) -> None:
    start_logging(level)
    with serving(served.emulator) as server:  # new clients, because they read the log level on creation
        for path, body in (("chat/completions", CHAT), ("messages", MESSAGE), ("responses", {"model": "gpt-5"})):
            sent = {**body, "input": "very private"} if path == "responses" else {**body, "logit_bias": {"1": 2}}
            assert server.call("POST", f"/v1/{path}", {**sent, "stream": True})[0] == 200
    assert "private" not in caplog.text
    assert ("stepfun_compat.serve" in caplog.text) is (level in ("debug", "info"))
    assert ("model=gpt-4o was sent as step-3.7-flash" in caplog.text) is (level == "debug")


def test_internal_error_text_is_not_logged(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError(HELLO[0]["content"])

    monkeypatch.setattr("stepfun_compat.serve.openai_wire.relay", broken)
    status, _, body = served.call("POST", "/v1/chat/completions", CHAT)
    assert (status, json.loads(body)["error"]["code"]) == (500, "internal_error")
    assert "ValueError in /chat/completions" in caplog.text
    assert "in broken" in caplog.text
    assert "private" not in caplog.text + body.decode()


# ---------------------------------------------------------------- forms

SOUND = (b'name="file"; filename="a.mp3"', b"\xff\xfb" * 99)
MODEL = (b'name="model"', b"whisper-1")
FORMS: dict[str, tuple[list[tuple[bytes, bytes]], int]] = {
    # name: (parts, status)
    "a name beyond ASCII": ([(b'name="file"; filename="\xc3\xa9\xf0\x9f\x98\x80.mp3"', SOUND[1]), MODEL], 200),
    "an empty name": ([SOUND, MODEL, (b'name=""', b"1")], 200),
    "a list without a name": ([SOUND, MODEL, (b'name="[]"', b"1")], 200),
    "an open bracket": ([SOUND, MODEL, (b'name="a[b"', b"1")], 200),
    "no UTF-8": ([SOUND, MODEL, (b'name="\xff"', b"\xff\xfe")], 200),
    "many brackets": ([SOUND, MODEL, (b'name="a' + b"[b]" * 5000 + b'"', b"1")], 400),
    "no name": ([SOUND, MODEL, (b'filename="x"', b"1")], 400),
    "an object and a text with the same name": ([SOUND, MODEL, (b'name="model[x]"', b"1")], 400),
    "a line break in a name": ([SOUND, MODEL, (b'name="a\r\nx"', b"1")], 400),
    "no parts": ([], 400),
}


@pytest.mark.parametrize("name", FORMS)
def test_unusual_form_is_read_or_refused(served: Served, name: str) -> None:
    parts, status = FORMS[name]
    body = b"".join(b"--B\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % part for part in parts) + b"--B--\r\n"
    headers: dict[str, str | None] = {"content-type": "multipart/form-data; boundary=B"}
    got, _, answer = served.call("POST", "/v1/audio/transcriptions", body, headers)
    assert got == status, answer
    for kind in ("multipart/form-data", "multipart/form-data; boundary=C"):
        if parts:
            assert served.call("POST", "/v1/audio/transcriptions", body, {"content-type": kind})[0] == 400
