"""Recovery from killed batch workers, and concurrent workers."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from stepfun_compat import OpenAI, Settings, cli
from stepfun_compat.emulator import EmulatorServer, Fault
from tests.support.batches import jsonl, line, rows_of, settled

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
LINES = 100
Start = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "batches"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer() as server:
        monkeypatch.setenv("STEPFUN_BASE_URL", server.base_url)
        monkeypatch.setenv("STEPFUN_API_KEY", server.api_key)
        monkeypatch.setenv("STEPFUN_BATCH_DIR", str(folder))
        yield server


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    with (tmp_path_factory.mktemp("zygote") / "log").open("w") as log:
        command = [sys.executable, "-m", "tests.batches.zygote"]
        root = Path(__file__).parents[2]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, stderr=log, text=True)
        yield process
        process.communicate()


@pytest.fixture
def start(server: EmulatorServer, zygote: subprocess.Popen[str]) -> Iterator[Start]:
    """Start a command in a separate process and return the process id."""
    assert zygote.stdin
    assert zygote.stdout
    asked, answers = zygote.stdin, zygote.stdout
    started: list[int] = []

    def run(*command: str) -> int:
        asked.write(json.dumps([command, dict(os.environ)]) + "\n")
        asked.flush()
        started.append(int(answers.readline()))
        return started[-1]

    yield run
    for process in started:
        kill(process)


def kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return
    pause = Event()
    while True:  # until the process has ended
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        pause.wait(0.001)


def finished(folder: Path) -> set[str]:
    """The custom ids of the lines the journal counts."""
    with closing(sqlite3.connect(folder / "journal.db", timeout=30)) as db:
        return {row[0] for row in db.execute("SELECT custom_id FROM line WHERE state >= 2")}


def sent(server: EmulatorServer) -> list[str]:
    """The lines of the requests, in order."""
    return ["line-" + request.json["messages"][-1]["content"].split()[1] for request in server.requests]


def created(tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int = LINES) -> str:
    source = tmp_path / "in.jsonl"
    source.write_bytes(jsonl(line(i) for i in range(count)))
    assert cli.main(["batch", "create", str(source)]) == 0
    return capsys.readouterr().out.strip()


def answered(id: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    with OpenAI() as client:
        batch = client.batches.retrieve(id)
        assert batch.status == "completed"
        assert batch.error_file_id is None
        return [row["custom_id"] for row in rows_of(client.files.content(batch.output_file_id or "").text)]


def test_20_random_kills_lose_nothing_and_resend_no_finished_line(
    server: EmulatorServer, start: Start, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    id, moments = created(tmp_path, capsys), random.Random(13)
    server.fault(Fault(delay=0.01, times=None))
    done: set[str] = set()
    for moment in range(20):
        before = len(server.requests)
        worker = start("batch", "resume", id)
        if moment % 5 == 4:  # on slow machines too: after the first counted response
            deadline = time.monotonic() + 30
            while not finished(folder) - done and len(done) < LINES and time.monotonic() < deadline:
                Event().wait(0.005)
        elif moments.random() < 0.8:  # while working, otherwise while starting
            few = min(moments.randrange(1, 6), LINES - len(done))  # on fast machines few lines may be left
            assert server.wait_for_requests(before + few, timeout=30)
        Event().wait(moments.uniform(0, 0.05))
        kill(worker)
        assert not done & set(sent(server)[before:])
        assert done <= finished(folder)
        done = finished(folder)
    assert done
    before = len(server.requests)
    assert cli.main(["batch", "resume", id]) == 0
    assert f"{LINES} answered, 0 failed, 0 open" in capsys.readouterr().out
    assert not done & set(sent(server)[before:])
    assert answered(id, capsys) == [f"line-{i}" for i in range(LINES)]


def test_two_workers_never_send_the_same_line(
    server: EmulatorServer, start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    id = created(tmp_path, capsys, 120)
    server.fault(Fault(delay=0.005, times=None))
    for _ in range(2):
        start("batch", "resume", id)
    assert cli.main(["batch", "resume", id]) == 0  # a third worker
    assert Counter(sent(server)) == Counter(f"line-{i}" for i in range(120))
    assert answered(id, capsys) == [f"line-{i}" for i in range(120)]


def test_a_running_worker_takes_over_the_lines_of_a_killed_one(
    server: EmulatorServer, start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    id = created(tmp_path, capsys, 60)
    server.fault(Fault(hold=True, times=5))
    worker = start("batch", "resume", id)
    assert server.wait_until_held(5, timeout=30)
    kill(worker)
    server.release()
    assert cli.main(["batch", "resume", id]) == 0
    assert len(server.requests) == 65
    assert answered(id, capsys) == [f"line-{i}" for i in range(60)]


def test_a_killed_serving_worker_does_not_block_the_client(
    server: EmulatorServer, start: Start, folder: Path, tmp_path: Path
) -> None:
    server.fault(Fault(hold=True, times=1))
    settings = Settings(batch_dir=str(folder))
    with OpenAI(settings=settings) as client:
        worker = start("batch", "work")
        while not registered(folder):
            Event().wait(0.005)
        file = client.files.create(file=("in.jsonl", jsonl(line(i) for i in range(10))), purpose="batch")
        batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        assert server.wait_until_held(1, timeout=30)
        kill(worker)
        server.release()
        assert settled(client, batch.id).request_counts.completed == 10


def registered(folder: Path) -> bool:
    if not (folder / "journal.db").exists():
        return False
    with closing(sqlite3.connect(folder / "journal.db", timeout=30)) as db:
        try:
            return db.execute("SELECT COUNT(*) FROM worker").fetchone()[0] > 0
        except sqlite3.OperationalError:  # not created yet
            return False


def test_the_next_program_continues_the_batch_of_a_killed_one(
    server: EmulatorServer, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program creates a batch and is killed; the next program retrieves the batch, which continues."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(jsonl(line(i) for i in range(40)))
    program = f"""
