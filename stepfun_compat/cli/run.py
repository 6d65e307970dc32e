"""`run` for the help page; `__main__` starts the program itself, before typer is imported."""

from __future__ import annotations

import typer

from ..launch.run import USAGE


def run(context: typer.Context) -> None:
    from ..launch.run import main

    raise typer.Exit(main(context.args))


def register(app: typer.Typer) -> None:
    app.command(
        "run",
        help="Run an unmodified program with openai's client classes replaced by StepFun's.\n\n\b\n" + USAGE,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    )(run)
