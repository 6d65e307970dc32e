"""The unified diff of a change, with secrets redacted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Final

from ..findings import redact
from ..report.text import plain
from .model import File
from .plan import FileChange

_LINES: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_ASSIGNMENT: Final = re.compile(
    r"^(\s*(?:-\s+)?(?:export\s+|ENV\s+|ARG\s+)?[\"']?[\w.-]+[\"']?\s*[=:]\s*)(.+)$", re.IGNORECASE
)
_HARMLESS: Final = re.compile(r"[\"']?\$\{?\w+\}?[\"']?|[|>][-+]?")
_NAME_ALONE: Final = re.compile(r"\s*(?:-\s+)?(?:[A-Z][A-Z0-9_]*|[\"']?[\w.-]+[\"']?\s*[=:])\s*|\s*[\[\]{},]+\s*")
_START: Final = re.compile(r"\s*(?:[#-]\s*)?")
_SECRET_NAME: Final = re.compile(
    r"((?:key|token|secret|password|passwd|credential)s?[\"']?\]?\s*[,:=]\s*(?:\(\s*)?[fFrRbBuU]{0,2})"
    r"(\"[^\"]*\"|'[^']*')",
    re.IGNORECASE,
)  # fmt: skip
_NO_VALUES: Final = frozenset({"env", "yaml", "docker", "json", "toml"})
_MISSING_END: Final = "\\ No newline at end of file"


def unified(change: FileChange) -> str:
    """Return a unified diff of a change; values of variables and apparent secrets are shown as `…`."""
    file = change.file
    before, after = _shown(file, file.data), _shown(file, change.after)
    name = plain(file.path)
    lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
    return "".join(f"{line}\n" for line in _with_end(lines))


def _with_end(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        text = line.rstrip("\r\n")
        yield plain(text)
        if text == line:
            yield _MISSING_END


def _shown(file: File, data: bytes) -> list[str]:
    text = data.decode(file.text.encoding if file.kind == "python" else "utf-8", "replace").lstrip("\ufeff")
    return [_without_values(file, line) for line in _LINES.findall(text)]


def _without_values(file: File, line: str) -> str:
    body = line.rstrip("\r\n")
    end = line[len(body) :]
    if file.kind in _NO_VALUES:
        body = _without_value(body)
    return redact(_SECRET_NAME.sub(r"\1'…'", body)) + end


def _without_value(body: str) -> str:
    """Redact a line of settings: keep names and references to variables."""
    found = _ASSIGNMENT.match(body)
    if found is not None:
        return body if _HARMLESS.fullmatch(found.group(2).strip()) else found.group(1) + "…"
    if not body.strip() or _NAME_ALONE.fullmatch(body):
        return body
    start = _START.match(body)
    return (start.group() if start is not None else "") + "…"
