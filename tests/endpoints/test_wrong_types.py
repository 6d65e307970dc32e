"""Wrong types raise the SDK's errors, never ours: every field of every endpoint with values of every JSON type.

Where the stock client sends a value and raises the server's error, so does ours: any other exception would pass by the
`except` clauses of existing programs.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import Settings
from tests.support.properties import DEPTH

VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "x",
    "",
    [],
    [1],
    ["x"],
    [None],
    [[]],
    {},
    {"a": 1},
    [{}],
    "\ud800",
]
VALUES += [[{"type": "x"}], [{"type": 5}], [{"type": []}], {"type": 5}, {"type": {}}, {"type": "function"}]
VALUES += [[{"type": "function"}], [{"role": 5, "content": 7}], [{"role": "user", "content": [5]}], {"format": []}]
VALUES += [[{"type": "message", "role": "user", "content": {"a": 1}}], [{"role": "assistant", "tool_calls": 5}]]
VALUES += [[{"role": "assistant", "tool_calls": [{"function": []}]}], [{"role": "tool", "content": {}}]]
VALUES += [
    [{"type": "function_call", "call_id": 5, "name": [], "arguments": {}}],
    {"type": "json_schema", "json_schema": 5},
]
VALUES += [[{"type": "namespace", "name": 5, "tools": 7}], [{"type": "function_call_output", "output": 5}]]
VALUES += [[{"type": "custom", "name": [], "format": 5}], {"format": {"type": "json_schema", "schema": 5}}]

SAMPLING = "temperature top_p n stop stream_options frequency_penalty presence_penalty seed logit_bias logprobs user"
ENDPOINTS: dict[str, tuple[dict[str, Any], str]] = {
    "/chat/completions": (
        {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]},
        f"{SAMPLING} model messages tools tool_choice functions function_call max_tokens max_completion_tokens store "
        "response_format reasoning_effort modalities audio top_logprobs metadata service_tier parallel_tool_calls "
        "prediction verbosity web_search_options prompt_cache_key safety_identifier prompt_cache_retention",
    ),
    "/completions": (
        {"model": "gpt-3.5-turbo-instruct", "prompt": "x"},
        f"{SAMPLING} model prompt max_tokens echo suffix best_of",
    ),
    "/responses": (
        {"model": "step-3.7-flash", "input": "x"},
        "model input instructions tools tool_choice text reasoning max_output_tokens stream_options parallel_tool_calls "
        "max_tool_calls include truncation background previous_response_id conversation prompt prompt_cache_key store "
        "metadata user safety_identifier service_tier temperature top_p top_logprobs prompt_cache_retention",
    ),
    "/responses/input_tokens": (
        {"model": "gpt-4o", "input": "x"},
        "model input instructions tools tool_choice text reasoning previous_response_id conversation truncation",
    ),
    "/conversations": ({}, "items metadata"),
    "/images/generations": (
        {"model": "dall-e-3", "prompt": "x"},
        "model prompt n size quality style response_format user seed background moderation output_format "
        "output_compression partial_images steps cfg_scale",
    ),
    "/audio/speech": (
        {"model": "tts-1", "input": "x", "voice": "alloy"},
        "model input voice response_format speed instructions stream_format",
    ),
    "/vector_stores": ({"name": "x"}, "name file_ids metadata expires_after chunking_strategy description"),
    "/vector_stores/vs_1": ({}, "name metadata expires_after"),
    "/vector_stores/vs_1/files": ({"file_id": "f"}, "file_id attributes chunking_strategy"),
    "/vector_stores/vs_1/search": ({"query": "x"}, "query max_num_results filters ranking_options rewrite_query"),
    "/vector_stores/vs_1/file_batches": ({"file_ids": ["f"]}, "file_ids files attributes chunking_strategy"),
    "/uploads": (
        {"bytes": 3, "filename": "x", "mime_type": "text/plain", "purpose": "user_data"},
        "bytes filename mime_type purpose expires_after",
    ),
    "/uploads/upload_1/complete": ({"part_ids": ["p"]}, "part_ids md5"),
    "/embeddings": ({"model": "m", "input": "x"}, "model input dimensions"),
    "/moderations": ({"input": "x"}, "model input"),
}
FORMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "/files": ({"purpose": "assistants"}, "file", "purpose expires_after"),
    "/images/edits": (
        {"model": "gpt-image-1", "prompt": "x"},
        "image",
        "model prompt n size response_format quality background",
    ),
    "/images/variations": ({"model": "dall-e-2"}, "image", "model n size"),
    "/audio/transcriptions": (
        {"model": "whisper-1"},
        "file",
        "model language prompt response_format temperature timestamp_granularities include chunking_strategy",
    ),
    "/audio/translations": ({"model": "whisper-1"}, "file", "model prompt response_format temperature"),
}
LISTS = [
    "/files",
    "/vector_stores",
    "/vector_stores/vs_1/files",
    "/conversations/conv_1/items",
    "/responses/resp_1/input_items",
]


def refuse(request: httpx.Request) -> httpx.Response:
    """A server that rejects every request."""
    return httpx.Response(400, json={"error": {"message": "bad", "type": "request_params_invalid"}})


def accept(request: httpx.Request) -> httpx.Response:
    """A server that accepts every request."""
    said = {"role": "assistant", "content": "x"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    chat: dict[str, Any] = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "usage": usage}
    part = {"type": "output_text", "text": "x", "annotations": []}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    native = {"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed", "output": [item]}
    streamed = b'"stream":true' in request.content.replace(b" ", b"")
    if request.url.path.endswith("/responses"):
        answer: Any = native
        rows = [{"type": "response.created", "response": native}, {"type": "response.completed", "response": native}]
    elif request.url.path.endswith("/chat/completions"):
        answer = {**chat, "choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}
        rows = [{**chat, "choices": [{"index": 0, "delta": said, "finish_reason": "stop"}]}]
    else:
        return httpx.Response(200, json={"id": "x", "data": [], "text": "x"})
    if not streamed:
        return httpx.Response(200, json=answer)
    text = "".join(f"data: {json.dumps(row)}\n\n" for row in rows) + "data: [DONE]\n\n"
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)


def common(route: str) -> Any:
    settings = Settings(responses_route=route, on_unsupported="ignore", state="memory://wrong-types")
    return {"api_key": "k", "base_url": "https://api.stepfun.ai/v1", "settings": settings, "max_retries": 0}


def client(route: str, server: Any) -> Any:
    return stepfun_compat.OpenAI(**common(route), http_client=httpx.Client(transport=httpx.MockTransport(server)))


def calls(path: str, share: int = 0, shares: int = 1) -> list[dict[str, Any]]:
    """Every field with every value; one share of them where several tests split the work, all with `TEST_DEPTH`."""
    base, fields = ENDPOINTS[path]
    rows = [{**base, field: value} for field in fields.split() for value in VALUES]
    return rows[share % shares :: shares] if DEPTH == 1 else rows


def stock_takes(body: dict[str, Any]) -> bool:
    """Whether the stock client can put the body on the wire."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


