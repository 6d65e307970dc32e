"""WebSocket connections (`realtime.connect`): the same gate as for requests, since their headers pass no request hook.

The resources stay openai's own classes' instances; only `connect` is looked at on its way (api 8.6).
"""

from __future__ import annotations

import functools
from typing import Any

from openai._compat import cached_property


def guard(resource: Any, client: Any) -> Any:
    """Let `connect` of a resource pass through the client's gate."""
    original = resource.connect

    @functools.wraps(original)
    def connect(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **client._stepfun_socket(kwargs))

    resource.connect = connect
    return resource


@functools.lru_cache(maxsize=8)
def _guarded_beta(cls: type) -> type:
    stock: Any = vars(cls)["realtime"]

    def realtime(self: Any) -> Any:
        return guard(stock.func(self) if hasattr(stock, "func") else stock.__get__(self), self._client)

    made: Any = cached_property(realtime)
    made.__set_name__(cls, "realtime")
    return type(
        cls.__name__, (cls,), {"realtime": made, "__module__": cls.__module__, "__qualname__": cls.__qualname__}
    )


def guard_beta(beta: Any) -> Any:
    """Let `beta.realtime.connect` pass through the gate, without importing it before it is used."""
    cls: type = beta.__class__
    if "realtime" in vars(cls):
        beta.__class__ = _guarded_beta(cls)
    return beta
