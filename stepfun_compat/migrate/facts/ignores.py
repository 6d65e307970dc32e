"""The comment that leaves a line alone: `# stepfun: ignore`, `# stepfun: ignore[SFC001, SFC002]`."""

from __future__ import annotations

import re
from typing import Final

_IGNORE: Final = re.compile(r"#\s*stepfun:\s*ignore(?:\[([A-Za-z0-9_,\s-]*)\])?")


def ignored_rules(line: str) -> tuple[str, ...] | None:
    """Return the ids that a line's comment names, none for every rule; None without such a comment."""
    found = _IGNORE.search(line)
    if found is None:
        return None
    return tuple(part.strip() for part in (found.group(1) or "").split(",") if part.strip())
