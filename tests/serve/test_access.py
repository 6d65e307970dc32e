"""Access control and malformed requests: an attacker gets an immediate error that reveals nothing."""

from __future__ import annotations

import json
import socket
import time

import pytest

from stepfun_compat.serve import ServeOptions
from stepfun_compat.serve.access import host_name, is_loopback
from tests.support.serve import OTHER_TOKEN, STEPFUN_KEY, TOKEN, Served, serving

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
OPENAI_KEY = "sk-proj-abcdefghijklmnopqrstuvwxyzT3BlbkFJabcdefghijklmnop"


def error_of(body: bytes) -> dict[str, object]:
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def test_missing_token_is_refused(served: Served) -> None:
    status, headers, body = served.call("POST", "/v1/chat/completions", CHAT, {"authorization": None})
    assert status == 401
    assert headers["www-authenticate"] == "Bearer"
    assert error_of(body)["type"] == "invalid_request_error"
    assert not served.emulator.requests


@pytest.mark.parametrize(
    "token", ["wrong-token", "", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "Bearer " + TOKEN, "ÿ" * 9]
)
def test_wrong_token_is_refused(served: Served, token: str) -> None:
    for name in ("authorization", "x-api-key", "api-key"):
        value = f"Bearer {token}" if name == "authorization" else token
        status, _, body = served.call("POST", "/v1/chat/completions", CHAT, {"authorization": None, name: value})
        assert status == 401
        assert TOKEN.encode() not in body
    assert not served.emulator.requests


@pytest.mark.parametrize(
    "headers", [{"authorization": f"bearer {TOKEN}"}, {"x-api-key": TOKEN}, {"api-key": OTHER_TOKEN}]
)
def test_token_is_read_from_each_header(served: Served, headers: dict[str, str]) -> None:
    assert served.call("POST", "/v1/chat/completions", CHAT, {"authorization": None, **headers})[0] == 200


def test_openai_key_is_refused_and_never_sent(served: Served) -> None:
    status, _, body = served.call("POST", "/v1/chat/completions", CHAT, {"authorization": f"Bearer {OPENAI_KEY}"})
    assert status == 401
    assert OPENAI_KEY.encode() not in body
    assert not served.emulator.requests


def test_caller_headers_do_not_reach_stepfun(served: Served) -> None:
    with serving(served.emulator, tokens=()) as open_server:
        headers = {
            "authorization": f"Bearer {OPENAI_KEY}",
            "x-api-key": "callers-own-key",
            "openai-organization": "org-callers",
            "cookie": "session=callers",
            "x-forwarded-for": "10.9.8.7",
        }
        path = f"/v1/chat/completions?api_key={OPENAI_KEY}&key=callers-own-key"
        assert open_server.call("POST", path, CHAT, headers)[0] == 200
    sent = served.emulator.last
    assert sent.headers["authorization"] == f"Bearer {STEPFUN_KEY}"
    everything = repr(sent.headers) + repr(sent)
    for secret in (OPENAI_KEY, "callers-own-key", "org-callers", "session=callers", "10.9.8.7"):
        assert secret not in everything


def test_stepfun_key_is_redacted_in_responses(served: Served) -> None:
    served.emulator.fault(status=401, body={"error": {"message": f"Incorrect API key: {STEPFUN_KEY}", "type": "x"}})
    status, headers, body = served.call("POST", "/v1/chat/completions", CHAT)
    assert status == 401
    assert b"[redacted]" in body
    assert STEPFUN_KEY not in body.decode() + repr(headers)
    served.emulator.fault(status=401, body={"error": {"message": f"Incorrect API key: {STEPFUN_KEY}", "type": "x"}})
    status, headers, body = served.call("POST", "/v1/messages", {**CHAT, "max_tokens": 5})
    assert (status, json.loads(body)["error"]["type"]) == (401, "authentication_error")
    assert STEPFUN_KEY not in body.decode() + repr(headers)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8317", "localhost.evil.example", "127.0.0.1.evil.example", ""]
)
def test_unknown_host_is_refused(served: Served, host: str) -> None:
    status, _, body = served.call("POST", "/v1/chat/completions", CHAT, {"host": host})
    assert status == 421
    assert "host" in str(error_of(body)["message"])
    assert not served.emulator.requests


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "app.localhost", "127.0.0.1", "[::1]:8317", "192.168.1.4:1"]
)
def test_local_names_and_addresses_are_accepted(served: Served, host: str) -> None:
    assert served.call("GET", "/v1/models", headers={"host": host})[0] == 200


