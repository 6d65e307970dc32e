"""Errors are classified by every recorded spelling, and have OpenAI's words and OpenAI's response body."""

from __future__ import annotations

import copy
import inspect
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import errors
from stepfun_compat.legacy import error as legacy_error
from tests.support.wire import Wire, chunk, sse

MESSAGES: Any = [{"role": "user", "content": "x"}]


def failed(status: int, message: Any, kind: str | None = None, **more: Any) -> Any:
    """Return the error of a call with this response."""
    wire = Wire(httpx.Response(status, json={"error": {"message": message, "type": kind}}, headers={"x-own": "kept"}))
    with pytest.raises(openai.APIStatusError) as caught:
        wire.client(max_retries=0).chat.completions.create(model="gpt-4o", messages=MESSAGES, **more)
    return caught.value


SPELLINGS = [
    (404, "any words at all", "model_invalid", stepfun_compat.ModelNotFoundError),
    (400, "model step-x not exist or no permission", "request_params_invalid", stepfun_compat.ModelNotFoundError),
    (400, "model step-x does not exist", "request_params_invalid", stepfun_compat.ModelNotFoundError),
    (400, "模型不存在", "request_params_invalid", stepfun_compat.ModelNotFoundError),
    (404, "模型 step-x 不存在或没有权限", None, stepfun_compat.ModelNotFoundError),
    (451, "blocked", "censorship_block", stepfun_compat.ContentFilteredError),
    (400, "content blocked by review", "error", stepfun_compat.ContentFilteredError),
    (402, "no money", None, stepfun_compat.QuotaExceededError),
    (429, "concurrency reached, current: 11, limit: 10", "rate_limited", openai.RateLimitError),
]


@pytest.mark.parametrize(("status", "message", "kind", "cls"), SPELLINGS)
def test_error_is_classified_by_every_spelling(
    status: int, message: str, kind: str | None, cls: type[Exception]
) -> None:
    error = failed(status, message, kind)
    assert type(error) is cls
    assert message in str(error)


@pytest.mark.parametrize(
    "message", ["this file does not exist", "image_url is not a model permission", "tool x not found"]
)
def test_errors_not_about_a_model_stay_bad_requests(message: str) -> None:
    assert type(failed(400, message, "request_params_invalid")) is openai.BadRequestError


@pytest.mark.parametrize(
    ("status", "message", "kind", "words"),
    [
        (429, "concurrency reached, current: 11, limit: 10", "rate_limited", "Rate limit reached"),
        (402, "余额不足", "quota_exceeded", "exceeded your current quota"),
        (400, "prompt is too long", "request_params_invalid", "maximum context length"),
    ],
)
def test_openais_words_come_before_stepfuns_message(status: int, message: str, kind: str, words: str) -> None:
    error = failed(status, message, kind)
    assert 0 <= str(error).index(words) < str(error).index(message)
    assert words in error.response.json()["error"]["message"]


def test_openais_words_are_not_repeated() -> None:
    message = "You exceeded your current quota, please check your plan and billing details"
    assert failed(402, message, "quota_exceeded").body["message"] == message


@pytest.mark.parametrize(
    ("status", "message", "advice"),
    [
        (400, "this model is not enabled for the Chat Completions API, please use the Messages API", "Messages API"),
        (400, "Unrecognized chat message.", "content part"),
        (400, "Input images too many, limit 60", "60 images"),
        (404, "The model `x` does not exist or you do not have access to it", "stepfun-compat models --live"),
    ],
)
def test_error_contains_advice(status: int, message: str, advice: str) -> None:
    error = failed(status, message, "request_params_invalid")
    assert advice in error.hint
    assert error.hint in str(error)
    assert error.hint not in error.body["message"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("wire_status", "kind", "seen"), [(402, "quota_exceeded", 429), (451, "censorship_blocked", 400)]
)
async def test_error_response_has_openais_body(wire_status: int, kind: str, seen: int) -> None:
    sent = httpx.Response(
        wire_status, json={"error": {"message": "no", "type": kind}, "id": "i"}, headers={"x-own": "kept"}
    )
    for way in ("plain", "raw", "streaming"):
        for later in (False, True):
            wire = Wire(sent)
            made: Any = wire.async_client(max_retries=0) if later else wire.client(max_retries=0)
            chat = made.chat.completions
            with pytest.raises(openai.APIStatusError) as caught:
                if way == "streaming":
                    manager = chat.with_streaming_response.create(model="gpt-4o", messages=MESSAGES)
                    if later:
                        async with manager:
                            pass
                    else:
                        with manager:
                            pass
                else:
                    where = chat.with_raw_response if way == "raw" else chat
                    asked = where.create(model="gpt-4o", messages=MESSAGES)
                    if later:
                        await asked
            response = caught.value.response
            assert response.status_code == caught.value.status_code == seen
            assert response.json() == {"error": caught.value.body}
            assert response.json()["error"].keys() == {"message", "type", "param", "code"}
            assert response.headers["x-own"] == "kept"
            assert response.headers["content-length"] == str(len(response.content))
            assert response.request.url.path == "/v1/chat/completions"


def test_error_response_inside_a_stream_has_openais_body() -> None:
    event = {"error": {"message": "no", "type": "quota_exceeded"}}
    with pytest.raises(stepfun_compat.QuotaExceededError) as caught:
        list(
            Wire(sse(chunk({"role": "assistant", "content": "a"}), event))
            .client()
            .chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        )
    assert caught.value.response.status_code == 429
    assert caught.value.response.json()["error"]["code"] == "insufficient_quota"


