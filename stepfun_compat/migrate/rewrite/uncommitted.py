"""Find files with uncommitted changes, without running any filter or hook of the repository."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

from ..sources.discovery import run_git


def uncommitted(root: str, contents: Mapping[str, bytes]) -> list[str]:
    """Return the files whose contents differ from the last commit; empty outside a repository."""
    if not contents:
        return []
    inside = run_git(root, "rev-parse", "--show-prefix")
    if inside is None or inside[0] != 0:
        return []
    listed = run_git(root, "ls-tree", "-r", "-z", "HEAD")
    if listed is None or listed[0] not in (0, 128):
        return []
    committed = _objects(listed[1]) if listed[0] == 0 else {}
    return [path for path, data in contents.items() if not _is_blob(data, committed.get(path, ""))]


def _objects(listing: bytes) -> dict[str, str]:
    """Return the object names in the output of `git ls-tree -z`, by path."""
    entries = (entry.partition(b"\t") for entry in listing.split(b"\0"))
    return {os.fsdecode(path): about.split()[2].decode() for about, _, path in entries if path}


def _is_blob(data: bytes, name: str) -> bool:
    """Whether bytes are the contents of a git blob."""
    kind = hashlib.sha256 if len(name) == 64 else hashlib.sha1
    return kind(b"blob %d\0" % len(data) + data).hexdigest() == name
