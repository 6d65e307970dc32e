"""Create an input file from a template and rows: `{column}` in the template becomes the row's value."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..endpoints.json_values import as_dict
from .records import BatchError

_FIELD = re.compile(r"\{(\w+)\}")


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a CSV file with a header, or of a JSONL file of objects.

    Raises:
        BatchError: a line of a JSONL file is not an object.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() != ".jsonl":
            yield from csv.DictReader(file)
            return
        for number, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                row = as_dict(json.loads(text))
            except ValueError:
                row = None
            if row is None:
                raise BatchError(f"{path.name}, line {number}: not a JSON object.", code="invalid_json_line")
            yield row


def make_requests(
    template: str,
    rows: Iterator[dict[str, Any]],
    model: str,
    *,
    system: str | None = None,
    id_column: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Create one chat request per row. `id_column` names the column of the custom ids, by default `row-1` and so on.

    Raises:
        BatchError: a row lacks a column of the template.
    """
    for number, row in enumerate(rows, 1):
        missing = [name for name in (*_FIELD.findall(template), *([id_column] if id_column else ())) if name not in row]
        if missing:
            known = ", ".join(str(name) for name in row)
            raise BatchError(f"Row {number} has no column {missing[0]!r}. Its columns: {known}.", code="missing_column")
        text = _FIELD.sub(lambda match, row=row: str(row[match[1]]), template)
        messages = [{"role": "system", "content": system}] if system else []
        yield {
            "custom_id": str(row[id_column]) if id_column else f"row-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": [*messages, {"role": "user", "content": text}]},
        }
