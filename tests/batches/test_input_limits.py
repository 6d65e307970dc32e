"""The limits of an input file, and what a batch accepts within them; sends no request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat import Settings
from stepfun_compat.batches import service as batch_service
from stepfun_compat.batches import workspace
from stepfun_compat.batches.engine import Worker
from stepfun_compat.batches.limiter import Rate, SharedWindow
from stepfun_compat.batches.records import MAX_BYTES, MAX_LINES, BatchError
from stepfun_compat.batches.sending import Sent
from stepfun_compat.batches.service import BatchService
from stepfun_compat.batches.sqlite_journal import SqliteJournal
from stepfun_compat.batches.validation import Validation
from tests.support.batches import jsonl, line

URL = "/v1/chat/completions"


def test_limits_are_openais() -> None:
    assert (MAX_LINES, MAX_BYTES) == (50_000, 200 * 1024 * 1024)


def test_a_file_over_the_size_limit_fails_validation() -> None:
    content = jsonl(line(i) for i in range(10)).splitlines(keepends=True)
    validation = Validation(URL, max_bytes=sum(map(len, content)) - 1)
    assert len(list(validation.lines(content))) == 9
    assert [(error.code, error.line) for error in validation.errors] == [("file_too_large", None)]
    exact = Validation(URL, max_bytes=sum(map(len, content)))
    assert len(list(exact.lines(content))) == 10
    assert exact.errors == []


def test_an_upload_over_the_size_limit_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_service, "MAX_BYTES", 100)
    service = BatchService(SqliteJournal(tmp_path), "s")
    with pytest.raises(BatchError) as refused:
        service.create_file("in.jsonl", iter([b"x" * 60, b"x" * 60]))
    assert (refused.value.status, refused.value.code, refused.value.param) == (413, "file_too_large", "file")
    assert list((tmp_path / "files").iterdir()) == []
    assert service.list_files() == []


def test_every_invalid_line_is_reported() -> None:
    rows = [line(1), line(2, method="PUT"), line(3, custom_id=""), line(4, url=None), line(1)]
    validation = Validation(URL)
    list(validation.lines(jsonl(rows).splitlines(keepends=True)))
    assert [(error.code, error.line, error.param) for error in validation.errors] == [
        ("invalid_method", 2, "method"),
        ("missing_required_parameter", 3, "custom_id"),
        ("missing_required_parameter", 4, "url"),
        ("duplicate_custom_id", 5, "custom_id"),
    ]


def test_lines_may_name_different_models_and_the_times_of_a_batch_are_in_order(tmp_path: Path) -> None:
    sent: list[str] = []

    async def sender(path: str, body: Mapping[str, Any]) -> Sent:
        sent.append(body["model"])
        return Sent(200, "r", json.dumps({"model": body["model"]}))

    rows = [line(1), line(2)]
    rows[1]["body"]["model"] = "step-3"
    journal, now = SqliteJournal(tmp_path), [1000.0]

    def clock() -> float:
        now[0] += 1
        return now[0]

    service = BatchService(journal, "s", clock=clock)
    fields = {"endpoint": URL, "completion_window": "24h"}
    created = service.create({"input_file_id": service.create_file("in", [jsonl(rows)])["id"], **fields})
    assert created["status"] == "validating"
    assert created["expires_at"] - created["created_at"] == 24 * 3600
    asyncio.run(Worker(journal, sender, SharedWindow(tmp_path, "s", Rate(2)), clock=clock, space="s").run())
    batch = service.retrieve(created["id"])
    assert sorted(sent) == ["gpt-4o", "step-3"]
    assert (batch["status"], batch["model"], batch["error_file_id"]) == ("completed", None, None)
    times = [batch[f"{name}_at"] for name in ("created", "in_progress", "finalizing", "completed")]
    assert times == sorted(times)
    assert all(batch[f"{name}_at"] is None for name in ("failed", "expired", "cancelling", "cancelled"))


def test_journal_folder_depends_on_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert workspace.folder_of(Settings(batch_dir=str(tmp_path / "own"))) == tmp_path / "own"
    assert workspace.folder_of(Settings(state=f"sqlite:///{tmp_path}/state.db")) == tmp_path / "batches"
    default = tmp_path / "data" / "stepfun_compat" / "batches"
    assert workspace.folder_of(Settings(state="memory://")) == default
    assert workspace.folder_of(Settings(state="redis://host/0")) == default
