"""`GET /v1/models`: the client's list, and Anthropic's names. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..catalog import Catalog
from ..catalog.listed import ANTHROPIC_NAMES

OWNER = "stepfun-compat"


def with_aliases(models: Sequence[dict[str, Any]], catalog: Catalog) -> list[dict[str, Any]]:
    """Return the models the client lists, then Anthropic's names; `root` is the id of the model behind a name."""
    rows = [dict(row) for row in models]
    known = {row.get("id") for row in rows}
    created = max((row["created"] for row in rows if isinstance(row.get("created"), int)), default=0)
    for name in ANTHROPIC_NAMES:
        alias = catalog.alias(name)
        if alias is not None and name not in known:
            rows.append({"id": name, "object": "model", "created": created, "owned_by": OWNER, "root": alias.model})
    return rows


def anthropic_model(row: dict[str, Any]) -> dict[str, Any]:
    """One of OpenAI's model objects as Anthropic's API shows it."""
    from datetime import datetime, timezone

    created = row.get("created")
    when = datetime.fromtimestamp(created if isinstance(created, int) else 0, timezone.utc)
    return {
        "type": "model",
        "id": row.get("id"),
        "display_name": row.get("id"),
        "created_at": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def anthropic_list(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A list of models as Anthropic's API returns it, on one page."""
    data = [anthropic_model(row) for row in rows]
    return {
        "data": data,
        "has_more": False,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
