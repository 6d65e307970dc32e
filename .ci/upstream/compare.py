"""Compare the outcomes of openai-python's tests with and without this package's clients, and check the expected differences.

compare.py differences.toml VERSION STOCK.json WAY=OUTCOMES.json...
"""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def plain(pattern: str) -> str:
    """Compile a pattern in which only `*` is special: test ids contain brackets."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


def main(expected: str, version: str, stock: str, *ways: str) -> int:
    rows: list[dict[str, Any]] = tomllib.loads(Path(expected).read_text(encoding="utf-8"))["difference"]
    theirs: dict[str, list[str]] = json.loads(Path(stock).read_text(encoding="utf-8"))
    passing = {test for test, (outcome, _) in theirs.items() if outcome == "passed"}
    unexpected = 0
    for way in ways:
        name, _, path = way.partition("=")
        ours: dict[str, list[str]] = json.loads(Path(path).read_text(encoding="utf-8"))
        named: dict[str, int] = {}
        for test in sorted(passing):
            outcome, message = ours.get(test, ["missing", ""])
            if outcome == "passed":
                continue
            reason = next(
                (
                    row["reason"]
                    for row in rows
                    if name in row.get("ways", ["patched", "stepfun"])
                    and any(fnmatchcase(test, plain(pattern)) for pattern in row["tests"])
                    and row.get("message", "") in message
                ),
                None,
            )
            if reason is None:
                unexpected += 1
                print(f"UNEXPECTED {name} {test}: {outcome}: {message}")
            else:
                named[reason] = named.get(reason, 0) + 1
        kept = len(passing) - sum(named.values())
        print(
            f"openai {version}, {name}: {kept} of the {len(passing)} tests that pass with openai's clients pass with ours"
        )
        for reason, count in named.items():
            print(f"  {count} differ: {reason}")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
