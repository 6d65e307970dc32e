"""The environment of a program of the matrix: an embeddings provider, and a proxy that refuses and records connections."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import Self, override

EMBEDDING_KEY = "key-of-the-embedding-provider"
_WIDTH = 64


def vector(text: Any) -> list[float]:
    """Return a bag of hashed words: texts that share words are close. Token numbers count as words."""
    words = [str(part) for part in text] if isinstance(text, list) else re.findall(r"\w+", str(text).lower())
    row = [0.0] * _WIDTH
    for word in words or ["nothing"]:
        row[int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16) % _WIDTH] += 1.0
    length = sum(value * value for value in row) ** 0.5
    return [value / length for value in row]


class _Server:
    """A small HTTP server in a thread that records its requests."""

    def __init__(self) -> None:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            @override
            def log_message(self, format: str, *args: Any) -> None: ...

            def do_POST(self) -> None:
                owner.answer(self)

            do_GET = do_CONNECT = do_PUT = do_HEAD = do_POST

        self.seen: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        raise NotImplementedError

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _reply(request: BaseHTTPRequestHandler, status: int, value: Any) -> None:
    body = json.dumps(value).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


class Embeddings(_Server):
    """An OpenAI-compatible `/v1/embeddings` for `Settings.fallback` that accepts only its own key."""

    @override
    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.seen.append(request.path)
        if request.headers.get("Authorization") != f"Bearer {EMBEDDING_KEY}":
            self.seen.append("a wrong key")
            _reply(request, 401, {"error": {"message": "wrong key", "type": "invalid_request_error"}})
            return
        asked = json.loads(body)
        given = asked["input"]
        texts = given if isinstance(given, list) and not all(isinstance(item, int) for item in given) else [given]
        rows = [
            {"object": "embedding", "index": place, "embedding": _encoded(vector(text), asked.get("encoding_format"))}
            for place, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        _reply(request, 200, {"object": "list", "model": asked["model"], "data": rows, "usage": usage})


def _encoded(row: list[float], encoding: str | None) -> list[float] | str:
    return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode() if encoding == "base64" else row


class ClosedProxy(_Server):
    """The only proxy a program is configured with: it refuses connections and records the hosts."""

    @override
    def answer(self, request: BaseHTTPRequestHandler) -> None:
        target = request.path if request.command == "CONNECT" else re.sub(r"^\w+://|/.*", "", request.path)
        self.seen.append(target.rpartition(":")[0] or target)
        request.close_connection = True
        _reply(request, 403, {"error": "this machine is closed"})
