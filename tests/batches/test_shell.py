"""`stepfun-compat batch`, over the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stepfun_compat import cli
from stepfun_compat.emulator import EmulatorServer, Fault

from .support import jsonl, line, rows_of


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


def test_an_empty_account_stops_and_resume_goes_on(
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


def test_retry_failed(server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(jsonl(line(i) for i in range(3)))
    server.fault(Fault(status=400, times=1))
    assert cli.main(["batch", "run", str(source), "-o", str(output)]) == 1
    id = capsys.readouterr().out.split()[0]
    assert cli.main(["batch", "retry-failed", id]) == 0
    assert "3 answered, 0 failed" in capsys.readouterr().out


def test_make_and_check_send_nothing(
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