@pytest.mark.parametrize("where", ["user part", "query"])
@pytest.mark.parametrize("status", [401, 402, 404, 500])
def test_error_does_not_contain_user_or_query_of_the_url(
    where: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = "user:password-0123456789@" if where == "user part" else ""
    query = {"default_query": {"key": "password-0123456789"}} if where == "query" else {}
    monkeypatch.setenv("STEPFUN_BASE_URL", f"https://{user}gateway.example/v1")
    for sent in (httpx.Response(status, json={"error": {"message": "no"}}), httpx.Response(status, text="no")):
        with pytest.raises(openai.APIStatusError) as caught:
            Wire(sent).client(max_retries=0, **query).chat.completions.create(model="gpt-4o", messages=MESSAGES)
        error = caught.value
        for shown in (str(error), repr(error), str(error.request.url), str(error.response.url), str(vars(error))):
            assert "password" not in shown
        assert error.request.url.path.endswith("/chat/completions")


BROKEN: dict[str, Any] = {
    "connection": httpx.ConnectError("no"),
    "timeout": httpx.ReadTimeout("late"),
    "page": httpx.Response(200, text="<html>", headers={"content-type": "text/html"}),
    "half": httpx.Response(200, text='{"half', headers={"content-type": "application/json"}),
    "stream": httpx.Response(200, text="data: {half\n\n", headers={"content-type": "text/event-stream"}),
    "event": httpx.Response(200, text='data: {"error": "no"}\n\n', headers={"content-type": "text/event-stream"}),
}


@pytest.mark.anyio
@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", ["create", "raw"])
@pytest.mark.parametrize("name", BROKEN)
async def test_connection_and_body_errors_do_not_contain_user_or_query_of_the_url(
    name: str, how: str, stream: bool, later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFUN_BASE_URL", "https://user:password-0123456789@gateway.example/v1")
    wire, query = Wire(BROKEN[name]), {"key": "password-0123456789"}
    make = wire.async_client if later else wire.client
    chat = make(max_retries=0, default_query=query).chat.completions
    create: Any = chat.create if how == "create" else chat.with_raw_response.create
    with pytest.raises(openai.APIError) as caught:
        made: Any = create(model="gpt-4o", messages=MESSAGES, stream=stream)
        made = await made if later else made
        made = made.parse() if how == "raw" else made
        if stream:
            list(made) if not later else [part async for part in made]
    error = caught.value
    held = [error.request, error.request.extensions, getattr(error, "response", None), vars(error)]
    held += [error.__cause__, getattr(error.__cause__, "_request", None)]
    for shown in (str(error), repr(error), str(error.request.url), *map(repr, held)):
        assert "password" not in shown
    assert b"password" not in pickle.dumps(error)
    assert error.request.url.path.endswith("/chat/completions")


# ---------------------------------------------------------------- copies and pickles


OURS = [cls for _, cls in inspect.getmembers(stepfun_compat.errors, inspect.isclass) if issubclass(cls, Exception)]
STOCK = [cls for cls in vars(openai).values() if type(cls) is type and issubclass(cls, openai.APIError)]
OLD = [cls for _, cls in inspect.getmembers(legacy_error, inspect.isclass) if issubclass(cls, Exception)]


def made(cls: type[Exception]) -> Exception:
    parameters = inspect.signature(cls.__init__).parameters
    request = httpx.Request("POST", "https://api.stepfun.ai/v1/x", headers={"authorization": "Bearer k"}, json={"a": 1})
    response = httpx.Response(429, json={"error": {"message": "m"}}, request=request, headers={"x-request-id": "r"})
    arguments: dict[str, Any] = {
        "sig_header": "s",
        "response": response,
        "request": request,
        "body": {"message": "m", "code": "c"},
        "message": "m",
    }
    given = {name: value for name, value in arguments.items() if name in parameters}
    if "param" in parameters:
        given["param"] = "p"
    return cls(**given) if given else cls("m")


EVERY = sorted({*OURS, *STOCK, *OLD}, key=lambda cls: (cls.__module__, cls.__name__, repr(cls.__mro__)))


@pytest.mark.parametrize("cls", EVERY, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_error_can_be_copied_and_pickled(cls: type[Exception]) -> None:
    error: Any = made(cls)
    own_state = not (cls.__module__ == legacy_error.__name__ and "__reduce__" in vars(cls))  # as 0.28 wrote them
    if own_state:
        error.partial = {"done": [1]}
    again: Any
    for again in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is cls
        assert str(again) == str(error)
        assert again.args == error.args
        assert not own_state or again.partial == {"done": [1]}
        for name in ("body", "code", "param", "type", "status_code", "request_id"):
            assert getattr(again, name, None) == getattr(error, name, None)
        if getattr(error, "response", None) is not None:
            assert again.response.status_code == 429
            assert again.response.json() == error.response.json()


def _fails(kind: str) -> None:
    if kind == "malformed":
        Wire(httpx.Response(200, headers={"content-type": "application/json"}, text="{")).client(
            max_retries=0
        ).chat.completions.create(model="gpt-4o", messages=MESSAGES)
    if kind == "stream":
        event = {"error": {"message": "no", "type": "quota_exceeded"}}
        list(Wire(sse(event)).client().chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    if kind == "refused":
        Wire().client().embeddings.create(model="m", input="x")
    raise failed(int(kind), "no", "quota_exceeded")


def test_errors_can_be_raised_from_a_process_pool() -> None:
    kinds = ["402", "429", "500", "malformed", "stream", "refused"]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(_fails, kind) for kind in kinds]
        for kind, task in zip(kinds, tasks, strict=True):
            error = task.exception(timeout=120)
            assert isinstance(error, openai.APIError), kind
            assert error.message
            assert isinstance(error, errors.EndpointNotAvailableError) is (kind == "refused")
