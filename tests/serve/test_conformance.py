"""The public conformance suite `llm-comply`, in its three formats, against the server."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.serve import TOKEN, Served, serving

pytest.importorskip("llm_comply")

MODELS = ("gpt-4o", "gpt-5", "step-3.7-flash", "claude-sonnet-4-5", "claude-3-5-haiku-latest")
FORMATS = ("openai-chat", "open-responses", "anthropic")
# StepFun streams the text of its reasoning in these events (stepfun-api 5.3). OpenAI's SDKs have them under the same
# name, the suite's schema only as response.reasoning.delta.
REASONING_TEXT = "unknown SSE event type: response.reasoning_text."
IGNORED = {("open-responses", "step-3.7-flash"): REASONING_TEXT}


def report(served: Served, format: str, model: str, *more: str) -> dict[str, dict[str, object]]:
    """Run the suite and return its results by check id."""
    command = [sys.executable, "-m", "llm_comply.cli", "--json", "--format", format, "-m", model, *more]
    command += ["-u", served.base_url, "-k", TOKEN]
    if format == "anthropic":
        command += ["--auth-header", "x-api-key", "--no-bearer", "-H", "anthropic-version:2023-06-01"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    return {row["id"]: row for row in json.loads(done.stdout)["results"]}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("model", MODELS)
def test_every_required_check_passes(served: Served, format: str, model: str) -> None:
    ignored = IGNORED.get((format, model))
    rows = report(served, format, model, *(("-i", ignored) if ignored else ()))
    assert len(rows) >= 8
    failed = {
        id: row.get("errors") for id, row in rows.items() if row["status"] not in ("passed", "skipped", "warning")
    }
    assert not failed
    assert sum(row["status"] == "skipped" for row in rows.values()) <= 1  # reasoning, for names that do not indicate it


def failures(served: Served, model: str) -> dict[str, object]:
    rows = report(served, "open-responses", model)
    return {id: row["errors"] for id, row in rows.items() if row["status"] == "failed"}


def test_only_one_unknown_event_name_is_ignored(served: Served) -> None:
    failed = failures(served, "step-3.7-flash")
    assert set(failed) == {"streaming-response", "streaming-usage"}
    for errors in failed.values():
        assert all(str(error).startswith(REASONING_TEXT) for error in errors)  # type: ignore[attr-defined]


def test_every_required_check_passes_with_hidden_reasoning(served: Served) -> None:
    with serving(served.emulator, settings={"show_reasoning": "never"}) as silent:
        assert not failures(silent, "step-3.7-flash")
