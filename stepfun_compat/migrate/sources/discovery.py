"""List the files that git does not ignore; outside a repository, all except virtual environments and caches."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from .kinds import FileKind, kind_of_file

_SKIPPED: Final = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".nox", ".mypy_cache", ".venv"}
)
_GIT_SECONDS: Final = 60


class NoSuchPath(Exception):
    """A path named on the command line does not exist."""


@dataclass(slots=True, eq=False)
class Found:
    """The files to read, with paths relative to the root and `/` as separator, and the unreadable ones."""

    root: str
    files: list[tuple[str, FileKind]] = field(default_factory=lambda: [])
    unread: list[tuple[str, str, bool]] = field(default_factory=lambda: [])
    """The path, the reason, and whether the file mentions openai."""


def discover(paths: Sequence[str]) -> Found:
    """Return the files below the paths, without duplicates, ordered by name.

    Raises:
        NoSuchPath: a path does not exist.
    """
    given = [os.path.abspath(path) for path in paths]
    for path, original in zip(given, paths, strict=True):
        if not os.path.lexists(path):
            raise NoSuchPath(f"{original} does not exist")
    root = _root(given)
    found = Found(root)
    seen: set[str] = set()
    for path in given:
        if os.path.isdir(path):
            for file in _below(path, found, set()):
                _add(found, file, seen, named=False)
        else:
            _add(found, path, seen, named=True)
    found.files.sort()
    found.unread.sort()
    return found


def _root(paths: Sequence[str]) -> str:
    directories = [path if os.path.isdir(path) else os.path.dirname(path) for path in paths]
    try:
        return os.path.commonpath(directories)
    except ValueError:  # different drives
        return directories[0]


def relative(root: str, path: str) -> str:
    """Return a path relative to the root, with `/` as separator."""
    if path.startswith(root) and path[len(root) : len(root) + 1] == os.sep and os.sep + "." not in path:
        return path[len(root) + 1 :].replace(os.sep, "/")
    return os.path.relpath(path, root).replace(os.sep, "/")


def shown(path: str) -> str:
    """Return a path as valid Unicode, with invalid UTF-8 escaped as `\\xNN`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _add(found: Found, path: str, seen: set[str], named: bool) -> None:
    name = relative(found.root, path)
    kind = kind_of_file(name)
    if kind is None and named:
        kind = "python"
    if kind is None or name in seen:
        return
    seen.add(name)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        found.unread.append((shown(name), "its name is not UTF-8", _mentions_openai(path)))
        return
    found.files.append((name, kind))


def _mentions_openai(path: str) -> bool:
    from .kinds import LARGEST, mentions_openai

    try:
        with open(path, "rb") as stream:
            return mentions_openai(stream.read(LARGEST))
    except OSError:
        return False


def _below(directory: str, found: Found, above: set[tuple[int, int]]) -> Iterator[str]:
    """Yield the files below a directory. A nested repository uses its own ignore rules."""
    listed = _git_files(directory)
    if listed is None:
        yield from _walk(directory, found)
        return
    key = _identity(directory)
    if key is None or key in above:
        return
    environments: dict[str, bool] = {}
    for name in listed:
        path = os.path.join(directory, name)
        if _in_environment(directory, name, environments):
            continue
        if os.path.islink(path) and os.path.isdir(path):
            _linked(path, found)
        elif os.path.isdir(path):  # a nested repository
            yield from _below(path.rstrip("/"), found, above | {key})
        elif os.path.lexists(path):
            yield path


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def _in_environment(directory: str, name: str, known: dict[str, bool]) -> bool:
    """Whether a file is in a virtual environment that git does not ignore."""
    parts = name.split("/")[:-1]
    if any(part in _SKIPPED for part in parts):
        return True
    above = directory
    for part in parts:
        above = os.path.join(above, part)
        inside = known.get(above)
        if inside is None:
            inside = known[above] = os.path.isfile(os.path.join(above, "pyvenv.cfg"))
        if inside:
            return True
    return False


def _linked(path: str, found: Found) -> None:
    """Skip a link to a directory, and report it as unread if it leaves the root or is circular."""
    target = os.path.realpath(path)
    name = shown(relative(found.root, path))
    root = os.path.realpath(found.root)
    if os.path.realpath(os.path.dirname(path)).startswith(target):
        found.unread.append((name, "a circular link to a parent directory", False))
    elif not (target + os.sep).startswith(root + os.sep):
        found.unread.append((name, "a link to a directory outside the root", False))


def _walk(directory: str, found: Found) -> Iterator[str]:
    for here, directories, files in os.walk(directory, onerror=lambda error: _not_listed(found, error)):
        kept: list[str] = []
        for name in sorted(directories):
            path = os.path.join(here, name)
            if os.path.islink(path):
                _linked(path, found)
            elif name not in _SKIPPED and not os.path.isfile(os.path.join(path, "pyvenv.cfg")):
                kept.append(name)
        directories[:] = kept
        above = os.path.join(here, "")
        for name in sorted(files):
            yield above + name


def _not_listed(found: Found, error: OSError) -> None:
    path = str(error.filename)
    found.unread.append((shown(relative(found.root, path)), f"cannot be listed: {error.strerror}", False))


def _git_files(directory: str) -> list[str] | None:
    """Return the files below a directory that git does not ignore; None without git, outside a repository, or if the
    directory itself is ignored."""
    if run_git(directory, "check-ignore", "-q", ".") != (1, b""):
        return None
    answer = run_git(directory, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    if answer is None or answer[0] != 0:
        answer = run_git(directory, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if answer is None or answer[0] != 0:
        return None
    return sorted({os.fsdecode(part) for part in answer[1].split(b"\0") if part})


def run_git(directory: str, *arguments: str) -> tuple[int, bytes] | None:
    """Run git without any program that the repository configures."""
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", directory, *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    try:
        done = subprocess.run(command, capture_output=True, timeout=_GIT_SECONDS, env=environment, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.returncode, done.stdout
