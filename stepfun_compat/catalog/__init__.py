"""Facts about StepFun as frozen rows, each with its source and date, and the look-ups over them.

The rows are plain Python so that reading them costs nothing at import; an overlay file adds or corrects rows
(`Settings.catalog_overlay`). Everything here is data: what to do about a fact is decided elsewhere.
"""

from __future__ import annotations

from .base import Catalog, default
from .schema import Alias, Model, Parameter, Price, Retired

__all__ = ["Alias", "Catalog", "Model", "Parameter", "Price", "Retired", "default"]
