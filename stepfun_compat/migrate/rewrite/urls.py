"""Recognize the URL of OpenAI's API."""

from __future__ import annotations

import re
from typing import Final

_OPENAI: Final = re.compile(r"https?://api\.openai\.com(?::443)?(?:/v1)?/*", re.IGNORECASE)


def is_openai_url(url: str) -> bool:
    """Whether a URL is the URL of OpenAI's API."""
    return _OPENAI.fullmatch(url) is not None
