"""The result types of the readers of files other than Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True, eq=False)
class Mark:
    """A place in a text file with a name of OpenAI's; lines from 1, columns from 0 in UTF-8 bytes."""

    kind: Literal["env_var", "model_literal", "base_url", "dependency"]
    target: str
    line: int
    column: int
    end_column: int
    role: str = ""
    cell: int | None = None


@dataclass(slots=True, eq=False)
class Unread:
    """A file, or a part of one, that was not read, and the reason. `speaks`: it mentions openai."""

    why: str
    speaks: bool = False


@dataclass(slots=True, eq=False)
class TextFacts:
    """The marks of a text file, and its unread parts."""

    marks: list[Mark] = field(default_factory=lambda: [])
    unread: list[Unread] = field(default_factory=lambda: [])
