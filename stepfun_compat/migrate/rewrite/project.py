"""Read the files of a project for rewriting, preserving their bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..extract import Extract, extract
from ..facts import FileFacts, SourceText, Undecodable, decode
from ..facts import model as m
from ..findings import NotRead
from ..generation import legacy_files
from ..link.linker import Linker
from ..link.shape import vendors_of
from ..scan import bytes_of
from ..sources.discovery import discover
from ..sources.kinds import FileKind, mentions_openai, of_interest
from ..sources.marks import Unread
from ..sources.notebooks import NotANotebook, read_notebook
from ..surface import VENDORS
from ..uses import Use, uses_of
from .model import File, Project
from .writing import why_not


@dataclass(eq=False)
class Reading:
    """The files read below the paths: their contents by path, and the unread files."""

    root: str
    looked_at: int
    contents: dict[str, tuple[FileKind, bytes]]
    """Every Python file, and every other file that mentions OpenAI."""
    not_read: list[NotRead]
    named: frozenset[str]
    locked: dict[str, str] = field(default_factory=lambda: {})
    """Files that must not be written, with the reason; an empty reason for a link to another file of these."""
    extracts: dict[str, Extract] = field(default_factory=lambda: {})


def read_files(paths: Sequence[str]) -> Reading:
    """Read the files below paths.

    Raises:
        NoSuchPath: a path does not exist.
    """
    found = discover(paths)
    reading = Reading(found.root, len(found.files) + len(found.unread), {}, [], _named(paths, found.root))
    reading.not_read += [
        NotRead(path, why, "needs a decision" if mentions else None) for path, why, mentions in found.unread
    ]
    for path, kind in found.files:
        data, why = bytes_of(os.path.join(found.root, path))
        if data is None or why:
            mentions = data is not None and mentions_openai(data)
            reading.not_read.append(NotRead(path, why, "needs a decision" if mentions else None))
        elif kind == "python" or of_interest(kind, data):
            reading.contents[path] = (kind, data)
    _lock(reading, paths)
    return reading


def _named(paths: Sequence[str], root: str) -> frozenset[str]:
    """Return the files among the paths, relative to the root."""
    return frozenset(
        os.path.relpath(os.path.abspath(path), root).replace(os.sep, "/") for path in paths if not os.path.isdir(path)
    )


def _lock(reading: Reading, paths: Sequence[str]) -> None:
    """Find the files that must not be written: outside the paths, hard-linked, or edited under another name."""
    own: set[str] = set()
    places = [
        (os.path.join(reading.root, path), path)
        for path, (kind, data) in reading.contents.items()
        if of_interest(kind, data)
    ]
    for place, path in sorted(places, key=lambda one: (os.path.islink(one[0]), one[1])):
        target = os.path.realpath(place)
        why = "" if target in own else why_not(place, paths)
        own.add(target)
        if why is not None:
            reading.locked[path] = why


_IMPORTED: Final = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)


def vendors_named(reading: Reading) -> frozenset[str]:
    """Return the other vendors' packages that Python files import, including files that cannot be parsed."""
    found: set[str] = set()
    for kind, data in reading.contents.values():
        if kind == "python":
            found.update(name.decode() for name in _IMPORTED.findall(data))
    return frozenset(found & VENDORS) - {"stepfun_compat"}


def link(reading: Reading, changed: dict[str, bytes] | None = None) -> Project:
    """Return the project, with the new bytes in `changed` instead of the contents of these files. Pure."""
    changed = changed or {}
    contents: dict[str, tuple[FileKind, bytes]] = {
        path: (kind, changed.get(path, data)) for path, (kind, data) in reading.contents.items()
    }
    extracts = {path: _extract(reading, path, kind, data, path in changed) for path, (kind, data) in contents.items()}
    python = [path for path, one in extracts.items() if one.facts is not None]
    facts = [one.facts for one in extracts.values() if one.facts is not None]
    linker = Linker(python, facts)
    uses = uses_of(python, facts, linker)
    files = _files(contents, extracts, python, uses)
    legacy, unclear = legacy_files(uses, facts)
    migrated = any("stepfun_compat" in vendors_of(one) for one in facts)
    return Project(reading.root, files, linker, legacy, unclear, reading.named, migrated)


def _files(
    contents: dict[str, tuple[FileKind, bytes]], extracts: dict[str, Extract], python: list[str], uses: list[Use]
) -> list[File]:
    """Return the decodable files, each with its uses. `python` lists those with facts, in the order of the linker."""
    by_file: dict[int, list[Use]] = {}
    for use in uses:
        by_file.setdefault(use.file, []).append(use)
    numbers = {path: number for number, path in enumerate(python)}
    return [
        File(path, kind, data, text, extracts[path], numbers.get(path, -1), by_file.get(numbers.get(path, -1), []))
        for path, (kind, data) in contents.items()
        for text in _texts(kind, data)
    ]


def _extract(reading: Reading, path: str, kind: FileKind, data: bytes, changed: bool) -> Extract:
    known = None if changed else reading.extracts.get(path)
    if known is not None:
        return known
    if kind == "python" and not path.endswith("__init__.py") and not of_interest(kind, data):
        found = Extract(facts=FileFacts(scopes=[m.Scope("module", None, None)]))  # its bytes do not mention openai
    else:
        try:
            found = extract(path, kind, data)
        except RecursionError:
            found = Extract(unread=[Unread("nested too deeply for this version of Python", mentions_openai(data))])
    if not changed:
        reading.extracts[path] = found
    return found


def _texts(kind: FileKind, data: bytes) -> Iterable[SourceText]:
    """Yield the text of a file; nothing if it cannot be decoded."""
    if kind == "notebook":
        try:
            yield SourceText(read_notebook(data).text.encode("utf-8"), "utf-8", 0)
        except (NotANotebook, UnicodeEncodeError):
            return
    elif kind == "python":
        try:
            yield decode(data)
        except Undecodable:
            return
    else:
        bom = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        yield SourceText(data[bom:], "utf-8", bom)
