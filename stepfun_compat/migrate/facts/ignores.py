"""Parse suppression comments: `# stepfun: ignore`, `# stepfun: ignore[SFC001, SFC002]`."""

from __future__ import annotations

import re
from typing import Final

_IGNORE: Final = re.compile(r"#\s*stepfun:\s*ignore(?:\[([A-Za-z0-9_,\s-]*)\])?")


def ignored_rules(line: str) -> tuple[str, ...] | None:
    """Return the rule ids of a line's suppression comment, empty for all rules; None without such a comment."""
    found = _IGNORE.search(line)
    if found is None:
        return None
    return tuple(part.strip() for part in (found.group(1) or "").split(",") if part.strip())
