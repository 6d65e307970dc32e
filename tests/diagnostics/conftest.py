"""The fixtures of this folder."""

from __future__ import annotations

from tests.support.emulated import server

__all__ = ["server"]
