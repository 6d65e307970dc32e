"""Runs programs in forks of a process that has imported the SDK: a fork starts in milliseconds, a new interpreter takes
more than a second to import openai. Each fork has its own modules, environment and folder, like a new process.
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
    """A process that runs programs in forks of itself, one after another, with one environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, program: Path | str, cwd: Path, *arguments: str, stdin: str = "", timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python file as `python PROGRAM ARGUMENT…` would in a folder, or, if `program` is a string, a module as
        `python -m` would."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, name) for name in ("in", "out", "err")]
            files[0].write_text(stdin, encoding="utf-8")
            request = [isinstance(program, str), [str(program), *arguments], str(cwd), *map(str, files)]
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            ready, _, _ = select.select([self._process.stdout], [], [], timeout)
            if not ready:
                self._process.kill()
                raise subprocess.TimeoutExpired([str(program), *arguments], timeout)
            code = int(self._process.stdout.readline())
            texts = [file.read_text(encoding="utf-8") for file in files[1:]]
        return subprocess.CompletedProcess([str(program), *arguments], code, *texts)

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()


def serve() -> None:
    """Read one request per line from stdin, and answer each with the exit code of its program."""
    exec(PRELOADED, {})
    for line in sys.stdin:
        is_module, arguments, cwd, *files = json.loads(line)
        child = os.fork()
        if not child:
            for number, path in enumerate(files):
                os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
            sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)  # the original stdin object has read ahead
            os.chdir(cwd)
            sys.argv[:] = arguments
            if is_module:
                sys.path[0] = cwd
                runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
            else:
                sys.path[0] = os.path.dirname(arguments[0])
                runpy.run_path(arguments[0], run_name="__main__")
            return  # exit like a program, with its exit handlers
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
