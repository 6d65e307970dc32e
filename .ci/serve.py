"""Run programs that use OpenAI's or Anthropic's API against `stepfun-compat serve --emulate`, as a user would.

    python .ci/serve.py NODE_DIRECTORY [openai|ai_sdk|codex|claude_code|continue|opencode|cline ...]

The coding agents get the configuration from `--print-config` and a file with a bug; the emulator's script responds with
the tool calls of a model that reads the file, fixes it and runs it. The file is checked afterwards.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "a-token-for-this-run"
COMMAND = str(Path(sys.executable).with_name("stepfun-compat"))
WRONG, RIGHT = "    return a - b\n", "    return a + b\n"
HEAD = "def add(a, b):\n"
LIMIT = 180


@dataclass
class Server:
    """A running `serve --emulate`."""

    url: str
    emulator: str
    programs: Path

    def admin(self, name: str, body: Any = None, method: str = "POST") -> Any:
        request = urllib.request.Request(
            f"{self.emulator}/__emulator__/{name}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def script(self, *replies: Any) -> None:
        self.admin("reset")
        self.admin("script", {"replies": list(replies)})

    def bodies(self) -> list[Any]:
        """The request bodies that StepFun received."""
        rows = self.admin("requests", method="GET")["requests"]
        return [row["json"] for row in rows if row["path"].endswith(("/chat/completions", "/responses"))]

    def lines(self, tool: str) -> str:
        """The configuration a user writes for a tool."""
        port = self.url.rpartition(":")[2]
        command = [COMMAND, "serve", "--print-config", tool, "--port", port]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@contextmanager
def serving(programs: Path) -> Iterator[Server]:
    environment = {**os.environ, "STEPFUN_SERVE_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    command = [COMMAND, "serve", "--emulate", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        emulator = url = ""
        for line in process.stdout:
            found = re.search(r"http://\S+", line)
            if "emulated" in line and found:
                emulator = found.group().removesuffix("/v1")
            if "listening" in line and found:
                url = found.group()
                break
        yield Server(url, emulator, programs)
    finally:
        process.terminate()
        code = process.wait(60)
    if code:
        raise SystemExit(f"serve ended with {code}")


def run(command: list[str], folder: Path, **variables: str) -> str:
    """Run a program with only these environment variables; return its output, which is printed if it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
    return done.stdout + done.stderr


@contextmanager
def project(programs: Path) -> Iterator[tuple[Path, Path]]:
    """(home, project with a bug in calc.py)"""
    home = Path(tempfile.mkdtemp(dir=programs))
    folder = home / "project"
    folder.mkdir()
    (folder / "calc.py").write_text(HEAD + WRONG)
    try:
        yield home, folder
    finally:
        shutil.rmtree(home, ignore_errors=True)


def check(server: Server, folder: Path, output: str, result: str, reasoned: bool = True) -> None:
    """Check that the file is fixed, and that its result and the reasoning were sent back."""
    text = (folder / "calc.py").read_text()
    assert text == HEAD + RIGHT, f"{text}\n{output[-6000:]}"
    assert "Fixed." in output, output[-6000:]
    last = server.bodies()[-1]
    rows = last.get("messages") or last.get("input")
    assert any(result in json.dumps(row) for row in rows), rows
    if reasoned:
        calls = [row for row in rows if row.get("tool_calls")]
        assert calls
        assert all(row.get("reasoning_content") for row in calls), calls


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"reasoning": f"Next is {name}.", "tool_calls": [{"name": name, "arguments": arguments}]}


def node(name: str) -> Callable[[Server], None]:
    def check_it(server: Server) -> None:
        server.admin("reset")
        variables = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": TOKEN, "AI_SDK_LOG_WARNINGS": "false"}
        print(run(["node", f"{name}.mjs"], server.programs, **variables), end="")

    return check_it


def codex(server: Server) -> None:
    """Codex CLI: a command, a patch with its apply_patch tool, a command."""
    patch = f"*** Begin Patch\n*** Update File: calc.py\n@@\n {HEAD}-{WRONG}+{RIGHT}*** End Patch"
    server.script(
        call("exec_command", cmd="cat calc.py"),
        call("apply_patch", input=patch),
        call("exec_command", cmd="python3 -c 'import calc; print(calc.add(200, 34))'"),
        {"content": "Fixed."},
    )
    with project(server.programs) as (home, folder):
        (home / ".codex").mkdir()
        (home / ".codex" / "config.toml").write_text(server.lines("codex"))
        command = [str(server.programs / "node_modules/.bin/codex"), "exec", "--skip-git-repo-check"]
        command += ["--sandbox", "danger-full-access", "Fix add in calc.py"]
        output = run(command, folder, HOME=str(home), STEPFUN_SERVE_TOKEN=TOKEN)
        check(server, folder, output, "234")
    print("a command, a patch and a command; the reasoning was sent back with each call")


