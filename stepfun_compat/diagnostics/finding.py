"""The result of a check of `doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """The result of one check. `fix` says what to do if `state` is `warn` or `fail`."""

    check: str
    state: Literal["ok", "warn", "fail", "skip"]
    found: str
    fix: str = ""

    @property
    def remedy(self) -> str:
        """The name of `fix` in 0.1.0."""
        import warnings

        warnings.warn("Finding.remedy is now Finding.fix.", DeprecationWarning, stacklevel=2)
        return self.fix
