"""`speak` and `upload`: long-running work in one command."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from stepfun_compat.__main__ import main
from stepfun_compat.cli import show
from stepfun_compat.emulator import EmulatorServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorServer]:
    with EmulatorServer() as running:
        monkeypatch.setenv("STEPFUN_BASE_URL", running.base_url)
        monkeypatch.setenv("STEPFUN_API_KEY", running.api_key)
        yield running


def test_long_text_becomes_one_file(server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "story.txt"
    text.write_text("The kettle is blue. " * 130, encoding="utf-8")
    for name in ("story.wav", "story.mp3", "story.flac"):
        assert main(["speak", str(text), "-o", str(tmp_path / name)]) == 0
        assert "from 3 requests" in capsys.readouterr().out
    with wave.open(io.BytesIO((tmp_path / "story.wav").read_bytes())) as sound:
        assert sound.getnframes() > 0
    assert (tmp_path / "story.flac").read_bytes()[:4] == b"fLaC"


def test_invalid_arguments_are_reported(server: EmulatorServer, tmp_path: Path) -> None:
    text = tmp_path / "empty.txt"
    text.write_text(" ", encoding="utf-8")
    assert main(["speak", str(text)]) == 2
    assert main(["speak", str(text), "-o", "x.aac"]) == 2
    assert main(["speak", str(tmp_path / "nothing.txt")]) == 2
    assert main(["upload", str(tmp_path / "nothing.txt")]) == 2


def test_finished_audio_is_kept_when_a_later_segment_is_refused(
    server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "story.txt"
    text.write_text("The kettle is blue. " * 60 + "This is emulator-blocked. " + "It sings. " * 100, encoding="utf-8")
    assert main(["speak", str(text), "-o", str(tmp_path / "story.wav")]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("stopped after 1 of ")
    assert "stepfun-compat: " in printed.err
    assert "Traceback" not in printed.err
    with wave.open(str(tmp_path / "story.wav")) as sound:
        assert sound.getnframes() > 0
    assert printed.out.startswith(str(tmp_path / "story.wav"))


def test_refusal_is_reported_in_one_line(
    server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "program.py"
    file.write_text("pass", encoding="utf-8")
    assert main(["upload", str(file)]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("stepfun-compat: 'program.py' cannot be uploaded")
    assert len(printed.splitlines()) == 1


def test_upload_waits_until_the_file_is_ready(
    server: EmulatorServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.configure(parse_polls=0)
    file = tmp_path / "note.txt"
    file.write_text("The kettle is blue.", encoding="utf-8")
    assert main(["upload", str(file)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("file-")
    assert "processed" in out


def test_progress_is_silent_when_not_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with show.progress("working", 3) as advance:
        advance(3)
    seen = capsys.readouterr()
    assert seen.out + seen.err == ""
