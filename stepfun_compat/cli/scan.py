"""`scan`: what a code base uses of openai, and what becomes of it."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

FORMATS = ("text", "json", "sarif", "html", "markdown")


def register(app: typer.Typer) -> None:
    @app.command("scan")
    def scan(  # pyright: ignore[reportUnusedFunction]
        paths: list[str] = typer.Argument(help="Files and directories."),
        format_: str = typer.Option("text", "--format", help=f"One of {', '.join(FORMATS)}."),
        verbose: bool = typer.Option(False, "--verbose", "-v", help="Show every finding, with format text."),
        fail_on: str | None = typer.Option(
            None,
            help="Exit with 1 if there is a finding with this verdict or one with more to do: unchanged, translated, "
            "'needs a decision', 'will not work'.",
        ),
        jobs: int | None = typer.Option(None, min=1, help="Processes; all cores by default."),
        output: Path | None = typer.Option(None, "--output", "-o", help="Write to a file."),
        cache_dir: Path | None = typer.Option(None, help="Where facts are cached between runs."),
        no_cache: bool = typer.Option(False, "--no-cache", help="Do not cache facts."),
    ) -> None:
        """Show what files use of openai and what becomes of each use on StepFun. Nothing is changed or sent.

        Exit code 0: nothing at the level of --fail-on; 1: something; 2: the scan could not be done.

        Examples:

            stepfun-compat scan src

            stepfun-compat scan . --format html -o report.html
        """
        from ..migrate import command

        code = command.run(
            command.Options(tuple(paths), format_, verbose, fail_on, jobs, output, cache_dir, cached=not no_cache),
            sys.stdout,
            sys.stderr,
        )
        if code:
            raise typer.Exit(code)
