"""Drivers for a generator that yields what must be waited for: one calls it, the other awaits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Steps(Protocol):
    """The part that a driver uses of a generator of functions without arguments."""

    def __next__(self) -> Callable[[], Any]: ...

    def send(self, value: Any, /) -> Callable[[], Any]: ...

    def throw(self, value: BaseException, /) -> Callable[[], Any]: ...


def drive(flow: Steps) -> Any:
    """Run a flow for the sync client: call the functions it yields."""
    try:
        step = next(flow)
        while True:
            try:
                result = step()
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as stop:
        return stop.value


async def drive_async(flow: Steps) -> Any:
    """Run a flow for the async client: await what the functions it yields return."""
    try:
        step = next(flow)
        while True:
            try:
                result = await step()
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as stop:
        return stop.value
