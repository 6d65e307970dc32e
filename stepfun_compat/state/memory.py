"""`memory://`: records in this process, up to a size; the least recently used are removed first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from . import DEFAULT, Change, Limits, RecordTooLarge, renewed_after_fork

SIZE: Final = 256_000_000
"""Default of `Limits.size`, in bytes."""


class MemoryStore:
    """Keep records in this process."""

    blocking = False

    def __init__(self) -> None:
        self._rows: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._used = 0
        self._lock = threading.Lock()
        renewed_after_fork(self)

    def get(self, keys: Sequence[str], limits: Limits = DEFAULT) -> dict[str, str]:
        """Return the texts that exist; reading extends their lifetime."""
        now = time.monotonic()
        found: dict[str, str] = {}
        with self._lock:
            for key in keys:
                text = self._unexpired(key, now)
                if text is not None:
                    self._rows[key] = (now + limits.ttl, text)
                    self._rows.move_to_end(key)
                    found[key] = text
        return found

    def write(
        self, rows: Mapping[str, str], gone: Sequence[str], changes: Mapping[str, Change], limits: Limits = DEFAULT
    ) -> bool:
        """Write all or nothing; the least recently used rows are removed if there is no space."""
        now = time.monotonic()
        most = SIZE if limits.size is None else limits.size
        with self._lock:
            changed = self._changed(changes, now)
            if changed is None:
                return False
            new = {**rows, **changed}
            if sum(map(len, new.values())) > most:
                raise RecordTooLarge(f"the records to write exceed the {most:,} bytes of the entire store")
            for key in (*gone, *new):
                self._drop(key)
            for key, text in new.items():
                self._rows[key] = (now + limits.ttl, text)
                self._used += len(text)
            self._make_room(most, now)
        return True

    def _changed(self, changes: Mapping[str, Change], now: float) -> dict[str, str] | None:
        """Return the changed texts; None if a row to change is missing."""
        changed: dict[str, str] = {}
        for key, change in changes.items():
            text = self._unexpired(key, now)
            if text is None:
                return None
            changed[key] = change(text)
        return changed

    def _make_room(self, most: int, now: float) -> None:
        """Remove expired rows, and the least recently used until `most` bytes are left."""
        while self._used > most or (self._rows and next(iter(self._rows.values()))[0] < now):
            self._drop(next(iter(self._rows)))

    def _unexpired(self, key: str, now: float) -> str | None:
        row = self._rows.get(key)
        if row is not None and row[0] < now:
            self._drop(key)
            return None
        return None if row is None else row[1]

    def _drop(self, key: str) -> None:
        row = self._rows.pop(key, None)
        if row is not None:
            self._used -= len(row[1])
