"""Move names that tests patch: `patch("openai.OpenAI")`, `monkeypatch.setattr("openai.OpenAI", …)`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ..facts import model as m
from .model import Edit, File, Fix, RuleOutcome

_MOVED_TEXT: Final = re.compile(rb"[rRuU]?([\"'])openai\.([\w.]+)\1")


def move_patched_names(rule: str, file: File, module: str, moves: Callable[[str], bool], outcome: RuleOutcome) -> None:
    """Edit patched strings that are moved names, and report the others."""
    for call in file.facts.calls:
        first = _patched(call)
        if first is None or file.ignored(rule, call.line, call.end_line):
            continue
        name = first.value.removeprefix("openai.")
        start = file.text.offset(first.line, first.column)
        end = file.text.offset(first.end_line, first.end_column)
        found = _MOVED_TEXT.fullmatch(file.text.utf8[start:end])
        if found is not None and moves(name):
            quote = start + found.start(1)
            edit = Edit(quote + 1, quote + 1 + len("openai"), module.encode())
            outcome.fixes.append(Fix(rule, first.line, f"patch {module}.{name}", (edit,)))
        elif not name.startswith(("resources.", "types.", "_")):
            outcome.refuse(rule, first.line, f"{first.value} is patched by name and not moved: change it by hand")


def _patched(call: m.Call) -> m.Text | None:
    """Return the string with the name in openai that a call patches; None for other calls."""
    first = call.arguments[0].value if call.arguments else None
    if isinstance(first, m.Text) and first.value.startswith("openai.") and _patches(call):
        return first
    return None


def _patches(call: m.Call) -> bool:
    """Whether a call patches by name: `patch`, `mocker.patch`, `patch.multiple`, `monkeypatch.setattr`."""
    func = call.func
    if isinstance(func, m.Name):
        return func.name == "patch"
    if not isinstance(func, m.Attribute):
        return False
    if func.attr in ("setattr", "delattr"):
        return isinstance(func.base, m.Name) and "patch" in func.base.name
    if func.attr == "patch":
        return True
    base = func.base
    named = base.name if isinstance(base, m.Name) else base.attr if isinstance(base, m.Attribute) else ""
    return named == "patch" and func.attr in ("multiple", "dict")
