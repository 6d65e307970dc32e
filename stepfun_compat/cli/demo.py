"""`demo`: the examples, unmodified OpenAI programs, against an emulator, with the translations of each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from . import show

if TYPE_CHECKING:
    from ..emulator import EmulatorServer

EXAMPLES = ("chat", "stream", "tools", "structured_output", "vision", "async_fan_out")
_PACKAGE = Path(__file__).parent.parent


def examples_folder() -> Path:
    """Return the folder of the examples: in the wheel, or beside the package in a checkout."""
    packed = _PACKAGE / "examples"
    return packed if packed.is_dir() else _PACKAGE.parent / "examples"


# The program runs as under `run`; the log lines of each request go to standard error, marked.
_RUNNER = """
import logging, sys
handler = logging.StreamHandler(sys.stderr)
handler.setFormatter(logging.Formatter("@@ %(message)s"))
log = logging.getLogger("stepfun_compat")
log.addHandler(handler)
log.setLevel(logging.INFO)
from stepfun_compat.launch.run import main
sys.exit(main(sys.argv[1:]))
"""


def _translations(stderr: str) -> Iterator[str]:
    """Return the logged translations, one change per line; equal requests once, with their count. Other lines are unchanged."""
    requests = Counter(line for line in stderr.splitlines() if line.startswith("@@ "))
    for line, times in requests.items():
        head, *changes = line[3:].split(" | ")
        yield f"  | {head}" + (f"   ({times} requests)" if times > 1 else "")
        yield from (f"  |   {change}" for change in changes)
    yield from (f"  {line}" for line in stderr.splitlines() if not line.startswith("@@ "))


def demo(
    names: list[str] | None = typer.Argument(None, help=f"Examples to run: {', '.join(EXAMPLES)}. All by default."),
    source: bool = typer.Option(False, "--source", help="Print each program first."),
) -> None:
    """Run unmodified OpenAI programs against an emulator of StepFun. Needs no key.

    Examples:

        stepfun-compat demo

        stepfun-compat demo tools --source
    """
    chosen = names or list(EXAMPLES)
    unknown = [name for name in chosen if name not in EXAMPLES]
    if unknown:
        raise typer.BadParameter(f"unknown example {unknown[0]!r}: choose from {', '.join(EXAMPLES)}")
    failed: list[str] = []
    out = show.console()
    with _emulator() as server:
        environment = _environment(server.base_url, server.api_key)
        for name in chosen:
            file = examples_folder() / f"{name}.py"
            out.rule(f"{name}.py", align="left") if sys.stdout.isatty() else typer.echo(f"\n=== {name}.py")
            if source:
                typer.echo(file.read_text(encoding="utf-8"))
            if not _ran(file, environment):
                failed.append(name)
    if failed:
        typer.echo(f"\nfailed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)
    typer.echo(f"\n{len(chosen)} unmodified programs ran; the lines with | show what was translated for StepFun.")


def _emulator() -> EmulatorServer:
    """Return a strict emulator that is not started yet."""
    try:
        from ..emulator import EmulatorConfig, EmulatorServer
    except ImportError as error:
        typer.echo(f"stepfun-compat: demo needs {error.name}: pip install 'stepfun-compat[emulator]'", err=True)
        raise typer.Exit(2) from None
    return EmulatorServer(EmulatorConfig(strict=True))


def _environment(base_url: str, key: str) -> dict[str, str]:
    """Return the environment of an example: this one, with the emulator in place of any provider."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STEPFUN_", "STEP_", "OPENAI_"))}
    path = os.pathsep.join(filter(None, [str(_PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, "STEPFUN_BASE_URL": base_url, "STEPFUN_API_KEY": key}


def _ran(file: Path, environment: Mapping[str, str]) -> bool:
    """Run an example, and print its output and what was translated. Return False if it failed."""
    with show.working(f"running {file.name}"):
        done = subprocess.run(
            [sys.executable, "-c", _RUNNER, str(file)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    typer.echo(done.stdout.rstrip())
    for line in _translations(done.stderr):
        typer.echo(line)
    return done.returncode == 0


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)
