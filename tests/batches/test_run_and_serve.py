"""OpenAI's batch example under `stepfun-compat run`, and through `serve` with a stock openai client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from stepfun_compat.emulator import EmulatorConfig, EmulatorServer
from tests.support.batches import create, jsonl, line, rows_of, settled
from tests.support.serve import STEPFUN_KEY, serving

PROGRAM = """
import json, sys, time
from openai import OpenAI
client = OpenAI()

batch_input_file = client.files.create(file=open(sys.argv[1], "rb"), purpose="batch")
batch = client.batches.create(
    input_file_id=batch_input_file.id,
    endpoint="/v1/chat/completions",
    completion_window="24h",
    metadata={"description": "nightly eval job"},
)
while batch.status not in ("completed", "failed"):
    time.sleep(0.05)
    batch = client.batches.retrieve(batch.id)
file_response = client.files.content(batch.output_file_id)
print(json.dumps([json.loads(row)["custom_id"] for row in file_response.text.splitlines()]))
print(json.dumps([batch.id in [one.id for one in client.batches.list(limit=10)], type(client).__module__]))
"""


def test_openais_example_under_run(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "batchinput.jsonl").write_bytes(jsonl(line(i) for i in range(5)))
    with EmulatorServer() as server:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "stepfun_compat",
                "run",
                str(tmp_path / "program.py"),
                str(tmp_path / "batchinput.jsonl"),
            ],
            env={**os.environ, "STEPFUN_BASE_URL": server.base_url, "STEPFUN_API_KEY": server.api_key},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    ids, received = map(json.loads, done.stdout.splitlines())
    assert ids == [f"line-{i}" for i in range(5)]
    assert received == [True, "stepfun_compat.client"]


def test_a_stock_client_through_serve() -> None:
    with EmulatorServer(EmulatorConfig(api_keys=frozenset({STEPFUN_KEY}))) as emulator, serving(emulator) as served:
        client = served.client()
        batch = settled(client, create(client, jsonl(line(i) for i in range(5)), metadata={"a": "b"}).id)
        assert (batch.status, batch.request_counts.completed, batch.metadata) == ("completed", 5, {"a": "b"})
        content = client.files.content(batch.output_file_id)
        assert [row["custom_id"] for row in rows_of(content.text)] == [f"line-{i}" for i in range(5)]
        with client.files.with_streaming_response.content(batch.output_file_id) as streamed:
            assert b"".join(streamed.iter_bytes()) == content.read()
        assert [one.id for one in client.batches.list()] == [batch.id]
        failed = settled(client, create(client, b"no json\n").id)
        assert failed.errors.data[0].code == "invalid_json_line"
        served.close()