SERVERS = [refuse, accept]
ROUTES = ("auto", "chat", "native")
PLACES = [(path, route) for path in ENDPOINTS for route in (ROUTES if path == "/responses" else ("auto",))]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("path", "route"), PLACES)
def test_wrong_types_raise_the_sdks_errors(path: str, route: str, server: Any):
    failures: list[str] = []
    share, shares = SERVERS.index(server) + 2 * ROUTES.index(route), 4 if path == "/responses" else 2
    with client(route, server) as c:
        for body in calls(path, share, shares):
            for model in ("step-3.7-flash", "gpt-4o") if path == "/responses" else (body.get("model"),):
                sent = {**body, "model": model} if body.get("model") == "step-3.7-flash" else body
                try:
                    c.post(path, body=sent, cast_to=object)
                except openai.OpenAIError:
                    pass
                except Exception as error:  # an error the stock client raises itself is accepted
                    if stock_takes(sent) or not isinstance(error, UnicodeEncodeError):
                        failures.append(f"{sent}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures[:10])


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("path", ["/chat/completions", "/completions", "/responses"])
def test_wrong_types_in_streams_raise_the_sdks_errors(path: str, server: Any):
    failures: list[str] = []
    for share, route in enumerate(("chat", "native") if path == "/responses" else ("auto",)):
        with client(route, server) as c:
            for body in calls(path, SERVERS.index(server) + share, 2):
                create = {
                    "/responses": c.responses.create,
                    "/completions": c.completions.create,
                    "/chat/completions": c.chat.completions.create,
                }[path]
                base = ENDPOINTS[path][0]
                try:
                    list(create(**base, stream=True, extra_body=body))
                except openai.OpenAIError:
                    pass
                except Exception as error:
                    if stock_takes(body) or not isinstance(error, UnicodeEncodeError):
                        failures.append(f"{body}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures[:10])


@pytest.mark.parametrize("server", SERVERS)
def test_wrong_types_in_forms_raise_the_sdks_errors(server: Any):
    failures: list[str] = []
    with client("auto", server) as c:
        for path, (base, file, fields) in FORMS.items():
            for field in fields.split():
                for value in VALUES:
                    body = {**base, field: value}
                    try:
                        c.post(
                            path,
                            body=body,
                            files=[(file, ("a.wav", b"RIFF0000WAVE"))],
                            options={"headers": {"Content-Type": "multipart/form-data"}},
                            cast_to=object,
                        )
                    except openai.OpenAIError:
                        pass
                    except Exception as error:
                        if stock_form_takes(path, body, file):
                            failures.append(f"{path} {body}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures[:10])


def stock_form_takes(path: str, body: dict[str, Any], file: str) -> bool:
    """Whether the stock client sends the form: its own TypeErrors are not ours."""
    stock = openai.OpenAI(api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(refuse)), max_retries=0)
    with stock:
        try:
            stock.post(
                path,
                body=body,
                files=[(file, ("a.wav", b"RIFF0000WAVE"))],
                options={"headers": {"Content-Type": "multipart/form-data"}},
                cast_to=object,
            )
        except openai.OpenAIError:
            return True
        except Exception:
            return False
    return True


@pytest.mark.parametrize("path", LISTS)
def test_wrong_types_in_queries_raise_the_sdks_errors(path: str):
    with client("auto", refuse) as c:
        for field in ("limit", "order", "after", "before", "include", "starting_after", "filter", "purpose"):
            for value in (True, 0, -1, 10**30, 1.5, "x", "", [1], ["x"]):
                with pytest.raises(openai.OpenAIError):
                    c.get(path, options={"params": {field: value}}, cast_to=object)


@pytest.mark.parametrize("path", ["/responses", "/chat/completions"])
def test_wrong_types_raise_the_sdks_errors_in_the_async_client(path: str):
    async def main() -> None:
        for route in ("chat", "native"):
            transport = httpx.MockTransport(refuse)
            async with stepfun_compat.AsyncOpenAI(
                **common(route), http_client=httpx.AsyncClient(transport=transport)
            ) as c:
                for body in calls(path)[::3]:
                    if stock_takes(body):
                        with pytest.raises(openai.OpenAIError):
                            await c.post(path, body=body, cast_to=object)

    asyncio.run(main())
