"""Facts about StepFun as frozen rows, each with its source and date, and the look-ups over them.

The rows are plain Python so that reading them costs nothing at import; an overlay file adds or corrects rows
(`Settings.catalog_overlay`). Everything here is data: what to do about a fact is decided elsewhere.
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
    """The catalog a client works with: the shipped one, with `Settings.catalog_overlay` on top where there is one.

    The file was checked when the settings were made. One that changes later is read anew; while it cannot be read
    (somebody is writing it), the rows read last stay in force.
    """
    path = settings.catalog_overlay
    if path is None:
        return default()
    from .overlay import in_force

    return in_force(path)


def load_overlay(path: str | os.PathLike[str]) -> Catalog:
    """The shipped catalog with the rows of a TOML file on top; read anew only when the file has changed.

    Raises:
        SettingsError: the file cannot be read or is not valid; names the file, the row, the field and what is allowed.
    """
    from .overlay import load

    return load(path)
