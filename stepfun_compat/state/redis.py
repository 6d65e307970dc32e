"""`redis://host:6379/0`: records shared by many machines (extra `redis`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

from . import DEFAULT, Change, Limits, StateError, renewed_after_fork
from .process_connection import close_with

_PREFIX = "stepfun_compat:"
_T = TypeVar("_T")


class RedisStore:
    """Keep records on a Redis server. One call writes in one transaction. The server's own configuration determines
    how much it keeps, and whether that survives a restart."""

    blocking = True

    def __init__(self, url: str) -> None:
        try:
            self._redis: Any = import_module("redis")
        except ImportError:
            raise StateError("redis:// needs the package redis: pip install 'stepfun_compat[redis]'.") from None
        self._url = url
        self._lock = threading.Lock()
        self._clients: dict[float, Any] = {}
        renewed_after_fork(self)
        self._client(DEFAULT.timeout)

    def get(self, keys: Sequence[str], limits: Limits = DEFAULT) -> dict[str, str]:
        """Return the texts that exist; reading extends their lifetime."""
        if not keys:
            return {}
        names = [_PREFIX + key for key in keys]

        def read(db: Any) -> list[str | None]:
            with db.pipeline(transaction=False) as pipe:
                pipe.mget(names)
                for name in names:
                    pipe.expire(name, _seconds(limits))
                return pipe.execute()[0]

        values = self._attempt(read, limits)
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def write(
        self, rows: Mapping[str, str], gone: Sequence[str], changes: Mapping[str, Change], limits: Limits = DEFAULT
    ) -> bool:
        """Write all or nothing; retried if another client changes one of the rows in the meantime."""
        until = time.monotonic() + limits.timeout

        def work(db: Any) -> bool:
            with db.pipeline(transaction=True) as pipe:
                while True:
                    new = dict(rows)
                    if changes:
                        pipe.watch(*(_PREFIX + key for key in changes))
                        for key, change in changes.items():
                            text: str | None = pipe.get(_PREFIX + key)
                            if text is None:
                                return False
                            new[key] = change(text)
                        pipe.multi()
                    if gone:
                        pipe.delete(*(_PREFIX + key for key in gone))
                    for key, text in new.items():
                        pipe.set(_PREFIX + key, text, ex=_seconds(limits))
                    try:
                        pipe.execute()
                    except self._redis.WatchError:
                        if time.monotonic() >= until:
                            raise StateError(
                                f"other clients kept changing the same record for {limits.timeout:g} seconds"
                            ) from None
                        continue
                    return True

        return self._attempt(work, limits)

    def _attempt(self, work: Callable[[Any], _T], limits: Limits) -> _T:
        """Run `work`, and once more if the connection was closed in the meantime. There is no second attempt if the server
        does not respond."""
        db = self._client(limits.timeout)
        started = time.monotonic()
        try:
            return work(db)
        except self._redis.ConnectionError:
            if time.monotonic() - started > limits.timeout / 2:
                raise
        return work(db)

    def _client(self, timeout: float) -> Any:
        """Return the connection pool for a timeout: half of it to connect, half for a response."""
        with self._lock:
            client = self._clients.get(timeout)
            if client is None:
                if len(self._clients) >= 16:
                    self._clients.pop(next(iter(self._clients)))  # its connections close when it is no longer used
                retry = import_module("redis.retry").Retry(import_module("redis.backoff").NoBackoff(), 0)
                client = self._clients[timeout] = self._redis.Redis.from_url(
                    self._url,
                    decode_responses=True,
                    socket_timeout=timeout / 2,
                    socket_connect_timeout=timeout / 2,
                    retry=retry,
                )
                close_with(client, client.connection_pool.disconnect)
            return client


def _seconds(limits: Limits) -> int:
    return max(int(limits.ttl), 1)
