"""The server around the endpoints: lifecycle, recorded requests, scripts, faults, the admin endpoints."""

from __future__ import annotations

import gc
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the emulator needs starlette")
pytest.importorskip("uvicorn", reason="the emulator needs uvicorn")
httpx = pytest.importorskip("httpx", reason="these tests use httpx")

from stepfun_compat.emulator import Call, EmulatorConfig, EmulatorServer, Fault, Reply, create_app  # noqa: E402
from stepfun_compat.emulator.state import Engine, RecordedRequest  # noqa: E402

# -- lifecycle ---------------------------------------------------------------------------------------------------------


def test_server_starts_and_stops_quickly_without_leaks() -> None:
    before = threading.active_count()
    started = time.perf_counter()
    with EmulatorServer() as server:
        assert httpx.get(f"{server.origin}/x", trust_env=False).status_code == 404
        port = server.port
    assert time.perf_counter() - started < 2
    assert threading.active_count() == before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    gc.collect()


def test_stopping_releases_held_requests() -> None:
    with ThreadPoolExecutor(1) as pool:
        with EmulatorServer() as server:
            server.fault("hold", times=None)
            waiting = pool.submit(httpx.get, f"{server.base_url}/models", trust_env=False)
            assert server.wait_until_held()
        assert waiting.result(timeout=5).status_code == 401


def test_start_and_stop_may_be_called_twice() -> None:
    server = EmulatorServer().start()
    assert server.start() is server
    server.stop()
    server.stop()


def test_used_port_is_an_error() -> None:
    with EmulatorServer() as server, pytest.raises(OSError, match="in use"):
        EmulatorServer(port=server.port).start()


def test_server_has_origin_and_base_urls(server: EmulatorServer) -> None:
    assert server.origin == f"http://127.0.0.1:{server.port}"
    assert server.base_url == f"{server.origin}/v1"
    assert server.plan_base_url == f"{server.origin}/step_plan/v1"


def test_listed_key_becomes_the_servers_key() -> None:
    assert EmulatorServer(EmulatorConfig(api_keys=frozenset({"mine"}))).api_key == "mine"


