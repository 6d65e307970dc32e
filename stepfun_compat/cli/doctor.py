"""`doctor`: what is configured, from which source, and whether it works."""

from __future__ import annotations

import sys

import typer

from . import show


def doctor(
    offline: bool = typer.Option(False, "--offline", help="Skip checks that need the network."),
    call: bool = typer.Option(False, "--call", help="Also make one tiny paid call."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Check configuration, key, region, reachability, models, clock, proxy and versions.

    Exit code: 0 if no check failed, else 1.

    Examples:

        stepfun-compat doctor

        stepfun-compat doctor --json --offline
    """
    from ..diagnostics.doctor import examine

    with show.working("checking"):
        findings = examine(offline=offline, call=call)
    failed = [finding for finding in findings if finding.state == "fail"]
    if as_json:
        # `fix` was called `remedy` in 0.1.0
        show.as_json({"ok": not failed, "checks": [{**vars(finding), "remedy": finding.fix} for finding in findings]})
    else:
        for finding in findings:
            mark = {"ok": "ok  ", "warn": "note", "fail": "FAIL", "skip": "skip"}[finding.state]
            typer.echo(f"{mark}  {finding.check}: {finding.found}")
            if finding.fix and finding.state in ("fail", "warn"):
                typer.echo(f"      fix: {finding.fix}")
    if failed:
        sys.stdout.flush()
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)
