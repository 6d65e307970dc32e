"""The scanner's speed as ratios to `ast.parse` over the files it does not skip: `python benchmarks/scan.py PATH…`."""

from __future__ import annotations

import argparse
import ast
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from stepfun_compat.migrate.sources.discovery import discover
from stepfun_compat.migrate.sources.kinds import of_interest

_RUN = """
import resource, sys, time
from pathlib import Path
from stepfun_compat.migrate.scan import scan
start = time.process_time()
result = scan(sys.argv[2:], jobs=1, cache=Path(sys.argv[1]))
print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(result.findings))
"""


def parsing(paths: list[str]) -> tuple[float, int, int]:
    """CPU seconds of `ast.parse` over the Python files with something of interest, their number, and their lines."""
    found = discover(paths)
    data = [Path(found.root, path).read_bytes() for path, kind in found.files if kind == "python"]
    data = [one for one in data if of_interest("python", one) and len(one) < 8_000_000]
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one in data:
            try:
                ast.parse(one)
            except (SyntaxError, ValueError, RecursionError):
                continue
    return time.process_time() - start, len(data), sum(one.count(b"\n") for one in data)


def scanning(cache: Path, paths: list[str]) -> tuple[float, int, int]:
    """CPU seconds in a separate process, its peak size in KB, and the number of findings."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(cache), *paths],
        check=True,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    seconds, size, findings = done.stdout.split()
    return float(seconds), int(size), int(findings)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="+")
    paths = parser.parse_args().paths
    base, files, lines = parsing(paths)
    print(f"ast.parse: {base:.2f} s for {files:,} files, {lines:,} lines")
    with tempfile.TemporaryDirectory() as directory:
        for name in ("cold", "nothing changed"):
            seconds, size, findings = scanning(Path(directory), paths)
            print(f"{name}: {seconds:.2f} s, {seconds / base:.2f} times; {size // 1024} MB; {findings:,} findings")
    print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
