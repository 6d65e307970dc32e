"""Find the `.env` files that a program may load. python-dotenv and pydantic-settings do not replace variables that are set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MOST: Final = 1 << 20  # bytes that are read of a file
_KEY: Final = re.compile(r"^[ \t]*(?:export[ \t]+)?OPENAI_API_KEY[ \t]*=[ \t]*['\"]?[^\s'\"#]", re.MULTILINE)


def has_openai_key(*folders: Path) -> bool:
    """Whether a `.env` in one of these folders, or above, sets `OPENAI_API_KEY`."""
    return any(_KEY.search(text) for text in _texts(folders))


def _texts(folders: tuple[Path, ...]) -> Iterator[str]:
    for place in dict.fromkeys(each for folder in folders for each in (folder, *folder.parents)):
        try:
            with open(place / ".env", encoding="utf-8", errors="replace") as file:
                yield file.read(_MOST)
        except OSError:
            continue
