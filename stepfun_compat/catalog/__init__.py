"""Facts about StepFun as frozen rows, each with its source and date, and look-ups over them.

The rows are plain Python, so they cost nothing to read at import; an overlay file adds or corrects rows
(`Settings.catalog_overlay`). This package contains only data: other modules decide how to act on a fact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Catalog, default
from .schema import Alias, ContestedFact, Model, Parameter, Price, Rate, Retired, SettledFact, Tier

if TYPE_CHECKING:
    import os

    from ..settings import Settings

__all__ = [
    "Alias",
    "Catalog",
    "ContestedFact",
    "Model",
    "Parameter",
    "Price",
    "Rate",
    "Retired",
    "SettledFact",
    "Tier",
    "default",
    "for_settings",
    "load_overlay",
]


def for_settings(settings: Settings) -> Catalog:
    """Return a client's catalog: the shipped one, plus the rows of `Settings.catalog_overlay` if it is set.

    The file is checked when the settings are created, and read again when it changes. While it cannot be read (for
    example, during a write), the rows read last stay in effect.
    """
    path = settings.catalog_overlay
    if path is None:
        return default()
    from .overlay import in_force

    return in_force(path)


def load_overlay(path: str | os.PathLike[str]) -> Catalog:
    """Return the shipped catalog with the rows of a TOML file on top; the file is read again only after a change.

    Raises:
        SettingsError: the file cannot be read or is not valid; names the file, the row, the field and what is allowed.
    """
    from .overlay import load

    return load(path)
