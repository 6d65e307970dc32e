"""`stepfun-compat run`: parse the options, prepare the process, run the program. Imports only the standard library, so
that the program starts in an interpreter as clean as plain python's."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

USAGE = """\
usage: stepfun-compat run [options] program.py [arguments...]
       stepfun-compat run [options] command [arguments...]  a Python command: uvicorn, pytest, python
       stepfun-compat run [options] -m module [arguments...]
       stepfun-compat run [options] -c code [arguments...]
       stepfun-compat run [options] - [arguments...]        the program comes from standard input

The interpreter's own options (-O, -W error, -X dev, -i, …) also go before the program.

Runs an unmodified program with openai's client classes replaced by StepFun's.

options:
  --emulate       talk to a local emulator of StepFun; needs no key (extra: emulator)
  --legacy        provide the openai<1.0 module
  --model ID      the StepFun model for OpenAI's chat names (as STEPFUN_MODEL)
  --no-children   do not apply to child processes
  -h, --help      show this help

examples:
  stepfun-compat run --emulate examples/chat.py
  STEPFUN_API_KEY=... stepfun-compat run -m my_package.agent --verbose
  stepfun-compat run uvicorn main:app
  stepfun-compat run -c "import openai; print(openai.OpenAI().base_url)"
"""


class UsageError(Exception):
    """The command line of `run` is invalid."""


@dataclass(frozen=True)
class Options:
    """The command line of `run`: `kind` is `path`, `module`, `code` or `stdin`, `what` the program in that form."""

    kind: str
    what: str
    arguments: tuple[str, ...] = ()
    emulate: bool = False
    legacy: bool = False
    children: bool = True
    model: str | None = None
    help: bool = field(default=False)


def interpreter_options(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return (the interpreter's options before the program, everything else)."""
    own: list[str] = []
    rest = list(argv)
    position = 0
    while position < len(rest):
        word = rest[position]
        if word in ("-m", "-c", "-", "-h") or not word.startswith("-"):
            break
        if word == "--model":
            position += 2
        elif word[:2] not in ("-W", "-X") and not set(word[1:]) <= set("bBdEiIOPqsuv"):
            position += 1  # not one of the supported interpreter options
        else:
            own.append(rest.pop(position))
            if word in ("-W", "-X") and position < len(rest):
                own.append(rest.pop(position))
    return own, rest


def parse(argv: Sequence[str]) -> Options:
    """Read the options before the program; everything after it is the program's.

    Raises:
        UsageError: an option is unknown, or there is no program.
    """
    flags: set[str] = set()
    model: str | None = None
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            return Options("help", "", help=True)
        if word in _FLAGS:
            flags.add(word)
        elif word == "--model" or word.startswith("--model="):
            model = _model(word, rest)
        elif word != "--":
            kind, what, arguments = _program(word, rest)
            emulate, legacy, no_children = (flag in flags for flag in _FLAGS)
            return Options(kind, what, arguments, emulate, legacy, not no_children, model)
    raise UsageError("there is no program to run")


def _model(word: str, rest: list[str]) -> str:
    """Return the value of `--model`: after an equals sign, else from `rest`."""
    model = word.partition("=")[2] or (rest.pop(0) if rest else "")
    if not model:
        raise UsageError("--model needs a StepFun model id")
    return model


_FLAGS = ("--emulate", "--legacy", "--no-children")


def _program(word: str, rest: Sequence[str]) -> tuple[str, str, tuple[str, ...]]:
    """Return the program that starts at `word`, as the first three values of `Options`.

    Raises:
        UsageError: `word` is an unknown option, or its value is missing.
    """
    if word in ("-m", "-c"):
        if not rest:
            raise UsageError(f"{word} needs {'a module' if word == '-m' else 'code'}")
        return "module" if word == "-m" else "code", rest[0], tuple(rest[1:])
    if word == "-":
        return "stdin", word, tuple(rest)
    if word.startswith("-"):
        raise UsageError(f"{word} is not an option of run; options of the program come after the program")
    return "path", word, tuple(rest)


def _position(argv: Sequence[str]) -> int | None:
    """Return the program's position in the arguments; None for a module, code or standard input, or without a program."""
    position = 0
    while position < len(argv):
        word = argv[position]
        if word in ("-m", "-c", "-", "-h", "--help"):
            return None
        if not word.startswith("-"):
            return position
        position += 2 if word in ("--model", "-W", "-X") else 1
    return None


