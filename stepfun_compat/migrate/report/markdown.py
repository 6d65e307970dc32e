"""The Markdown output, for the description of a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..findings import Finding, ScanResult
from ..reasons import VERDICTS
from .text import plain

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~&@-])")
_MOST: Final = 200
"""The maximum number of rows: a pull request description is limited to 65,536 characters."""


def as_markdown(result: ScanResult) -> str:
    """Render the counts, and a table of the findings that require work, most severe first."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: ScanResult) -> Iterator[str]:
    yield "## openai in this code base, on StepFun"
    yield ""
    yield "| Verdict | Findings |"
    yield "|---|---:|"
    for verdict in VERDICTS:
        yield f"| {verdict} | {result.count(verdict)} |"
    wanted = [one for one in result.findings if one.verdict != "unchanged"]
    wanted.sort(key=lambda one: -VERDICTS.index(one.verdict))
    if wanted:
        yield ""
        yield "| Where | Verdict | What | Why | What to do |"
        yield "|---|---|---|---|---|"
        for one in wanted[:_MOST]:
            yield _row(one)
        if len(wanted) > _MOST:
            yield ""
            yield f"The other formats list {len(wanted) - _MOST} more."
    if result.not_read:
        yield ""
        yield f"Not read: {len(result.not_read)}"
        yield ""
        for unread in result.not_read[:_MOST]:
            yield f"- {_text(unread.file)}: {_text(unread.why)}"


def _row(one: Finding) -> str:
    where = f"{one.file}:{one.line}" if one.cell is None else f"{one.file}, cell {one.cell}:{one.line}"
    return f"| {_text(where)} | {one.verdict} | {_text(one.target)} | {_text(one.why)} | {_text(one.do)} |"


def _text(text: str) -> str:
    """Escape text from scanned files for Markdown."""
    return _SPECIAL.sub(r"\\\1", plain(text))
