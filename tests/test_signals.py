"""SIGINT and SIGTERM end a server with cleanup and exit code 0, at any moment of its start."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

PROGRAM: Final = """
import signal
from stepfun_compat.signals import ended_by_signals

signal.signal(signal.SIGINT, signal.{handler})
with ended_by_signals():
    with ended_by_signals():
        exec("signal.raise_signal(signal.{number})")  # as while a dataclass is created
        print("not stopped", end=" ")
    print("outer block", end=" ")
print(signal.getsignal(signal.SIGINT) is signal.{handler}, signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, end="")
"""


@pytest.mark.parametrize(
    ("number", "handler", "printed"),
    [
        ("SIGINT", "default_int_handler", "outer block True True"),
        ("SIGTERM", "default_int_handler", "outer block True True"),
        ("SIGINT", "SIG_IGN", "not stopped outer block True True"),
    ],
)
def test_signal_leaves_the_block_and_the_program_exits_with_0(number: str, handler: str, printed: str) -> None:
    program = PROGRAM.format(number=number, handler=handler)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")
