"""`models`: the catalog as a table, also compared with the account's live list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from . import show

if TYPE_CHECKING:
    from ..catalog.schema import Model


def _price(price: Any) -> str:
    return "-" if price is None else f"{price.input:g}/{price.cached:g}/{price.output:g}"


def _prices(price: Any, rate: Any) -> dict[str, Any] | None:
    """Return prices as JSON: of one million tokens, or of another billed unit."""
    if price is not None:
        return {"per": 1_000_000, "unit": "tokens", **vars(price)}
    return None if rate is None else {"per": rate.per, "unit": rate.unit, "amount": rate.amount}


def models(
    live: bool = typer.Option(False, "--live", help="Compare with the account's list (needs a key)."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List the models of the catalog, including the rows of STEPFUN_CATALOG.

    Examples:

        stepfun-compat models

        stepfun-compat models --live
    """
    from .. import catalog
    from ..settings import Settings

    rows = list(catalog.for_settings(Settings()).models.values())
    seen: set[str] | None = None
    if live:
        from ..client import OpenAI

        with show.working("listing the account's models"), OpenAI() as client:
            seen = {model.id for model in client.models.list()}
    if as_json:
        show.as_json([_as_json(row, seen) for row in rows])
        return
    head = ["model", "kind", "input", "context", "efforts", "USD in/cached/out", "CNY in/cached/out", "as of"]
    show.table(head if seen is None else [*head, "live"], [_cells(row, seen) for row in rows])
    for id in sorted((seen or set()) - {row.id for row in rows}):
        typer.echo(f"listed for this account, not in the catalog: {id}")


def _as_json(row: Model, seen: set[str] | None) -> dict[str, Any]:
    """Return a row of the catalog as JSON; `seen` are the ids of the account's list."""
    return {
        "id": row.id,
        "kind": row.kind,
        "input": sorted(row.input),
        "output": sorted(row.output),
        "context": row.context,
        "efforts": dict(row.efforts),
        "endpoints": sorted(row.endpoints),
        "plans": sorted(row.plans),
        "prices": {"USD": _prices(row.usd, row.usd_rate), "CNY": _prices(row.cny, row.cny_rate)},
        "source": row.source,
        "as_of": row.as_of,
        **({} if seen is None else {"listed": row.id in seen}),
    }


def _cells(row: Model, seen: set[str] | None) -> list[str]:
    """Return the same as the cells of a table."""
    return [
        row.id,
        row.kind,
        ",".join(sorted(row.input)),
        f"{row.context:,}" if row.context else "-",
        ",".join(dict.fromkeys(row.efforts.values())) or "-",
        _price(row.usd),
        _price(row.cny),
        row.as_of,
        *([] if seen is None else ["yes" if row.id in seen else "not listed"]),
    ]


def register(app: typer.Typer) -> None:
    app.command("models")(models)
