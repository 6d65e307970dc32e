"""Methods that pass no request hook: WebSocket connections (`realtime.connect`), which get the same gate as requests,
and helpers of the SDK that would send something before the call StepFun does not offer.

The resources stay openai's own classes' instances; only these methods are looked at on their way (api 8.6, 10).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from openai._compat import cached_property

from .fast.messages import shorten_chat, shorten_responses


def guard(resource: Any, client: Any) -> Any:
    """Let `connect` of a resource pass through the client's gate."""
    original = resource.connect

    @functools.wraps(original)
    def connect(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **client._stepfun_socket(kwargs))

    resource.connect = connect
    return resource


def refuse(resource: Any, client: Any, name: str, method: str = "connect") -> Any:
    """Let a method of a resource say that StepFun has no such thing, before a connection (api 10)."""
    original = getattr(resource, method, None)
    if original is not None:

        @functools.wraps(original)
        def refused(*args: Any, **kwargs: Any) -> Any:
            client._stepfun_not_served(f"{name}.{method}")
            return original(*args, **kwargs)

        setattr(resource, method, refused)
    return resource


def _without_uploads(agents: Any, client: Any) -> Any:
    """Agents' helpers that upload the caller's files first, for a resource StepFun does not have."""
    files = getattr(getattr(agents, "environments", None), "files", None)
    for method in ("prepare", "prepare_directory", "upload"):
        refuse(files, client, "beta.agents.environments.files", method)
    return agents


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
        refuse(made, client, "beta.responses")
        return shorten_responses(made) if fast else made

    own: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    if "realtime" in vars(cls):
        own["realtime"] = _remade(cls, "realtime", guard)
    if "responses" in vars(cls):
        own["responses"] = _remade(cls, "responses", responses)
    if "agents" in vars(cls):
        own["agents"] = _remade(cls, "agents", _without_uploads)
    if fast and "chat" in vars(cls):
        own["chat"] = _remade(cls, "chat", lambda made, _: shorten_chat(made))
    return type(cls.__name__, (cls,), own)


def guard_beta(beta: Any, fast: bool) -> Any:
    """Let `beta.realtime.connect` pass through the gate, and with `fast` let plain messages skip the SDK's transform,
    without importing either before it is used."""
    beta.__class__ = _guarded_beta(beta.__class__, fast)
    return beta
