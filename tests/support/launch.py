"""Start programs with plain Python and with `stepfun-compat run`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def start(arguments: list[str], cwd: Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STEPFUN_", "OPENAI_", "STEP_"))}
    path = os.pathsep.join([str(ROOT), *filter(None, [kept.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        input=stdin,
        env={**kept, "PYTHONPATH": path, "STEPFUN_API_KEY": "run-key", **environment},
        capture_output=True,
        text=True,
        timeout=300,  # for a machine busy with the rest of the suite
        check=False,
    )


def plain(arguments: list[str], cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return start(arguments, cwd, **more)


def run(arguments: list[str], cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return start(["-m", "stepfun_compat", "run", *arguments], cwd, **more)
