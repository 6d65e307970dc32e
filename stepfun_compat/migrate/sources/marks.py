"""The results of reading files other than Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True, eq=False)
class Mark:
    """A name of OpenAI in a text file, such as a model or a variable. Columns count from 0 in UTF-8 bytes."""

    kind: Literal["env_var", "model_literal", "base_url", "dependency"]
    target: str
    line: int
    column: int
    end_column: int
    role: str = ""
    cell: int | None = None


@dataclass(slots=True, eq=False)
class Unread:
    """A file, or a part of one, that was not read, and the reason."""

    why: str
    mentions: bool = False
    """Whether it mentions openai."""


@dataclass(slots=True, eq=False)
class TextFacts:
    """The marks of a text file, and its unread parts."""

    marks: list[Mark] = field(default_factory=lambda: [])
    unread: list[Unread] = field(default_factory=lambda: [])
