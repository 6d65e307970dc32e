"""Fixtures of this folder."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip this folder with openai before 2, with which it is not known to work."""
    if int(openai.__version__.partition(".")[0]) < 2:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="not known to work with openai before 2"))