def test_allowed_host_is_accepted(served: Served) -> None:
    with serving(served.emulator, allowed_hosts=("gateway.internal",)) as named:
        assert named.call("GET", "/v1/models", headers={"host": "gateway.internal:80"})[0] == 200
        assert named.call("GET", "/v1/models", headers={"host": "other.internal"})[0] == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "file://"])
def test_unknown_origin_is_refused(served: Served, origin: str) -> None:
    status, headers, _ = served.call("POST", "/v1/chat/completions", CHAT, {"origin": origin})
    assert status == 403
    assert "access-control-allow-origin" not in headers
    assert served.call("OPTIONS", "/v1/chat/completions", headers={"origin": origin})[0] == 403
    assert not served.emulator.requests


def test_allowed_origin_is_accepted(served: Served) -> None:
    origin = "https://app.example"
    with serving(served.emulator, allowed_origins=(origin,)) as open_server:
        asked = {
            "origin": origin,
            "authorization": None,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization, content-type",
        }
        status, headers, _ = open_server.call("OPTIONS", "/v1/chat/completions", headers=asked)
        assert status == 204
        assert headers["access-control-allow-origin"] == origin
        assert "authorization" in headers["access-control-allow-headers"]
        for path, code in (("/v1/chat/completions", 200), ("/v1/nothing", 404)):
            status, headers, _ = open_server.call("POST", path, CHAT, {"origin": origin})
            assert (status, headers["access-control-allow-origin"]) == (code, origin)
        assert open_server.call("POST", "/v1/chat/completions", CHAT, {"origin": "https://other.example"})[0] == 403


def test_oversized_body_is_refused(served: Served) -> None:
    with serving(served.emulator, max_body=1000) as small:
        status, headers, body = small.call("POST", "/v1/chat/completions", b"x" * 2000)
        assert status == 413
        assert headers["connection"] == "close"
        assert "1,000" in str(error_of(body)["message"])
        chunked = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer %s\r\ntransfer-encoding: chunked\r\n\r\n"
        answer = small.raw(chunked % TOKEN.encode() + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413")
        declared = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %s\r\ncontent-length: 99999999999\r\n\r\n"
        assert small.raw(declared % TOKEN.encode()).startswith(b"HTTP/1.1 413")


def test_slow_body_times_out(served: Served) -> None:
    with serving(served.emulator, body_timeout=0.3) as hasty:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %s\r\ncontent-length: 100\r\n\r\n{"
        started = time.monotonic()
        assert hasty.raw(head % TOKEN.encode()).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - started < 15


def test_slow_head_times_out(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepfun_compat.serve.protocol.HEAD_TIMEOUT", 0.3)
    for start in (b"", b"GET /healthz HTTP/1.1\r\nhost: local"):
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
            connection.sendall(start)
            assert connection.recv(100) == b""
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:  # the second request as well
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert connection.recv(2000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /hea")
        rest = b""
        while part := connection.recv(2000):
            rest += part
        assert b"HTTP/1.1 2" not in rest


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b'{"model": "gpt-4o", "messages": [NaN]}',
        b'{"model": "gpt-4o", "messages": [1e400]}',
        b'{"model": "\xff\xfe"}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\x00",
    ],
    ids=["cut", "list", "text", "nan", "infinite", "utf-8", "half a pair", "deep list", "deep object", "nul"],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_invalid_json_is_a_400(served: Served, body: bytes, path: str) -> None:
    status, _, answer = served.call("POST", path, body)
    assert status == 400
    assert json.loads(answer)["error"]["type"] == "invalid_request_error"
    assert not served.emulator.requests


def test_deeply_nested_json_is_never_a_server_error(served: Served) -> None:
    for depth in range(940, 1000, 5):  # around the depth that can be parsed but not processed
        deep = b'{"a":' * depth + b"1" + b"}" * depth
        tool = b'[{"type": "function", "name": "f", "input_schema": %s, "parameters": %s}]' % (deep, deep)
        common = b'{"model": "gpt-4o", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "metadata": '
        for path, body in (
            ("/v1/chat/completions", common + deep + b"}"),
            ("/v1/messages", common + b'{}, "tools": ' + tool.replace(b'"function"', b'"custom"') + b"}"),
            ("/v1/responses", b'{"model": "gpt-5", "input": "x", "tools": ' + tool + b"}"),
        ):
            status, _, answer = served.call("POST", path, body)
            assert status in (200, 400), (depth, path, answer)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../v1/models",
        "/v1/models/%2e%2e/files",
        "/v1/files/..",
        "//v1/models",
        "/v1//models",
        "/v1/files/%00",
        "/v1/files/a%0d%0ab",
        "/v1/files/a%5c..%5cb",
        "/v1/files/%ff",
    ],
)
def test_path_traversal_is_refused(served: Served, path: str) -> None:
    status, _, body = served.call("GET", path)
    assert status in (400, 404), (path, body)
    error_of(body)
    assert not served.emulator.requests


def test_encoded_slash_stays_in_its_segment(served: Served) -> None:
    assert served.call("GET", "/v1/files/a%2F..%2F..%2Fmodels")[0] == 404
    assert all("%2F" in (row.raw_path if hasattr(row, "raw_path") else "%2F") for row in served.emulator.requests)


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/nothing", "/v2/chat/completions", "/admin", "/v1/accounts", "/__emulator__/x"]
)
def test_unknown_path_lists_the_available_paths(served: Served, path: str) -> None:
    status, _, body = served.call("POST", path, {})
    assert status == 404
    assert "/v1/messages" in str(error_of(body)["message"])
    assert not served.emulator.requests


