"""The command line, one thin module a command (extra `cli`: typer, rich). No logic lives here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer

from . import demo, doctor, emulate, explain, models, probe, run, speak, upload

app = typer.Typer(
    name="stepfun-compat",
    add_completion=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
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


for module in (run, demo, doctor, models, explain, emulate, probe, speak, upload):
    module.register(app)


def main(argv: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    import openai

    from ..errors import SettingsError

    try:
        code = app(list(argv) or ["--help"], standalone_mode=False, prog_name="stepfun-compat")
    except SettingsError as error:
        typer.echo(f"stepfun-compat: {error}", err=True)
        return 2
    except openai.OpenAIError as error:
        typer.echo(f"stepfun-compat: {error}", err=True)
        return 1
    except typer.Exit as end:
        return end.exit_code
    except typer.BadParameter as error:
        typer.echo(f"stepfun-compat: {error.format_message()}", err=True)
        return error.exit_code
    except Exception as error:
        told: Any = getattr(error, "format_message", None)  # click's usage errors, whichever click typer brings
        if told is None:
            raise
        typer.echo(f"stepfun-compat: {told()}", err=True)
        return int(getattr(error, "exit_code", 2))
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else 0
