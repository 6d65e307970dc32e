"""Additions: an endpoint is one file and one row, a model one row, an alias one row. Each is added to a copy of the
package, and a program calls it through the clients."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import stepfun_compat
from tests.support.wire import completion

ENDPOINT = '''
"""Moderations, as StepFun might offer them."""

from __future__ import annotations

from .base import PassThroughEndpoint, WireRequest, replace
from .context import Json, RequestContext


class Moderations(PassThroughEndpoint):
    name = "moderations"

    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        context.record_change("renamed", "input", "input", "texts", "this endpoint takes texts")
        texts = request.json["input"]
        return replace(request, path="/reviews", json={"texts": [texts] if isinstance(texts, str) else texts})

    def transform_response(self, data: Json, context: RequestContext) -> Json:
        results = [{"flagged": bad, "categories": {}, "category_scores": {}} for bad in data["blocked"]]
        return {"id": data["id"], "model": "review", "results": results}
'''
PROGRAM = """
import asyncio, json, sys
import httpx
from stepfun_compat import AsyncOpenAI, OpenAI, explain

calls, answer = json.load(sys.stdin)
sent, received, explained = [], [], []

def respond(request):
    sent.append([request.method, request.url.path, json.loads(request.content)])
    return httpx.Response(200, json=answer)

def resource(client, name):
    for part in name.split("."):
        client = getattr(client, part)
    return client

async def call_later(name, arguments):
    async with AsyncOpenAI(api_key="k", http_client=httpx.AsyncClient(transport=transport)) as client:
        received.append(await resource(client, name).create(**arguments))
        received.append((await resource(client, name).with_raw_response.create(**arguments)).parse())

transport = httpx.MockTransport(respond)
for name, arguments in calls:
    with OpenAI(api_key="k", http_client=httpx.Client(transport=transport)) as client:
        received.append(resource(client, name).create(**arguments))
        received.append(resource(client, name).with_raw_response.create(**arguments).parse())
    asyncio.run(call_later(name, arguments))
    explained.append(explain(name, **arguments).url)
print(json.dumps([sent, [row.to_dict() for row in received], explained]))
"""
WAYS = 4
"""Sync and async, plain and raw."""


class Copy:
    """A copy of the package to add to, and programs that run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        source = Path(stepfun_compat.__file__).parent
        shutil.copytree(source, folder / "stepfun_compat", ignore=shutil.ignore_patterns("legacy", "emulator"))

    def add_file(self, path: str, text: str) -> None:
        file = self.folder / "stepfun_compat" / path
        assert not file.exists()
        file.write_text(text, encoding="utf-8")

    def add_row(self, path: str, table: str, row: str) -> None:
        """Add one row at the top of a table."""
        file = self.folder / "stepfun_compat" / path
        text = file.read_text(encoding="utf-8")
        start = f"\n{table}: Final = (\n"
        assert text.count(start) == 1
        file.write_text(text.replace(start, f"{start}    {row},\n"), encoding="utf-8")

    def run(self, calls: list[tuple[str, dict[str, Any]]], answer: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Make each call in every way; return the sent requests, the received results and the URLs of `explain`."""
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=self.folder,
            input=json.dumps([calls, answer]),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_endpoint_is_one_file_and_one_row(copy: Copy) -> None:
    copy.add_file("endpoints/moderations.py", ENDPOINT)
    copy.add_row("endpoints/routing.py", "ROUTES", '("POST", "/moderations", "moderations:Moderations")')
    sent, received, explained = copy.run([("moderations", {"input": "x"})], {"id": "r1", "blocked": [True]})
    assert sent == [["POST", "/v1/reviews", {"texts": ["x"]}]] * WAYS
    result = {"flagged": True, "categories": {}, "category_scores": {}}
    assert received == [{"id": "r1", "model": "review", "results": [result]}] * WAYS
    assert explained == ["https://api.stepfun.ai/v1/reviews"]


MODEL = (
    'Model(id="step-9-flash", kind="chat", source="guides/models", as_of="2026-11-01", '
    'efforts={"minimal": "low", "high": "max"}, reasons=True, endpoints=_CHAT, plans=_BOTH_PLANS)'
)
ALIAS = '_row("gpt-9-turbo*", "step-9-flash", "the nearest", "minimal")'


def test_model_and_alias_are_one_row_each(copy: Copy) -> None:
    copy.add_row("catalog/models.py", "MODELS", MODEL)
    copy.add_row("catalog/aliases.py", "ALIASES", ALIAS)
    messages = [{"role": "user", "content": "x"}]
    by_id = {"model": "step-9-flash", "messages": messages, "reasoning_effort": "high"}
    by_alias = {"model": "gpt-9-turbo-2027-01-01", "messages": messages}
    calls = [("chat.completions", by_id), ("chat.completions", by_alias)]
    sent, received, _ = copy.run(calls, completion("hi"))
    effective = [(body["model"], body["reasoning_effort"]) for _, _, body in sent]
    assert effective == [("step-9-flash", "max")] * WAYS + [("step-9-flash", "low")] * WAYS
    assert [row["choices"][0]["message"]["content"] for row in received] == ["hi"] * 2 * WAYS
