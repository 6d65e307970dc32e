"""`POST /responses/input_tokens`, by StepFun's token count, which takes a model and messages and no tools (api 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from typing_extensions import override

from ..exchange import Exchange, Json, Refusal
from .base import PlainEndpoint, Request, replace
from .chat_completions import ENDPOINT as CHAT
from .chat_response import UnexpectedBody
from .common import Dict, as_dict, drop_by_table, given


def _row(value: Json) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _part(value: Json) -> Json:
    row = _row(value)
    kind = row.get("type")
    if kind in ("input_text", "output_text"):
        return {"type": "text", "text": row.get("text", "")}
    if kind == "input_image":
        image = row.get("image_url")
        if image is None:
            raise Refusal(
                "input holds an input_image without image_url; StepFun takes images by URL, data URL or stepfile://.",
                code="unsupported_content_type",
                param="input",
            )
        inner: Dict = dict(_row(image)) or {"url": image}
        if row.get("detail") is not None:
            inner["detail"] = row["detail"]
        return {"type": "image_url", "image_url": inner}
    if kind == "input_video":
        video = row.get("video_url")
        return {"type": "video_url", "video_url": dict(_row(video)) or {"url": video}}
    return value


def _content(value: Json) -> Json:
    return [_part(part) for part in cast("Sequence[Any]", value)] if isinstance(value, list | tuple) else value


def input_messages(input: Json, instructions: Json, x: Exchange) -> list[Dict]:
    """The input of a response as chat messages, for counting."""
    messages: list[Dict] = []
    if isinstance(instructions, str) and instructions:
        messages.append({"role": "system", "content": instructions})
    if isinstance(input, str):
        return [*messages, {"role": "user", "content": input}]
    for item in cast("Sequence[Any]", input if isinstance(input, list | tuple) else ()):
        row = _row(item)
        kind = row.get("type", "message")
        if kind == "message" and row.get("role"):
            messages.append({"role": row["role"], "content": _content(row.get("content"))})
        elif kind == "function_call":
            function = {"name": row.get("name"), "arguments": row.get("arguments")}
            call = {"id": row.get("call_id"), "type": "function", "function": function}
            if messages and messages[-1].get("tool_calls"):
                messages[-1]["tool_calls"].append(call)
            else:
                messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif kind == "function_call_output":
            output = _content(row.get("output"))
            messages.append({"role": "tool", "tool_call_id": row.get("call_id"), "content": output})
        elif kind != "reasoning":  # reasoning is not counted as input: StepFun documents no such item (api 5.1)
            x.change("drop", "input", str(kind), None, "StepFun's token count takes messages only", loses=True)
    return messages


class InputTokens(PlainEndpoint):
    """How many tokens an input has."""

    name = "responses.input_tokens"

    @override
    def transform_request(self, request: Request, x: Exchange) -> Request:
        fields = given(request)
        wire: Dict = {}
        drop_by_table(fields, wire, x, self.name, ("model", "input", "instructions"))
        messages = input_messages(fields.get("input"), fields.get("instructions"), x)
        if not messages:
            raise Refusal(
                "input is missing: it takes text or a list of items.", code="missing_parameter", param="input"
            )
        chat = CHAT.transform_request(
            Request("POST", "/chat/completions", json={"model": fields.get("model"), "messages": messages}), x
        )
        model = chat.json.get("model") or x.catalog.default_chat
        x.change("route", "path", request.path, "/token/count", "StepFun's own count")
        return replace(request, path="/token/count", json={**wire, "model": model, "messages": chat.json["messages"]})

    @override
    def transform_response(self, data: Json, x: Exchange) -> Json:
        total = (as_dict((as_dict(data) or {}).get("data")) or {}).get("total_tokens")
        if not isinstance(total, int):
            raise UnexpectedBody("the answer has no count of tokens")
        return {"object": "response.input_tokens", "input_tokens": total}


ENDPOINT = InputTokens()
