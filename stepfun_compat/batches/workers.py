"""Register workers and find the dead ones of this machine."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import Final

from .journal import Journal, WorkerRow

_HERE: Final[set[tuple[int, str]]] = set()
"""(process id, worker id) of the workers of this process; not those of its parent after a fork."""


@lru_cache(maxsize=1)
def machine() -> str:
    """The scope in which process ids are unique: the host, and its PID namespace if there are several."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{socket.gethostname()} {space}".strip()


def add_worker(journal: Journal, id: str, standing: str | None = None) -> None:
    """Register a worker of this process. `standing` is the namespace of one that keeps running when there is no work."""
    _HERE.add((os.getpid(), id))
    journal.add_worker(id, machine(), os.getpid(), _start_of(os.getpid()) or "", standing)


def remove_worker(journal: Journal, id: str) -> None:
    """Unregister a worker of this process and end its leases."""
    _HERE.discard((os.getpid(), id))
    journal.remove_worker(id)


def dead_workers(journal: Journal) -> list[str]:
    """The ids of this machine's workers that died without unregistering. Leases of other machines' workers expire."""
    return [row.id for row in journal.workers() if row.host == machine() and not _is_alive(row)]


def has_standing_worker(journal: Journal, space: str) -> bool:
    """Whether a worker that keeps running when there is no work serves a namespace."""
    standing = [row for row in journal.workers() if row.standing == space]
    return any(row.host != machine() or _is_alive(row) for row in standing)


def _is_alive(row: WorkerRow) -> bool:
    pid, started = row.pid, row.started
    if pid == os.getpid():
        return (pid, row.id) in _HERE
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # the process exists and belongs to another user
    found = _start_of(pid)
    return not started or found is None or found == started


def _start_of(pid: int) -> str | None:
    """The start time of a process, for comparison; "dead" for a zombie, None if the system does not report it."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return "dead" if words[0] in "ZX" else words[19]
    except (OSError, IndexError):
        return None
