"""Programs run in forks of a process that has imported the SDK: one starts in milliseconds, where a new interpreter takes
more than a second to import openai. Each fork has its own modules, environment and folder, as a new process would.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]
PRELOADED = (
    "import asyncio, httpx, openai.resources.chat, openai.resources.responses, stepfun_compat\n"
    "stepfun_compat.OpenAI, stepfun_compat.AsyncOpenAI"
)


class ForkServer:
    """A process that runs programs in forks of itself, one after another, with this environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, program: Path, cwd: Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a Python file as `python PROGRAM` would, in a folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            self._process.stdin.write(json.dumps([str(program), str(cwd), str(out), str(err)]) + "\n")
            self._process.stdin.flush()
            ready, _, _ = select.select([self._process.stdout], [], [], timeout)
            if not ready:
                self._process.kill()
                raise subprocess.TimeoutExpired(str(program), timeout)
            code = int(self._process.stdout.readline())
            texts = [file.read_text(encoding="utf-8") for file in (out, err)]
        return subprocess.CompletedProcess([str(program)], code, *texts)

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()


def serve() -> None:
    """Read requests from stdin, one a line, and answer each with the exit code of its program."""
    exec(PRELOADED, {})
    for line in sys.stdin:
        program, cwd, out, err = json.loads(line)
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for number, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
            os.chdir(cwd)
            sys.argv[:] = [program]
            sys.path[0] = str(Path(program).parent)
            runpy.run_path(program, run_name="__main__")
            return  # ends as a program does: with its exit handlers
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