import threading, stepfun_compat
client = stepfun_compat.OpenAI()
file = client.files.create(file=open({str(source)!r}, "rb"), purpose="batch")
print(client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h").id, flush=True)
threading.Event().wait()
"""
    server.fault(Fault(delay=0.01, times=None))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        id = process.stdout.readline().strip()
        assert server.wait_for_requests(12, timeout=30)
        process.kill()
    done = finished(folder)
    before = len(server.requests)
    with OpenAI() as client:
        assert settled(client, id).status == "completed"
    assert not done & set(sent(server)[before:])
    assert answered(id, capsys) == [f"line-{i}" for i in range(40)]


def test_ctrl_c_lets_requests_in_flight_finish(
    server: EmulatorServer, start: Start, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    id = created(tmp_path, capsys, 60)
    server.fault(Fault(hold=True, times=5))
    worker = start("batch", "resume", id)
    assert server.wait_until_held(5, timeout=30)
    os.kill(worker, signal.SIGINT)
    Event().wait(0.1)
    server.release()
    while True:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            break
        Event().wait(0.005)
    assert len(server.requests) == len(finished(folder)) < 60
    assert cli.main(["batch", "resume", id]) == 0
    assert len(server.requests) == 60


@pytest.mark.parametrize("http_client", ["None", "httpx.Client()"])
def test_an_exiting_program_keeps_the_answers_in_flight(
    server: EmulatorServer, folder: Path, tmp_path: Path, http_client: str
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(jsonl(line(i) for i in range(60)))
    program = f"""
import sys, httpx, stepfun_compat
client = stepfun_compat.OpenAI(http_client={http_client})
file = client.files.create(file=open({str(source)!r}, "rb"), purpose="batch")
client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
sys.stdin.readline()
"""
    server.fault(Fault(hold=True, times=5))
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stderr
        assert server.wait_until_held(5, timeout=30)
        process.stdin.close()
        Event().wait(0.3)
        server.release()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert len(finished(folder)) == len(server.requests) < 60
