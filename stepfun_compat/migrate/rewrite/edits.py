"""Apply edits to a file. Bytes outside the edits are unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .model import Edit, File, Fix
from .notebook_spans import NoSuchPlace, NotebookSpans


def merge(fixes: Iterable[Fix]) -> tuple[list[Fix], list[Fix]]:
    """Split fixes into those to apply and those that overlap with an earlier one.

    Fixes come in the order of their rules. Identical edits are merged; two insertions at the same position overlap.
    """
    made: list[Fix] = []
    late: list[Fix] = []
    taken: set[Edit] = set()
    for fix in fixes:
        new = [edit for edit in fix.edits if edit not in taken]
        if any(_overlap(edit, other) for edit in new for other in taken):
            late.append(fix)
            continue
        made.append(fix)
        taken.update(new)
    return made, late


def _overlap(one: Edit, other: Edit) -> bool:
    if one.start == one.end or other.start == other.end:
        return one.start <= other.end and other.start <= one.end
    return one.start < other.end and other.start < one.end


def spans(fixes: Iterable[Fix]) -> list[Edit]:
    """Return the distinct edits of fixes, ordered by position."""
    return sorted({edit for fix in fixes for edit in fix.edits})


def apply(text: bytes, edits: Sequence[Edit]) -> bytes:
    """Apply edits to a text, from the end to the start."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


def new_bytes(file: File, edits: Sequence[Edit]) -> bytes:
    """Return the bytes of a file with edits applied to its text.

    Raises:
        NoSuchPlace: an edit in a notebook cannot be placed in its JSON.
        UnicodeEncodeError: the file's encoding lacks a character.
    """
    if file.kind == "notebook":
        return NotebookSpans(file.data).apply(file.text, edits)
    return file.text.encode(apply(file.text.utf8, edits))


__all__ = ["NoSuchPlace", "apply", "merge", "new_bytes", "spans"]
