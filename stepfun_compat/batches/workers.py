"""Which workers of this machine are alive."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import Final

from .journal import Journal, WorkerRow

_HERE: Final[set[tuple[int, str]]] = set()
"""(process id, worker id) of the workers of this process; a forked child has none of them."""


@lru_cache(maxsize=1)
def machine() -> str:
    """The name under which process ids are unique: the host, and the namespace of process ids where there are several."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{socket.gethostname()} {space}".strip()


def add_worker(journal: Journal, id: str, standing: str | None = None) -> None:
    """Register a worker of this process. `standing` is the namespace of one that stays when there is nothing to do."""
    _HERE.add((os.getpid(), id))
    journal.add_worker(id, machine(), os.getpid(), _start_of(os.getpid()) or "", standing)


def remove_worker(journal: Journal, id: str) -> None:
    """End the leases of a worker of this process."""
    _HERE.discard((os.getpid(), id))
    journal.remove_worker(id)


def dead_workers(journal: Journal) -> list[str]:
    """The ids of workers of this machine that are gone without a word; the leases of those of other machines expire."""
    return [row.id for row in journal.workers() if row.host == machine() and not _is_alive(row)]


def has_standing_worker(journal: Journal, space: str) -> bool:
    """Whether a worker that stays when there is nothing to do works for a namespace."""
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
        return True  # it is there, and belongs to somebody else
    found = _start_of(pid)
    return not started or found is None or found == started


def _start_of(pid: int) -> str | None:
    """When a process started, as text to compare; "dead" for one that only its parent's wait keeps, None if the system
    does not tell."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return "dead" if words[0] in "ZX" else words[19]
    except (OSError, IndexError):
        return None
