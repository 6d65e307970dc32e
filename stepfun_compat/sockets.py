"""WebSocket connections (`realtime.connect`): the same gate as for requests, since their headers pass no request hook.

The resources stay openai's own classes' instances; only `connect` is looked at on its way (api 8.6).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from openai._compat import cached_property

from .fast_messages import shorten_chat, shorten_responses


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


def _remade(cls: type, name: str, change: Callable[[Any, Any], Any]) -> Any:
    """The cached property of a resource's class, with what it makes handed through `change`."""
    stock: Any = vars(cls)[name]
    made: Any = cached_property(
        lambda self: change(stock.func(self) if hasattr(stock, "func") else stock.__get__(self), self._client)
    )
    made.__set_name__(cls, name)
    return made


@functools.lru_cache(maxsize=8)
def _guarded_beta(cls: type, fast: bool) -> type:
    def responses(made: Any, client: Any) -> Any:
        refuse(made, client, "beta.responses.connect")
        return shorten_responses(made) if fast else made

    own: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    if "realtime" in vars(cls):
        own["realtime"] = _remade(cls, "realtime", guard)
    if "responses" in vars(cls):
        own["responses"] = _remade(cls, "responses", responses)
    if fast and "chat" in vars(cls):
        own["chat"] = _remade(cls, "chat", lambda made, _: shorten_chat(made))
    return type(cls.__name__, (cls,), own)


def guard_beta(beta: Any, fast: bool) -> Any:
    """Let `beta.realtime.connect` pass through the gate, and with `fast` let plain messages skip the SDK's transform,
    without importing either before it is used."""
    beta.__class__ = _guarded_beta(beta.__class__, fast)
    return beta
