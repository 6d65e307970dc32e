"""A StepFun that rejects contested forms, and one call in each of the SDK's modes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
from pydantic import BaseModel

from stepfun_compat import Settings

from .wire import Wire, completion, text_stream

Body = dict[str, Any]
USER: Body = {"role": "user", "content": "Where is it?"}
SCHEMA: Body = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FORMAT: Body = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": SCHEMA}}
ANSWER = '{"city": "Paris"}'
REPLAYED: list[Body] = [USER, {"role": "assistant", "content": "Paris", "reasoning_content": "Hm."}, USER]
QUIET = Settings(on_unsupported="ignore")


class Place(BaseModel):
    city: str


def refusal(message: str, type: str = "request_params_invalid", **more: Any) -> httpx.Response:
    return httpx.Response(400, json={"error": {"message": message, "type": type, **more}})


def strict(refused: Callable[[Body], bool], message: str, **more: Any) -> Wire:
    """A StepFun that rejects some bodies and answers the others."""

    def answer(request: httpx.Request) -> httpx.Response:
        body: Body = json.loads(request.content)
        if refused(body):
            return refusal(message, **more)
        return text_stream(ANSWER) if body.get("stream") else httpx.Response(200, json=completion(ANSWER))

    return Wire(answer)


def is_schema(body: Body) -> bool:
    return body.get("response_format", {}).get("type") == "json_schema"


def penalised(body: Body) -> bool:
    return not 0 <= body.get("frequency_penalty", 0) <= 1


def has_parts(body: Body) -> bool:
    return any(isinstance(message["content"], list) for message in body["messages"])


FACTS: dict[str, tuple[Body, str, Callable[[Body], bool]]] = {
    "json_schema": (
        {"response_format": FORMAT},
        "model step-3.7-flash does not support response_format json_schema",
        is_schema,
    ),
    "json_schema, in Chinese": ({"response_format": FORMAT}, "模型 step-3.7-flash 不支持 json_schema 输出", is_schema),
    "json_schema as a bad value": (
        {"response_format": FORMAT},
        "Request param: response_format.type is invalid, recommended val is: text, json_object",
        is_schema,
    ),
    "a keyword of the schema": (
        {"response_format": FORMAT},
        "response_format: $ref in schema is not supported",
        is_schema,
    ),
    "a high penalty": (
        {"frequency_penalty": 1.8},
        "Request param: frequency_penalty is invalid, recommended val is: [0.0,1.0]",
        penalised,
    ),
    "a low penalty": ({"frequency_penalty": -0.5}, "frequency_penalty 取值范围为 0.0 到 1.0", penalised),
    "an effort in the middle": (
        {"reasoning_effort": "medium"},
        "Request param: reasoning_effort is invalid, recommended val is: low, high",
        lambda body: body.get("reasoning_effort") == "medium",
    ),
    "any effort": (
        {"reasoning_effort": "low"},
        "reasoning_effort is not supported by this model",
        lambda body: "reasoning_effort" in body,
    ),
    "text parts": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}]},
        "Request param: messages[0].content is invalid, recommended val is: string",
        has_parts,
    ),
    "text parts, unrecognised": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}]},
        "Unrecognized chat message.",
        has_parts,
    ),
    "a role": (
        {"messages": [{"role": "critic", "content": "Be exact."}, USER]},
        "Request param: messages.role is invalid, recommended val is: system, user, assistant, tool",
        lambda body: any(message["role"] == "critic" for message in body["messages"]),
    ),
    "keys of a message": (
        {"messages": REPLAYED},
        "Unrecognized chat message.",
        lambda body: any("reasoning_content" in message for message in body["messages"]),
    ),
    "a system message at the end": (
        {"messages": [{"role": "system", "content": "A"}, USER, {"role": "system", "content": "B"}]},
        "System message must be at the beginning.",
        lambda body: any(message["role"] == "system" for message in body["messages"][1:]),
    ),
}
MODES = ("plain", "stream", "raw", "raw stream", "with_streaming_response", "helper stream")


def make(client: Any, mode: str, **body: Any) -> Any:
    """Make one sync call in one of the SDK's modes and return its text."""
    completions = client.chat.completions
    asked: Body = {"model": "step-3.7-flash", "messages": [USER], **body}
    if mode == "plain":
        return completions.create(**asked).choices[0].message.content
    if mode == "stream":
        return "".join(chunk.choices[0].delta.content or "" for chunk in completions.create(**asked, stream=True))
    if mode == "raw":
        return completions.with_raw_response.create(**asked).parse().choices[0].message.content
    if mode == "raw stream":
        chunks = completions.with_raw_response.create(**asked, stream=True).parse()
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    if mode == "with_streaming_response":
        with completions.with_streaming_response.create(**asked) as response:
            return response.parse().choices[0].message.content
    helper = client.chat.completions if hasattr(client.chat.completions, "stream") else client.beta.chat.completions
    with helper.stream(**asked) as stream:
        return stream.get_final_completion().choices[0].message.content


async def make_async(client: Any, mode: str, **body: Any) -> Any:
    """Make one call with the async client and return its text."""
    completions = client.chat.completions
    asked: Body = {"model": "step-3.7-flash", "messages": [USER], **body}
    if mode == "plain":
        return (await completions.create(**asked)).choices[0].message.content
    if mode == "stream":
        chunks = await completions.create(**asked, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
    if mode == "raw":
        return (await completions.with_raw_response.create(**asked)).parse().choices[0].message.content
    if mode == "raw stream":
        chunks = (await completions.with_raw_response.create(**asked, stream=True)).parse()
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
    if mode == "with_streaming_response":
        async with completions.with_streaming_response.create(**asked) as response:
            return (await response.parse()).choices[0].message.content
    helper = client.chat.completions if hasattr(client.chat.completions, "stream") else client.beta.chat.completions
    async with helper.stream(**asked) as stream:
        return (await stream.get_final_completion()).choices[0].message.content


def made(wire: Wire, mode: str, later: bool, times: int = 1, settings: Settings = QUIET, **body: Any) -> list[Any]:
    """Make several calls with one sync or async client and return their texts."""
    if not later:
        with wire.client(settings=settings) as client:
            return [make(client, mode, **body) for _ in range(times)]

    async def run() -> list[Any]:
        async with wire.async_client(settings=settings) as client:
            return [await make_async(client, mode, **body) for _ in range(times)]

    return asyncio.run(run())
