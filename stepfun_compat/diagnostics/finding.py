"""What a check of `doctor` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and the remedy where it is not well."""

    check: str
    state: Literal["ok", "warn", "fail", "skip"]
    found: str
    remedy: str = ""