def named_program(argv: Sequence[str]) -> list[str]:
    """Return the arguments with a command name resolved: `python app.py` becomes `app.py`, and `uvicorn` the console script
    of that name in this environment, or on the path. A file of that name takes precedence."""
    position = _position(argv)
    if position is None:
        return list(argv)
    word = argv[position]
    if os.path.exists(word) or os.path.basename(word) != word:
        return list(argv)
    if re.fullmatch(r"python[\d.]*(?:\.exe)?", word):
        return [*argv[:position], *argv[position + 1 :]]
    script = _console_script(word)
    return [*argv[:position], script, *argv[position + 1 :]] if script is not None else list(argv)


def _console_script(name: str) -> str | None:
    """Return the path of a command that is a Python program, or None."""
    from shutil import which

    for found in (which(name, path=os.path.dirname(sys.executable)), which(name)):
        try:
            with open(found or "", "rb") as file:
                start = file.read(256)
        except OSError:
            continue
        if found is not None and start.startswith(b"#!") and b"python" in start:
            return found
    return None


def prepare(options: Options) -> None:
    """Prepare the process for the program and its children: settings, a placeholder key, rebound names."""
    from ..credentials.placeholder import PLACEHOLDER_KEY

    if options.model:
        os.environ["STEPFUN_MODEL"] = options.model
    if options.emulate:
        from .emulator_process import use_emulator

        use_emulator()
    if _needs_placeholder(options):
        os.environ.setdefault("OPENAI_API_KEY", PLACEHOLDER_KEY)
    if options.legacy:
        from .legacy_module import install

        install()
    elif _is_pytest(options):
        from .patching import patch

        patch()
    if _is_pytest(options):
        _exclude_plugins_from_rewriting()
    if options.children:
        reach_children(legacy=options.legacy)


def _needs_placeholder(options: Options) -> bool:
    """Whether to set a placeholder, which is never sent anywhere: frameworks do not start without a key. If the only key is
    in a `.env`, a placeholder would keep the program from loading it.
    """
    from .env_files import has_openai_key

    if os.environ.get("STEPFUN_API_KEY", "").strip() or os.environ.get("STEP_API_KEY", "").strip():
        return True
    program = Path(options.what).absolute().parent if options.kind == "path" else Path.cwd()
    return not has_openai_key(Path.cwd(), program)


def _is_pytest(options: Options) -> bool:
    names = {"module": options.what.partition(".")[0], "path": Path(options.what).name}
    return names.get(options.kind) in ("pytest", "py.test")


def _exclude_plugins_from_rewriting() -> None:
    """Exclude loaded pytest plugins from assertion rewriting. openai's dependency anyio and this package are pytest plugins
    and are loaded before pytest, which would warn that it cannot rewrite them; suites that treat warnings as errors
    would fail.
    """
    for name in ("anyio", "stepfun_compat"):
        if name in sys.modules:
            module = sys.modules[name]
            module.__doc__ = f"{module.__doc__ or ''}\n\nPYTEST_DONT_REWRITE"


def reach_children(*, legacy: bool = False) -> None:
    """Make Python child processes rebind the names when they import openai."""
    child = str(Path(__file__).parent / "child")
    known = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != child]
    os.environ["PYTHONPATH"] = os.pathsep.join([child, *known])
    if legacy:
        os.environ["STEPFUN_COMPAT_LEGACY"] = "1"
    else:
        os.environ.pop("STEPFUN_COMPAT_LEGACY", None)


def _restart(own: Sequence[str], argv: Sequence[str]) -> NoReturn:
    """Restart the interpreter with other options, which it reads only at start."""
    import subprocess

    flags: list[str] = vars(subprocess)["_args_from_interpreter_flags"]()
    os.execv(sys.executable, [sys.executable, *flags, *own, "-m", "stepfun_compat", "run", *argv])


def main(argv: Sequence[str]) -> int:
    """`stepfun-compat run …`; ends the process as the program does."""
    own, argv = interpreter_options(named_program(argv))
    try:
        options = parse(argv)
    except UsageError as error:
        sys.stderr.write(f"stepfun-compat run: {error}\n\n{USAGE}")
        return 2
    if options.help:
        sys.stdout.write(USAGE)
        return 0
    if own:
        _restart(own, argv)
    from . import program

    try:
        prepare(options)
    except (ValueError, ImportError) as error:  # SettingsError is a ValueError; its module would load openai
        sys.stderr.write(f"stepfun-compat run: {error}\n")
        return 2
    starts: dict[str, Callable[[], None]] = {
        "path": lambda: program.run_path(options.what, options.arguments),
        "module": lambda: program.run_module(options.what, options.arguments),
        "code": lambda: program.run_code(options.what, options.arguments),
        "stdin": lambda: program.run_stdin(options.arguments),
    }
    if not options.legacy and not _is_pytest(options):
        from .deferred import patch_on_import

        patch_on_import()
    program.as_python_would(starts[options.kind])
    return 0  # under -i
