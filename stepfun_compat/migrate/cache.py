"""A content-addressed cache of scan results, in a SQLite file in the user's cache directory.

A cache that cannot be read or written is ignored. Only classes of this package are unpickled from it.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from typing_extensions import override

from ..state.process_connection import use_wal
from .facts.model import FORMAT

_LARGEST: Final = 400_000_000
"""The maximum size of the cached facts in bytes; a larger cache is cleared."""
_TIMEOUT: Final = 5.0
_SAFE_MODULES: Final = ("stepfun_compat.migrate.",)


class _Loader(pickle.Unpickler):
    _known: ClassVar[dict[tuple[str, str], type]] = {}

    @override
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        known = self._known.get((module_name, global_name))
        if known is not None:
            return known
        if module_name.startswith(_SAFE_MODULES):
            found = super().find_class(module_name, global_name)
            if isinstance(found, type):
                self._known[module_name, global_name] = found
                return found
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is not allowed in a cache")


def dumps(value: object) -> bytes:
    """Serialize facts."""
    return pickle.dumps(value, protocol=5)


def loads(data: bytes) -> Any:
    """Deserialize facts.

    Raises:
        pickle.UnpicklingError: the bytes refer to anything but classes of this package.
    """
    return _Loader(io.BytesIO(data)).load()


def pack(head: object, body: object) -> bytes:
    """Serialize two values so that the first can be read without the second."""
    first = dumps(head)
    return len(first).to_bytes(8, "big") + first + dumps(body)


def unpack_head(data: bytes) -> Any:
    """Return the first value of `pack`."""
    return loads(data[8 : 8 + int.from_bytes(data[:8], "big")])


def unpack_body(data: bytes) -> Any:
    """Return the second value of `pack`."""
    return loads(data[8 + int.from_bytes(data[:8], "big") :])


def default_directory() -> Path:
    """Return the directory of the cache, below the user's cache directory."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    else:
        base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "stepfun-compat"


def _edition() -> str:
    """Return a digest of the other inputs of the facts: the code of this package and the Python version."""
    from .. import __stepfun_version__

    here = os.path.dirname(__file__)
    parts = [__stepfun_version__, str(FORMAT), sys.version]
    parts += _stamps(here)
    parts += _stamps(os.path.join(os.path.dirname(here), "catalog"))
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _stamps(directory: str) -> list[str]:
    """Return the modules below a directory, each with its size and modification time."""
    found: list[str] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                status = entry.stat()
                found.append(f"{entry.path}:{status.st_size}:{status.st_mtime_ns}")
            elif entry.is_dir() and entry.name != "__pycache__":
                found += _stamps(entry.path)
    return sorted(found)


class Cache:
    """Store bytes by key. `Cache(None)` stores nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._connection: sqlite3.Connection | None = None
        self._started = hashlib.blake2b(digest_size=20)
        if directory is None:
            return
        with suppress(OSError, sqlite3.Error):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._started.update(_edition().encode())
            self._connection = self._open(directory / "scan.sqlite")

    def _open(self, path: Path) -> sqlite3.Connection:
        for attempt in (1, 2):
            connection = sqlite3.connect(path, timeout=_TIMEOUT, isolation_level=None)
            try:
                use_wal(connection, _TIMEOUT)
                connection.execute("PRAGMA synchronous=OFF")
                connection.execute("CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
                if path.stat().st_size > _LARGEST:
                    connection.execute("DELETE FROM kept")
                    connection.execute("VACUUM")
                return connection
            except sqlite3.DatabaseError as error:
                connection.close()
                # an operational error (locked, read-only) does not mean that the file is damaged: others may use it
                if attempt == 2 or isinstance(error, sqlite3.OperationalError):
                    raise
                path.unlink()
        raise AssertionError

    def key(self, *parts: str | bytes) -> bytes:
        """Return the cache key of a value that depends on the given parts."""
        encoded = [part.encode("utf-8", "surrogateescape") if type(part) is str else part for part in parts]
        digest = self._started.copy()
        digest.update(b",".join([b"%d" % len(one) for one in encoded]))
        for one in encoded:
            digest.update(one)  # type: ignore[arg-type]
        return digest.digest()

    def get(self, key: bytes) -> bytes | None:
        """Return the cached value, or None."""
        if self._connection is None:
            return None
        with suppress(sqlite3.Error):
            row = self._connection.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
            return None if row is None else bytes(row[0])
        return None

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the cached values by key; keys without one are absent."""
        found: dict[bytes, bytes] = {}
        if self._connection is None:
            return found
        with suppress(sqlite3.Error):
            for start in range(0, len(keys), 500):
                part = list(keys[start : start + 500])
                marks = ",".join("?" * len(part))
                found.update(self._connection.execute(f"SELECT key, value FROM kept WHERE key IN ({marks})", part))
        return found

    def put(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Store key-value pairs in one transaction."""
        if self._connection is None:
            return
        with suppress(sqlite3.Error):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", entries)
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
