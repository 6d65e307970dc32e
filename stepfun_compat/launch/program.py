"""Running a program as `python` would: a fresh `__main__`, its arguments, its exit, its tracebacks."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NoReturn

_PACKAGE = str(Path(__file__).parent.parent)


def fresh_main(**attributes: Any) -> ModuleType:
    """An empty `__main__`, in place of the one that is running this."""
    import builtins

    module = ModuleType("__main__")
    vars(module).update({"__builtins__": builtins, "__spec__": None, "__loader__": None, **attributes})
    sys.modules["__main__"] = module
    return module


def _run_source(source: bytes | str, name: str, **attributes: Any) -> None:
    code = compile(source, name, "exec", dont_inherit=True)
    exec(code, vars(fresh_main(**attributes)))


def run_path(path: str, arguments: Sequence[str]) -> None:
    """`python path arguments…`: a file, or a directory or zip with a `__main__` in it."""
    sys.argv[:] = [path, *arguments]
    if os.path.isdir(path) or _is_zip(path):
        sys.path[0] = path
        fresh_main()
        _as_main("__main__", alter_argv=False)
        return
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        why = f"[Errno {error.errno}] {error.strerror}"
        sys.stderr.write(f"{sys.executable}: can't open file {os.path.abspath(path)!r}: {why}\n")
        raise SystemExit(2) from None
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    from importlib.machinery import SourceFileLoader

    absolute = os.path.abspath(path) if sys.version_info >= (3, 9) else path
    shown = absolute if not os.path.isabs(path) and sys.version_info >= (3, 14) else path
    _run_source(source, shown, __file__=absolute, __loader__=SourceFileLoader("__main__", absolute), __cached__=None)


def _as_main(name: str, **options: bool) -> None:
    """What the interpreter itself calls for `-m`, and for a directory or zip."""
    import runpy

    start: Any = vars(runpy)["_run_module_as_main"]
    start(name, **options)


def _is_zip(path: str) -> bool:
    import zipfile

    return os.path.isfile(path) and not path.endswith(".py") and zipfile.is_zipfile(path)


def run_module(name: str, arguments: Sequence[str]) -> None:
    """`python -m name arguments…`."""
    sys.argv[:] = ["-m", *arguments]
    sys.path[0] = os.getcwd()
    fresh_main()
    _as_main(name)


def run_code(code: str, arguments: Sequence[str]) -> None:
    """`python -c code arguments…`."""
    sys.argv[:] = ["-c", *arguments]
    sys.path[0] = ""
    _run_source(code, "<string>")


def run_stdin(arguments: Sequence[str]) -> None:
    """`python - arguments…`: the program is standard input."""
    sys.argv[:] = ["-", *arguments]
    sys.path[0] = ""
    _run_source(sys.stdin.read(), "<stdin>")


def _without_us(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback from the program's first frame on."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        traceback = traceback.tb_next
    return traceback


def as_python_would(program: Callable[[], None]) -> NoReturn:
    """Run a program and end the process as python ends: exit codes, tracebacks, an interrupt by its signal."""
    try:
        program()
    except SystemExit:
        raise
    except BaseException as error:
        traceback = _without_us(error.__traceback__)
        error = error.with_traceback(traceback)
        sys.last_type, sys.last_value, sys.last_traceback = type(error), error, traceback
        if sys.version_info >= (3, 12):
            sys.last_exc = error
        sys.excepthook(type(error), error, traceback)
        if isinstance(error, KeyboardInterrupt):
            _die_of_interrupt()
        raise SystemExit(1) from None
    raise SystemExit(0)


def _die_of_interrupt() -> None:
    """End by SIGINT, so that whoever started us sees an interrupt and not an exit code."""
    import atexit
    import threading

    with contextlib.suppress(Exception):
        vars(threading)["_shutdown"]()
        atexit._run_exitfuncs()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