def test_header_smuggling_is_refused(served: Served) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    token = b"authorization: Bearer " + TOKEN.encode() + b"\r\n"
    for lines in (
        token + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        token + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        token + b"authorization: Bearer other\r\ncontent-length: 2\r\n\r\n{}",
        token + b"host: evil.example\r\ncontent-length: 2\r\n\r\n{}",
        token + b"content-length: -2\r\n\r\n{}",
        token + b"content-length : 2\r\n\r\n{}",
        token + b"x: a\x00b\r\ncontent-length: 2\r\n\r\n{}",
        token + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ):
        answer = served.raw(head + lines)
        assert answer.split(b" ")[1][:1] == b"4", (lines, answer)
        assert answer.count(b"HTTP/1.1 ") == 1
    assert not served.emulator.requests


@pytest.mark.parametrize(
    "data", [b"no HTTP at all\r\n\r\n", b"GET /v1/models HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"]
)
def test_invalid_http_request_is_a_400_in_openais_form(served: Served, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"x-request-id: req_" in head
    assert error_of(body)["type"] == "invalid_request_error"


def test_too_many_and_too_large_headers_are_refused(served: Served) -> None:
    many = {f"x-{place}": "1" for place in range(200)}
    assert served.call("GET", "/v1/models", headers=many)[0] == 431
    try:
        large = served.raw(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 200_000 + b"\r\n\r\n")
    except ConnectionError:  # the server closed the connection before everything was sent
        return
    assert large.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


def test_unsupported_method_is_a_405(served: Served) -> None:
    for method in ("PUT", "PATCH", "TRACE", "OPTIONS"):
        assert served.call(method, "/v1/chat/completions", CHAT)[0] == 405


def test_health_is_reported_without_a_token(served: Served) -> None:
    for path in ("/", "/healthz", "/readyz"):
        assert served.call("GET", path, headers={"authorization": None})[0] == 200
        assert served.call("HEAD", path, headers={"authorization": None})[2] == b""
    assert served.call("GET", "/metrics", headers={"authorization": None})[0] == 401


def test_invalid_options_are_refused() -> None:
    for values in (
        {"tokens": ("short",)},
        {"tokens": ("with blanks in it",)},
        {"max_body": 0},
        {"max_concurrency": 0},
        {"max_queue": -1},
    ):
        with pytest.raises(ValueError, match="not allowed"):
            ServeOptions(**values)  # type: ignore[arg-type]
    assert TOKEN not in repr(ServeOptions(tokens=(TOKEN,)))


def test_hosts_are_parsed_as_browsers_send_them() -> None:
    assert [host_name(text) for text in ("A.b:80", "[::1]:80", "::1", "a")] == ["a.b", "::1", "::1", "a"]
    assert [is_loopback(text) for text in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1", "x")] == [
        True
    ] * 3 + [False] * 3
