"""Run a program as `python` does: a fresh `__main__`, its arguments, its exit code, its tracebacks."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

_PACKAGE = str(Path(__file__).parent.parent)


def fresh_main(**attributes: Any) -> ModuleType:
    """Replace the running `__main__` with an empty one."""
    import builtins
    from importlib.machinery import BuiltinImporter

    module = ModuleType("__main__")
    vars(module).update({"__builtins__": builtins, "__spec__": None, "__loader__": BuiltinImporter, **attributes})
    if sys.version_info < (3, 14):  # created on first use from this flag
        vars(module)["__annotations__"] = {}
    sys.modules["__main__"] = module
    return module


def _search_first(folder: str) -> None:
    """Insert the first entry of `sys.path` as `python` does for a program, except with -P or -I."""
    if not (getattr(sys.flags, "safe_path", False) or sys.flags.isolated):
        sys.path[0] = folder


def _run_source(source: bytes | str, name: str, **attributes: Any) -> None:
    code = compile(source, name, "exec", dont_inherit=True)
    exec(code, vars(fresh_main(**attributes)))


def run_path(path: str, arguments: Sequence[str]) -> None:
    """`python path arguments…`: a file, or a directory or zip with a `__main__` in it."""
    sys.argv[:] = [path, *arguments]
    if os.path.isdir(path) or _is_zip(path):
        if getattr(sys.flags, "safe_path", False) or sys.flags.isolated:
            sys.path.insert(0, path)
        else:
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
    _search_first(os.path.dirname(os.path.realpath(path)))
    from importlib.machinery import SourceFileLoader

    absolute = os.path.abspath(path)
    loader = SourceFileLoader("__main__", absolute)
    _run_source(source, absolute, __file__=absolute, __loader__=loader, __cached__=None)


def _as_main(name: str, **options: bool) -> None:
    """Return the function that the interpreter calls for `-m`, and for a directory or zip."""
    import runpy

    start: Any = vars(runpy)["_run_module_as_main"]
    start(name, **options)


def _is_zip(path: str) -> bool:
    import zipfile

    return os.path.isfile(path) and not path.endswith(".py") and zipfile.is_zipfile(path)


def run_module(name: str, arguments: Sequence[str]) -> None:
    """`python -m name arguments…`."""
    sys.argv[:] = ["-m", *arguments]
    _search_first(os.getcwd())
    fresh_main()
    _as_main(name)


def run_code(code: str, arguments: Sequence[str]) -> None:
    """`python -c code arguments…`."""
    sys.argv[:] = ["-c", *arguments]
    _search_first("")
    if sys.version_info >= (3, 13):  # tracebacks show the lines of -c from there on
        import linecache

        linecache.cache["<string>"] = (len(code), None, [f"{line}\n" for line in code.splitlines()], "<string>")
    _run_source(code, "<string>")


def run_stdin(arguments: Sequence[str]) -> None:
    """`python - arguments…`: the program is standard input."""
    sys.argv[:] = ["-", *arguments]
    _search_first("")
    # bytes: the program may declare its encoding
    _run_source(sys.stdin.buffer.read(), "<stdin>", __file__="<stdin>", __cached__=None)


def _without_us(traceback: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the program's first frame on."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        traceback = traceback.tb_next
    return traceback


def as_python_would(program: Callable[[], None]) -> None:
    """Run a program and end the process as python does: exit codes, tracebacks, interrupts by signal.

    Returns only with `-i`, where the interpreter continues with its prompt in the program's namespace.
    """
    try:
        program()
    except SystemExit as error:
        if not sys.flags.inspect:
            raise
        import traceback

        traceback.print_exception(SystemExit, error, _without_us(error.__traceback__))
        return
    except BaseException as error:
        traceback = _without_us(error.__traceback__)
        error = error.with_traceback(traceback)
        sys.last_type, sys.last_value, sys.last_traceback = type(error), error, traceback
        if sys.version_info >= (3, 12):
            sys.last_exc = error
        _show(error)
        if sys.flags.inspect:
            return
        if isinstance(error, KeyboardInterrupt):
            _die_of_interrupt()
        raise SystemExit(1) from None
    if not sys.flags.inspect:
        raise SystemExit(0)


def _show(error: BaseException) -> None:
    """Pass an error to the program's `sys.excepthook`; an error in the hook is printed as the interpreter does."""
    import traceback

    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit:
        raise
    except BaseException as second:
        second.__context__ = None
        sys.stderr.write("Error in sys.excepthook:\n")
        traceback.print_exception(type(second), second, _without_us(second.__traceback__))
        sys.stderr.write("\nOriginal exception was:\n")
        traceback.print_exception(type(error), error, error.__traceback__)


def _die_of_interrupt() -> None:
    """End by SIGINT, so that the parent process sees an interrupt and not an exit code."""
    import atexit
    import threading

    with contextlib.suppress(Exception):
        vars(threading)["_shutdown"]()
        vars(atexit)["_run_exitfuncs"]()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
