"""Invalid input and broken environments: one clear line, no traceback, no key shown, and no paid request first."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from stepfun_compat import OpenAI, Settings, explain
from stepfun_compat.__main__ import main
from stepfun_compat.cli import app
from stepfun_compat.diagnostics import probes as probing
from stepfun_compat.emulator import EmulatorServer
from tests.support.fork_server import ForkServer


def test_tracebacks_of_typer_are_off() -> None:
    assert app.pretty_exceptions_enable is False


BROKEN = {
    "socks": {"ALL_PROXY": "socks5://127.0.0.1:1"},
    "proxy": {"HTTPS_PROXY": "what://is:this", "ALL_PROXY": "no proxy"},
    "certificates": {"SSL_CERT_FILE": "/nonexistent/ca.pem"},
    "setting": {"STEPFUN_PLAN": "gold"},
    "model": {"STEPFUN_CATALOG": "/nonexistent.toml"},
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize(
    "command", [["doctor"], ["models", "--live"], ["probe", "seed"], ["speak", "-"], ["upload", "file.txt"]]
)
def test_broken_environment_is_one_line_without_the_key(
    broken: str, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("hello", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(read=lambda: "Hello.", isatty=lambda: False))
    monkeypatch.setenv("STEPFUN_API_KEY", "the-very-secret-key")
    monkeypatch.setenv("STEPFUN_BASE_URL", "https://127.0.0.1:9/v1")
    for name, value in BROKEN[broken].items():
        monkeypatch.setenv(name, value)
    assert main(command) in (1, 2)
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    assert "very-secret" not in out + err
    assert out + err


@pytest.mark.parametrize("output", ["/nonexistent/x.mp3", ".", "/proc/x.mp3"])
def test_speak_checks_the_output_path_before_sending(output: str, server: EmulatorServer, tmp_path: Path) -> None:
    text = tmp_path / "t.txt"
    text.write_text("Hello there. " * 500, encoding="utf-8")
    assert main(["speak", str(text), "-o", output]) == 2
    assert server.requests == []


def test_failed_speak_creates_and_changes_no_file(server: EmulatorServer, tmp_path: Path) -> None:
    server.fault(401, times=None)
    text, new, old = tmp_path / "t.txt", tmp_path / "new.mp3", tmp_path / "old.mp3"
    text.write_text("Hello.", encoding="utf-8")
    old.write_bytes(b"before")
    assert main(["speak", str(text), "-o", str(new)]) == 1
    assert main(["speak", str(text), "-o", str(old)]) == 1
    assert not new.exists()
    assert old.read_bytes() == b"before"


def test_invalid_uploads_are_refused_before_sending(server: EmulatorServer, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for what in (str(tmp_path), "/dev/null", str(tmp_path / "empty"), str(tmp_path / "missing")):
        assert main(["upload", what]) == 2
    assert server.requests == []


def test_input_that_is_not_text_is_a_usage_error(server: EmulatorServer, tmp_path: Path) -> None:
    file = tmp_path / "binary"
    file.write_bytes(b"\xff\xfe")
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000, encoding="utf-8")
    for command in (["speak", str(file)], ["explain", str(file)], ["explain", str(deep)], ["explain", str(tmp_path)]):
        assert main(command) == 2


def test_probe_without_yes_sends_nothing(
    server: EmulatorServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["probe"]) == 2
    err = capsys.readouterr().err
    assert max(map(len, err.splitlines())) <= 80
    assert "paid requests" in err
    assert "--yes" in err
    assert main(["probe", "--write", "x.toml"]) == 2
    assert server.requests == []


def test_probe_estimate_matches_the_requests_sent(server: EmulatorServer) -> None:
    with probing.client() as client:
        for check in probing.CHECKS:
            server.reset()
            probing.run(check, client, "step-3.7-flash")
            assert len(server.requests) == check.requests, check.name


def test_tables_fit_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for command in (["models"], ["probe", "--list"]):
        assert main(command) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 80
        assert len(lines) > 20


def test_models_as_json_have_prices(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    rows = {row["id"]: row["prices"] for row in json.loads(capsys.readouterr().out)}
    flash = {"per": 1_000_000, "unit": "tokens", "input": 0.2, "cached": 0.04, "output": 1.15}
    assert rows["step-3.7-flash"]["USD"] == flash
    assert rows["step-tts-2"]["CNY"] == {"per": 10_000, "unit": "characters", "amount": 2.8}


def test_price_and_cost_accept_openai_names(server: EmulatorServer) -> None:
    with OpenAI() as client:
        price = client.stepfun.price("gpt-4o")
        assert (price.model, price.currency) == ("step-3.7-flash", "USD")
        assert price.tokens is not None
        assert price.tokens.output == 1.15
        answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
        assert answer.usage is not None
        made, entered = answer.usage.completion_tokens, answer.usage.prompt_tokens
        assert client.stepfun.cost(answer) == pytest.approx((entered * 0.2 + made * 1.15) / 1e6)
        counted = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 60}}
        assert client.stepfun.cost({"model": "step-3.7-flash", "usage": counted}) == pytest.approx(
            (40 * 0.2 + 60 * 0.04 + 10 * 1.15) / 1e6
        )
        assert client.stepfun.cost({"model": "step-3.7-flash"}) is None
        assert client.stepfun.price("nobody-knows").tokens is None
    with OpenAI(settings=Settings(region="cn")) as client:
        assert client.stepfun.price("step-3.7-flash").currency == "CNY"


def test_explanation_is_readable_as_the_last_line_of_a_cell() -> None:
    explained = explain(model="gpt-4o", messages=[])
    printed: list[str] = []
    explained._repr_pretty_(SimpleNamespace(text=printed.append), False)
    assert printed == [str(explained)]


def test_run_accepts_an_interpreter_or_console_script_name(forks: ForkServer, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import openai, sys; print(openai.OpenAI.__module__, sys.argv)", encoding="utf-8")
    for name in ("python", "python3", "python3.11"):
        done = forks.run("stepfun_compat", tmp_path, "run", name, "app.py", "-x")
        assert done.stdout.split(" ", 1) == ["stepfun_compat.client", "['app.py', '-x']\n"], done.stderr
    (tmp_path / "test_it.py").write_text(
        "import openai\ndef test_it():\n    assert openai.OpenAI.__module__ == 'stepfun_compat.client'\n",
        encoding="utf-8",
    )
    done = forks.run("stepfun_compat", tmp_path, "run", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    done = forks.run("stepfun_compat", tmp_path, "run", "uvicorn", "--version")
    assert "uvicorn" in done.stdout, done.stderr


def test_file_takes_precedence_over_a_command_of_the_same_name(forks: ForkServer, tmp_path: Path) -> None:
    (tmp_path / "pytest").write_text("print('mine')", encoding="utf-8")
    assert forks.run("stepfun_compat", tmp_path, "run", "pytest").stdout == "mine\n"
    assert "can't open file" in forks.run("stepfun_compat", tmp_path, "run", "no-such-command").stderr


def test_command_names_the_invalid_variable(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("STEPFUN_API_KEY", "the-very-secret-key")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent/ca.pem")
    assert main(["models", "--live"]) == 1
    assert "SSL_CERT_FILE: /nonexistent/ca.pem does not exist, set SSL_CERT_FILE to" in capfd.readouterr().err


FINDINGS = {
    "socks": ({"ALL_PROXY": "socks5://127.0.0.1:1"}, "pip install socksio"),
    "odd proxy": ({"HTTPS_PROXY": "what://is:this"}, "is not a proxy URL"),
    "certificates": ({"SSL_CERT_FILE": "/nonexistent/ca.pem"}, "/nonexistent/ca.pem does not exist"),
    "quoted key": ({"STEPFUN_API_KEY": "'the-very-secret-key'"}, "without quotes"),
    "bearer": ({"STEPFUN_API_KEY": "Bearer the-very-secret-key"}, "starts with `Bearer`"),
    "tier": ({"STEPFUN_TIER": "V5"}, "set STEPFUN_REGION=cn"),
    "misspelt": ({"STEPFUN_REGON": "cn"}, "did you mean STEPFUN_REGION?"),
    "openai model": ({"STEPFUN_MODEL": "gpt-4o"}, "set STEPFUN_MODEL=step-3.7-flash"),
    "passed over": ({"STEPFUN_API_KEY": "", "OPENAI_API_KEY": "sk-very-secret-key"}, "set it as STEPFUN_API_KEY"),
}


@pytest.mark.parametrize("name", FINDINGS)
def test_doctor_finds_problems_and_names_the_fix(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment, expected = FINDINGS[name]
    monkeypatch.setenv("STEPFUN_API_KEY", "a-key")
    monkeypatch.setattr("stepfun_compat.diagnostics.environment.find_spec", lambda name: None)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    main(["doctor", "--offline"])
    out = capsys.readouterr().out
    assert expected in out
    assert "very-secret" not in out


def test_doctor_makes_one_small_call(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--call"]) == 0
    assert "ok    call: step-3.7-flash answered" in capsys.readouterr().out
    assert sum(request.path.endswith("/chat/completions") for request in server.requests) == 1


@pytest.mark.parametrize(
    "command", ["run", "demo", "doctor", "models", "explain", "emulate", "probe", "speak", "upload"]
)
def test_help_does_not_wrap_examples(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main([command, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().lower() == "examples:") + 1
    length = next((i for i, line in enumerate(lines[start:]) if not line.strip()), len(lines) - start)
    examples = lines[start : start + length]
    assert examples
    assert all("stepfun-compat" in line for line in examples)
