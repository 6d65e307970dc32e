"""Each method of this API exists twice, to be called and to be awaited. Both are made here of one generator.

The generator yields a `Step` for what differs, and gets back what that returned or raised:

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
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from typing_extensions import ParamSpec

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Step:
    """A call of `target.name`, or of `target.asynchronous` where it is awaited."""

    target: Any
    name: str
    asynchronous: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def call(self) -> Any:
        """Make the call that blocks."""
        return getattr(self.target, self.name)(*self.args, **self.kwargs)

    async def acall(self) -> Any:
        """Make the other one."""
        result = getattr(self.target, self.asynchronous)(*self.args, **self.kwargs)
        return await result if inspect.isawaitable(result) else result


Flow = Generator[Step, Any, _T]


def step(target: Any, name: str, /, *args: Any, **kwargs: Any) -> Step:
    """A call of `name`, or of its twin: `acreate` for `create`, `_asend` for `_send`."""
    private = name.startswith("_")
    return Step(target, name, f"_a{name[1:]}" if private else f"a{name}", args, kwargs)


def same(target: Any, name: str, /, *args: Any, **kwargs: Any) -> Step:
    """A call of `name`, which is awaited where its target is asynchronous."""
    return Step(target, name, name, args, kwargs)


def pause(seconds: float) -> Step:
    """Wait."""
    return Step(_Clock, "sleep", "asleep", (seconds,), {})


class _Clock:
    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(seconds)

    @staticmethod
    async def asleep(seconds: float) -> None:
        await asyncio.sleep(seconds)


def _run(flow: Flow[_T]) -> _T:
    try:
        now = next(flow)
        while True:
            try:
                result = now.call()
            except BaseException as problem:
                now = flow.throw(problem)
            else:
                now = flow.send(result)
    except StopIteration as done:
        return done.value


async def _arun(flow: Flow[_T], first: Step | None = None) -> _T:
    try:
        now = next(flow) if first is None else first
        while True:
            try:
                result = await now.acall()
            except BaseException as problem:
                now = flow.throw(problem)
            else:
                now = flow.send(result)
    except StopIteration as done:
        return done.value


def method(flow: Callable[_P, Flow[_T]]) -> Callable[_P, _T]:
    """The function that runs a flow's steps one after the other."""

    @functools.wraps(flow)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        return _run(flow(*args, **kwargs))

    return call


def awaited(called: Any, *, coroutine_function: bool = True) -> Any:
    """The twin of what `method` made, in the same class or module, under the name its steps use.

    Some of openai 0.28 are no coroutine functions but return a coroutine: they check their arguments when called.
    """
    if isinstance(called, classmethod):
        return classmethod(_twin(cast("Any", called).__func__, coroutine_function))
    return _twin(called, coroutine_function)


def _twin(called: Any, coroutine_function: bool) -> Callable[..., Coroutine[Any, Any, Any]]:
    flow: Callable[..., Flow[Any]] = called.__wrapped__

    @functools.wraps(flow)
    async def acall(*args: Any, **kwargs: Any) -> Any:
        return await _arun(flow(*args, **kwargs))

    @functools.wraps(flow)
    def acall_at_once(*args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        started = flow(*args, **kwargs)
        return _arun(started, next(started))

    twin: Any = acall if coroutine_function else acall_at_once
    twin.__name__ = step(None, flow.__name__).asynchronous
    twin.__qualname__ = f"{flow.__qualname__.removesuffix(flow.__name__)}{twin.__name__}"
    twin.__doc__ = f"As `{flow.__name__}`."
    return twin


# ---------------------------------------------------------------- streams


def relay(
    source: Any, each: Callable[[Any], _T], close: Any, failed: Callable[[Exception], None] | None = None
) -> Iterator[_T]:
    """What `each` makes of the items of a stream; closes it at the end, `failed` may raise something better."""
    try:
        for item in source:
            yield each(item)
    except Exception as problem:
        if failed is not None:
            failed(problem)
        raise
    finally:
        close()


async def arelay(
    source: Any, each: Callable[[Any], _T], close: Any, failed: Callable[[Exception], None] | None = None
) -> AsyncIterator[_T]:
    """As `relay`."""
    try:
        async for item in source:
            yield each(item)
    except Exception as problem:
        if failed is not None:
            failed(problem)
        raise
    finally:
        await close()
