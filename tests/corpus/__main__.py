"""Fetch the releases, scan them, compare with the labels: `python -m tests.corpus [open|sealed|fresh|all] [--show]`."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from stepfun_compat.migrate.extract import extract
from stepfun_compat.migrate.link.shape import shape_of
from stepfun_compat.migrate.scan import scan
from stepfun_compat.migrate.sources.kinds import of_interest

HERE = Path(__file__).parent
KINDS = ("import", "client_construction", "api_call", "module_config", "error_class")
Place = tuple[str, str, str, int]
"""Package, file, kind, line."""


def fetch(name: str, version: str, into: Path) -> Path:
    """Install one release without its dependencies into a directory of its own; nothing of it is run. A second
    release of a package is listed as `name@version`."""
    name = name.partition("@")[0]
    target = into / f"{name}-{version}"
    if not target.is_dir():
        requirement = f"{name}=={version}"
        if shutil.which("uv"):
            command = ["uv", "pip", "install", "-q", "--no-deps", "--no-build", "--python", sys.executable]
        else:
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--target", str(target), requirement], check=True)
    return target


def labelled(name: str) -> Counter[Place]:
    """The labels of a package."""
    path = HERE / "labels" / f"{name}.json"
    if not path.exists():
        return Counter()
    files: dict[str, list[tuple[str, int]]] = json.loads(path.read_text())
    return Counter((name, file, kind, line) for file, rows in files.items() for kind, line in rows)


def found(name: str, root: Path) -> tuple[Counter[Place], int]:
    """What a scan finds in a package, and how many files were not read."""
    result = scan([str(root)])
    places = Counter(
        (name, one.file, one.kind, one.line if one.kind == "import" else one.end_line)
        for one in result.findings
        if one.kind in KINDS and one.file.endswith(".py")
    )
    return places, len(result.not_read)


def look_alikes(root: Path, labels: Counter[Place]) -> int:
    """How many files have a chain that looks like a call of openai's, and no label: what precision is measured on."""
    marked = {place[1] for place in labels}
    return sum(
        str(path.relative_to(root)) not in marked and _looks_alike(path.read_bytes()) for path in root.rglob("*.py")
    )


def _looks_alike(data: bytes) -> bool:
    if not of_interest("python", data):
        return False
    facts = extract("a.py", "python", data).facts
    return facts is not None and any(shape_of(call.func) is not None for call in facts.calls)


def figures(labels: Counter[Place], findings: Counter[Place]) -> dict[str, Any]:
    """Precision and recall, in all and by kind."""
    rows: dict[str, Any] = {}
    for kind in (*KINDS, "all"):
        wanted = Counter({place: count for place, count in labels.items() if kind in (place[2], "all")})
        given = Counter({place: count for place, count in findings.items() if kind in (place[2], "all")})
        right = (wanted & given).total()
        rows[kind] = {
            "labels": wanted.total(),
            "recall": round(right / max(1, wanted.total()), 4),
            "precision": round(right / max(1, given.total()), 4),
        }
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus")
    parser.add_argument("half", nargs="?", default="all", choices=("open", "sealed", "fresh", "all"))
    parser.add_argument("--show", action="store_true", help="list what is missed and what is false")
    parser.add_argument("--into", type=Path, help="where releases are kept between runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        run(options.half, options.show, options.into or Path(temporary))


def run(wanted: str, show: bool, into: Path) -> None:
    """Print the figures of each half."""
    packages: dict[str, dict[str, str]] = json.loads((HERE / "packages.json").read_text())["packages"]
    for half in ("open", "sealed", "fresh"):
        if wanted not in (half, "all"):
            continue
        labels: Counter[Place] = Counter()
        findings: Counter[Place] = Counter()
        alike = 0
        for name, entry in packages.items():
            if entry["half"] == half:
                root = fetch(name, entry["version"], into)
                labels += labelled(name)
                findings += found(name, root)[0]
                alike += look_alikes(root, labelled(name))
        count = sum(entry["half"] == half for entry in packages.values())
        print(f"{half}: {count} packages, {alike} files that only look like it")
        for kind, row in figures(labels, findings).items():
            print(f"  {kind:20} labels {row['labels']:4}  recall {row['recall']:.4f}  precision {row['precision']:.4f}")
        if show:
            for word, places in (("missed", labels - findings), ("false", findings - labels)):
                for place in sorted(places):
                    print(f"  {word}: {place[0]} {place[1]}:{place[3]} {place[2]}")


if __name__ == "__main__":
    main()
