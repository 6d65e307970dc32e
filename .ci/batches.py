"""Run realistic batches against the emulator with rate tiers and faults: 10,000 lines with 429s, 5xx, broken connections
and one line that always fails; and `kill -9` of the worker at 20 random moments.

    python .ci/batches.py            both
    python .ci/batches.py kill       checks whose name starts with the text
"""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from stepfun_compat.catalog.tiers import tier
from stepfun_compat.emulator import EmulatorConfig, EmulatorServer, Fault

FAULTS = (
    Fault(status=429),
    Fault(status=503),
    Fault(disconnect=True),
    Fault(cut_after=20),
    Fault(status=500, html=True),
)


def write(path: Path, count: int, poison: int | None = None) -> None:
    with path.open("w") as file:
        for number in range(count):
            messages: object = [{"role": "user", "content": f"Say {number}"}]
            body = {"model": "gpt-4o", "messages": "poison" if number == poison else messages}
            row = {"custom_id": f"line-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
            file.write(json.dumps(row) + "\n")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "stepfun_compat", "batch", *map(str, arguments)]


def ids(path: Path) -> list[str]:
    return [json.loads(row)["custom_id"] for row in path.read_text().splitlines()] if path.exists() else []


def environment(server: EmulatorServer, folder: Path) -> dict[str, str]:
    os.environ.pop("STEPFUN_STATE", None)
    return {
        **os.environ,
        "STEPFUN_BASE_URL": server.base_url,
        "STEPFUN_API_KEY": server.api_key,
        "STEPFUN_BATCH_DIR": str(folder / "batches"),
    }


def lines_10000(folder: Path) -> str:
    """Each line is exactly once in the output or the error file, whatever fails."""
    seconds, requests, least = run_with_faults(folder, 10_000, "cn", "V3")
    assert seconds < 3 * least, f"{seconds:.0f} s, the tier needs at least {least:.0f} s"
    return f"10000 lines in {seconds:.0f} s, the tier needs at least {least:.0f} s; responses {requests}"


def time_of_the_tier(folder: Path) -> str:
    """A batch takes about as long as the account's requests per minute require."""
    seconds, requests, least = run_with_faults(folder, 400, "global", "V2")
    assert seconds < 1.5 * least + 10, f"{seconds:.0f} s, the tier needs at least {least:.0f} s"
    return f"400 lines in {seconds:.0f} s, the tier needs at least {least:.0f} s; responses {requests}"


def run_with_faults(folder: Path, count: int, region: str, name: str) -> tuple[float, dict[int | None, int], float]:
    """Run a batch of `count` lines; the emulator breaks one request in fifty.

    Return (seconds, responses by status, the minimum seconds for the tier).
    """
    allowed = tier(region, name)
    assert allowed
    assert allowed.rpm
    poison = count // 3
    write(folder / "in.jsonl", count, poison)
    with EmulatorServer(EmulatorConfig(region=region, tier=name)) as server:
        ended = threading.Event()

        def break_things() -> None:
            sent = 0
            while not ended.wait(0.01):
                if len(server.engine.requests) >= sent + 50:
                    sent = len(server.engine.requests)
                    server.fault(random.choice(FAULTS))

        breaker = threading.Thread(target=break_things)
        breaker.start()
        started = time.monotonic()
        arguments = ("run", folder / "in.jsonl", "-o", folder / "out.jsonl", "--tier", name)
        around = {**environment(server, folder), "STEPFUN_REGION": region}
        done = subprocess.run(command(*arguments), env=around, text=True, capture_output=True)
        seconds = time.monotonic() - started
        ended.set()
        breaker.join()
        requests = Counter(request.status for request in server.requests)
    assert done.returncode == 1, done.stderr[-2000:]  # one line failed
    assert ids(folder / "out.errors.jsonl") == [f"line-{poison}"]
    assert ids(folder / "out.jsonl") == [f"line-{number}" for number in range(count) if number != poison]
    return seconds, dict(requests), 60 * sum(requests.values()) / allowed.rpm


def kill_at_20_random_moments(folder: Path) -> str:
    count = 1500
    write(folder / "in.jsonl", count)
    with EmulatorServer() as server:
        server.fault(Fault(delay=0.02, times=None))
        around = environment(server, folder)
        made = subprocess.run(command("create", folder / "in.jsonl"), env=around, text=True, capture_output=True)
        id = made.stdout.strip()
        done: set[str] = set()
        for _ in range(20):
            before = len(server.requests)
            with subprocess.Popen(command("resume", id), env=around, stderr=subprocess.DEVNULL) as worker:
                server.wait_for_requests(before + random.randrange(1, 60), timeout=random.uniform(0.2, 20))
                time.sleep(random.uniform(0, 0.05))
                worker.kill()
            check_not_sent_again(server, before, done)
            with closing(sqlite3.connect(folder / "batches" / "journal.db", timeout=30)) as db:
                now = {row[0] for row in db.execute("SELECT custom_id FROM line WHERE state >= 2")}
            assert done <= now, "a finished line was lost"
            done = now
        before = len(server.requests)
        ended = subprocess.run(command("resume", id), env=around, text=True, capture_output=True)
        assert ended.returncode == 0, ended.stderr[-2000:]
        check_not_sent_again(server, before, done)
        assert re.search(rf"{count} answered, 0 failed, 0 open", ended.stdout), ended.stdout
        twice = len(server.requests) - count
    return f"{count} lines, {len(done)} of them before the last worker; {twice} requests were in flight at a kill"


def check_not_sent_again(server: EmulatorServer, since: int, done: set[str]) -> None:
    sent = {"line-" + request.json["messages"][-1]["content"].split()[1] for request in server.requests[since:]}
    assert not done & sent, "a finished line was sent again"


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for case in (time_of_the_tier, lines_10000, kill_at_20_random_moments):
        if case.__name__.startswith(wanted):
            with tempfile.TemporaryDirectory() as folder:
                print(f"{case.__name__}: {case(Path(folder))}", flush=True)


if __name__ == "__main__":
    main()
