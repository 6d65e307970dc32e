"""A server with OpenAI's responses of 2023, standard library only: the response depends only on the request."""

from __future__ import annotations

import base64
import json
import struct
import threading
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

CREATED = 1690000000
SHOWN = (
    "authorization",
    "api-key",
    "openai-organization",
    "openai-version",
    "x-request-id",
    "x-mine",
    "x-key",
    "x-auth",
    "cookie",
)

ERRORS = {
    "400": (400, "invalid_request_error", "messages", "context_length_exceeded", "It is too long."),
    "401": (401, "invalid_request_error", None, "invalid_api_key", "The key is wrong."),
    "403": (403, "access_terminated", None, None, "You may not."),
    "404": (404, "invalid_request_error", "model", "model_not_found", "The model `error-404` does not exist"),
    "415": (415, "invalid_request_error", None, None, "Not that type."),
    "422": (422, "invalid_request_error", "x", "odd", "It cannot be processed."),
    "429": (429, "requests", None, "rate_limit_exceeded", "Too many."),
    "500": (500, "server_error", None, None, "Something broke."),
    "502": (502, "server_error", None, None, "A gateway broke."),
    "503": (503, "server_error", None, None, "Overloaded."),
}


def chat(model: str, content: str = "Grüße, 世界") -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
    }


