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


def refuse(resource: Any, client: Any, name: str) -> Any:
    """Let `connect` of a resource say that StepFun has no such socket, instead of failing on one (api 10)."""
    if hasattr(resource, "connect"):
        original = resource.connect

        @functools.wraps(original)
        def connect(*args: Any, **kwargs: Any) -> Any:
            client._stepfun_no_socket(name)
            return original(*args, **kwargs)

        resource.connect = connect
    return resource


@functools.lru_cache(maxsize=8)
def _guarded_beta(cls: type) -> type:
    stock: Any = vars(cls)["realtime"]

    def realtime(self: Any) -> Any:
        return guard(stock.func(self) if hasattr(stock, "func") else stock.__get__(self), self._client)

    made: Any = cached_property(realtime)
    made.__set_name__(cls, "realtime")
    own: dict[str, Any] = {"realtime": made, "__module__": cls.__module__, "__qualname__": cls.__qualname__}
    other: Any = vars(cls).get("responses")
    if hasattr(other, "func"):
        unserved: Any = cached_property(lambda self: refuse(other.func(self), self._client, "beta.responses.connect"))
        unserved.__set_name__(cls, "responses")
        own["responses"] = unserved
    return type(cls.__name__, (cls,), own)


def guard_beta(beta: Any) -> Any:
    """Let `beta.realtime.connect` pass through the gate, without importing it before it is used."""
    cls: type = beta.__class__
    if "realtime" in vars(cls):
        beta.__class__ = _guarded_beta(cls)
    return beta
