"""The openai release whose API this package provides."""

from __future__ import annotations

VERSION = "0.28.1"
