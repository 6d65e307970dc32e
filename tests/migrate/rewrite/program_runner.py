"""Runs programs in children of one interpreter that has already imported openai, which takes most of their time.

A line of standard input is `{"folder", "environment"}`, the answer is a line with `{"code", "out", "err"}`.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any


class Runner:
    """`with Runner() as runner: runner.run(folder, environment)`."""

    def __enter__(self) -> Runner:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, folder: Path, environment: dict[str, str]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "environment": environment}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def child(folder: str, environment: dict[str, str]) -> None:
    """Run the program in this process, with its folder and environment, and its output in files."""
    for descriptor, name in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(os.path.join(folder, name), os.O_CREAT | os.O_WRONLY, 0o600), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = ["main.py"]
    code = 0
    try:
        runpy.run_path("main.py", run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve() -> None:
    import openai
    import pydantic  # noqa: F401

    import stepfun_compat

    assert issubclass(stepfun_compat.OpenAI, openai.OpenAI)
    assert issubclass(stepfun_compat.AsyncOpenAI, openai.AsyncOpenAI)
    for line in sys.stdin:
        given = json.loads(line)
        number = os.fork()
        if number == 0:
            child(given["folder"], given["environment"])
        _, status = os.waitpid(number, 0)
        texts = [Path(given["folder"], name).read_text("utf-8") for name in (".out", ".err")]
        answer = {"code": os.waitstatus_to_exitcode(status), "out": texts[0], "err": texts[1]}
        os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    serve()
