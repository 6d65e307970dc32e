"""The rate limiter of an account on a Redis server, shared by all machines that use the server."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Final

from ..limiter import Rate, Window, dump_window, load_window
from .server import TIMEOUT_SECONDS, RedisServer

_PREFIX: Final = "stepfun_compat:batch_rate:"
_KEPT_SECONDS: Final = 24 * 3600
_LOCK_SECONDS: Final = 5.0
"""Seconds after which the lock of a killed worker expires. A live worker holds it for a few commands."""


class RedisWindow:
    """A window shared by all workers of a Redis server. The clocks of their machines should agree to within a second.

    Raises:
        BatchError: the package redis is missing.
    """

    def __init__(self, url: str, name: str, rate: Rate) -> None:
        self._server = RedisServer(
            url,
            holds="the rates of batches",
            remedy="Finished lines are kept. Continue with `stepfun-compat batch resume` when it is up.",
        )
        self._key = _PREFIX + name
        self._rate = rate

    @contextlib.contextmanager
    def open(self) -> Generator[Window, None, None]:
        """Yield the window, locked until the block ends.

        Raises:
            BatchError: the server is unavailable.
        """
        redis = self._server.client
        with (
            self._server.errors(),
            redis.lock(
                f"{self._key}:lock",
                timeout=_LOCK_SECONDS,
                blocking_timeout=_LOCK_SECONDS + TIMEOUT_SECONDS,
                sleep=0.005,
            ),
        ):
            window = load_window(redis.get(self._key), self._rate)
            yield window
            redis.set(self._key, dump_window(window), ex=_KEPT_SECONDS)
