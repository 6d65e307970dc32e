"""The events on which the fast path is compared with the SDK before it is used."""

from __future__ import annotations

from typing import Any

BODY = """\
: a comment

data: {"id":"d4","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":""}],"usage":{"prompt_tokens":0}}

data:{"choices":[{"index":0,"delta":{"role":"","content":"\\u4f60\\ud83d\\ude00 好\\n\\t\\"\\/\\\\"}}],"agent":"","n":[-0,-0.0,1e400,1E5,12345678901234567890123,0.1,null,true,NaN]}

event: response.output_text.delta
data: {"type":"response.output_text.delta","a":1,"b":{},"a":[2],"delta":"x"}

data: {"error":null,"empty":{}}

""".encode()
"""Every kind of plain frame and of JSON."""


def _chunk(delta: dict[str, Any], reason: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
    head = {"id": "d4", "object": "chat.completion.chunk", "created": 1710146871, "model": "step-3.7-flash"}
    return {**head, "choices": [choice], **more}


def _call(index: int, arguments: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


def _chunks(**more: Any) -> list[dict[str, Any]]:
    reasoning = {"content": None, "reasoning": "Hm.\n", "reasoning_content": "Hm.\n"}
    return [
        _chunk({"role": "assistant", "content": ""}, **more),
        _chunk({"role": "assistant", **reasoning}, **more),
        _chunk({"content": "你好\n😀"}, **more),
        _chunk({"content": "\0", "reasoning": "x", "reasoning_content": "x"}, index=1, **more),
        _chunk(reasoning, **more),
        _chunk(_call(0, '{"city": "'), **more),
        _chunk(_call(3, ""), **more),
        _chunk({}, "stop", **more),
        _chunk({}, "tool_calls", index=2, **more),
        _chunk({}, "unknown to the SDK", **more),
    ]


CHUNKS = [*_chunks(), *_chunks(usage=None)]
"""Chunks of `ChatStream`, each kind twice with different values."""

_AT = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
_CALL = {"item_id": "fc_1", "output_index": 2}

EVENTS: list[dict[str, Any]] = [
    {"type": "response.output_text.delta", "sequence_number": 10, **_AT, "delta": "你好", "logprobs": []},
    {"type": "response.output_text.delta", "sequence_number": 11, **_AT, "delta": "", "logprobs": []},
    {"type": "response.output_text.done", "sequence_number": 12, **_AT, "text": "你好", "logprobs": []},
    {"type": "response.reasoning_text.delta", "sequence_number": 3, **_AT, "delta": "Hm."},
    {"type": "response.reasoning_text.done", "sequence_number": 4, **_AT, "text": "Hm."},
    {"type": "response.function_call_arguments.delta", "sequence_number": 20, **_CALL, "delta": "{}"},
    {"type": "response.function_call_arguments.done", "sequence_number": 21, **_CALL, "name": "f", "arguments": "{}"},
    {"type": "response.custom_tool_call_input.delta", "sequence_number": 22, **_CALL, "delta": "x"},
]
"""Events of both Responses translations."""
