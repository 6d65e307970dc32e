"""Scan files: find, read and link them."""

from __future__ import annotations

import gc
import json
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from .cache import Cache, pack, unpack_body, unpack_head
from .extract import Extract, extract
from .facts import FileFacts
from .facts import model as m
from .findings import Finding, NotRead, ScanResult, findings_of
from .link.modules import Modules
from .sources.discovery import Found, discover
from .sources.kinds import LARGEST, LARGEST_NOTEBOOK, FileKind, mentions_openai, of_interest
from .sources.marks import Unread
from .sources.notebooks import NotANotebook, read_notebook
from .sources.texts import lines_of

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with the number of files done and the total."""

_STACK: Final = 256 * 1024 * 1024
_RECURSION: Final = 6000
_FINDING: Final = attrgetter(*(one.name for one in fields(Finding)))
_MOST_BYTES: Final = 16_000_000
"""The maximum size in bytes of file contents that are kept in memory for the second step."""
_READING: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_CHUNK: Final = 24
_HELD: Final = 24_000_000
"""The maximum size in bytes of serialized facts that are kept as objects, which are about eight times as large. Other
files are kept as outlines until they are linked."""
_WORTH_A_PROCESS: Final = 60
"""The number of files to parse for which another process pays off."""


@dataclass(slots=True)
class _Read:
    """A file whose bytes were read."""

    path: str
    kind: FileKind
    key: bytes
    data: bytes | None
    """The contents, if they are kept to avoid reading the file again."""
    interesting: bool | None = None
    """Whether the bytes contain anything that could be a finding; None if not checked yet."""


def scan(
    paths: Sequence[str], *, jobs: int | None = None, cache: Path | None = None, progress: Progress | None = None
) -> ScanResult:
    """Scan files and directories. `cache` is the directory of the cache; None disables it.

    Raises:
        NoSuchPath: a path does not exist.
    """
    return on_a_deep_stack(lambda: _scan(paths, jobs or _cores(), cache, progress))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _scan(paths: Sequence[str], jobs: int, directory: Path | None, progress: Progress | None) -> ScanResult:
    cache = Cache(directory)
    found = discover(paths)
    result = ScanResult(shown_root(found.root), len(found.files) + len(found.unread))
    result.not_read += [
        NotRead(path, why, "needs a decision" if mentions else None) for path, why, mentions in found.unread
    ]
    place = cache.key("place", *paths)
    reads = list(_look(found, cache, result.not_read, known=cache.get(place) is not None))
    whole = cache.key("result", *(part for one in reads for part in (one.path, one.key)))
    kept = cache.get(whole)
    if kept is None or not _restore(kept, result):
        entries, unread = _link(found.root, reads, jobs, cache, progress)
        result.findings += entries
        result.not_read += unread
        cache.put([(whole, _store(entries, unread)), (place, b"")])
    cache.close()
    result.not_read.sort(key=lambda one: (one.file, one.why))
    return result


def shown_root(root: str) -> str:
    """Return the root for reports: relative to the working directory if it is below it, with `/` as separator."""
    relative = os.path.relpath(root)
    return (root if relative.startswith("..") else relative).replace(os.sep, "/")


# Reading


def _look(found: Found, cache: Cache, not_read: list[NotRead], known: bool) -> Iterator[_Read]:
    """Read the files. With a `known` result in the cache, the check for relevant names is deferred."""
    left = _MOST_BYTES
    above = os.path.join(found.root, "")
    for path, kind in found.files:
        data, why = bytes_of(above + path)
        if data is None:
            not_read.append(NotRead(path, why))
        elif why:
            not_read.append(NotRead(path, why, "needs a decision" if mentions_openai(data) else None))
        else:
            one = _Read(path, kind, cache.key(path.rpartition("/")[2], data), None)
            if not known:
                one.interesting = of_interest(kind, data)
            if one.interesting is not False:
                left -= len(data)
                one.data = data if left > 0 else None
            yield one


def bytes_of(path: str) -> tuple[bytes | None, str]:
    """Return the bytes of a file and an empty string, or bytes or None and the reason why the file is not read."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return None, "not a regular file"
        data = _content(path, status.st_size)
    except OSError as error:
        import errno

        if error.errno == errno.ELOOP:
            return None, "a circular link"
        if error.errno == errno.ENOENT and os.path.islink(path):
            return None, "a broken link"
        return None, f"cannot be read: {error.strerror or error}"
    largest = LARGEST_NOTEBOOK if path.endswith(".ipynb") else LARGEST
    if len(data) > largest:
        return data, f"larger than {largest // 1_000_000} MB: assumed to be generated"
    return data, ""