def claude_code(server: Server) -> None:
    """Claude Code: it reads, edits and runs the file."""
    with project(server.programs) as (home, folder):
        file = str(folder / "calc.py")
        server.script(
            call("Read", file_path=file),
            call("Edit", file_path=file, old_string="a - b", new_string="a + b"),
            call("Bash", command="python3 -c 'import calc; print(calc.add(200, 34))'", description="Try it"),
            {"content": "Fixed."},
        )
        program = f"{server.programs}/node_modules/.bin/claude -p 'Fix add in calc.py' --allowedTools Read,Edit,Bash"
        lines = server.lines("claude-code").rstrip().removesuffix("claude") + program
        output = run(["bash", "-euc", lines], folder, HOME=str(home), STEPFUN_SERVE_TOKEN=TOKEN)
        check(server, folder, output, "234")
    print("read, edit, run; the reasoning was sent back with each call")


def continue_cli(server: Server) -> None:
    """Continue's command line: it reads and edits the file."""
    with project(server.programs) as (home, folder):
        file = str(folder / "calc.py")
        server.script(
            call("Read", filepath=file),
            call("MultiEdit", file_path=file, edits=[{"old_string": "a - b", "new_string": "a + b"}]),
            {"content": "Fixed."},
        )
        config = home / "config.yaml"
        config.write_text(server.lines("continue").replace("$STEPFUN_SERVE_TOKEN", TOKEN))
        command = [str(server.programs / "node_modules/.bin/cn"), "--config", str(config), "--auto"]
        output = run([*command, "-p", "Fix add in calc.py"], folder, HOME=str(home))
        check(server, folder, output, "Read")
    print("read, edit; the reasoning was sent back with each call")


def opencode(server: Server) -> None:
    """opencode: it requests a title, then reads and edits the file."""
    with project(server.programs) as (home, folder):
        file = str(folder / "calc.py")
        server.script(
            {"content": "A title"},
            call("read", filePath=file),
            call("edit", filePath=file, oldString="a - b", newString="a + b"),
            {"content": "Fixed."},
        )
        lines = server.lines("opencode").replace("$STEPFUN_SERVE_TOKEN", TOKEN)
        (folder / "opencode.json").write_text(lines.partition("\n")[2])
        command = [str(server.programs / "node_modules/.bin/opencode"), "run", "-m", "stepfun/step-3.7-flash"]
        output = run([*command, "Fix add in calc.py"], folder, HOME=str(home))
        check(server, folder, output, "applied")
    print("read, edit; the reasoning was sent back with each call")


def cline(server: Server) -> None:
    """Cline's command line: a command, a patch with its apply_patch tool, a command."""
    patch = f"*** Begin Patch\n*** Update File: calc.py\n@@\n {HEAD}-{WRONG}+{RIGHT}*** End Patch"
    with project(server.programs) as (home, folder):
        server.script(
            call("run_commands", commands=["cat calc.py"]),
            call("apply_patch", input=patch),
            call("run_commands", commands=["python3 -c 'import calc; print(calc.add(200, 34))'"]),
            {"content": "Fixed."},
        )
        path = f"{server.programs}/node_modules/.bin:{os.environ['PATH']}"
        variables = {"HOME": str(home), "PATH": path, "STEPFUN_SERVE_TOKEN": TOKEN}
        run(["bash", "-euc", server.lines("cline")], folder, **variables)
        output = run(["cline", "--json", "-t", str(LIMIT), "Fix add in calc.py"], folder, **variables)
        check(server, folder, output, "234")
    print("a command, a patch and a command; the reasoning was sent back with each call")


CHECKS: dict[str, Callable[[Server], None]] = {
    "openai": node("openai"),
    "ai_sdk": node("ai_sdk"),
    "codex": codex,
    "claude_code": claude_code,
    "continue": continue_cli,
    "opencode": opencode,
    "cline": cline,
}


def main() -> None:
    programs, names = Path(sys.argv[1]).resolve(), sys.argv[2:] or list(CHECKS)
    with serving(programs) as server:
        for name in names:
            print(f"\n== {name}", flush=True)
            CHECKS[name](server)
    print("\n== all passed:", *names)


if __name__ == "__main__":
    main()
