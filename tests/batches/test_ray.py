"""Batches on a local Ray cluster. Ray starts slowly, so one program covers all cases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from stepfun_compat import cli
from stepfun_compat.emulator import EmulatorServer, Fault
from tests.support.batches import jsonl, line, rows_of

PROGRAM = """
import json, os, signal, sys, threading
import ray as cluster
from stepfun_compat.batches import ray

cluster.init(num_cpus=2, include_dashboard=False, log_to_driver=False, namespace="stepfun_compat")
killed = []

class Pool(ray.Pool):
    def __init__(self, *args):
        super().__init__(*args)
        pools.append(self)

ray.Pool, pools = Pool, []

def kill_an_actor(_):
    if not killed:
        killed.append(cluster.get(pools[0]._actors[0].handle.process.remote()))
        os.kill(killed[0], signal.SIGKILL)

record = ray.run(sys.argv[1], sys.argv[2], actors=2, on_change=kill_an_actor)
rows = [json.loads(row) for row in open(sys.argv[1])]
class Rows:
    def iter_rows(self):
        return iter(rows[:20])
again = ray.run(Rows(), sys.argv[3], actors=1)
print(json.dumps([record.status, record.counts.completed, record.counts.failed, len(killed), again.counts.completed]))
"""


def test_a_missing_ray_package_raises_with_the_install_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("STEPFUN_API_KEY", "k")
    (tmp_path / "in.jsonl").write_bytes(jsonl([line(1)]))
    command = ["batch", "run", str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "out.jsonl"), "--engine", "ray"]
    assert cli.main(command) == 2
    assert "pip install 'stepfun_compat[ray]'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_batch_on_ray_survives_the_loss_of_an_actor(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    rows = [line(i) for i in range(200)]
    rows[7]["body"]["messages"] = "poison"
    (tmp_path / "in.jsonl").write_bytes(jsonl(rows))
    with EmulatorServer() as server:
        for fault in (Fault(status=429, times=2), Fault(status=503, times=2), Fault(disconnect=True, times=2)):
            server.fault(fault)
        server.fault(Fault(delay=0.02, times=None))
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                PROGRAM,
                *(str(tmp_path / name) for name in ("in.jsonl", "out.jsonl", "some.jsonl")),
            ],
            cwd=Path(__file__).parents[2],
            env={
                **os.environ,
                "STEPFUN_BASE_URL": server.base_url,
                "STEPFUN_API_KEY": server.api_key,
                "STEPFUN_BATCH_DIR": str(tmp_path / "batches"),
                "STEPFUN_BATCH_CONCURRENCY": "16",
                "RAY_AUTH_MODE": "disabled",
                "RAY_raylet_start_wait_time_s": "240",  # for a machine under load
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        sent = Counter(request.json["messages"][-1]["content"] for request in server.requests if request.status == 200)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == ["completed", 199, 1, 1, 19]
    ids = [row["custom_id"] for row in rows_of((tmp_path / "out.jsonl").read_text())]
    assert ids == [f"line-{i}" for i in range(200) if i != 7]
    assert [row["custom_id"] for row in rows_of((tmp_path / "out.errors.jsonl").read_text())] == ["line-7"]
    assert sum(count > 1 for text, count in sent.items() if int(text.split()[1]) >= 20) <= 16, (
        "only lines in flight are resent"
    )
