"""`probe`: the requests, and how each probe interprets a response."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from stepfun_compat.__main__ import main
from stepfun_compat.diagnostics import probes as probing
from stepfun_compat.emulator import EmulatorConfig, EmulatorServer


def test_probe_sends_no_openai_credentials(server: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-mine")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Corp-Secret: 1")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-mine")
    with probing.client() as client:
        headers = json.dumps({name: str(value) for name, value in client.default_headers.items()})
        assert getattr(client, "admin_api_key", None) is None
    assert "mine" not in headers
    assert "Corp" not in headers


def test_unknown_response_to_a_probe_is_reported(server: EmulatorServer) -> None:
    def strange(client: Any, model: str) -> str:
        return {}["choices"]

    result = probing.run(probing.Check("x", "?", "11.1", "-", "-", strange), None, "m")
    assert not result.failed
    assert "undocumented shape" in result.answer


def test_every_probe_gets_an_answer(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--json", "--yes"]) == 0
    results: list[Any] = json.loads(capsys.readouterr().out)
    assert [result["name"] for result in results] == [check.name for check in probing.CHECKS if not check.expensive]
    assert not any(result["failed"] for result in results)
    answers = {result["name"]: result["answer"] for result in results}
    assert "none still called a tool" in answers["tool_choice"]
    assert '{"a"' in answers["json_schema"]
    assert "without it accepted" in answers["reasoning_replay"]
    assert "768x1360 was returned as 1360x768" in answers["image_size"]
    assert "61 images rejected with 400" in answers["many_images"]
    assert "its instruction too rejected with 400" in answers["speech"]
    assert "high: 2001 characters" in answers["default_effort"]
    assert answers["stop_in_reasoning"].startswith(("stop does not end", "no text came after"))
    assert not [answer for answer in answers.values() if "undocumented shape" in answer]


def test_expensive_probe_runs_only_by_name(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.configure(context_window=500)
    assert main(["probe", "overflow"]) == 0
    assert capsys.readouterr().out.startswith("overflow: rejected with 400")


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\5P\0\0\3\0", "1360x768"),
        (b"\xff\xd8\xff\xe0\0\4ab\xff\xc0\0\x11\x08\3\0\5P..", "1360x768"),
        (b"something else", "of an unknown size"),
    ],
)
def test_image_size_is_detected(data: bytes, size: str) -> None:
    from stepfun_compat.diagnostics.probes.others import picture_size

    assert picture_size(data) == size


def test_rejected_probe_is_an_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with EmulatorServer(EmulatorConfig(strict=True)) as running:
        monkeypatch.setenv("STEPFUN_BASE_URL", running.base_url)
        monkeypatch.setenv("STEPFUN_API_KEY", running.api_key)
        assert main(["probe", "seed"]) == 0
    assert capsys.readouterr().out == "seed: rejected with 400: Request param: seed is not supported\n"


def test_probe_without_a_server_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("STEPFUN_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        monkeypatch.setenv("STEPFUN_API_KEY", "any")
        assert main(["probe", "seed"]) == 1
    assert "seed: failed: " in capsys.readouterr().out


def test_probe_list_and_unknown_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--list"]) == 0
    out = capsys.readouterr().out
    assert "Is tool_choice honoured?" in out
    assert "how long a prefix stays cached" in out
    assert "11.12" not in out  # no section numbers for users
    assert main(["probe", "nothing"]) == 2
