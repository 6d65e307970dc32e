"""The JSON output, version 1: a documented, stable format."""

from __future__ import annotations

import json
from typing import Final

from ..findings import ScanResult

VERSION: Final = 1


def as_json(result: ScanResult) -> str:
    """Return the result as JSON, with a fixed order of keys and findings."""
    document = {
        "version": VERSION,
        "root": result.root,
        "totals": result.totals(),
        "findings": [one.to_dict() for one in result.findings],
        "not_read": [one.to_dict() for one in result.not_read],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
