"""Every method of every resource of the installed openai client has an outcome, and what is absent is refused here."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat.catalog.endpoints import OUTCOMES, markdown_table, outcome_of
from stepfun_compat.endpoints import table

NEWEST = (3, 54)
VERSION = tuple(int(part) for part in openai.__version__.split(".")[:2])

# Arguments for methods whose signature does not say what they take.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "audio.translations.create": {"file": b"x", "model": "whisper-1"},
    "audio.voice_consents.create": {"name": "n", "language": "en", "recording": b"x"},
    "audio.voices.create": {"audio_sample": b"x", "consent": "c", "name": "n"},
    "beta.agents.automations.create": {"agent_id": "a", "name": "n", "run_at": 1, "target": {}, "type": "once"},
    "beta.agents.environments.files.create": {
        "environment_id": "e",
        "file_id": "f",
        "path": "/workspace/a",
        "type": "file",
    },
    "content_provenance_checks.create": {"file": b"x"},
    "containers.files.create": {"container_id": "c", "file": b"x"},
    "skills.create": {"files": b"x"},
    "fine_tuning.jobs.create": {"model": "gpt-4o", "training_file": "file-1"},
    "videos.create_character": {"name": "n", "video": b"x"},
    "videos.edit": {"prompt": "p", "video": b"x"},
    "videos.extend": {"prompt": "p", "seconds": "4", "video": b"x"},
}
# Sockets and helpers that read local files before they send anything.
NOT_CALLED = re.compile(
    r"\.connect$|^admin\.|^beta\.agents\.environments\.files\.(prepare|prepare_directory|upload)$|\.artifacts\.for_result$"
)


def offline(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request.method} {request.url} reached the network")


@pytest.fixture
def client() -> Iterator[Any]:
    with httpx.Client(transport=httpx.MockTransport(offline)) as http:
        yield stepfun_compat.OpenAI(api_key="key", http_client=http, max_retries=0)


def methods(resource: Any, base: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for attribute in sorted(dir(resource)):
        if attribute.startswith("_") or attribute in ("with_raw_response", "with_streaming_response"):
            continue
        value = getattr(resource, attribute)
        if isinstance(value, base):
            yield from methods(value, base, f"{name}.{attribute}" if name else attribute)
        elif callable(value) and isinstance(resource, base):
            yield f"{name}.{attribute}", value


def test_every_method_has_an_outcome(client: Any):
    from openai._resource import AsyncAPIResource, SyncAPIResource

    names = [name for name, _ in methods(client, SyncAPIResource)]
    assert len(names) > 80
    assert [name for name in names if outcome_of(name) is None] == []
    asynchronous = [name for name, _ in methods(stepfun_compat.AsyncOpenAI(api_key="key"), AsyncAPIResource)]
    assert [name for name in asynchronous if outcome_of(name) is None] == []
    if VERSION >= NEWEST:
        used = {outcome_of(name) for name in names}
        assert [row.method for row in OUTCOMES if row not in used] == []


def arguments(name: str, method: Any) -> dict[str, Any]:
    if name in ARGUMENTS:
        known = inspect.signature(method).parameters
        return {key: value for key, value in ARGUMENTS[name].items() if key in known}
    required = [p for p in inspect.signature(method).parameters.values() if p.default is p.empty]
    return {p.name: "x" for p in required if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_absent_is_refused_before_the_network(client: Any):
    from openai._resource import SyncAPIResource

    wrong: dict[str, str] = {}
    called = 0
    for name, method in methods(client, SyncAPIResource):
        row = outcome_of(name)
        if row is None or row.outcome != "absent" or NOT_CALLED.search(name):
            continue
        called += 1
        try:
            answer = method(**arguments(name, method))
            if hasattr(answer, "__enter__"):  # streams of runs begin when they are entered
                with answer:
                    pass
            wrong[name] = "no error"
        except stepfun_compat.EndpointNotAvailableError as error:
            if not (error.status_code == 404 and error.code == "endpoint_not_available" and error.message):
                wrong[name] = repr(error)
        except Exception as error:
            wrong[name] = f"{type(error).__name__}: {error}"
    assert wrong == {}
    assert called > 40


def test_every_path_of_the_sdk_is_answered_for():
    """Each path written in the SDK's resources is one StepFun serves as it is, or one of the routing table's."""
    served = {"DELETE /vector_stores/*", "DELETE /vector_stores/*/files/*", "POST /responses"}
    call = re.compile(r"self\._(get|post|delete|get_api_list)\(\s*(?:path_template\(\s*)?f?\"(/[^\"]*)\"")
    left: list[str] = []
    for file in (Path(openai.__file__).parent / "resources").rglob("*.py"):
        for verb, path in call.findall(file.read_text(encoding="utf-8")):
            method = "GET" if verb == "get_api_list" else verb.upper()
            if path.endswith("/search"):  # a list that is asked for by POST
                method = "POST"
            plain = re.sub(r"\{[^}]*\}", "*", path).partition("?")[0]
            if f"{method} {plain}" not in served and table.find(method, plain) is None:
                left.append(f"{method} {plain}")
    assert left == []


def test_the_table_is_markdown():
    lines = markdown_table().splitlines()
    assert len(lines) == len(OUTCOMES) + 2
    assert all(line.startswith("| ") and line.endswith("|") for line in lines[2:])
    assert "`embeddings.create` | absent" in markdown_table(["absent"])
    assert "embeddings.create" not in markdown_table(["works", "limits"])
