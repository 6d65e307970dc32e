"""Measurement: client CPU in interleaved rounds, as medians of ratios, with an A/A control."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

Work = Callable[[], Any]


@dataclass
class Figure:
    """`speed_up` is the plain client's cost over this package's: above 1, this package is cheaper. `control` is the plain
    client over itself in the same rounds; its distance from 1 is the noise. `spread` has the quartiles of the rounds."""

    name: str
    speed_up: float
    control: float
    spread: tuple[float, float]
    plain: float
    ours: float
    unit: str = "ms"

    @property
    def json(self) -> dict[str, Any]:
        return asdict(self)


def figure(name: str, rows: list[tuple[float, float, float]], unit: str = "ms", scale: float = 1e3) -> Figure:
    """Return a figure from rounds of (plain, ours, plain)."""
    ratios = sorted((a + c) / 2 / b for a, b, c in rows)
    quarter = max(len(ratios) // 4, 0)
    return Figure(
        name,
        statistics.median(ratios),
        statistics.median(a / c for a, _, c in rows),
        (ratios[quarter], ratios[-1 - quarter]),
        statistics.median((a + c) / 2 for a, _, c in rows) * scale,
        statistics.median(b for _, b, _ in rows) * scale,
        unit,
    )


def cpu(work: Work) -> float:
    """CPU seconds of this process, user and system, for one run; earlier garbage is collected first."""
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def compare(name: str, plain: Work, ours: Work, rounds: int) -> Figure:
    """Run both alternately, after one warm-up run each."""
    plain(), ours()
    return figure(name, [(cpu(plain), cpu(ours), cpu(plain)) for _ in range(rounds)])


@contextmanager
def server() -> Iterator[int]:
    """Run the canned server in a separate process; yields its port."""
    process = subprocess.Popen([sys.executable, str(HERE / "server.py")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def in_child(code: str, *arguments: Any) -> Any:
    """Run Python code in a separate process with this project importable, and return the JSON it prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def environment() -> dict[str, str]:
    """The environment of a child process: byte code is cached, as for an installed package."""
    import os

    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "STEPFUN_", "STEP_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    kept["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [kept.get("PYTHONPATH")])])
    return kept


def versions() -> dict[str, str]:
    from importlib.metadata import version

    import openai
    import pydantic

    import stepfun_compat

    try:
        http = f"httpx2 {version('httpx2')}" if openai.__version__ >= "3" else f"httpx {version('httpx')}"
    except ImportError:
        http = f"httpx {version('httpx')}"
    return {
        "stepfun_compat": stepfun_compat.__stepfun_version__,
        "openai": openai.__version__,
        "http": http,
        "pydantic": pydantic.VERSION,
        "python": sys.version.split()[0],
        "date": time.strftime("%Y-%m-%d"),
    }
