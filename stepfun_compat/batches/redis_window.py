"""The window of an account on a Redis server (`STEPFUN_STATE=redis://…`): all machines that use it share one limiter."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from importlib import import_module
from typing import Any, Final

from .limiter import Rate, Window, dump_window, load_window
from .records import BatchError

_PREFIX: Final = "stepfun_compat:batch_rate:"
_LOCKED_SECONDS: Final = 10.0
_KEPT_SECONDS: Final = 24 * 3600


class RedisWindow:
    """A window that all workers of a Redis server share. The clocks of their machines should agree to a second.

    Raises:
        BatchError: the package redis is missing.
    """

    def __init__(self, url: str, name: str, rate: Rate) -> None:
        try:
            redis: Any = import_module("redis")
        except ImportError:
            raise BatchError("redis:// needs the package redis: pip install 'stepfun_compat[redis]'.") from None
        self._error: type[Exception] = redis.RedisError
        self._redis: Any = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=_LOCKED_SECONDS, socket_connect_timeout=_LOCKED_SECONDS
        )
        self._key = _PREFIX + name
        self._rate = rate

    @contextlib.contextmanager
    def open(self) -> Generator[Window, None, None]:
        """The window, with nobody else at it until the block ends.

        Raises:
            BatchError: the server does not answer.
        """
        try:
            with self._redis.lock(
                f"{self._key}:lock", timeout=_LOCKED_SECONDS, blocking_timeout=_LOCKED_SECONDS, sleep=0.005
            ):
                window = load_window(self._redis.get(self._key), self._rate)
                yield window
                self._redis.set(self._key, dump_window(window), ex=_KEPT_SECONDS)
        except self._error as error:
            raise BatchError(
                f"The rates of batches are kept on the Redis server of STEPFUN_STATE, which failed: {error}. What is done is "
                "kept; go on with `stepfun-compat batch resume` when it answers.",
                status=503,
                code="redis_failed",
            ) from error
