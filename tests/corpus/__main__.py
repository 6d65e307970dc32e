"""Fetch the releases, scan them, compare with the labels: `python -m tests.corpus [PART] [--show | --properties]`."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stepfun_compat.migrate.extract import extract
from stepfun_compat.migrate.link.shape import shape_of
from stepfun_compat.migrate.scan import scan
from stepfun_compat.migrate.sources.kinds import of_interest

from . import properties

HERE = Path(__file__).parent
KINDS = ("import", "client_construction", "api_call", "module_config", "error_class")
PARTS = ("open", "sealed", "fresh", "notebooks", "later")
SUFFIXES = {"notebooks": ".ipynb"}
"""The file suffix compared in a part; Python files in the others."""
Place = tuple[str, str, str, int, int]
"""Package, file, kind, line, and notebook cell or -1."""


def fetch(name: str, version: str, into: Path) -> Path:
    """Install one release without its dependencies into a separate directory without running its code. A second
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


def fetch_source(name: str, version: str, into: Path) -> Path:
    """Unpack the source distribution of one release, which has the notebooks missing from its wheel.

    pip asks the build system of a release for its metadata when it downloads a source distribution: unlike for
    wheels, code of the release may run.
    """
    name = name.partition("@")[0]
    target = into / f"{name}-{version}-source"
    if not target.is_dir():
        command = [sys.executable, "-m", "pip"] if find_spec("pip") else ["uv", "tool", "run", "pip"]
        command += ["download", "-q", "--no-deps", "--no-binary", ":all:"]
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run([*command, "--dest", directory, f"{name}=={version}"], check=True)
            (archive,) = Path(directory).glob("*.tar.gz")
            with tarfile.open(archive) as members:
                members.extractall(Path(directory, "unpacked"), filter="data")
            (root,) = Path(directory, "unpacked").iterdir()
            shutil.move(root, target)
    return target


def labelled(name: str) -> Counter[Place]:
    """The labels of a package."""
    path = HERE / "labels" / f"{name}.json"
    if not path.exists():
        return Counter()
    files: dict[str, list[tuple[Any, ...]]] = json.loads(path.read_text())
    return Counter(
        (name, file, kind, line, cell[0] if cell else -1) for file, rows in files.items() for kind, line, *cell in rows
    )


def found(name: str, root: Path, suffix: str) -> tuple[Counter[Place], int]:
    """Scan a package; return the findings and the number of files not read."""
    result = scan([str(root)])
    places = Counter(
        (
            name,
            one.file,
            one.kind,
            one.line if one.kind == "import" else one.end_line,
            -1 if one.cell is None else one.cell,
        )
        for one in result.findings
        if one.kind in KINDS and one.file.endswith(suffix)
    )
    return places, len(result.not_read)


def look_alikes(root: Path, labels: Counter[Place], suffix: str) -> int:
    """Count the files with a chain that looks like an openai call and without labels: they measure precision."""
    marked = {place[1] for place in labels}
    return sum(
        str(path.relative_to(root)) not in marked and _looks_alike(path.read_bytes(), suffix)
        for path in root.rglob(f"*{suffix}")
    )


def _looks_alike(data: bytes, suffix: str) -> bool:
    kind = "notebook" if suffix == ".ipynb" else "python"
    if not of_interest(kind, data):
        return False
    facts = extract(f"a{suffix}", kind, data).facts
    return facts is not None and any(shape_of(call.func) is not None for call in facts.calls)


def figures(labels: Counter[Place], findings: Counter[Place]) -> dict[str, Any]:
    """Return precision and recall, in total and by kind."""
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
    parser.add_argument("half", nargs="?", default="all", choices=(*PARTS, "all"))
    parser.add_argument("--show", action="store_true", help="list missed and false findings")
    parser.add_argument("--properties", action="store_true", help="check properties of scan and migrate instead")
    parser.add_argument("--into", type=Path, help="directory that keeps the releases between runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        into = options.into or Path(temporary)
        if options.properties:
            check_properties(options.half, into)
        else:
            run(options.half, options.show, into)


def releases() -> dict[str, dict[str, str]]:
    """The releases with their versions and parts, by name."""
    return json.loads((HERE / "packages.json").read_text())["packages"]


def fetched(name: str, entry: Mapping[str, str], into: Path) -> Path:
    """Fetch a release in the form that its part compares."""
    get = fetch_source if SUFFIXES.get(entry["half"]) == ".ipynb" else fetch
    return get(name, entry["version"], into)


def check_properties(wanted: str, into: Path) -> None:
    """Check each release and print its counts; raise AssertionError for the first failure."""
    total: Counter[str] = Counter()
    for name, entry in releases().items():
        if wanted in (entry["half"], "all"):
            checked = properties.check(fetched(name, entry, into))
            print(name, entry["version"], checked, flush=True)
            total.update(checked, releases=1)
    print(dict(total))


def run(wanted: str, show: bool, into: Path) -> None:
    """Print the figures of each part."""
    packages = releases()
    for half in PARTS:
        if wanted not in (half, "all"):
            continue
        labels: Counter[Place] = Counter()
        findings: Counter[Place] = Counter()
        alike = 0
        suffix = SUFFIXES.get(half, ".py")
        for name, entry in packages.items():
            if entry["half"] == half:
                root = fetched(name, entry, into)
                labels += labelled(name)
                findings += found(name, root, suffix)[0]
                alike += look_alikes(root, labelled(name), suffix)
        count = sum(entry["half"] == half for entry in packages.values())
        print(f"{half}: {count} packages, {alike} files that only look like uses of openai")
        for kind, row in figures(labels, findings).items():
            print(f"  {kind:20} labels {row['labels']:4}  recall {row['recall']:.4f}  precision {row['precision']:.4f}")
        if show:
            for word, places in (("missed", labels - findings), ("false", findings - labels)):
                for place in sorted(places):
                    print(f"  {word}: {place[0]} {place[1]}:{_where(place)} {place[2]}")


def _where(place: Place) -> str:
    return str(place[3]) if place[4] < 0 else f"cell {place[4]}:{place[3]}"


if __name__ == "__main__":
    main()
