"""Create the sync and async variants of a method from one generator.

The generator yields a `Step` for each call that differs, and receives its result or exception:

    @classmethod
    @method
    def create(cls, **params):
        response, _, key = yield step(requestor, "request", "post", url, params)
        return util.convert_to_openai_object(response, key)

    acreate = awaited(create)
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from typing_extensions import ParamSpec

from .._client.drivers import drive, drive_async

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Step:
    """A call of `target.name`, or of `target.asynchronous` in the async variant."""

    target: Any
    name: str
    asynchronous: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __call__(self) -> Any:
        """Make the blocking call."""
        return getattr(self.target, self.name)(*self.args, **self.kwargs)

    async def acall(self) -> Any:
        """Make the async call."""
        result = getattr(self.target, self.asynchronous)(*self.args, **self.kwargs)
        return await result if inspect.isawaitable(result) else result


Flow = Generator[Step, Any, _T]


def step(target: Any, name: str, /, *args: Any, **kwargs: Any) -> Step:
    """Return a call of `name`, or of its async counterpart: `acreate` for `create`, `_asend` for `_send`."""
    private = name.startswith("_")
    return Step(target, name, f"_a{name[1:]}" if private else f"a{name}", args, kwargs)


def same(target: Any, name: str, /, *args: Any, **kwargs: Any) -> Step:
    """Return a call of `name`, awaited if its target is asynchronous."""
    return Step(target, name, name, args, kwargs)


def pause(seconds: float) -> Step:
    """Return a step that waits."""
    return Step(_Clock, "sleep", "asleep", (seconds,), {})


class _Clock:
    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(seconds)

    @staticmethod
    async def asleep(seconds: float) -> None:
        await asyncio.sleep(seconds)


def is_awaited() -> Step:
    """Return a step whose result is True in the async variant, else False."""
    return Step(_Kind, "called", "awaited", (), {})


class _Kind:
    @staticmethod
    def called() -> bool:
        return False

    @staticmethod
    def awaited() -> bool:
        return True


class _Awaited:
    """A flow whose steps are awaited, for the async driver."""

    def __init__(self, flow: Flow[Any], first: Step | None = None) -> None:
        """`first` is the pending step of a flow that was already started."""
        self._flow, self._first = flow, first

    def __next__(self) -> Callable[[], Any]:
        return (self._first or next(self._flow)).acall

    def send(self, result: Any) -> Callable[[], Any]:
        return self._flow.send(result).acall

    def throw(self, error: BaseException) -> Callable[[], Any]:
        return self._flow.throw(error).acall


def method(flow: Callable[_P, Flow[_T]]) -> Callable[_P, _T]:
    """Return the sync function that runs a flow."""

    @functools.wraps(flow)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        return drive(flow(*args, **kwargs))

    return call


def awaited(called: Any, *, coroutine_function: bool = True, name: str | None = None) -> Any:
    """Return the async counterpart of a function made by `method`, with the name that steps use, or `name`.

    Some async methods of openai 0.28 are plain functions that check their arguments when called and return a coroutine:
    `coroutine_function=False` creates one of those.
    """
    if isinstance(called, classmethod):
        return classmethod(_twin(cast("Any", called).__func__, coroutine_function, name))
    return _twin(called, coroutine_function, name)


def _twin(called: Any, coroutine_function: bool, name: str | None) -> Callable[..., Coroutine[Any, Any, Any]]:
    flow: Callable[..., Flow[Any]] = called.__wrapped__

    @functools.wraps(flow)
    async def acall(*args: Any, **kwargs: Any) -> Any:
        return await drive_async(_Awaited(flow(*args, **kwargs)))

    @functools.wraps(flow)
    def acall_at_once(*args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        started = flow(*args, **kwargs)
        return drive_async(_Awaited(started, next(started)))

    twin: Any = acall if coroutine_function else acall_at_once
    twin.__name__ = name or step(None, flow.__name__).asynchronous
    twin.__qualname__ = f"{flow.__qualname__.removesuffix(flow.__name__)}{twin.__name__}"
    twin.__doc__ = f"Async version of `{flow.__name__}`."
    return twin


# ---------------------------------------------------------------- streams


def relay(
    source: Any, each: Callable[[Any], _T], owner: Any, failed: Callable[[Exception], None] | None = None
) -> Iterator[_T]:
    """Yield `each(item)` for the items of a stream, and close `owner` at the end.

    Raises:
        Exception: the stream's error, or the one that `failed` raises instead.
    """
    try:
        with _failing(failed):
            for item in source:
                yield each(item)
    finally:
        owner.close()


async def arelay(
    source: Any, each: Callable[[Any], _T], owner: Any, failed: Callable[[Exception], None] | None = None
) -> AsyncIterator[_T]:
    """Async version of `relay`."""
    try:
        with _failing(failed):
            async for item in source:
                yield each(item)
    finally:
        await owner.aclose()


def relayed(
    source: Any, each: Callable[[Any], Any], owner: Any, failed: Callable[[Exception], None] | None = None
) -> Step:
    """Return a step that creates a stream with `relay`, or with `arelay` in the async variant."""
    return Step(_Relays, "relay", "arelay", (source, each, owner, failed), {})


class _Relays:
    relay = staticmethod(relay)
    arelay = staticmethod(arelay)


@contextmanager
def _failing(failed: Callable[[Exception], None] | None) -> Generator[None, None, None]:
    """Pass an error to `failed`, which may raise a more specific one, before raising it."""
    try:
        yield
    except Exception as problem:
        if failed is not None:
            failed(problem)
        raise
