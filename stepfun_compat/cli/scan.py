"""`scan`: the uses of openai in a code base."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

FORMATS = ("text", "json", "sarif", "html", "markdown")


def scan(
    paths: list[str] = typer.Argument(help="Files and directories."),
    format_: str = typer.Option("text", "--format", help=f"One of {', '.join(FORMATS)}."),
    verbose: bool = typer.Option(
        False, "--verbose", "-v", help="Show every finding, with format text. On by default if only files are named."
    ),
    fail_on: str | None = typer.Option(
        None,
        help="Exit with 1 if a finding has this verdict or a later one: unchanged, translated, "
        "'needs a decision', 'will not work'.",
    ),
    jobs: int | None = typer.Option(None, min=1, help="Number of processes; one for each core by default."),
    output: Path | None = typer.Option(None, "--output", "-o", help="Write to a file."),
    cache_dir: Path | None = typer.Option(None, help="Folder of the cache between runs."),
    no_cache: bool = typer.Option(False, "--no-cache", help="Do not use a cache."),
) -> None:
    """List each use of openai in files, and how it is handled on StepFun. Nothing is changed or sent.

    Exit code: 0 if nothing reaches the level of --fail-on, 1 if something does, 2 if the scan failed.

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


def register(app: typer.Typer) -> None:
    app.command("scan")(scan)
