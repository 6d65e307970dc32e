"""`stepfun-compat batch`, over the emulator."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepfun_compat import cli
from stepfun_compat.batches.progress import Progress
from stepfun_compat.batches.records import BatchRecord, Counts, Tokens
from stepfun_compat.emulator import EmulatorServer, Fault
from tests.support.batches import jsonl, line, rows_of


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EmulatorServer]:
    with EmulatorServer() as server:
        monkeypatch.setenv("STEPFUN_BASE_URL", server.base_url)
        monkeypatch.setenv("STEPFUN_API_KEY", server.api_key)
        monkeypatch.setenv("STEPFUN_BATCH_DIR", str(tmp_path / "batches"))
        yield server


def test_run_writes_answers_and_failed_lines(
    server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [line(i) for i in range(6)]
    rows[2]["body"]["messages"] = "poison"
    source.write_bytes(jsonl(rows))
    assert cli.main(["batch", "run", str(source), "-o", str(output), "--tier", "V1"]) == 1
    assert "5 answered, 1 failed, 0 open" in capsys.readouterr().out
    assert [row["custom_id"] for row in rows_of(output.read_text())] == [f"line-{i}" for i in (0, 1, 3, 4, 5)]
    assert [row["custom_id"] for row in rows_of((tmp_path / "out.errors.jsonl").read_text())] == ["line-2"]
    assert cli.main(["batch", "list"]) == 0
    assert "completed" in capsys.readouterr().out


def test_an_empty_account_stops_the_batch_and_resume_continues_it(
    server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(jsonl(line(i) for i in range(12)))
    server.configure(balance="exhausted")
    assert cli.main(["batch", "run", str(source), "-o", str(output)]) == 3
    assert "stepfun-compat batch resume batch_" in capsys.readouterr().err
    server.configure(balance="ok")
    assert cli.main(["batch", "run", str(source), "-o", str(output), "--resume"]) == 0
    assert len(rows_of(output.read_text())) == 12


def test_retry_failed_resends_failed_lines(
    server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(jsonl(line(i) for i in range(3)))
    server.fault(Fault(status=400, times=1))
    assert cli.main(["batch", "run", str(source), "-o", str(output)]) == 1
    id = capsys.readouterr().out.split()[0]
    assert cli.main(["batch", "retry-failed", id]) == 0
    assert "3 answered, 0 failed" in capsys.readouterr().out


def test_cancel_keeps_finished_lines_and_sends_no_more(
    server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(jsonl(line(i) for i in range(3)))
    assert cli.main(["batch", "create", str(source)]) == 0
    id = capsys.readouterr().out.strip()
    assert cli.main(["batch", "cancel", id]) == 0
    assert cli.main(["batch", "work", "--once"]) == 0
    capsys.readouterr()
    assert cli.main(["batch", "status", id]) != 2
    assert "cancelled" in capsys.readouterr().out
    assert not server.requests


def test_make_and_check_send_no_request(
    server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data.csv").write_text("id,city\na,Paris\nb,Rome\n")
    (tmp_path / "prompt.txt").write_text("Describe {city}.")
    output = tmp_path / "in.jsonl"
    command = ["batch", "make", str(tmp_path / "data.csv"), "--template", str(tmp_path / "prompt.txt")]
    assert cli.main([*command, "-o", str(output), "--id-column", "id"]) == 0
    assert [(r["custom_id"], r["body"]["messages"][0]["content"]) for r in rows_of(output.read_text())] == [
        ("a", "Describe Paris."),
        ("b", "Describe Rome."),
    ]
    assert cli.main(["batch", "check", str(output)]) == 0
    assert "2 requests" in capsys.readouterr().out
    output.write_text("{}\n")
    assert cli.main(["batch", "check", str(output)]) == 2
    assert cli.main([*command, "--id-column", "none"]) == 2
    assert not server.requests


def test_follow_and_tail_show_a_running_batch(
    server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.jsonl"
    rows = [line(i) for i in range(30)]
    rows[4]["body"]["messages"] = "poison"
    source.write_bytes(jsonl(rows))
    assert cli.main(["batch", "create", str(source)]) == 0
    id = capsys.readouterr().out.strip()
    server.fault(Fault(delay=0.01, times=None))
    worker = threading.Thread(target=cli.main, args=(["batch", "work", "--once"],))
    worker.start()
    assert server.wait_for_requests(3, timeout=20)
    assert cli.main(["batch", "tail", id, "--follow", "-n", "100"]) == 0
    shown = rows_of(capsys.readouterr().out)
    assert sorted(row["custom_id"] for row in shown) == sorted(f"line-{i}" for i in range(30))
    assert cli.main(["batch", "status", id, "--follow"]) == 0
    assert "completed: 30/30 done, 1 failed" in capsys.readouterr().out
    worker.join()
    assert cli.main(["batch", "tail", id, "-n", "2"]) == 0
    assert rows_of(capsys.readouterr().out) == shown[-2:]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal_and_lines_in_a_log() -> None:
    now = [100.0]
    record = BatchRecord("b", "/v1/chat/completions", "f", "24h", 0, 0, status="in_progress", cost=1.5)
    record.counts, record.tokens = Counts(1000, 200, 0), Tokens(5000, 0, 1000)
    shown = {}
    for stream in (Terminal(), io.StringIO()):
        progress = Progress(stream, record, lambda: now[0])
        now[0] += 10
        record.counts = Counts(1000, 480, 20)
        assert progress.due
        progress.show(record)
        assert not progress.due
        progress.end(record)
        shown[type(stream)] = stream.getvalue()
        record.counts = Counts(1000, 200, 0)
    text = "in_progress: 500/1,000 done, 20 failed, 6,000 tokens, cost 1.5000, 30.0/s, 0:17 left"
    assert shown[Terminal] == f"\r\x1b[K[############............]  50% {text}" * 2 + "\n"
    assert shown[io.StringIO] == f"{text}\n" * 2


def test_resume_raises_the_cost_limit(
    server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(jsonl(line(i) for i in range(40)))
    assert cli.main(["batch", "run", str(source), "-o", str(output), "--max-cost", "0.0009"]) == 3
    printed = capsys.readouterr()
    assert "The cost limit of 0.0009 is reached. Raise it with --max-cost." in printed.err
    id = printed.out.split()[0]
    assert cli.main(["batch", "resume", id, "--max-cost", "5"]) == 0
    assert "40 answered, 0 failed, 0 open" in capsys.readouterr().out
    assert cli.main(["batch", "run", str(source), "-o", str(output), "--max-cost", "0.0000001"]) == 2
    assert "more than --max-cost" in capsys.readouterr().err
