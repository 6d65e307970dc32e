"""`memory://`: the records of this process, bounded by number and size; the least used go first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from typing_extensions import override

from .base import BaseStore, Edit, Limits, Raw, RecordTooLarge, UnknownCursor

MAX_RECORDS: Final = 100_000
MAX_BYTES: Final = 256_000_000
_OVERHEAD: Final = 256  # bytes a record costs besides its text, roughly

_Place = tuple[str, str]  # (space, name)


class _Kept(NamedTuple):
    until: float
    text: str
    parent: str | None


class MemoryStore(BaseStore):
    """Records in this process.

    Args:
        limits: seconds and bytes of one record.
        max_records: records kept at most.
        max_bytes: bytes of JSON, and some for each record, kept at most.
        clock: seconds, never going back.
    """

    blocking = False
    kind = "memory"

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(limits or Limits())
        self._max_records, self._max_bytes, self._clock = max_records, max_bytes, clock
        # Every use renews a record and moves it to the end: least used and first to expire are the same order.
        self._rows: OrderedDict[_Place, _Kept] = OrderedDict()
        self._children: dict[_Place, dict[str, None]] = {}
        self._used = 0
        self._lock = threading.Lock()

    @override
    def _get(self, space: str, names: Sequence[str]) -> list[Raw]:
        with self._lock:
            found = [(name, self._use((space, name))) for name in names]
        return [Raw(name, kept.text, kept.parent) for name, kept in found if kept is not None]

    @override
    def _chain(self, space: str, name: str, most: int) -> list[Raw]:
        found: list[Raw] = []
        at: str | None = name
        with self._lock:
            while at is not None and len(found) < most and (kept := self._use((space, at))) is not None:
                found.append(Raw(at, kept.text, kept.parent))
                at = kept.parent
        return found[::-1]

    @override
    def _list(self, space: str, parent: str, after: str | None, limit: int | None, newest_first: bool) -> list[Raw]:
        found: list[Raw] = []
        with self._lock:
            names = list(self._children.get((space, parent), ()))
            if newest_first:
                names.reverse()
            if after is not None:
                if after not in names or self._use((space, after)) is None:
                    raise UnknownCursor(after)
                names = names[names.index(after) + 1 :]
            for name in names:
                if limit is not None and len(found) == limit:
                    break
                kept = self._use((space, name))
                if kept is not None:
                    found.append(Raw(name, kept.text, kept.parent))
        return found

    @override
    def _put(self, space: str, rows: Sequence[Raw], delete: Sequence[str], edits: Mapping[str, Edit]) -> int:
        with self._lock:
            self._expire()
            writes = {row.name: row for row in rows}
            dropped = set(delete)
            for name, edit in edits.items():
                before = writes[name].text if name in writes else None
                if before is None and name not in dropped and (kept := self._rows.get((space, name))) is not None:
                    before = kept.text
                after = edit(before)
                if after is not None:
                    writes[name] = Raw(name, after, writes[name].parent if name in writes else None)
            size = sum(_cost(name, row.text) for name, row in writes.items())
            if size > self._max_bytes or len(writes) > self._max_records:
                raise RecordTooLarge(
                    f"{len(writes):,} records of {size:,} bytes do not fit into a store of {self._max_records:,} records "
                    f"and {self._max_bytes:,} bytes: raise ?max_records= or ?max_bytes= in STEPFUN_STATE=memory://."
                )
            count = sum([self._drop((space, name)) for name in delete])
            for row in writes.values():
                self._keep(space, row)
            while len(self._rows) > self._max_records or self._used > self._max_bytes:
                self._drop(next(iter(self._rows)))
        return count

    @override
    def _before_fork(self) -> None:
        self._lock.acquire()  # so that the child's copy is whole

    @override
    def _after_fork(self, *, child: bool) -> None:
        self._lock.release()

    # ------------------------------------------------------------ with the lock held

    def _use(self, place: _Place) -> _Kept | None:
        kept = self._rows.get(place)
        if kept is None:
            return None
        now = self._clock()
        if kept.until <= now:
            self._drop(place)
            return None
        self._rows[place] = kept = kept._replace(until=now + self._limits.ttl)
        self._rows.move_to_end(place)
        return kept

    def _keep(self, space: str, row: Raw) -> None:
        place = (space, row.name)
        old = self._rows.get(place)
        parent = row.parent if old is None else old.parent
        if old is not None:
            self._used -= _cost(row.name, old.text)
        elif parent is not None:
            self._children.setdefault((space, parent), {})[row.name] = None
        self._rows[place] = _Kept(self._clock() + self._limits.ttl, row.text, parent)
        self._rows.move_to_end(place)
        self._used += _cost(row.name, row.text)

    def _drop(self, place: _Place) -> bool:
        kept = self._rows.pop(place, None)
        if kept is None:
            return False
        self._used -= _cost(place[1], kept.text)
        if kept.parent is not None:
            siblings = self._children[place[0], kept.parent]
            del siblings[place[1]]
            if not siblings:
                del self._children[place[0], kept.parent]
        return True

    def _expire(self) -> None:
        now = self._clock()
        while self._rows:
            place, kept = next(iter(self._rows.items()))
            if kept.until > now:
                break
            self._drop(place)


def _cost(name: str, text: str) -> int:
    return len(name) + len(text) + _OVERHEAD
