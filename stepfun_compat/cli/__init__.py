"""The command line, one thin module a command (extra `cli`: typer, rich). They hold no logic of their own."""

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
    """Run one command and return its exit code. An error is one line on standard error, without a key in it."""
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

    usage: Any = getattr(error, "format_message", None)  # click's usage errors, whichever click typer brings
    text = str(usage()) if usage is not None else str(error) or type(error).__name__
    own = usage is not None or isinstance(error, SettingsError) or type(error).__module__.partition(".")[0] == "openai"
    if not own and not isinstance(error, OSError):
        text = f"{type(error).__name__}: {text}"
    if not own:  # most often a proxy or certificate of the environment, which the HTTP library does not name
        from ..diagnostics import environment

        broken = [found for found in environment.findings() if found.state == "fail"]
        text += "".join(f"; {found.check}: {found.found}, {found.fix}" for found in broken)
    cause = error.__cause__
    if type(error).__name__ == "APIConnectionError" and cause is not None and str(cause):
        text = f"{text} ({cause})"
    if isinstance(error, UnicodeEncodeError):
        text = f"this terminal cannot show the text ({error.encoding}): set PYTHONIOENCODING=utf-8"
    typer.echo(f"stepfun-compat: {without_keys(text)}", err=True)
    return int(getattr(error, "exit_code", 2 if isinstance(error, SettingsError) else 1))
