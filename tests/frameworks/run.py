"""Run unmodified frameworks against the strict emulator, each in a separate environment.

    python -m tests.frameworks.run --envs DIR [--cheap] [--record] [NAME...]

Each framework has a small program as its users write them (`programs/NAME_program.py`). It runs under `stepfun-compat
run --emulate`, and again with `stepfun_compat.patch()` called only after the framework and the program have imported
everything. Where the framework accepts a client, a second program passes ours (`NAME_handed.py`): it runs unchanged under
plain python, and with `from openai import …` under `run`. Every program has an OpenAI key in the environment, a closed
proxy as the only way to other machines, and an embeddings provider as the configured fallback. A framework passes if its
programs pass, the emulator received requests and refused only those the program provokes, OpenAI's key was sent nowhere,
and the proxy received no request for OpenAI.

`--record` writes the outcome to `results.json` and the table of the migration guide.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stepfun_compat.emulator import EmulatorConfig, EmulatorServer

from .environment import EMBEDDING_KEY, ClosedProxy, Embeddings
from .rows import CONSTRAINTS, FRAMEWORKS, QUIET, Framework
from .table import Outcome, record, table

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
SECONDS = 600
OPENAI_KEY = "sk-proj-frameworks-not-a-real-key"


# ---------------------------------------------------------------------------------------------------- environments


_making: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)


def environment(framework: Framework, envs: Path) -> Path:
    """The interpreter of an environment with the framework and this checkout, created once per set of requirements."""
    wanted = "\n".join((*framework.requirements, *CONSTRAINTS)) + "\n"
    first = re.match(r"[\w-]+", framework.requirements[0])
    assert first is not None
    place = envs / f"{first.group()}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    with _making[place]:
        if not (place / "complete").exists():
            _make(place, framework.requirements)
            (place / "complete").write_text(wanted, encoding="utf-8")
    return place / "bin" / "python"


def _make(place: Path, requirements: Sequence[str]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
    constraints = place / "constraints.txt"
    constraints.write_text("\n".join(CONSTRAINTS) + "\n", encoding="utf-8")
    done = subprocess.run(
        [
            str(place / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-q",
            "-c",
            str(constraints),
            "-e",
            str(ROOT),
            *requirements,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"pip could not install {' '.join(requirements)}:\n{done.stderr[-2000:]}")


def version_of(python: Path, name: str) -> str:
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


# ------------------------------------------------------------------------------------------------------- programs


def surrounded(
    framework: Framework, server: EmulatorServer, embeddings: Embeddings, proxy: ClosedProxy
) -> dict[str, str]:
    """The environment variables of a program: none of this process's settings, and only the closed proxy."""
    vendors = ("OPENAI_", "STEPFUN_", "STEP_", "AZURE_", "ANTHROPIC_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(vendors)}
    out = dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), proxy.origin
    )
    return {
        **kept,
        **out,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "OPENAI_API_KEY": OPENAI_KEY,
        "STEPFUN_BASE_URL": server.base_url,
        "STEPFUN_API_KEY": server.api_key,
        "STEPFUN_EMULATOR_URL": server.base_url,
        "STEPFUN_FALLBACK_EMBEDDINGS": f"{embeddings.origin}/v1",
        "STEPFUN_FALLBACK_EMBEDDINGS_API_KEY": EMBEDDING_KEY,
        **QUIET,
        **framework.environment,
    }


HANDED, RUN, PATCHED = "client passed in", "under run", "patched after its imports"

_PATCH_LATE = """
import importlib, pathlib, runpy, sys
program = pathlib.Path(sys.argv.pop(1))
sys.path[0] = str(program.parent)
importlib.import_module(program.stem)
import stepfun_compat
stepfun_compat.patch()
runpy.run_path(str(program), run_name="__main__")
"""


def command(python: Path, program: Path, how: str) -> list[str]:
    """The command that starts a program."""
    start = {
        HANDED: [str(program)],
        RUN: ["-m", "stepfun_compat", "run", "--emulate", str(program)],
        PATCHED: ["-c", _PATCH_LATE, str(program)],
    }
    return [str(python), *start[how]]


