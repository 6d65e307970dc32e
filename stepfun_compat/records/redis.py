"""`redis://host:6379/0`: for many machines (extra `redis`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from . import TTL, StateError

_WAIT = 5.0  # seconds for a connection or an answer
_PREFIX = "stepfun_compat:"


class RedisStore:
    """Records on a Redis server. Rows of one call are written in one transaction."""

    blocking = True

    def __init__(self, url: str, ttl: float = TTL) -> None:
        try:
            redis: Any = import_module("redis")
        except ImportError:
            raise StateError("redis:// needs the package redis: pip install 'stepfun_compat[redis]'.") from None
        self._ttl = max(int(ttl), 1)
        self._changed: type[Exception] = redis.WatchError
        self._db: Any = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=_WAIT, socket_connect_timeout=_WAIT, health_check_interval=30
        )

    def get(self, keys: Sequence[str]) -> dict[str, str]:
        """The texts that are there; reading keeps them."""
        if not keys:
            return {}
        names = [_PREFIX + key for key in keys]
        with self._db.pipeline(transaction=False) as pipe:
            pipe.mget(names)
            for name in names:
                pipe.expire(name, self._ttl)
            values: list[str | None] = pipe.execute()[0]
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def put(self, rows: Mapping[str, str]) -> None:
        """Write all rows or none."""
        with self._db.pipeline(transaction=True) as pipe:
            for key, text in rows.items():
                pipe.set(_PREFIX + key, text, ex=self._ttl)
            pipe.execute()

    def delete(self, keys: Sequence[str]) -> None:
        """Remove what is there."""
        if keys:
            self._db.delete(*(_PREFIX + key for key in keys))

    def update(self, key: str, change: Callable[[str], str]) -> bool:
        """Change one row; done again if somebody else was faster."""
        name = _PREFIX + key
        with self._db.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(name)
                    text: str | None = pipe.get(name)
                    if text is None:
                        return False
                    pipe.multi()
                    pipe.set(name, change(text), ex=self._ttl)
                    pipe.execute()
                except self._changed:
                    continue
                return True
