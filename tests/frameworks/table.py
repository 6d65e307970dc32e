"""The recorded outcomes, and their table in the migration guide."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .rows import FRAMEWORKS

RESULTS = Path(__file__).parent / "results.json"
GUIDE = Path(__file__).parents[2] / "migration_guide.md"
_TABLE = re.compile(r"(?<=<!-- table: frameworks -->\n).*?(?=<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one framework: its version, openai's version, and the results of its programs."""

    name: str
    version: str
    openai: str
    handed: str
    run: str
    date: str


def recorded() -> dict[str, Outcome]:
    """The recorded outcomes by framework."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    return {row["name"]: Outcome(**row) for row in rows}


def table(outcomes: Mapping[str, Outcome]) -> str:
    """Return a Markdown table in the order of the rows."""
    lines = [
        "| framework | version | openai | client passed in | under `run` | how to pass a client | date |",
        "|---|---|---|---|---|---|---|",
    ]
    for framework in FRAMEWORKS:
        found = outcomes.get(framework.name)
        if found is not None:
            how = framework.handed or "it creates its own"
            row = (f"`{found.name}`", found.version, found.openai, found.handed, found.run, how, found.date)
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def record(outcomes: Sequence[Outcome]) -> None:
    """Record outcomes, keeping those of frameworks that were not run, and update the guide."""
    known = {**recorded(), **{item.name: item for item in outcomes}}
    rows = [asdict(known[framework.name]) for framework in FRAMEWORKS if framework.name in known]
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    GUIDE.write_text(rendered(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")


def rendered(text: str) -> str:
    """Return the guide with the recorded table."""
    return _TABLE.sub(lambda _: table(recorded()), text)
