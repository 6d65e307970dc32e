"""`migrate`: the edits that move a code base to this package."""

from __future__ import annotations

import sys

import typer


def migrate(
    paths: list[str] = typer.Argument(help="Files and directories."),
    diff: bool = typer.Option(False, "--diff", help="Show what would change; the default."),
    write: bool = typer.Option(False, "--write", help="Write the changes."),
    check: bool = typer.Option(False, "--check", help="Exit with 1 if something would change."),
    select: list[str] = typer.Option(
        [], "--select", help="Apply only these rules, such as SFC001,SFC003. SFC101 runs only if named."
    ),
    ignore: list[str] = typer.Option([], "--ignore", help="Do not apply these rules."),
    format_: str = typer.Option("text", "--format", help="Output format: text or json."),
) -> None:
    """Move files from openai to stepfun_compat. Shows the changes as a diff; --write makes them. Nothing is sent.

    Exit code: 0 if done, 1 if --check finds something to change, 2 if the run failed, 3 if places are left to edit by
    hand, which are listed.

    Examples:

        stepfun-compat migrate src

        stepfun-compat migrate src --write

        stepfun-compat migrate src --select SFC101
    """
    from ..migrate.rewrite import command

    if diff + write + check > 1:
        typer.echo("stepfun-compat migrate: use only one of --diff, --write and --check", err=True)
        raise typer.Exit(2)
    code = command.run(
        command.Options(
            tuple(paths), "write" if write else "check" if check else "diff", tuple(select), tuple(ignore), format_
        ),
        sys.stdout,
        sys.stderr,
    )
    if code:
        raise typer.Exit(code)


def register(app: typer.Typer) -> None:
    app.command("migrate")(migrate)