def _content(path: str, size: int) -> bytes:
    """Return the bytes of a regular file, with as few system calls as possible."""
    file = os.open(path, _READING)
    try:
        data = os.read(file, size + 1)
        if len(data) != size:  # the file is being written
            parts = [data]
            while parts[-1]:
                parts.append(os.read(file, 1_000_000))
            data = b"".join(parts)
        return data
    finally:
        os.close(file)


def _facts_of(root: str, path: str, kind: FileKind, data: bytes | None = None) -> tuple[bytes, Extract]:
    """Return the facts of one file, serialized and as objects."""
    data, why = bytes_of(os.path.join(root, path)) if data is None else (data, "")
    if data is None or why:
        found = Extract(unread=[Unread(why or "cannot be read")])
    else:
        try:
            found = extract(path, kind, data)
            return pack(found.outlined(), found.facts), found
        except RecursionError:
            found = Extract(unread=[Unread("nested too deeply for this version of Python", mentions_openai(data))])
    return pack(found, None), found


def _unpacked(packed: bytes, whole: bool) -> Extract:
    """Load the result of a file, with its facts or their outline."""
    found: Extract = unpack_head(packed)
    if found.facts is not None:
        if whole:
            found.facts = unpack_body(packed)
        else:
            found.packed = packed
    return found


