"""The end of a server at SIGINT (Ctrl-C) or SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn


class _Stopped(KeyboardInterrupt):
    """A signal to stop. Not a plain `KeyboardInterrupt`: where one passes through a string that is run with `exec`, as
    dataclasses do at import, CPython ends the process with SIGINT although the exception was handled."""


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Stopped


@contextmanager
def ended_by_signals() -> Generator[None, None, None]:
    """Leave the block with cleanup on SIGINT or SIGTERM; uvicorn sends itself the signal again when it is done. A signal
    that the process was started to ignore stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    replaced = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    try:
        with suppress(KeyboardInterrupt):
            for number in replaced:
                signal.signal(number, _stop)
            yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
