"""The server's responses have the same bytes as our client's in process, and the example programs print the same."""

from __future__ import annotations

import doctest
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.fork_server import ForkServer
from tests.support.serve import Served, serving

ROOT = Path(__file__).parents[2]
HELLO: Any = [{"role": "user", "content": "Say hello"}]
PARAMETERS: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}
FLAT: Any = {"type": "function", "name": "get_weather", "parameters": PARAMETERS}
SCHEMA: Any = {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": PARAMETERS}}

# StepFun's ids first: one may begin with `fc`
_IDS = re.compile(rb"[0-9a-f]{32}(\.[0-9a-f]{32})?|(resp|msg|rs|fc|call|chatcmpl|cmpl|ws|item|req)_?-?[0-9a-zA-Z]{8,}")
_TIMES = re.compile(rb'"(created|created_at|completed_at)":\s?[0-9.]+')


def masked(content: bytes) -> bytes:
    return _TIMES.sub(rb'"\1":0', _IDS.sub(b"ID", content))


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/chat/completions", {"model": "gpt-4o", "messages": HELLO}),
    "chat, StepFun's id": ("/chat/completions", {"model": "step-3.7-flash", "messages": HELLO}),
    "chat, a cap": ("/chat/completions", {"model": "gpt-4o", "messages": HELLO, "max_completion_tokens": 1}),
    "chat, three choices": ("/chat/completions", {"model": "gpt-4o", "messages": HELLO, "n": 3}),
    "chat, a schema": ("/chat/completions", {"model": "gpt-4o", "messages": HELLO, "response_format": SCHEMA}),
    "tools": (
        "/chat/completions",
        {"model": "gpt-4o", "messages": HELLO, "tools": [WEATHER], "tool_choice": "required"},
    ),
    "completions": ("/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "Once"}),
    "responses": ("/responses", {"model": "gpt-5", "input": "hello"}),
    "responses, chat route": ("/responses", {"model": "gpt-4o", "input": "hello", "instructions": "Be short"}),
    "responses, tools": (
        "/responses",
        {"model": "gpt-5", "input": "hello", "tools": [FLAT], "tool_choice": "required"},
    ),
}
ERRORS: dict[str, tuple[str, dict[str, Any]]] = {
    "unknown model": ("/chat/completions", {"model": "nope", "messages": HELLO}),
    "no messages": ("/chat/completions", {"model": "gpt-4o"}),
    "a wrong type": ("/chat/completions", {"model": "gpt-4o", "messages": "hello"}),
    "absent endpoint": ("/embeddings", {"model": "text-embedding-3-small", "input": "x"}),
    "unknown response": ("/responses", {"model": "gpt-5", "input": "x", "previous_response_id": "resp_0"}),
    "a hosted tool": ("/responses", {"model": "gpt-5", "input": "x", "tools": [{"type": "computer_use_preview"}]}),
}


@pytest.fixture
def both(served: Served) -> Callable[[Callable[[openai.OpenAI], bytes]], tuple[bytes, bytes]]:
    """Run a call on our client in process and on the stock client through the server, each on a fresh emulator."""

    def run(call: Callable[[openai.OpenAI], bytes]) -> tuple[bytes, bytes]:
        expected = call(served.in_process())
        served.emulator.reset()
        return masked(expected), masked(call(served.client()))

    return run


@pytest.mark.filterwarnings("ignore::stepfun_compat.StepfunCompatWarning")
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("streamed", [False, True])
def test_response_has_the_bytes_of_the_client(both: Any, name: str, streamed: bool) -> None:
    path, body = BODIES[name]
    if streamed and body.get("n"):
        pytest.skip("the choices of several requests are streamed in the order in which they arrive")

    def call(client: openai.OpenAI) -> bytes:
        headers = {"X-Stainless-Raw-Response": "stream" if streamed else "true"}
        more: dict[str, Any] = {"stream": True, "stream_cls": openai.Stream[Any]} if streamed else {}
        sent = {**body, "stream": True} if streamed else body
        raw: Any = client.post(path, body=sent, cast_to=object, options={"headers": headers}, **more)
        content: bytes = raw.http_response.read()
        raw.http_response.close()
        return content

    expected, got = both(call)
    assert got == expected
    assert len(got) > 100


@pytest.mark.parametrize("name", ERRORS)
def test_error_has_the_bytes_of_the_client(both: Any, name: str) -> None:
    path, body = ERRORS[name]

    def call(client: openai.OpenAI) -> bytes:
        with pytest.raises(openai.APIStatusError) as got:
            client.post(path, body=body, cast_to=object)
        return b"%d " % got.value.status_code + got.value.response.content

    expected, got = both(call)
    assert got == expected


EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def open_server(_served: Served) -> Iterator[Served]:
    with serving(_served.emulator, tokens=()) as server:
        yield server


@pytest.fixture(scope="module")
def programs(open_server: Served) -> Iterator[ForkServer]:
    """Runs programs that have only the server's address configured."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "STEPFUN_", "STEP_", "AZURE_"))}
    with ForkServer({**kept, "OPENAI_BASE_URL": open_server.base_url, "OPENAI_API_KEY": "sk-unused"}) as server:
        yield server


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs_with_only_the_base_url(open_server: Served, programs: ForkServer, name: str) -> None:
    open_server.emulator.reset()
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    stated = re.search(rf"^## {re.escape(name)}\n.*?^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert stated is not None
    done = programs.run(ROOT / "examples" / name, ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert doctest.OutputChecker().check_output(stated.group(1), done.stdout, doctest.ELLIPSIS), done.stdout
