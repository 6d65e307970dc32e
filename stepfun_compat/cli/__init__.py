"""The command line, one thin module per command without logic (extra `cli`: typer, rich)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from inspect import getdoc
from typing import Any

import typer

from . import batch, demo, doctor, emulate, explain, migrate, models, probe, run, scan, serve, speak, upload

app = typer.Typer(
    name="stepfun-compat",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # older typers print the values of variables, keys among them
)


def _version(shown: bool) -> None:
    if shown:
        import openai

        from .. import __stepfun_version__

        typer.echo(
            f"stepfun-compat {__stepfun_version__}, openai {openai.__version__}, python {sys.version.split()[0]}"
        )
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", is_eager=True, callback=_version, help="Show versions and exit."),
) -> None:
    """Run code written for OpenAI's Python SDK on StepFun's models, unchanged.

    Examples:

        stepfun-compat demo

        stepfun-compat run --emulate app.py
    """
    del version


for module in (run, demo, doctor, models, explain, scan, migrate, emulate, serve, batch, probe, speak, upload):
    module.register(app)


def _unfolded(text: str) -> str:
    """Keep the examples of a help text on their own lines, to be copied."""
    head, mark, tail = text.partition("Examples:\n")
    if not mark:
        return text
    return "\n".join([f"{head}\b\nExamples:", *(f"  {line.strip()}" for line in tail.splitlines() if line.strip())])


for _info in (*app.registered_commands, app.registered_callback):
    if _info is not None and _info.callback is not None and not isinstance(_info.help, str):
        _info.help = _unfolded(getdoc(_info.callback) or "")


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code. An error is one line on standard error, without keys."""
    try:
        code = app(list(argv) or ["--help"], standalone_mode=False, prog_name="stepfun-compat")
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:  # `stepfun-compat models | head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - the interpreter flushes it at its end
        return 1
    except Exception as error:
        if sys.flags.dev_mode:  # python -X dev -m stepfun_compat …
            raise
        return failed(error)
    return code if isinstance(code, int) else 0


def failed(error: Exception) -> int:
    """Print an error on standard error and return the exit code."""
    from ..errors import SettingsError, without_keys

    typer.echo(f"stepfun-compat: {without_keys(_text_of(error))}", err=True)
    return int(getattr(error, "exit_code", 2 if isinstance(error, SettingsError) else 1))


def _text_of(error: Exception) -> str:
    """Return one line for an error: its message, and for an error of another package what to do about it."""
    from ..errors import SettingsError

    if isinstance(error, UnicodeEncodeError):
        return f"this terminal cannot show the text ({error.encoding}): set PYTHONIOENCODING=utf-8"
    usage: Any = getattr(error, "format_message", None)  # click's usage errors, whichever click typer brings
    if usage is not None:
        return str(usage())
    text = str(error) or type(error).__name__
    if isinstance(error, SettingsError):
        return text
    if type(error).__module__.partition(".")[0] != "openai":
        return (text if isinstance(error, OSError) else f"{type(error).__name__}: {text}") + _broken_environment()
    cause = str(error.__cause__ or "")
    return f"{text} ({cause})" if cause and type(error).__name__ == "APIConnectionError" else text


def _broken_environment() -> str:
    """Return what is wrong with proxies and certificates, which errors of the HTTP library do not name."""
    from ..diagnostics import environment

    broken = [found for found in environment.findings() if found.state == "fail"]
    return "".join(f"; {found.check}: {found.found}, {found.fix}" for found in broken)
