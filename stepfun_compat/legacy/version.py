"""The release whose surface this package has."""

from __future__ import annotations

VERSION = "0.28.1"
