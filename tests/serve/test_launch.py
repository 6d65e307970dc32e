"""`stepfun-compat serve`: options refused before the start, and a server started from the command line."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stepfun_compat import Settings, stock
from stepfun_compat.serve.launch import Launch, LaunchError, rare_collections, run
from stepfun_compat.serve.options import ServeOptions
from stepfun_compat.serve.tools_config import TOOLS, lines_for
from tests.support.serve import TOKEN

pytest.importorskip("typer")


def environment(**values: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "STEPFUN_", "STEP_"))}
    return {**kept, "PYTHONUNBUFFERED": "1", **values}


@dataclass
class Started:
    process: subprocess.Popen[str]
    url: str
    output: list[str]

    @property
    def token(self) -> str:
        return next(found.group(1) for line in self.output if (found := re.search(r"token for this run: (\S+)", line)))

    def client(self, token: str) -> Any:
        return stock.OpenAI(api_key=token, base_url=f"{self.url}/v1", max_retries=2)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def started(*arguments: str, variables: Mapping[str, str] | None = None) -> Iterator[Started]:
    command = [sys.executable, "-m", "stepfun_compat", "serve", "--port", "0", *arguments]
    process = subprocess.Popen(
        command, env=environment(**(variables or {})), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        output: list[str] = []
        for line in process.stdout:
            output.append(line)
            if "listening on" in line:
                break
        assert output, process.stderr.read()
        yield Started(process, re.search(r"http://[^ ]+", output[-1]).group(), output)  # type: ignore[union-attr]
    finally:
        process.kill()
        process.communicate()


def test_one_command_serves_the_emulator() -> None:
    with started("--emulate") as server:
        assert "emulated" in server.output[0]
        with server.client(server.token) as client:
            answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
            assert answer.choices[0].message.content == "Hello"
        with server.client("wrong-token") as client, pytest.raises(Exception, match="Incorrect API key"):
            client.models.list()
        assert server.stop() == 0
        assert server.process.stderr is not None
        log = server.process.stderr.read()
    assert len(re.findall("stepfun_compat.serve POST /chat/completions 200 ", log)) == 1
    assert "Hello" not in log
    assert server.token not in log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_exits_with_0(number: signal.Signals) -> None:
    with started("--emulate", "--no-token") as server:
        server.process.send_signal(number)
        assert server.process.wait(60) == 0


def test_workers_share_the_store(tmp_path: Path) -> None:
    variables = {"STEPFUN_STATE": f"sqlite:///{tmp_path}/state.db", "STEPFUN_SERVE_TOKEN": TOKEN}
    with started("--emulate", "--workers", "2", variables=variables) as server:
        ids = []
        for _ in range(8):  # each on its own connection, accepted by either worker
            with server.client(TOKEN) as client:
                ids.append(client.responses.create(model="gpt-5", input="Hello").id)
        for id in ids:
            with server.client(TOKEN) as client:
                assert client.responses.retrieve(id).id == id
        assert server.stop() == 0


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another address without a token": ({"host": "0.0.0.0"}, "needs a token"),
    "another address with --no-token": ({"host": "192.168.1.4", "no_token": True}, "anyone who can reach it"),
    "workers without a shared store": ({"workers": 2}, "needs a shared store"),
    "no worker": ({"workers": 0}, "1 or more"),
    "an unknown tier": ({"tier": "V99"}, "not a tier"),
    "an address of another machine": (
        {"host": "192.0.2.1", "options": ServeOptions(tokens=(TOKEN,))},
        "cannot listen on 192.0.2.1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unsafe_options_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values, reason = REFUSED[name]
    for variable in list(os.environ):
        if variable.startswith(("OPENAI_", "STEPFUN_", "STEP_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("STEPFUN_API_KEY", "a-stepfun-key")
    monkeypatch.setattr("stepfun_compat.serve.launch.start_logging", lambda level: None)
    with pytest.raises(LaunchError, match=re.escape(reason)):
        run(Launch(**{"port": 0, **values}), lambda line: None)


@pytest.mark.parametrize(("tier", "limit"), [("V0", 5), ("V3", None), (None, None)])
def test_concurrency_limit_is_the_tiers(tier: str | None, limit: int | None) -> None:
    from stepfun_compat.catalog.tiers import tier as row_of
    from stepfun_compat.serve.launch import _options

    settings = Settings(api_key="a-stepfun-key")
    output: list[str] = []
    options = _options(Launch(tier=tier), settings, output.append)
    row = row_of(settings.region, tier) if tier else None
    assert options.max_concurrency == (row.concurrency if row else None)
    assert limit is None or options.max_concurrency == limit
    assert len(options.tokens) == 1
    assert options.tokens[0] in output[0]
    chosen = _options(Launch(tier=tier, options=ServeOptions(max_concurrency=7)), settings, output.append)
    assert chosen.max_concurrency == 7


@pytest.mark.parametrize("tool", TOOLS)
def test_tool_configuration_contains_the_server_address(tool: str) -> None:
    text = lines_for(tool, "127.0.0.1", 9000)
    assert "127.0.0.1:9000" in text or "host.docker.internal:9000" in text
    assert "{" not in text.replace("${", "") or tool in ("opencode", "curl")
    assert "$STEPFUN_SERVE_TOKEN" in text
    assert "secret-token" in lines_for(tool, "::1", 9000, "secret-token")


def test_print_config_prints_the_tool_configuration() -> None:
    command = [sys.executable, "-m", "stepfun_compat", "serve", "--print-config"]
    done = subprocess.run([*command, "codex"], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == lines_for("codex", "127.0.0.1", 8317)
    done = subprocess.run([*command, "nothing"], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "claude-code" in done.stderr


def test_garbage_is_collected_less_often_while_it_serves_and_as_before_afterwards() -> None:
    before = gc.get_threshold()
    with rare_collections():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
