"""Compare with the plain client, in the same run, on loopback. `python benchmarks/run.py [--quick] [--peers]`

Each figure is the plain client's CPU over this package's (above 1 is cheaper), the median of interleaved rounds, with an
A/A control, the plain client against itself, which shows the noise. Prints Markdown; `--json FILE`, `--markdown FILE`
and `--svg FILE` also write files.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from pathlib import Path
from typing import Any

import cases
import chart
import peers
import stores
from measure import server, versions

TARGETS = {
    "sync stream, 64 KiB reads": (8, 14),
    "async stream, 64 KiB reads": (7, 12),
    "sync stream, one event per read": (5, 7),
    "async stream, one event per read": (4, 5),
    "200 streams x 200 chunks": (3.5, 4.5),
    "Responses events": (4, 8),
    "call with 2 messages": (1.1, 1.5),
    "call with 50 messages": (5, 8),
    "call with 200 messages": (15, 25),
    "memory of 1,000 open streams": (1, 1),
}


def markdown(figures: dict[str, Any]) -> str:
    lines = [", ".join(f"{name} {value}" for name, value in figures["versions"].items()), ""]
    lines += ["| measured | plain / ours | quartiles | plain / plain | plain | ours | minimum, target |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in figures["figures"]:
        low, high = row["spread"]
        goal = TARGETS.get(row["name"])
        lines.append(
            f"| {row['name']} | **{row['speed_up']:.2f}** | {low:.2f} – {high:.2f} | {row['control']:.2f} "
            f"| {row['plain']:.1f} {row['unit']} | {row['ours']:.1f} {row['unit']} "
            f"| {f'{goal[0]:g}, {goal[1]:g}' if goal else ''} |"
        )
    lines += ["", "| import, on top of `import openai` | added | share | plain / plain | modules | third-party |"]
    lines += ["|---|---|---|---|---|---|"]
    lines += [
        f"| `{row['statement']}` | {row['added_ms']:.2f} ms of {row['openai_ms']:.0f} | +{row['share']:.2%} "
        f"| {row['control']:.2f} | {row['modules']} | {', '.join(row['third_party']) or 'none'} |"
        for row in figures["imports"]
    ]
    if figures.get("stores"):
        lines += ["", stores.markdown(figures["stores"])]
    if figures.get("peers"):
        lines += ["", peers.markdown(figures["peers"])]
    return "\n".join(lines) + "\n"


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the selected measurements; the JSON file is updated after each."""
    quick: bool = options.quick
    rounds: int = options.rounds or (5 if quick else 15)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    figures: dict[str, Any] = {"versions": {**versions(), "rounds": rounds}, "figures": [], "imports": []}

    def keep() -> None:
        if options.json:
            options.json.write_text(json.dumps(figures, indent=2) + "\n")

    def wanted(name: str) -> bool:
        return options.only is None or options.only in name

    with server() as port:
        every = cases.every_case(cases.Clients(port), rounds, quick)
        memory = "memory of 1,000 open streams", lambda: cases.stream_memory(port, 1000, 1 if quick else 3)
        for name, case in (*every, memory):
            if wanted(name):
                row = case()
                print(f"{name}: {row.speed_up:.2f} (control {row.control:.2f})", file=sys.stderr, flush=True)
                figures["figures"].append(row.json)
                keep()
        for statement in ("import stepfun_compat", "from stepfun_compat import OpenAI"):
            if wanted(statement):
                figures["imports"].append(cases.import_cost(statement, 6 if quick else 20))
                keep()
        if wanted("stores") and not options.no_stores:
            figures["stores"] = stores.measure(port, 60 if quick else 200)
            keep()
        if options.peers:
            figures["peers"] = peers.measure(port, rounds)
            keep()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter streams and conversations")
    parser.add_argument("--rounds", type=int, help="interleaved rounds of each figure: 15, or 5 with --quick")
    parser.add_argument("--only", metavar="TEXT", help="the measurements whose name contains this")
    parser.add_argument("--peers", action="store_true", help="also the other layers that are installed")
    parser.add_argument("--no-stores", action="store_true", help="skip the stores of conversations")
    for kind in ("json", "markdown", "svg"):
        parser.add_argument(f"--{kind}", type=Path, metavar="FILE")
    options = parser.parse_args()
    figures = measure(options)
    if options.markdown:
        options.markdown.write_text(markdown(figures))
    if options.svg:
        options.svg.write_text(chart.draw(figures))
    print(markdown(figures))


if __name__ == "__main__":
    main()