def _extracts(root: str, reads: Sequence[_Read], jobs: int, cache: Cache, progress: Progress | None) -> list[Extract]:
    found, held = _kept(reads, cache)
    missing = [one for one in reads if one.path not in found]
    done = len(found)
    processes = min(jobs, 1 + len(missing) // _WORTH_A_PROCESS)
    for chunk in _in_processes(root, missing, processes) if processes > 1 else _here(root, missing):
        cache.put([(one.key, packed) for one, packed, _ in chunk])
        for one, packed, extracted in chunk:
            held += len(packed)
            whole = held < _HELD
            found[one.path] = extracted if extracted is not None and whole else _unpacked(packed, whole)
        done += len(chunk)
        if progress is not None:
            progress(done, len(reads))
    return [found[one.path] for one in reads]


def _kept(reads: Sequence[_Read], cache: Cache) -> tuple[dict[str, Extract], int]:
    """Return the cached results of the files, by path, and their total size."""
    kept = cache.get_many([one.key for one in reads])
    found: dict[str, Extract] = {}
    held = 0
    for one in reads:
        packed = kept.pop(one.key, None)
        if packed is not None:
            held += len(packed)
            with suppress(Exception):  # not by this package
                found[one.path] = _unpacked(packed, held < _HELD)
    return found, held


_Chunk = list[tuple[_Read, bytes, Extract | None]]
"""Files with their serialized facts, and with the objects if this process extracted them."""


def _chunks(reads: Sequence[_Read]) -> list[Sequence[_Read]]:
    return [reads[start : start + _CHUNK] for start in range(0, len(reads), _CHUNK)]


def _here(root: str, reads: Sequence[_Read]) -> Iterator[_Chunk]:
    for chunk in _chunks(reads):
        yield [(one, *_facts_of(root, one.path, one.kind, one.data)) for one in chunk]
        for one in chunk:
            one.data = None


def _in_processes(root: str, reads: Sequence[_Read], processes: int) -> Iterator[_Chunk]:
    from .workers import run

    chunks = _chunks(reads)
    answers = run(root, [[(one.path, one.kind) for one in chunk] for chunk in chunks], processes)
    for chunk, answer in zip(chunks, answers, strict=True):
        if answer is None:
            yield from _here(root, chunk)
        else:
            yield [(one, packed, None) for one, packed in zip(chunk, answer, strict=True)]


def pack_file(root: str, path: str, kind: FileKind) -> bytes:
    """Return the serialized facts of one file; runs in worker processes."""
    return _facts_of(root, path, kind)[0]


def on_a_deep_stack(job: Callable[[], T]) -> T:
    """Run a job in a thread with a large stack, so that the supported nesting depth does not depend on the caller.

    The garbage collector is disabled meanwhile: facts contain no cycles, and traversing them is slow.
    """
    collecting, limit = gc.isenabled(), sys.getrecursionlimit()
    outcome: list[T] = []
    problem: list[BaseException] = []

    def body() -> None:
        try:
            outcome.append(job())
        except BaseException as error:
            problem.append(error)

    size = threading.stack_size(_STACK)
    gc.disable()
    sys.setrecursionlimit(max(limit, _RECURSION))
    try:
        thread = threading.Thread(target=body, name="stepfun-compat-scan", daemon=True)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
        if collecting:
            gc.enable()
    if problem:
        raise problem[0]
    return outcome[0]


# Linking


def _link(
    root: str, reads: Sequence[_Read], jobs: int, cache: Cache, progress: Progress | None
) -> tuple[list[Finding], list[NotRead]]:
    wanted = [one for one in reads if _interesting(root, one)]
    extracts = {
        one.path: found for one, found in zip(wanted, _extracts(root, wanted, jobs, cache, progress), strict=True)
    }
    _add_packages_in_between(root, reads, extracts, jobs, cache)
    listed = [one for one in reads if one.path in extracts or one.kind == "python"]
    silent = Extract(facts=FileFacts(scopes=[m.Scope("module", None, None)]))  # does not mention openai
    known = [extracts.get(one.path) or silent for one in listed]
    paths = [one.path for one in listed]
    if any(_matters(one) for one in extracts.values()):
        return findings_of(paths, known, _Lines(root, {one.path: one.kind for one in listed}), unpack_body)
    return [], [NotRead(path, one.why, None) for path, found in extracts.items() for one in found.unread]


def _interesting(root: str, one: _Read) -> bool:
    if one.interesting is None:
        data = bytes_of(os.path.join(root, one.path))[0] if one.data is None else one.data
        one.interesting = data is None or of_interest(one.kind, data)
        if not one.interesting:
            one.data = None
    return one.interesting


def _matters(found: Extract) -> bool:
    return bool(found.facts or found.marks or any(one.mentions for one in found.unread))


def _add_packages_in_between(
    root: str, reads: Sequence[_Read], extracts: dict[str, Extract], jobs: int, cache: Cache
) -> None:
    """Also read the `__init__.py` files that these files import from, because they may re-export names."""
    python = [one for one in reads if one.kind in ("python", "notebook")]
    modules = Modules([one.path for one in python], [])
    files: Iterable[int] = range(len(python))
    for _ in range(3):
        more = _packages_in_between(python, modules, extracts, files)
        if not more:
            break
        for number, found in zip(more, _extracts(root, list(more.values()), jobs, cache, None), strict=True):
            found.unread.clear()
            extracts[python[number].path] = found
        files = more


def _packages_in_between(
    python: Sequence[_Read], modules: Modules, extracts: dict[str, Extract], files: Iterable[int]
) -> dict[int, _Read]:
    """Return the unread `__init__.py` files that the given files import from, by number."""
    more: dict[int, _Read] = {}
    for number in files:
        path = python[number].path
        facts = extracts[path].facts if path in extracts else None
        for statement in facts.imports if facts is not None else ():
            target = modules.of_statement(number, statement)
            if target is not None:
                wanted = python[target]
                if "__init__.py" in wanted.path and wanted.path not in extracts:
                    more[target] = wanted
    return more


class _Lines:
    """Read the lines of files on demand, for columns and excerpts. Only the last file is cached."""

    def __init__(self, root: str, kinds: dict[str, FileKind]) -> None:
        self._root = root
        self._kinds = kinds
        self._last: tuple[str, list[str]] = ("", [])

    def __call__(self, path: str) -> list[str]:
        if self._last[0] != path:
            self._last = (path, self._lines(path))
        return self._last[1]

    def _lines(self, path: str) -> list[str]:
        data, why = bytes_of(os.path.join(self._root, path))
        if data is None or why:
            return []
        if self._kinds[path] == "notebook":
            try:
                text = read_notebook(data).text
            except NotANotebook:
                return []
        elif self._kinds[path] == "python":
            from .facts import Undecodable, decode

            try:
                text = decode(data).utf8.decode("utf-8")
            except Undecodable:
                return []
        else:
            text = data.decode("utf-8-sig", "replace")
        return lines_of(text)


# The cached result


def _store(findings: Sequence[Finding], unread: Sequence[NotRead]) -> bytes:
    kept = {
        "findings": [_FINDING(one) for one in findings],
        "not_read": [(one.file, one.why, one.verdict) for one in unread],
    }
    return json.dumps(kept).encode()


def _restore(kept: bytes, result: ScanResult) -> bool:
    try:
        loaded: Any = json.loads(kept)
        findings = [Finding(*one) for one in cast("list[list[Any]]", loaded["findings"])]
        for one in findings:
            one.parameters = tuple(one.parameters)
        unread = [NotRead(*one) for one in cast("list[list[Any]]", loaded["not_read"])]
    except (ValueError, KeyError, TypeError):
        return False
    result.findings += findings
    result.not_read += unread
    return True