@pytest.mark.anyio
async def test_app_runs_in_process() -> None:
    transport = httpx.ASGITransport(app=create_app(EmulatorConfig(stream_shape="a")))
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        body = {"model": "step-3.7-flash", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        response = await client.post("/v1/chat/completions", json=body, headers={"Authorization": "Bearer k"})
    assert response.text.endswith("data: [DONE]\n\n")


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are sent as POSIX signals")
def test_foreground_server_ends_quietly_when_interrupted() -> None:
    code = (
        "from stepfun_compat.emulator import EmulatorConfig, serve\n"
        "serve(EmulatorConfig(strict=True), port=0, announce=lambda url: print(url, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        origin = process.stdout.readline().strip().removesuffix("/v1")
        assert origin, "the server ended before it listened"
        assert httpx.get(f"{origin}/__emulator__/config", trust_env=False).json()["strict"] is True
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert "Traceback" not in process.stderr.read()


def test_importing_the_package_imports_no_server_library() -> None:
    code = (
        "import sys; import stepfun_compat.emulator, stepfun_compat.emulator.pytest_plugin;"
        "print([name for name in ('starlette', 'uvicorn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- recorded requests -------------------------------------------------------------------------------------------------------


def test_requests_are_recorded_completely(server: EmulatorServer, http: Any, chat: Any) -> None:
    chat("hi", headers={"X-Session-Id": "abc"})
    http.get("/v1/models", params={"a": "1"})
    http.post("/v1/files", data={"purpose": "storage"}, files={"file": ("a.txt", b"\r\nabc\r\n", "text/plain")})
    first, second, third = server.requests
    assert (first.method, first.path, first.headers["x-session-id"]) == ("POST", "/v1/chat/completions", "abc")
    assert first.json["messages"] == [{"role": "user", "content": "hi"}]
    assert json.loads(first.body) == first.json
    assert first.status == 200
    assert (second.query, second.json) == ({"a": "1"}, None)
    assert third.form == {"purpose": ["storage"]}
    assert third.files["file"][0].content == b"\r\nabc\r\n"
    assert server.last is third
    assert server.requests.last is third


def test_missing_requests_are_reported_clearly(server: EmulatorServer) -> None:
    with pytest.raises(LookupError, match="no request"):
        _ = server.requests.last


def test_reset_clears_everything(server: EmulatorServer, chat: Any) -> None:
    server.configure(strict=True)
    server.script("scripted")
    server.fault(500)
    chat("x" * 4000)
    server.reset()
    assert server.requests == []
    assert not server.config.strict
    response = chat("x" * 4000, seed=1)
    assert response.json()["choices"][0]["message"]["content"].startswith("xxx")
    assert response.json()["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


# -- scripts -------------------------------------------------------------------------------------------------------


def message(response: Any) -> dict[str, Any]:
    return response.json()["choices"][0]["message"]


def test_scripted_replies_are_sent_in_order_before_generated_ones(server: EmulatorServer, chat: Any) -> None:
    server.script("one", {"content": "two", "reasoning": "because"}, Reply(content="three", reasoning=""))
    assert message(chat("hi"))["content"] == "one"
    assert message(chat("hi"))["reasoning"] == "because"
    assert message(chat("hi")) == {"role": "assistant", "content": "three"}
    assert message(chat("hi"))["content"] == "hi"


def test_scripted_calls_finish_reasons_and_usage(server: EmulatorServer, chat: Any, stream: Any) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cached_tokens": 1}
    server.script(
        {"tool_calls": [{"name": "f", "arguments": {"a": 1}}, {"id": "mine", "name": "g", "arguments": "{broken"}]},
        {"content": "cut", "finish_reason": "content_filter", "usage": usage},
        {"parsed": {"a": [1]}},
        Reply(calls=(Call("f", "{}", "id1"),)),
    )
    first, second = message(chat("hi"))["tool_calls"]
    assert first["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert (second["id"], second["function"]["arguments"]) == ("mine", "{broken")
    filtered = chat("hi").json()
    assert (filtered["choices"][0]["finish_reason"], filtered["usage"]) == ("content_filter", usage)
    assert message(chat("hi"))["content"] == '{"a": [1]}'
    assert stream("hi")[-2]["choices"][0]["delta"]["tool_calls"][0]["id"] == "id1"


def test_script_may_be_a_function_of_the_request(server: EmulatorServer, chat: Any) -> None:
    server.script(lambda body: f"model {body['model']}")
    assert message(chat("hi"))["content"] == "model step-3.7-flash"


def test_scripted_bodies_and_chunks_are_sent_unchanged(server: EmulatorServer, chat: Any) -> None:
    server.script({"body": {"any": "thing"}}, {"status": 418, "body": "tea"}, {"chunks": [{"a": 1}, "raw"]})
    assert chat("hi").json() == {"any": "thing"}
    assert (chat("hi").status_code, server.last.status) == (418, 418)
    assert chat("hi", stream=True).text == 'data: {"a":1}\n\ndata: raw\n\ndata: [DONE]\n\n'


def test_invalid_script_is_reported(server: EmulatorServer, chat: Any) -> None:
    server.script({"contents": "typo"})
    response = chat("hi")
    assert response.status_code == 500
    assert "contents" in response.json()["error"]["message"]


# -- faults --------------------------------------------------------------------------------------------------------


def test_status_fault_has_a_count_and_headers(server: EmulatorServer, chat: Any) -> None:
    server.fault(429, times=2, retry_after=1)
    first = chat("hi")
    assert (first.status_code, first.headers["retry-after"]) == (429, "1")
    assert first.json()["error"]["type"] == "rate_limited"
    assert [chat("hi").status_code for _ in range(2)] == [429, 200]


@pytest.mark.parametrize(
    ("status", "type"),
    [(401, "invalid_api_key"), (402, "quota_exceeded"), (451, "censorship_blocked"), (503, "server_error")],
)
def test_status_faults_have_stepfuns_bodies(server: EmulatorServer, chat: Any, status: int, type: str) -> None:
    server.fault(status)
    response = chat("hi")
    assert (response.status_code, response.json()["error"]["type"]) == (status, type)


def test_faults_may_be_limited_to_a_path_and_a_method(server: EmulatorServer, chat: Any, http: Any) -> None:
    server.fault(500, path="/chat/completions", method="post")
    assert http.get("/v1/models").status_code == 200
    assert chat("hi").status_code == 500
    server.fault(500, path="/v1/mod*", times=None)
    assert [http.get("/v1/models").status_code for _ in range(3)] == [500] * 3
    assert chat("hi").status_code == 200


def test_html_and_empty_responses(server: EmulatorServer, chat: Any) -> None:
    server.fault("html")
    page = chat("hi")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
    assert page.text.startswith("<html>")
    server.fault("html", status=502)
    assert chat("hi").status_code == 502
    server.fault("empty")
    empty = chat("hi")
    assert (empty.status_code, empty.content) == (200, b"")


def test_malformed_bodies_and_content_types(server: EmulatorServer, chat: Any) -> None:
    server.fault("malformed")
    with pytest.raises(json.JSONDecodeError):
        chat("hi").json()
    server.fault(content_type="text/plain")
    assert chat("hi").headers["content-type"] == "text/plain"
    server.fault(status=200, body={"odd": True})
    assert chat("hi").json() == {"odd": True}
    server.fault(status=200, body="not json")
    assert chat("hi").text == "not json"


def test_broken_connections(server: EmulatorServer, chat: Any) -> None:
    server.fault("disconnect")
    with pytest.raises(httpx.TransportError):
        chat("hi")
    server.fault("half_close")
    with pytest.raises(httpx.RemoteProtocolError):
        chat("hi")
    server.fault(cut_after=10)
    with pytest.raises(httpx.RemoteProtocolError):
        chat("hi")
    assert chat("hi").status_code == 200


def lines(http: Any, **body: Any) -> tuple[list[str], Exception | None]:
    """Return the received events of a stream and the error that ended it."""
    body = {"model": "step-3.7-flash", "messages": [{"role": "user", "content": "hello world"}], "stream": True, **body}
    got: list[str] = []
    try:
        with http.stream("POST", "/v1/chat/completions", json=body) as response:
            got.extend(line.removeprefix("data: ") for line in response.iter_lines() if line)
    except httpx.HTTPError as error:
        return got, error
    return got, None


def test_cut_after_breaks_the_stream_after_that_many_chunks(server: EmulatorServer, http: Any) -> None:
    server.fault(cut_after=3)
    got, error = lines(http)
    assert len(got) == 3
    assert isinstance(error, httpx.RemoteProtocolError)


def test_malformed_after_sends_an_invalid_chunk(server: EmulatorServer, http: Any) -> None:
    server.fault(malformed_after=2)
    got, error = lines(http)
    assert error is None
    json.loads(got[1])
    with pytest.raises(json.JSONDecodeError):
        json.loads(got[2])


def test_error_after_sends_an_error_in_the_stream(server: EmulatorServer, http: Any) -> None:
    server.fault(error_after=1, error={"message": "gone", "type": "server_error"})
    got, error = lines(http)
    assert error is None
    assert json.loads(got[1]) == {"error": {"message": "gone", "type": "server_error"}}
    assert len(got) == 2


def test_no_finish_and_no_done_omit_the_end_of_a_stream(server: EmulatorServer, http: Any) -> None:
    server.fault("no_finish")
    got, error = lines(http)
    assert error is None
    assert all("finish_reason" not in json.loads(line)["choices"][0] for line in got)
    server.fault("no_done")
    got, _ = lines(http)
    assert json.loads(got[-1])["choices"][0]["finish_reason"] == "stop"


def test_hold_after_pauses_the_stream(server: EmulatorServer, http: Any) -> None:
    server.fault(hold_after=2)
    body = {"model": "step-3.7-flash", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with http.stream("POST", "/v1/chat/completions", json=body) as response:
        events = (line for line in response.iter_lines() if line)
        next(events)
        next(events)
        assert server.wait_until_held()
        server.release()
        assert list(events)[-1] == "data: [DONE]"


def test_disconnected_client_is_released(server: EmulatorServer, http: Any) -> None:
    server.fault(hold_after=1)
    body = {"model": "step-3.7-flash", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with http.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = response.iter_lines()
        assert next(lines)
        assert server.wait_until_held()
    assert server.wait_until_idle()


def test_delay_can_be_released(server: EmulatorServer, chat: Any) -> None:
    server.fault(delay=60)
    with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=server.origin, timeout=0.1, trust_env=False) as client:
        client.get("/v1/models")
    assert server.wait_until_idle()
    server.fault(delay=60)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(chat, "hi")
        assert server.wait_until_held()
        server.release()
        assert waiting.result().status_code == 200


def test_header_faults_count_by_header_or_by_the_sdks_retry_count(chat: Any) -> None:
    fault = {"X-Emulator-Fault": "status=429;times=2"}
    assert [chat("hi", headers=fault).status_code for _ in range(3)] == [429, 429, 200]
    by_attempt = [
        chat("hi", headers={**fault, "x-stainless-retry-count": str(attempt)}).status_code for attempt in (0, 1, 2, 0)
    ]
    assert by_attempt == [429, 429, 200, 429]
    assert chat("hi", headers={"X-Emulator-Fault": "html"}).headers["content-type"] == "text/html"
    assert chat("hi", headers={"X-Emulator-Fault": "bogus=1"}).status_code == 400


@pytest.mark.parametrize("options", [{"status": 99}, {"status": 200}, {"times": 0}, {"nonsense": 1}, {"kind": "x"}])
def test_invalid_faults_are_refused(server: EmulatorServer, options: Any) -> None:
    with pytest.raises(ValueError, match=r"Fault|fault"):
        server.fault(**options)


def test_fault_may_be_an_object(server: EmulatorServer, chat: Any) -> None:
    fault = Fault(status=500)
    server.fault(fault)
    server.fault(fault, times=1, headers={"X-A": "b"})
    assert chat("hi").status_code == 500
    assert chat("hi").headers["x-a"] == "b"


# -- admin ---------------------------------------------------------------------------------------------------------


def test_admin_endpoints_control_the_server_over_http(server: EmulatorServer, http: Any, chat: Any) -> None:
    assert http.post("/__emulator__/script", json={"replies": ["scripted", {"content": "two"}]}).json() == {
        "scripted": 2
    }
    assert message(chat("hi"))["content"] == "scripted"
    http.post("/__emulator__/fault", json={"kind": "html"})
    http.post("/__emulator__/fault", json=[{"status": 429, "times": 1}])
    assert chat("hi").headers["content-type"] == "text/html"
    assert chat("hi").status_code == 429
    seen = http.get("/__emulator__/requests").json()["requests"]
    assert [item["status"] for item in seen] == [200, 200, 429]
    assert server.api_key not in json.dumps(seen)
    assert http.patch("/__emulator__/config", json={"strict": True, "tier": "V0"}).json()["strict"] is True
    assert chat("hi", seed=1).status_code == 400
    assert http.get("/__emulator__/config").json()["tier"] == "V0"
    for name, body in (("config", {"stream_shape": "z"}), ("config", {"x": 1}), ("fault", {"status": 5}), ("nope", {})):
        assert http.post(f"/__emulator__/{name}", json=body).status_code in (400, 404)
    http.delete("/__emulator__/requests")
    assert server.requests == []
    http.post("/__emulator__/reset")
    assert http.get("/__emulator__/config").json()["strict"] is False
    assert http.post("/__emulator__/release").json() == {"released": 0}


def test_oldest_requests_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    def sent(body: bytes) -> RecordedRequest:
        return RecordedRequest("POST", "/v1/x", {}, {}, body)

    monkeypatch.setattr("stepfun_compat.emulator.state.MOST_REQUESTS", 3)
    monkeypatch.setattr("stepfun_compat.emulator.state.MOST_REQUEST_BYTES", 10)
    engine = Engine()
    for number in range(5):
        engine.record(sent(b"%d" % number))
    assert [request.body for request in engine.requests] == [b"2", b"3", b"4"]
    engine.record(sent(b"x" * 9))
    assert [len(request.body) for request in engine.requests] == [1, 9]
    engine.record(sent(b"x" * 20))
    assert [len(request.body) for request in engine.requests] == [20]
    engine.reset()
    engine.record(sent(b"x" * 9))
    engine.record(sent(b"x"))
    assert len(engine.requests) == 2
