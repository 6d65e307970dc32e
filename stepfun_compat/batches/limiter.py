"""Rate limiting: concurrency, requests and tokens per minute, and backing off after a 429.

`Rate` holds the account's limits (`catalog.tiers`); `Window` is pure arithmetic and takes the time as an argument.
There is one window per key and host; `SharedWindow` stores it in a file shared by all processes of a machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from ..state.process_connection import ProcessConnection, use_wal
from .disk import disk_errors

FIRST_CONCURRENCY: Final = 5
"""The initial concurrency of an account without a configured tier: that of StepFun's lowest tier."""

MOST_CONCURRENCY: Final = 64
"""The maximum concurrency of an account without a configured tier."""

_COOL_FIRST: Final = 1.0
_COOL_MOST: Final = 60.0
_TIMEOUT: Final = 30.0


@dataclass(frozen=True)
class Rate:
    """The limits of an account: requests in flight, requests per minute, tokens per minute. None: no known limit."""

    concurrency: int | None = None
    rpm: int | None = None
    tpm: int | None = None


@dataclass
class Window:
    """The state of one account. `size` is the current limit of requests in flight; all times are in seconds."""

    rate: Rate
    size: float = 0.0
    cool_until: float = 0.0
    cooling: float = 0.0
    """The length of the last pause, in seconds. A 429 soon after it, before a whole window is answered, doubles it."""
    answered: int = 0
    """Requests answered since the last pause."""
    request_at: float = 0.0
    """When requests per minute next allow a request (generic cell rate algorithm)."""
    token_at: float = 0.0
    flights: dict[str, list[float]] = field(default_factory=lambda: {})
    """Worker -> [requests in flight, time until which they count]."""

    def __post_init__(self) -> None:
        if not self.size:
            self.size = float(self.rate.concurrency or FIRST_CONCURRENCY)

    @property
    def most(self) -> int:
        return self.rate.concurrency or MOST_CONCURRENCY

    def in_flight(self, now: float) -> int:
        """Requests in flight of all live workers."""
        return int(sum(count for count, until in self.flights.values() if until > now))

    def keep_alive(self, worker: str, until: float) -> None:
        """Keep counting the requests in flight of a worker until `until`."""
        if worker in self.flights:
            self.flights[worker][1] = max(self.flights[worker][1], until)

    def take(self, worker: str, wanted: int, tokens: int, now: float, alive: float = 60.0) -> tuple[int, float]:
        """Request slots for `wanted` requests of about `tokens` tokens each.

        Returns how many may start now, and, if none, the seconds to wait.
        """
        self.flights = {name: row for name, row in self.flights.items() if row[0] and row[1] > now}
        if now < self.cool_until:
            return 0, self.cool_until - now
        free = int(self.size) - self.in_flight(now)
        if free <= 0:
            return 0, 0.05
        allowed = min(wanted, free)
        wait = 0.0
        if self.rate.rpm:
            allowed, wait, self.request_at = _paced(allowed, 60.0 / self.rate.rpm, self.request_at, now)
        if allowed and self.rate.tpm and tokens:
            allowed, wait, self.token_at = _paced(allowed, 60.0 * tokens / self.rate.tpm, self.token_at, now)
        if allowed:
            count, _ = self.flights.get(worker, (0.0, 0.0))
            self.flights[worker] = [count + allowed, now + alive]
        return allowed, wait

    def report(self, worker: str, ended: int, limited: float | None, now: float) -> None:
        """Record `ended` requests; `limited` is the longest Retry-After of a 429 among them, None without a 429."""
        if limited is not None:
            self.done(worker, 1, now, limited=True, retry_after=limited)
            ended -= 1
        if ended:  # -1 if the 429 is recorded before its request has ended
            self.done(worker, ended, now)

    def done(
        self, worker: str, count: int, now: float, *, limited: bool = False, retry_after: float | None = None
    ) -> None:
        """Record ended requests. `limited` marks a 429, which halves the window and pauses all workers."""
        flight = self.flights.get(worker)
        if flight is not None:
            flight[0] = max(flight[0] - count, 0.0)
        if not limited:
            self.answered += count
            self.size = min(self.size + count / max(self.size, 1.0), float(self.most))
            return
        if now < self.cool_until:
            return  # the same burst: halving again for each of its 429s would close the window
        # A single 429 among many answers, or long after the last one, does not lengthen the pause.
        recovered = self.answered >= self.size or now - self.cool_until >= self.cooling + _COOL_FIRST
        self.cooling = _COOL_FIRST if recovered else min(max(self.cooling * 2, _COOL_FIRST), _COOL_MOST)
        self.answered = 0
        self.size = max(self.size / 2, 1.0)
        self.cool_until = now + max(self.cooling, retry_after or 0.0)


def _paced(wanted: int, interval: float, at: float, now: float, burst: float = 1.0) -> tuple[int, float, float]:
    """How many of `wanted` steps may run now if one may run every `interval` seconds: (count, wait, next time).

    Unused steps of up to `burst` seconds accumulate.
    """
    at = max(at, now - burst)
    count = min(wanted, int((now - at) / interval) + 1 if at <= now else 0)
    return (count, 0.0, at + count * interval) if count else (0, at - now, at)


def load_window(text: str | None, rate: Rate) -> Window:
    """Load a serialized window; a new one if `text` is missing or invalid."""
    try:
        values: dict[str, Any] = json.loads(text or "")
        window = Window(rate, **values)
    except (ValueError, TypeError):
        return Window(rate)
    window.size = min(window.size, float(window.most))
    return window


def dump_window(window: Window) -> str:
    """Serialize a window without the limits of the account."""
    state = asdict(window)
    del state["rate"]
    return json.dumps(state)


class WindowPlace(Protocol):
    """The storage of a window. `open` yields it with exclusive access until the block ends."""

    def open(self) -> contextlib.AbstractContextManager[Window]: ...


class SharedWindow:
    """A window shared by all processes of a machine, in `folder/rates.db`, with one row per key and host."""

    def __init__(self, folder: Path, name: str, rate: Rate) -> None:
        self._path = folder / "rates.db"
        self._name = name
        self._rate = rate
        self._lock = threading.Lock()
        self._connection = ProcessConnection()

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # damaged; its contents are soon rebuilt
            self._path.unlink()
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        db = sqlite3.connect(self._path, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            use_wal(db, _TIMEOUT)
            db.execute("PRAGMA synchronous = OFF")  # a lost row only slows the next requests
            db.execute("CREATE TABLE IF NOT EXISTS rate (name TEXT PRIMARY KEY, state TEXT NOT NULL)")
        except BaseException:
            db.close()
            raise
        return db

    @contextlib.contextmanager
    def open(self) -> Generator[Window, None, None]:
        """Yield the window with exclusive access until the block ends."""
        with self._lock, disk_errors(self._path):
            db = self._connection.get(self._connect)
            db.execute("BEGIN IMMEDIATE")
            try:
                row = db.execute("SELECT state FROM rate WHERE name = ?", (self._name,)).fetchone()
                window = load_window(row[0] if row else None, self._rate)
                yield window
                db.execute("INSERT OR REPLACE INTO rate (name, state) VALUES (?, ?)", (self._name, dump_window(window)))
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
