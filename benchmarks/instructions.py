"""Compare the instructions that each case executes with those of an earlier commit. `python benchmarks/instructions.py
REVISION [--only TEXT]`

CPU time on a shared machine scatters by more than the differences of interest. The number of instructions does not: it
repeats to about one in a thousand, whatever else the machine does. Valgrind counts them in one warm round of each case,
without those of the kernel. Needs `valgrind` with its headers and a C compiler.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import cases
from compare import archived
from measure import ROOT, environment, server, versions

CALLS: Final = 10
COUNTER: Final = """
#include <valgrind/callgrind.h>
void begin(void) { CALLGRIND_START_INSTRUMENTATION; CALLGRIND_ZERO_STATS; }
void end(const char *name) { CALLGRIND_DUMP_STATS_AT(name); CALLGRIND_STOP_INSTRUMENTATION; }
"""


def count(library: str, port: int, only: str) -> None:
    """Run each case under callgrind, with counting on in its third round; in a child process."""
    import stepfun_compat

    counter = ctypes.CDLL(library)
    clients = cases.made(stepfun_compat, f"http://127.0.0.1:{port}/v1")
    for name, work_of in cases.works(*clients, asyncio.new_event_loop(), 400, 20).items():
        if only not in name:
            continue
        work = work_of(CALLS)
        work(), work()
        gc.collect()
        gc.disable()
        counter.begin()
        work()
        counter.end(name.encode())
        gc.enable()


def counted(tree: Path, library: Path, port: int, only: str) -> dict[str, int]:
    """Instructions by case with the package in `tree`."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out"]
        command += [sys.executable, __file__, "--count", str(library), str(port), only]
        environ = {**environment(), "PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        found: dict[str, int] = {}
        for path in sorted(Path(folder).iterdir(), key=lambda path: (len(path.name), path.name)):  # in their order
            text = path.read_text(errors="replace")
            name = re.search("^desc: Trigger: Client Request: (.*)$", text, re.MULTILINE)
            total = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
            if name and total:
                found[name[1]] = int(total[1])
        return found


def main() -> None:
    if sys.argv[1:2] == ["--count"]:
        count(sys.argv[2], int(sys.argv[3]), sys.argv[4])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="the commit or tag to compare with")
    parser.add_argument("--only", metavar="TEXT", default="", help="the cases whose name contains this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, server() as port, ThreadPoolExecutor(2) as pool:
        folder, library = Path(name), Path(name, "counter.so")
        (folder / "counter.c").write_text(COUNTER)
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, folder / "counter.c"], check=True)
        trees = archived(options.revision, folder / "then"), ROOT
        then, now = pool.map(lambda tree: counted(tree, library, port, options.only), trees)
    print(", ".join(f"{name} {value}" for name, value in versions().items()) + "\n")
    print(f"| instructions | {options.revision} | now | now over {options.revision} |\n|---|---|---|---|")
    for name, before in then.items():
        print(f"| {name} | {before:,} | {now[name]:,} | **{now[name] / before:.3f}** |")


if __name__ == "__main__":
    main()
