"""An emulator in a separate process, so that it does not affect the program's threads, signals, child processes or event
loop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# The process runs until its standard input closes. Where fork is available it is not a child of the program, so that a
# program that waits for all of its children does not wait for it.
_SERVE = """
import json, os, sys
if hasattr(os, "fork") and os.fork():
    os._exit(0)
from stepfun_compat.emulator import EmulatorConfig, EmulatorServer
with EmulatorServer(EmulatorConfig(strict=True)) as server:
    sys.stdout.write(json.dumps({"base_url": server.base_url, "api_key": server.api_key}) + "\\n")
    sys.stdout.close()
    sys.stdin.buffer.read()
"""


def use_emulator() -> None:
    """Point this process and its children at an emulator: the one in `STEPFUN_EMULATOR_URL`, or a new strict one.

    Raises:
        ImportError: the extra `emulator` is not installed.
    """
    url = os.environ.get("STEPFUN_EMULATOR_URL")
    if url:
        place: dict[str, Any] = {"base_url": url, "api_key": "emulator-key"}
    else:
        place = _start()
    for name in ("STEPFUN_REGION", "STEPFUN_PLAN", "STEP_API_KEY"):
        os.environ.pop(name, None)
    os.environ["STEPFUN_BASE_URL"] = place["base_url"]
    os.environ["STEPFUN_API_KEY"] = place["api_key"]


def _start() -> dict[str, Any]:
    import importlib.util

    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"--emulate needs {' and '.join(missing)}: pip install 'stepfun-compat[emulator]'")
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STEPFUN_", "PYTHONWARNINGS"))}
    ours, held = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        stdin=ours,
        stdout=subprocess.PIPE,
        env={**kept, "PYTHONPATH": path},
        start_new_session=True,  # an interrupt for the program must not stop the server first
    ) as server:
        os.close(ours)
        # `held` is never closed: the system does it when the program ends, for whatever reason. A program that replaces
        # itself (exec) or continues as a forked child keeps it open, and so keeps the emulator.
        os.set_inheritable(held, True)
        assert server.stdout is not None
        line = server.stdout.readline()
        if not hasattr(os, "fork"):
            server.returncode = 0  # it keeps running; nothing waits for it
    if not line:
        raise ImportError("the emulator did not start; see its output above")
    return json.loads(line)
