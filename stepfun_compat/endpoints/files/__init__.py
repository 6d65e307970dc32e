"""Files, uploads and vector stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

if not TYPE_CHECKING:  # a type checker would accept any name of this module
    from ...former_lookup import former_names_of

    __getattr__ = former_names_of(__name__)
