"""`probe`: checks of unverified behaviour, for a user with a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from ..catalog.aliases import DEFAULT_CHAT
from . import show

if TYPE_CHECKING:
    from ..diagnostics.probes import Check, Result
    from ..diagnostics.probes.settling import Settlement


def probe(
    names: list[str] | None = typer.Argument(None, help="Checks to run; all but the expensive ones by default."),
    listed: bool = typer.Option(False, "--list", help="List the checks without sending anything."),
    model: str = typer.Option(DEFAULT_CHAT, help="The model to test."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not prompt before sending many requests."),
    write: str | None = typer.Option(
        None, help="Settle contested facts instead of running the checks, and write the outcomes to this catalog file."
    ),
) -> None:
    """Test behaviour that StepFun's documentation leaves open. Each check sends small paid requests.

    Examples:

        stepfun-compat probe --list

        stepfun-compat probe tool_choice stream_usage --json

        stepfun-compat probe --yes --write stepfun-catalog.toml
    """
    from ..diagnostics import probes as probing

    if write is not None:
        _settle(names or (), write, model, as_json, yes=yes)
        return
    checks = _chosen(names, expensive=listed)
    if listed:
        _list(checks)
        return
    if not names:
        count = sum(check.requests for check in checks)
        show.names(check.name for check in checks)
        show.confirmed(f"These {len(checks)} checks send about {count} small paid requests to {model}.", yes=yes)
    results: list[probing.Result] = []
    with probing.client() as stock:
        for check in checks:
            with show.working(check.name):
                results.append(probing.run(check, stock, model))
            if not as_json:
                typer.echo(f"{check.name}: {results[-1].answer}")
    if as_json:
        show.as_json([vars(result) for result in results])
    _exit_if_all_failed(results)


def _list(checks: Sequence[Check]) -> None:
    from ..diagnostics.probes import LEFT_OPEN

    rows = [[check.name, check.question, check.decided, check.setting] for check in checks]
    show.table(["check", "question", "decided by", "setting"], rows)
    show.table(["not tested"], [[text] for _, text in LEFT_OPEN])


def _chosen(names: Sequence[str] | None, *, expensive: bool) -> Sequence[Check]:
    """Return the checks with these names; without names all, or all but the expensive ones."""
    from ..diagnostics import probes as probing

    known = {check.name: check for check in probing.CHECKS}
    if not names:
        return [check for check in probing.CHECKS if expensive or not check.expensive]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise typer.BadParameter(f"unknown check {unknown[0]!r}: choose from {', '.join(known)}")
    return [known[name] for name in names]


def register(app: typer.Typer) -> None:
    app.command("probe")(probe)


def _exit_if_all_failed(results: Sequence[Result | Settlement]) -> None:
    if all(result.failed for result in results):
        raise typer.Exit(1)


def _settle(names: Sequence[str], path: str, model: str, as_json: bool, *, yes: bool) -> None:
    """Settle contested facts and write the outcomes to a catalog file."""
    import datetime

    from ..catalog import for_settings
    from ..diagnostics import probes as probing
    from ..diagnostics.probes import settling
    from ..errors import SettingsError
    from ..settings import Settings

    catalog = for_settings(Settings())
    try:
        settling.check_file(path)
        facts = settling.facts(catalog, names)
    except (SettingsError, OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    if not names:
        show.names(fact.fact for fact in facts)
        show.confirmed(f"Settling {len(facts)} facts sends one or two small paid requests for each.", yes=yes)
    found: list[settling.Settlement] = []
    with probing.client() as stock:
        for fact in facts:
            with show.working(fact.fact):
                found.append(settling.settle(fact, stock, model, catalog))
            if not as_json:
                typer.echo(f"{fact.fact}: {found[-1].answer}")
    _exit_if_all_failed(found)
    rows = settling.write(path, found, datetime.datetime.now(tz=datetime.timezone.utc).date())
    if as_json:
        show.as_json([{k: v for k, v in vars(s).items() if k != "row"} for s in found])
    else:
        typer.echo(f"{rows} of {len(found)} written to {path}; STEPFUN_CATALOG={path} uses them")
