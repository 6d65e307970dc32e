"""Where conversations live, since StepFun keeps none: `memory://`, `sqlite:///path` or `redis://…` (`Settings.state`).

A store holds JSON records by key, below a namespace, for a limited time. Endpoints never see one: they say in plain
data what to load and save (`operation`), and the client carries it out (`perform`).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

TTL: Final = 30 * 24 * 3600
"""Seconds a record lives after it was last used: thirty days, as OpenAI keeps responses."""

Record = dict[str, Any]


class StateError(Exception):
    """A store cannot be read or written."""


class Store(Protocol):
    """Records by key. Safe for several threads; `blocking` says whether calls wait for a disk or a network."""

    blocking: bool

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """The texts that are there and have not expired. Being read makes them live longer."""
        ...

    def put(self, rows: Mapping[str, str]) -> None:
        """Write all rows or none; they are safe when this returns."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Remove what is there."""
        ...

    def update(self, key: str, change: Callable[[str], str]) -> bool:
        """Change one row with nobody in between; False if it is not there."""
        ...


_open: dict[str, Store] = {}
_opening = threading.Lock()


def open_store(url: str) -> Store:
    """The store for a URL: one for all clients and threads of this process, for as long as it lives.

    Raises:
        StateError: the URL names no store, or one whose package is not installed.
    """
    with _opening:  # two first uses at once must not end with two stores, each with half of the records
        store = _open.get(url)
        if store is None:
            store = _open[url] = _make(url)
        return store


def _make(url: str) -> Store:
    scheme, _, rest = url.partition("://")
    if scheme == "memory":
        from .memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite":
        from .sqlite import SQLiteStore

        return SQLiteStore(rest.removeprefix("/"))
    if scheme in ("redis", "rediss", "unix"):
        from .redis import RedisStore

        return RedisStore(url)
    raise StateError(f"{scheme}:// is no store: use memory://, sqlite:///path or redis://host:6379/0.")


def namespace(name: str | None, key: str, base_url: str) -> str:
    """The namespace of a client's records: its given name, else one only the holders of the same key have."""
    if name:
        return name
    return hashlib.sha256(f"{key}\n{base_url.rstrip('/')}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def perform(store: Store, space: str, operation: Mapping[str, Any]) -> dict[str, Record]:
    """Carry out what an endpoint asks of the store; answers with the records that were loaded.

    `{"load": [key]}`, `{"save": {key: record}}`, `{"delete": [key]}`, `{"append": [key, field, value]}` (to a list in a
    record that is there), `{"merge": [key, {field: value}]}`; several may stand together and are done in this order.

    Raises:
        StateError: the store cannot be read or written, or a record to append to is not there.
    """

    def at(key: str) -> str:
        return f"{space}:{key}"

    found: dict[str, Record] = {}
    try:
        if operation.get("load"):
            keys: list[str] = list(operation["load"])
            rows = store.get([at(key) for key in keys])
            found = {key: json.loads(rows[at(key)]) for key in keys if at(key) in rows}
        if operation.get("save"):
            store.put({at(key): _dump(record) for key, record in operation["save"].items()})
        if operation.get("delete"):
            store.delete([at(key) for key in operation["delete"]])
        if operation.get("append"):
            key, field, value = operation["append"]
            if not store.update(at(key), lambda text: _appended(text, field, value)):
                raise StateError(f"{key} was deleted meanwhile")
        if operation.get("merge"):
            key, fields = operation["merge"]
            store.update(at(key), lambda text: _dump({**json.loads(text), **fields}))
    except StateError:
        raise
    except Exception as error:
        raise StateError(f"{type(error).__name__}: {error}") from error
    return found


def _dump(record: Any) -> str:
    return json.dumps(record, ensure_ascii=True, separators=(",", ":"))


def _appended(text: str, field: str, value: Any) -> str:
    record: Record = json.loads(text)
    return _dump({**record, field: [*record.get(field, ()), value]})
