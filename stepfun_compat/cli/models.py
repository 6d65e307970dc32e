"""`models`: the catalog as a table, and against the account's live list."""

from __future__ import annotations

from typing import Any

import typer

from . import show


def _price(price: Any) -> str:
    return "-" if price is None else f"{price.input:g}/{price.cached:g}/{price.output:g}"


def _prices(price: Any, rate: Any) -> dict[str, Any] | None:
    """Prices as JSON: of one million tokens, or of what else is billed."""
    if price is not None:
        return {"per": 1_000_000, "unit": "tokens", **vars(price)}
    return None if rate is None else {"per": rate.per, "unit": rate.unit, "amount": rate.amount}


def register(app: typer.Typer) -> None:
    @app.command("models")
    def models(  # pyright: ignore[reportUnusedFunction]
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
            show.as_json(
                [
                    {
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
                    for row in rows
                ]
            )
            return
        head = ["model", "kind", "input", "context", "efforts", "USD in/cached/out", "CNY in/cached/out", "as of"]
        lines = [
            [
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
            for row in rows
        ]
        show.table(head if seen is None else [*head, "live"], lines)
        if seen is not None:
            for id in sorted(seen - {row.id for row in rows}):
                typer.echo(f"listed for this account, not in the catalog: {id}")
