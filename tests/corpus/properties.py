"""The properties of `scan` and `migrate` on the fetched releases: `python -m tests.corpus --properties`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from stepfun_compat.migrate.rewrite.rules import RULES
from stepfun_compat.migrate.scan import scan
from tests.migrate.rewrite.support import check_folder

DEFAULT = [rule for rule in RULES if rule.default]


def check(root: Path) -> dict[str, int]:
    """Check one release: processes and the cache change no findings, and edits change nothing outside their spans.

    Returns the number of findings, of files the default rules change, and of files that all rules change.
    """
    with tempfile.TemporaryDirectory() as name:
        plain = scan([str(root)], jobs=1)
        for jobs in (2, 1):
            assert scan([str(root)], jobs=jobs, cache=Path(name, "cache")) == plain
        changed: list[int] = []
        for number, rules in enumerate((DEFAULT, RULES)):
            copy = Path(name, str(number), root.name)
            shutil.copytree(root, copy, symlinks=True)
            changed.append(check_folder(copy, rules))
    return {"findings": len(plain.findings), "changed": changed[0], "changed with SFC101": changed[1]}