def play(
    framework: Framework, python: Path, program: Path, how: str, emulator: EmulatorConfig, verbose: bool
) -> str | None:
    """Run one program and return the failure, or None."""
    with (
        tempfile.TemporaryDirectory() as home,
        EmulatorServer(emulator) as server,
        Embeddings() as embeddings,
        ClosedProxy() as proxy,
    ):
        variables = {**surrounded(framework, server, embeddings, proxy), "HOME": home}
        try:
            done = subprocess.run(
                command(python, program, how),
                env=variables,
                cwd=home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"still running after {SECONDS} seconds"
        asked = server.requests
        said = (done.stdout + done.stderr).strip()
        if done.returncode:
            return f"exit code {done.returncode}\n{said[-3000:]}"
        if verbose and said:
            print(said[-3000:])
        refused = [f"{item.path} {item.status}" for item in asked if item.status is None or item.status >= 400]
        if not asked:
            return f"the emulator received no request\n{said[-2000:]}"
        if len(refused) != framework.refusals:
            return f"the emulator refused {refused}\n{said[-2000:]}"
        if any(OPENAI_KEY in str(item.headers) or OPENAI_KEY.encode() in item.body for item in asked):
            return "OpenAI's key was sent to StepFun"
        if any("wrong key" in item for item in embeddings.seen):
            return "the embeddings provider received another key than its own"
        if any("openai" in host for host in proxy.seen):
            return f"the program tried to reach OpenAI: {proxy.seen}"
        if proxy.seen:
            print(f"   {program.stem}: the proxy refused connections to {', '.join(sorted(set(proxy.seen)))}")
        if verbose:
            print(f"   {program.stem}: {len(asked)} requests to StepFun, {len(embeddings.seen)} for embeddings")
    return None


def stock_programs(folder: Path) -> Path:
    """Copy the programs with openai's import in place of ours."""
    for path in PROGRAMS.glob("*.py"):
        text = path.read_text(encoding="utf-8").replace("from stepfun_compat import", "from openai import")
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder


def outcome(framework: Framework, envs: Path, emulator: EmulatorConfig, verbose: bool) -> tuple[Outcome, list[str]]:
    """Install and run one framework; return its row and the failures."""
    python = environment(framework, envs)
    failures: list[str] = []

    def tried(program: Path, how: str) -> bool:
        began = time.monotonic()
        wrong = play(framework, python, program, how, emulator, verbose)
        seconds = time.monotonic() - began
        print(f"   {framework.name}, {program.stem}, {how}: {'FAILED' if wrong else 'ok'}, {seconds:.1f} s", flush=True)
        if wrong:
            failures.append(f"{framework.name}, {program.stem}, {how}: {wrong}")
        return not wrong

    program = PROGRAMS / f"{framework.program}_program.py"
    handed = PROGRAMS / f"{framework.program}_handed.py"
    with tempfile.TemporaryDirectory() as folder:
        runs = [tried(program, RUN), tried(program, PATCHED)]
        takes = "not possible"
        if framework.handed is not None:
            takes = "passed" if tried(handed, HANDED) else "FAILED"
            runs.append(tried(stock_programs(Path(folder)) / handed.name, RUN))
    return (
        Outcome(
            framework.name,
            version_of(python, framework.name),
            version_of(python, "openai"),
            takes,
            "passed" if all(runs) else "FAILED",
            datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        ),
        failures,
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run real frameworks against the emulator.")
    parser.add_argument("names", nargs="*", help="distributions; all if none is named")
    parser.add_argument("--cheap", action="store_true", help="only those that install in less than a minute")
    parser.add_argument("--envs", type=Path, required=True, help="directory that keeps the environments")
    parser.add_argument("--jobs", type=int, default=2, help="number of frameworks run at the same time")
    parser.add_argument("--record", action="store_true", help="write results.json and the table of the docs")
    parser.add_argument(
        "--emulator",
        default="",
        metavar="NAME=VALUE,…",
        help="options of the emulator: stream_shape=a,tool_delta=blank",
    )
    parser.add_argument("--verbose", action="store_true", help="show what the programs print")
    options = parser.parse_args(argv)
    unknown = set(options.names) - {framework.name for framework in FRAMEWORKS}
    if unknown:
        parser.error(f"not in the matrix: {', '.join(sorted(unknown))}")
    chosen = [
        framework
        for framework in FRAMEWORKS
        if (not options.names or framework.name in options.names) and (framework.cheap or not options.cheap)
    ]

    settings = dict(part.split("=", 1) for part in options.emulator.split(",") if part)
    emulator = EmulatorConfig(strict=True, **EmulatorConfig.changes(settings))

    writing = threading.Lock()

    def attempt(framework: Framework) -> tuple[Outcome | None, list[str]]:
        try:
            done, failures = outcome(framework, options.envs, emulator, options.verbose)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            return None, [f"{framework.name}: {error}"]
        if options.record:
            with writing:
                record([done])
        return done, failures

    with ThreadPoolExecutor(options.jobs) as pool:
        done = list(pool.map(attempt, chosen))
    failures = [line for _, lines in done for line in lines]
    outcomes = [item for item, _ in done if item is not None]
    print(table({item.name: item for item in outcomes}))
    for line in failures:
        print(f"FAILED: {line}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
