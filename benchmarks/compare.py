"""Compare with an earlier commit, in the same process and rounds. `python benchmarks/compare.py REVISION [--only TEXT]`

The package of REVISION is imported under another name, and its clients replace the plain ones in the cases of `run.py`.
Prints the CPU now over then (below 1 is cheaper now), the quartiles of the rounds, and a control, then over then, whose
distance from 1 is the noise.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

import cases
from measure import ROOT, Figure, in_child, server, versions

FORMER: Final = "stepfun_compat_then"
IMPORTS: Final = ("import {}", "from {} import OpenAI")


def archived(revision: str, folder: Path) -> Path:
    """Copy the package at `revision` to a folder, and return the folder."""
    packed = subprocess.run(["git", "archive", revision, "stepfun_compat"], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def former_package(revision: str, folder: Path) -> None:
    """Copy the package at `revision` to a folder under another name; it imports its own modules relatively."""
    (archived(revision, folder) / "stepfun_compat").rename(folder / FORMER)


def row(figure: Figure) -> str:
    low, high = sorted(1 / ratio for ratio in figure.spread)
    return f"| {figure.name} | **{1 / figure.speed_up:.3f}** | {low:.3f} – {high:.3f} | {figure.control:.3f} |"


def import_row(statement: str, rounds: int) -> str:
    """The cost of an import on top of `import openai`, in separate, alternating processes."""
    code = cases.IMPORT
    then, now = statement.format(FORMER), statement.format("stepfun_compat")
    in_child(code, then), in_child(code, now)  # writes the byte code, as installing does
    turns = [tuple(in_child(code, each)[1] * 1e3 for each in (then, now, then)) for _ in range(rounds)]
    before, after = statistics.median(a for a, _, _ in turns), statistics.median(b for _, b, _ in turns)
    control = statistics.median(a for a, _, _ in turns) / statistics.median(c for _, _, c in turns)
    return f"| `{now}`: {before:.2f} ms then, {after:.2f} ms now | **{after / before:.3f}** |  | {control:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="the commit or tag to compare with")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds of each figure (15)")
    parser.add_argument("--only", metavar="TEXT", default="", help="the measurements whose name contains this")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as name, server() as port:
        former_package(options.revision, Path(name))
        sys.path.insert(0, name)
        os.environ["PYTHONPATH"] = name
        print(", ".join(f"{name} {value}" for name, value in versions().items()) + "\n")
        print(f"| measured | now over {options.revision} | quartiles | then over then |\n|---|---|---|---|", flush=True)
        clients = cases.Clients(port, importlib.import_module(FORMER))
        memory = lambda: cases.stream_memory(port, 1000, 3, FORMER)  # noqa: E731
        for case, run in (*cases.every_case(clients, options.rounds, True), ("memory of 1,000 open streams", memory)):
            if options.only in case:
                print(row(run()), flush=True)
        for statement in IMPORTS:
            if options.only in statement:
                print(import_row(statement, options.rounds), flush=True)


if __name__ == "__main__":
    main()
