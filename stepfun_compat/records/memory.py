"""`memory://`: the records of this process, bounded; the least used go first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from . import TTL


class MemoryStore:
    """Records in this process. `most` rows and `size` characters at most."""

    blocking = False

    def __init__(self, most: int = 100_000, size: int = 256_000_000, ttl: float = TTL) -> None:
        self._most, self._size, self._ttl = most, size, ttl
        self._rows: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._used = 0
        self._lock = threading.Lock()

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """The texts that are there; reading keeps them."""
        now = time.monotonic()
        found: dict[str, str] = {}
        with self._lock:
            for key in keys:
                row = self._rows.get(key)
                if row is None:
                    continue
                if row[0] < now:
                    self._drop(key)
                    continue
                self._rows[key] = (now + self._ttl, row[1])
                self._rows.move_to_end(key)
                found[key] = row[1]
        return found

    def put(self, rows: Mapping[str, str]) -> None:
        """Write rows; the least used make room."""
        until = time.monotonic() + self._ttl
        with self._lock:
            for key, text in rows.items():
                self._drop(key)
                self._rows[key] = (until, text)
                self._used += len(text)
            while len(self._rows) > 1 and (len(self._rows) > self._most or self._used > self._size):
                self._drop(next(iter(self._rows)))

    def delete(self, keys: Sequence[str]) -> None:
        """Remove what is there."""
        with self._lock:
            for key in keys:
                self._drop(key)

    def update(self, key: str, change: Callable[[str], str]) -> bool:
        """Change one row."""
        now = time.monotonic()
        with self._lock:
            row = self._rows.get(key)
            if row is None or row[0] < now:
                return False
            text = change(row[1])
            self._used += len(text) - len(row[1])
            self._rows[key] = (now + self._ttl, text)
            self._rows.move_to_end(key)
        return True

    def _drop(self, key: str) -> None:
        row = self._rows.pop(key, None)
        if row is not None:
            self._used -= len(row[1])