def chunk(model: str, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def error_body(kind: str) -> tuple[int, dict[str, Any]]:
    status, type_, param, code, message = ERRORS[kind]
    return status, {"error": {"message": message, "type": type_, "param": param, "code": code}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Any

    def log_message(self, *_: Any) -> None:
        pass

    # ------------------------------------------------------------ requests

    def _read(self) -> Any:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        kind = self.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            whole: Message = BytesParser().parsebytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + raw)
            parts: list[Any] = []
            for part in whole.get_payload():  # type: ignore[union-attr]
                name = part.get_param("name", header="content-disposition")
                content = part.get_payload(decode=True).decode("latin-1")
                parts.append(
                    [name, part.get_filename(), content, part.get_content_type() if part.get_filename() else None]
                )
            return {"form": sorted(parts, key=str)}
        return json.loads(raw) if raw else None

    def _note(self, body: Any) -> None:
        parts = urlsplit(self.path)
        self.server.requests.append(
            {
                "method": self.command,
                "path": parts.path,
                "query": sorted(parse_qsl(parts.query)),
                "headers": {name: self.headers[name] for name in SHOWN if name in self.headers},
                "body": body,
            }
        )

    # ------------------------------------------------------------ responses

    def _send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("OpenAI-Organization", "org-reference")
        self.send_header("Openai-Processing-Ms", "123.4")
        self.send_header("X-Request-Id", "x-1")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _json(self, data: Any, status: int = 200, **headers: str) -> None:
        self._send(status, json.dumps(data).encode(), **headers)

    def _events(self, *lines: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("OpenAI-Organization", "org-reference")
        self.send_header("Openai-Processing-Ms", "7")
        self.end_headers()
        for line in lines:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")

    def _stream(self, *chunks: Any) -> None:
        self._events(*(b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks), b"data: [DONE]\n\n")

    # ------------------------------------------------------------ routing

    def _answer(self) -> None:
        body = self._read()
        self._note(body)
        path = urlsplit(self.path).path.removeprefix("/v1").removeprefix("/openai")
        if path.startswith(("/deployments/", "/engines/")) and path.count("/") > 2:
            _, _, model, path = path.split("/", 3)
            path, named = f"/{path}", model
        else:
            named = (body or {}).get("model", "") if isinstance(body, dict) else ""
        model = str(named or "")
        if model.startswith("error-"):
            self._fail(model)
        elif path == "/chat/completions":
            self._chat(model, body)
        else:
            self._other(path, model, body)

    do_GET = do_POST = do_DELETE = do_PUT = _answer

    def _fail(self, model: str) -> None:
        kind = model.removeprefix("error-")
        if kind in ERRORS:
            status, body = error_body(kind)
            self._json(body, status, Retry_After="3")
        elif kind == "internal":
            self._json({"error": {"message": "Broken.", "type": "server_error", "internal_message": "Inside."}}, 500)
        elif kind == "request-id":
            self._json(error_body("400")[1], 400, Request_Id="req_1")
        elif kind == "html":
            self._send(502, b"<html>Bad gateway</html>", "text/html")
        elif kind == "html-200":
            self._send(200, b"<html>Login</html>", "text/html")
        elif kind == "text":
            self._send(500, b"broken", "text/plain")
        elif kind == "detail":
            self._json({"detail": "Not Found"}, 404)
        elif kind == "empty":
            self._send(404, b"")
        elif kind == "bad-json":
            self._send(200, b'{"id": ')
        elif kind == "again":
            self.server.again += 1
            if self.server.again % 2:
                self._json({"error": {"message": "Not yet.", "type": "server_error"}}, 409)
            else:
                self._json(chat(model))
        elif kind == "slow":
            self.server.held.wait(30)
            self.close_connection = True
        elif kind == "hang-up":
            self.close_connection = True
            self.connection.close()

    def _chat(self, model: str, body: Any) -> None:
        if not body.get("stream"):
            self._json(chat(model))
            return
        first, text = chunk(model, {"role": "assistant"}), [chunk(model, {"content": t}) for t in ("Grüße", ", 世界")]
        last = chunk(model, {}, "stop")
        if model == "stream-error":
            self._stream(
                first, {"error": {"message": "It broke.", "type": "server_error", "param": None, "code": None}}
            )
        elif model == "stream-bad":
            self._events(b"data: " + json.dumps(first).encode() + b"\n\n", b"data: {oops\n\n")
        elif model == "stream-odd":
            lines = [b": a comment\n\n", b"event: message\n", b"data:" + json.dumps(first).encode() + b"\r\n\r\n"]
            self._events(*lines, b"data: " + json.dumps(last).encode() + b"\n\n")
        elif model == "stream-call":
            call = {"function_call": {"name": "f", "arguments": ""}}
            more = [{"function_call": {"arguments": part}} for part in ('{"a"', ": 1}")]
            deltas = [{"role": "assistant", "content": None, **call}, *more]
            self._stream(*(chunk(model, d) for d in deltas), chunk(model, {}, "function_call"))
        else:
            self._stream(first, *text, last)

    def _other(self, path: str, model: str, body: Any) -> None:
        method = self.command
        listed = {"object": "list", "data": []}
        file = {"id": "file-1", "object": "file", "bytes": 5, "created_at": CREATED, "filename": "a.jsonl"}
        file |= {"purpose": "fine-tune", "status": "processed"}
        if path == "/completions" and body.get("stream"):
            part = {"id": "cmpl-1", "object": "text_completion", "created": CREATED, "model": model}
            self._stream(*({**part, "choices": [{"text": t, "index": 0, "finish_reason": None}]} for t in "ab"))
        elif path == "/completions":
            choice = {"text": "", "index": 0, "logprobs": None, "finish_reason": "length"}
            self._json(
                {"id": "cmpl-1", "object": "text_completion", "created": CREATED, "model": model, "choices": [choice]}
            )
        elif path == "/embeddings":
            vector: Any = [0.1, -2.5, 3.25]
            if body.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack("<3f", *vector)).decode()
            row = {"object": "embedding", "index": 0, "embedding": vector}
            self._json(
                {"object": "list", "data": [row], "model": model, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
            )
        elif path in ("/images/generations", "/images/variations", "/images/edits"):
            self._json({"created": CREATED, "data": [{"url": "https://images.example/1.png"}]})
        elif path.startswith("/audio/"):
            wants = {name: content for name, _, content, _ in body["form"]}
            if wants.get("response_format") == "text":
                self._send(200, b"Hello.\n", "text/plain; charset=utf-8")
            else:
                self._json({"text": "Hello."})
        elif path in ("/models", "/engines"):
            kind = path[1:-1]
            self._json(
                {**listed, "data": [{"id": "gpt-3.5-turbo", "object": kind, "owned_by": "openai", "permission": []}]}
            )
        elif path.startswith("/models/") and method == "DELETE":
            self._json({"id": path[8:], "object": "model", "deleted": True})
        elif path.startswith("/models/"):
            self._json({"id": path[8:], "object": "model", "created": CREATED, "owned_by": "openai"})
        elif path == "/files" and method == "GET":
            self._json({**listed, "data": [file, {**file, "id": "file-2", "filename": "b.jsonl"}]})
        elif path == "/files":
            self._json(file)
        elif path == "/files/file-1/content":
            self._send(200, b'{"a": 1}\n', "application/octet-stream")
        elif path.startswith("/files/") and method == "DELETE":
            self._json({"id": "file-1", "object": "file", "deleted": True})
        elif path == "/files/file-1":
            self._json(file)
        elif path == "/moderations":
            result = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.25}}
            self._json({"id": "modr-1", "model": "text-moderation-005", "results": [result]})
        elif path == "/edits":
            self._json({"object": "edit", "created": CREATED, "choices": [{"text": "fixed", "index": 0}]})
        elif path == "/fine_tuning/jobs" and method == "POST":
            self._json({"id": "ftjob-1", "object": "fine_tuning.job", "status": "queued", "model": model})
        elif path == "/fine_tuning/jobs":
            self._json({**listed, "data": [{"id": "ftjob-1", "object": "fine_tuning.job"}], "has_more": False})
        elif path == "/fine_tuning/jobs/ftjob-1/cancel":
            self._json({"id": "ftjob-1", "object": "fine_tuning.job", "status": "cancelled"})
        elif path == "/fine_tuning/jobs/ftjob-1/events":
            self._json(
                {**listed, "data": [{"object": "fine_tuning.job.event", "message": "Begun."}], "has_more": False}
            )
        elif path == "/fine-tunes/ft-1/events" and "stream" in self.path:
            self._stream(
                {"object": "fine-tune-event", "message": "Begun."}, {"object": "fine-tune-event", "message": "Done."}
            )
        elif path == "/fine-tunes/ft-1/events":
            self._json({**listed, "data": [{"object": "fine-tune-event", "message": "Begun."}]})
        elif path.startswith("/customer/"):
            self._json({"object": "thing", "path": path})
        elif path == "/nothing":
            self.send_response(204)
            self.send_header("OpenAI-Organization", "org-reference")
            self.end_headers()
        else:
            self._json(error_body("404")[1], 404)


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Ignore disconnecting clients."""


class ReferenceServer:
    """`with ReferenceServer() as server: server.url`; `server.take()` returns the requests since the last call."""

    def __enter__(self) -> ReferenceServer:
        self._http: Any = QuietServer(("127.0.0.1", 0), Handler)
        self._http.requests, self._http.again, self._http.held = [], 0, threading.Event()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.held.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def take(self) -> list[Any]:
        taken, self._http.requests = self._http.requests, []
        return taken
