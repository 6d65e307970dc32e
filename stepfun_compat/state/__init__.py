"""Stores of conversations, because StepFun stores none: `memory://`, `sqlite:///path` or `redis://…` (`Settings.state`).

A store holds JSON records by key, in a namespace, for a limited time. Endpoints never access one: they describe what to
load and save as plain data (`StoreOperation`), and the client executes it (`execute`).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from ..endpoints.base import StoreOperation

TTL: Final = 30 * 24 * 3600
"""Lifetime of a record in seconds after its last use: thirty days, as at OpenAI."""

Record = dict[str, Any]
Change = Callable[[str], str]


class StateError(Exception):
    """A store that cannot be read or written."""


class RecordTooLarge(StateError):
    """A record that is too large for the store. Nothing was written."""


@dataclass(frozen=True)
class Limits:
    """Limits of a store and of one operation on it.

    `ttl` is in seconds since the last use of a record, `timeout` in seconds. `size` is the bytes of all records (None:
    the store's own default; Redis has its `maxmemory`), `record` the bytes of one.
    """

    ttl: float = TTL
    size: int | None = None
    record: int = 32_000_000
    timeout: float = 5.0


DEFAULT: Final = Limits()


class Store(Protocol):
    """Records by key. Safe for several threads; `blocking` says whether calls wait for a disk or a network."""

    blocking: bool

    def get(self, keys: Sequence[str], limits: Limits = DEFAULT) -> dict[str, str]:
        """Return the texts that exist and have not expired. Reading extends their lifetime."""
        ...

    def write(
        self, rows: Mapping[str, str], gone: Sequence[str], changes: Mapping[str, Change], limits: Limits = DEFAULT
    ) -> bool:
        """Atomically write `rows`, delete `gone` and apply `changes`; durable on return.

        Returns False, with nothing written, if a row to change is missing.
        """
        ...


_open: dict[str, Store] = {}
_opening = threading.Lock()
_locked: weakref.WeakSet[Any] = weakref.WeakSet()


def renewed_after_fork(store: Any) -> None:
    """Give `store` a new `_lock` in every forked child, where a thread of the parent may have held the old one."""
    _locked.add(store)


def _after_fork() -> None:
    global _opening
    _opening = threading.Lock()
    for store in list(_locked):
        store._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def open_store(url: str) -> Store:
    """Open the store of a URL; all clients and threads of this process share it.

    Raises:
        StateError: the URL names no store, or one whose package is not installed.
    """
    with _opening:  # two concurrent first uses must not create two stores, each with half of the records
        store = _open.get(url)
        if store is None:
            store = _open[url] = _make(url)
        return store


def in_this_process(url: str) -> bool:
    """Whether only this process sees a store's records."""
    return url.startswith("memory:") or url == "sqlite:///:memory:"


_REDIS: Final = ("redis", "rediss", "unix")


def check_url(url: str) -> None:
    """Check a store's URL. Errors never contain its password.

    Raises:
        StateError: it names no store, or has a query for which there is a setting.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in ("memory", "sqlite", *_REDIS):
        raise StateError("no such store: use memory://, sqlite:///path or redis://host:6379/0.")
    if scheme == "sqlite" and not rest.removeprefix("/"):
        raise StateError("sqlite:/// needs a path: sqlite:///state.db, or sqlite:////var/lib/app/state.db.")
    if scheme in _REDIS:
        _check_redis(scheme, rest)
    if "ttl=" in rest.partition("?")[2] or (scheme in ("memory", "sqlite") and "?" in rest):
        raise StateError(
            f"a {scheme}:// URL has no such query: set STEPFUN_STATE_TTL, STEPFUN_STATE_MAX_BYTES, "
            "STEPFUN_STATE_MAX_RECORD_BYTES or STEPFUN_STATE_TIMEOUT instead."
        )


def _check_redis(scheme: str, rest: str) -> None:
    if not rest:
        raise StateError(f"{scheme}:// needs a host: redis://host:6379/0.")
    from importlib.util import find_spec

    if "redis" not in sys.modules and find_spec("redis") is None:  # else the first error comes after a paid response
        raise StateError(f"{scheme}:// needs the package redis: pip install 'stepfun_compat[redis]'.")


def _make(url: str) -> Store:
    check_url(url)
    scheme, _, rest = url.partition("://")
    if in_this_process(url):
        from .memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite":
        from .sqlite import SQLiteStore

        return SQLiteStore(rest.removeprefix("/"))
    from .redis import RedisStore

    try:
        return RedisStore(url)
    except ValueError:  # whose text may contain a part of the password
        raise StateError("the Redis URL is invalid: is a special character in its password not escaped?") from None


def namespace(name: str | None, key: str, base_url: str) -> str:
    """Return the namespace of a client's records: the configured name, else a hash that only holders of the same key share."""
    if name:
        return name
    return hashlib.sha256(f"{key}\n{base_url.rstrip('/')}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def execute(store: Store, space: str, operation: StoreOperation, limits: Limits = DEFAULT) -> dict[str, Record]:
    """Execute an operation on a store, in a namespace. Returns the records that were loaded.

    Raises:
        RecordTooLarge: a record is more than `limits.record` bytes.
        StateError: the store cannot be read or written, or a record to change is missing.
    """
    try:
        found = _load(store, space, operation.load, limits) if operation.load else {}
        _write(store, space, operation, limits)
    except StateError:
        raise
    except Exception as error:
        raise StateError(f"{type(error).__name__}: {error}") from error
    return found


def _load(store: Store, space: str, keys: Sequence[str], limits: Limits) -> dict[str, Record]:
    names = {key: f"{space}:{key}" for key in keys}
    rows = store.get(list(names.values()), limits)
    return {key: json.loads(rows[name]) for key, name in names.items() if name in rows}


def _write(store: Store, space: str, operation: StoreOperation, limits: Limits) -> None:
    changes = {f"{space}:{key}": _checked(change, limits) for key, change in _changes(operation)}
    save = {f"{space}:{key}": _fitting(_dump(record), limits) for key, record in operation.save.items()}
    gone = [f"{space}:{key}" for key in operation.delete]
    if (changes or save or gone) and not store.write(save, gone, changes, limits):
        raise StateError(f"{' and '.join(key for key, _ in _changes(operation))} was deleted in the meantime")


def _changes(operation: StoreOperation) -> list[tuple[str, Change]]:
    """The changes of single records in an operation, as (key, function of its text)."""
    made: list[tuple[str, Change]] = []
    if operation.append is not None:
        key, field, value = operation.append
        made.append((key, lambda text: _appended(text, field, value)))
    if operation.remove is not None:
        owner, items, id = operation.remove
        made.append((owner, lambda text: _removed(text, items, id)))
    if operation.merge is not None:
        target, fields = operation.merge
        made.append((target, lambda text: _dump({**json.loads(text), **fields})))
    return made


def _checked(change: Change, limits: Limits) -> Change:
    return lambda text: _fitting(change(text), limits)


def _fitting(text: str, limits: Limits) -> str:
    if len(text) > limits.record:
        raise RecordTooLarge(f"a record of {len(text):,} bytes exceeds the limit of {limits.record:,} bytes")
    return text


_ENCODER: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))  # so that a character is a byte


def _dump(record: Any) -> str:
    return _ENCODER.encode(record)


def _appended(text: str, field: str, value: Any) -> str:
    record: Record = json.loads(text)
    there: list[Any] = list(record.get(field, ()))
    # a write repeated after a broken connection must not append twice
    return text if value in there else _dump({**record, field: [*there, value]})


def _removed(text: str, field: str, id: str) -> str:
    record: Record = json.loads(text)
    return _dump({**record, field: [item for item in record.get(field, ()) if item.get("id") != id]})
