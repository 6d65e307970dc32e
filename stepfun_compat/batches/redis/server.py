"""The connection to the Redis server of `STEPFUN_STATE`, with its errors as `BatchError`."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from importlib import import_module
from typing import Any, Final

from ...state.process_connection import close_with
from ..records import BatchError

TIMEOUT_SECONDS: Final = 10.0
"""The timeout of one attempt of a command."""

_RETRIES: Final = 2  # connections of a pool may be stale
_PAUSE: Final = 0.1  # seconds between two attempts


class RedisServer:
    """A connection to a Redis server; safe for several threads and after a fork.

    Raises:
        BatchError: the package redis is missing, or the URL is invalid.
    """

    def __init__(self, url: str, *, holds: str, remedy: str) -> None:
        """`holds` (the data on the server) and `remedy` (how to continue) complete the error message."""
        try:
            redis: Any = import_module("redis")
        except ImportError:
            raise BatchError("redis:// needs the package redis: pip install 'stepfun_compat[redis]'.") from None
        self._error: type[Exception] = redis.RedisError
        self._holds, self._remedy = holds, remedy
        backoff: Any = import_module("redis.backoff").ConstantBackoff(_PAUSE)
        try:
            self.client: Any = redis.Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                retry=import_module("redis.retry").Retry(backoff, _RETRIES),
            )
        except ValueError as error:
            raise BatchError(f"STEPFUN_STATE is not a valid Redis URL: {error}.") from None
        close_with(self.client, self.client.connection_pool.disconnect)

    @contextlib.contextmanager
    def errors(self) -> Generator[None, None, None]:
        """Turn Redis errors in this block into `BatchError`.

        Raises:
            BatchError: the server is unavailable, or rejects a command (`redis_failed`).
        """
        try:
            yield
        except self._error as error:
            raise BatchError(
                f"The Redis server of STEPFUN_STATE, which holds {self._holds}, failed: {error}. {self._remedy}",
                status=503,
                code="redis_failed",
            ) from error
