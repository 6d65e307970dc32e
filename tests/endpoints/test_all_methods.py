"""Every method of every resource of the installed openai client is tried: sync and async, plain, raw and streamed.

A method StepFun does not offer is refused before a connection is made. Any other method, called with arbitrary
arguments, returns an answer or raises an exception OpenAI code catches, never a raw 404 or a traceback of ours.
"""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat.catalog.endpoints import OUTCOMES, outcome_of
from stepfun_compat.endpoints import routing as table

NEWEST = (3, 54)
VERSION = tuple(int(part) for part in openai.__version__.split(".")[:2])
FORMS = ("plain", "with_raw_response", "with_streaming_response")

TEXT = ("a.txt", b"hello")
WORDS = [{"role": "user", "content": "x"}]
# The value for a parameter of this name, in any method; every other parameter gets a text.
VALUES: dict[str, Any] = {
    "data": b"x",
    "file": TEXT,
    "file_ids": ["file-1"],
    "files": [TEXT],
    "headers": {},
    "image": ("a.png", b"\x89PNG"),
    "items": WORDS,
    "messages": WORDS,
    "metadata": {},
    "part_ids": ["part-1"],
    "payload": "{}",
    "poll_interval_ms": 1,
    "recording": TEXT,
    "tool_outputs": [],
    "video": TEXT,
}
# Arguments for methods whose signature does not say what they accept.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "admin.organization.external_keys.create": {
        "external_id": "e",
        "kms_arn": "k",
        "name": "n",
        "role_arn": "r",
        "type": "aws",
    },
    "audio.speech.create": {"input": "x", "model": "tts-1", "voice": "alloy"},
    "audio.transcriptions.create": {"file": ("a.wav", b"x"), "model": "whisper-1"},
    "audio.translations.create": {"file": TEXT, "model": "whisper-1"},
    "audio.voices.create": {"audio_sample": TEXT, "consent": "c", "name": "n"},
    "beta.agents.automations.create": {"agent_id": "a", "name": "n", "run_at": 1, "target": {}, "type": "once"},
    "beta.agents.environments.files.create": {"environment_id": "e", "file_id": "f", "path": "/workspace/a", "type": "file"},
    "chat.completions.create": {"messages": WORDS, "model": "gpt-4o"},
    "chat.completions.parse": {"messages": WORDS, "model": "gpt-4o"},
    "chat.completions.stream": {"messages": WORDS, "model": "gpt-4o"},
    "completions.create": {"model": "davinci-002", "prompt": "x"},
    "containers.files.create": {"container_id": "c", "file": TEXT},
    "fine_tuning.jobs.create": {"model": "gpt-4o", "training_file": "file-1"},
    "images.edit": {"image": ("a.png", b"x"), "prompt": "x"},
    "images.generate": {"prompt": "x"},
    "realtime.connect": {"model": "gpt-realtime"},
    "responses.create": {"input": "x", "model": "gpt-4o"},
    "responses.parse": {"input": "x", "model": "gpt-4o"},
    "responses.stream": {"input": "x", "model": "gpt-4o"},
    "uploads.create": {"bytes": 1, "filename": "a.txt", "mime_type": "text/plain", "purpose": "user_data"},
    "uploads.upload_file_chunked": {"bytes": 1, "file": b"x", "filename": "a.txt", "mime_type": "text/plain", "purpose": "user_data"},
}  # fmt: skip
# Helpers that read an answer the caller already has; the call before them is refused, so there is none to pass.
NO_REQUEST = re.compile(r"\.artifacts\.for_result$|^webhooks\.")


def walk(resource: Any, name: str = "") -> Iterator[tuple[str, Any, str]]:
    """(name, resource, attribute) of every method below a client or a resource."""
    from openai._resource import AsyncAPIResource, SyncAPIResource

    for attribute in sorted(dir(resource)):
        if attribute.startswith("_") or attribute in FORMS:
            continue
        value = getattr(resource, attribute)
        full = f"{name}.{attribute}" if name else attribute
        if isinstance(value, SyncAPIResource | AsyncAPIResource):
            yield from walk(value, full)
        elif callable(value) and name:
            yield full, resource, attribute


