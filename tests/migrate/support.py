"""Projects created from texts, and the findings of a scan of them."""

from __future__ import annotations

import textwrap
from pathlib import Path

from stepfun_compat.migrate.facts import facts_of, parse
from stepfun_compat.migrate.findings import Finding, ScanResult
from stepfun_compat.migrate.scan import scan
from stepfun_compat.migrate.uses import Use, uses_of


def _path(name: str) -> str:
    return name.replace("____init__", "/@").replace("__", "/").replace("@", "__init__") + ".py"


def uses(**files: str) -> list[Use]:
    """The uses of openai in a project; `__` in a file name means `/`: `pkg__a="…"` is `pkg/a.py`."""
    texts = {_path(name): text for name, text in files.items()}
    paths = sorted(texts)
    return uses_of(paths, [facts_of(parse(textwrap.dedent(texts[path]))) for path in paths])


def calls(**files: str) -> list[tuple[str, str]]:
    """The targets of a project's API calls and how each was resolved."""
    return [(one.target, one.known) for one in uses(**files) if one.kind == "api_call"]


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write a project."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
    return root


def scanned(root: Path, *paths: str) -> ScanResult:
    """Scan a directory without a cache, in one process."""
    return scan([str(root / path) for path in paths] or [str(root)], jobs=1)


def kinds(findings: list[Finding], kind: str) -> list[str]:
    """The targets of the findings of a kind."""
    return [one.target for one in findings if one.kind == kind]
