"""OpenAI's service with a scripted response for each request, in its current shape; standard library only."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        reply = self.server.replies.pop(0)
        if isinstance(reply, dict) and "status" in reply:
            error = {"message": "Rate limit reached", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
            self._send(reply["status"], json.dumps({"error": error}))
        elif self.path.endswith("/chat/completions"):
            self._chat(body, reply)
        else:
            choice = {"text": reply, "index": 0, "logprobs": None, "finish_reason": "stop"}
            self._send(
                200,
                json.dumps(
                    {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}
                ),
            )

    def _chat(self, body: Any, reply: Any) -> None:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": reply if isinstance(reply, str) else None,
            "refusal": None,
        }
        finish = "stop"
        if isinstance(reply, dict):
            call = {name: reply["tool_calls"][0][name] for name in ("name", "arguments")}
            if "functions" in body:
                message["function_call"], finish = call, "function_call"
            else:
                message["tool_calls"], finish = [{"id": "call_1", "type": "function", "function": call}], "tool_calls"
        head = {"id": "chatcmpl-1", "created": 1, "model": body["model"]}
        if not body.get("stream"):
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
            self._send(200, json.dumps({**head, "object": "chat.completion", "choices": [choice], "usage": usage}))
            return
        head["object"] = "chat.completion.chunk"
        half = len(reply) // 2
        deltas: list[tuple[Any, str | None]] = [({"role": "assistant", "content": ""}, None)]
        deltas += [({"content": reply[:half]}, None), ({"content": reply[half:]}, None), ({}, "stop")]
        chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in deltas]
        text = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n"
        self._send(200, text, "text/event-stream")

    def _send(self, status: int, text: str, kind: str = "application/json") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class ScriptedOpenAI:
    """`with ScriptedOpenAI(["an answer", {"status": 429}]) as server: server.url`."""

    def __init__(self, replies: list[Any]) -> None:
        self._http: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.replies = list(replies)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> ScriptedOpenAI:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
