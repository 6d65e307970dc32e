"""A tokenizer simple enough to count tokens by hand.

Whitespace is part of the next token and costs nothing. A run of ASCII letters and digits costs one token per four
characters, rounded up; every other character (punctuation, a Chinese character) costs one. A message adds 4 tokens,
a request 3. An image costs 400 tokens, or 169 with detail `low` (stepfun-api 3.3), a video or an audio clip 512.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s*(?:[A-Za-z0-9]{1,4}|[^\sA-Za-z0-9])|\s+\Z")

MESSAGE_TOKENS = 4
REQUEST_TOKENS = 3
IMAGE_TOKENS = 400
LOW_IMAGE_TOKENS = 169
MEDIA_TOKENS = 512


def split(text: str) -> list[str]:
    """Split a text into tokens, which join to the text."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    return len(split(text))


def cut(text: str, limit: int) -> str:
    """Return the first `limit` tokens of the text."""
    tokens = split(text)
    return text if len(tokens) <= limit else "".join(tokens[:limit])


def pieces(text: str, size: int) -> list[str]:
    """Split a text into pieces of `size` tokens, for a stream."""
    tokens = split(text)
    return ["".join(tokens[start : start + size]) for start in range(0, len(tokens), size)]