def arguments(name: str, method: Any) -> dict[str, Any]:
    parameters = inspect.signature(method).parameters
    own = ARGUMENTS.get(name) or ARGUMENTS.get(name.removeprefix("beta."))
    if own is None:
        required = [p for p in parameters.values() if p.default is p.empty]
        return {p.name: VALUES.get(p.name, "x") for p in required if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return {key: value for key, value in own.items() if key in parameters}


async def use(answer: Any) -> None:
    """Start a method's result: await it, enter it, or get its first item."""
    if inspect.isawaitable(answer):
        answer = await answer
    if hasattr(answer, "__aenter__"):
        async with answer as entered:
            if isinstance(entered, openai.AsyncStream):
                async for _ in entered:
                    break
    elif hasattr(answer, "__enter__"):
        with answer as entered:
            if isinstance(entered, openai.Stream):
                for _ in entered:
                    break
    elif isinstance(answer, AsyncIterator):
        async for _ in answer:
            break
    elif isinstance(answer, Iterator) or hasattr(answer, "get_next_page"):
        for _ in answer:
            break


async def outcomes(client: Any, wanted: Any) -> dict[str, Exception | None]:
    """Call each method whose support level is in `wanted`, in each of its forms; map its name to the error or None."""
    found: dict[str, Exception | None] = {}
    for name, resource, attribute in walk(client):
        row = outcome_of(name)
        if row is None or row.outcome not in wanted or NO_REQUEST.search(name):
            continue
        for form in FORMS:
            holder = resource if form == "plain" else getattr(resource, form, None)
            method = getattr(holder, attribute, None)
            if method is None:  # a helper that has no raw form
                continue
            key = name if form == "plain" else f"{name} {form}"
            try:
                await use(method(**arguments(name, getattr(resource, attribute))))
                found[key] = None
            except Exception as error:
                found[key] = error
    return found


def offline(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request.method} {request.url} reached the network")


async def offline_later(request: httpx.Request) -> httpx.Response:
    return offline(request)


def isolated(cls: Any) -> Any:
    """A client whose transport fails on any request."""
    if cls is stepfun_compat.OpenAI:
        return cls(api_key="key", http_client=httpx.Client(transport=httpx.MockTransport(offline)), max_retries=0)
    http = httpx.AsyncClient(transport=httpx.MockTransport(offline_later))
    return cls(api_key="key", http_client=http, max_retries=0)


CLIENTS = pytest.mark.parametrize("cls", [stepfun_compat.OpenAI, stepfun_compat.AsyncOpenAI])


@CLIENTS
def test_every_method_is_in_the_support_table(cls: Any):
    names = [name for name, _, _ in walk(cls(api_key="key"))]
    assert len(names) > 80
    assert [name for name in names if outcome_of(name) is None] == []
    if VERSION >= NEWEST:
        assert len(names) > 400
        used = {outcome_of(name) for name in names}
        assert [row.method for row in OUTCOMES if row not in used] == []


@CLIENTS
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_unavailable_methods_are_refused_before_the_network(cls: Any):
    """So are raw and streaming forms, WebSockets and helpers that upload a file first."""
    found = anyio.run(outcomes, isolated(cls), ("absent",))
    assert len(found) > 120
    wrong = {
        name: repr(error)
        for name, error in found.items()
        if not isinstance(error, stepfun_compat.EndpointNotAvailableError)
        or not (error.status_code == 404 and error.code == "endpoint_not_available" and error.message and error.body)
    }
    assert wrong == {}


@CLIENTS
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::stepfun_compat.StepfunCompatWarning")
def test_other_methods_answer_or_raise_openai_errors(cls: Any, stepfun_emulator: Any):
    settings = stepfun_compat.Settings(base_url=stepfun_emulator.base_url, api_key=stepfun_emulator.api_key)
    socket = stepfun_emulator.base_url.replace("http", "ws", 1)
    client = cls(settings=settings, max_retries=0, websocket_base_url=socket)

    async def run() -> dict[str, Exception | None]:
        found = await outcomes(client, ("works", "limits"))
        if cls is stepfun_compat.AsyncOpenAI:
            await client.close()
        return found

    found = anyio.run(run)
    if cls is stepfun_compat.OpenAI:
        client.close()
    assert len(found) > 60
    answered = [name for name, error in found.items() if error is None]
    assert {"chat.completions.create", "files.list with_raw_response", "images.generate with_streaming_response"} <= {
        *answered
    }
    wrong = {
        name: "".join(traceback.format_exception(error))
        for name, error in found.items()
        if error is not None
        and not (isinstance(error, openai.APIStatusError) and error.body and "page not found" not in str(error))
    }
    assert wrong == {}


def test_every_path_of_the_sdk_is_routed():
    """Each path in the SDK's resources is served by StepFun unchanged or is in the routing table."""
    served = {"DELETE /vector_stores/*", "DELETE /vector_stores/*/files/*", "POST /responses"}
    call = re.compile(r"self\._(get|post|delete|get_api_list)\(\s*(?:path_template\(\s*)?f?\"(/[^\"]*)\"")
    left: list[str] = []
    for file in (Path(openai.__file__).parent / "resources").rglob("*.py"):
        for verb, path in call.findall(file.read_text(encoding="utf-8")):
            method = "GET" if verb == "get_api_list" else verb.upper()
            if path.endswith("/search"):  # a list requested with POST
                method = "POST"
            plain = re.sub(r"\{[^}]*\}", "*", path).partition("?")[0]
            if f"{method} {plain}" not in served and table.find(method, plain) is None:
                left.append(f"{method} {plain}")
    assert left == []
