"""How the commands print: tables and colour on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table


def console() -> Console:
    """A console for standard output; no colour and no wrapping when it is not a terminal."""
    return Console(file=sys.stdout, soft_wrap=not sys.stdout.isatty(), highlight=False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows as a table on a terminal that is wide enough, as aligned plain text elsewhere: no cell is ever cut."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    if sys.stdout.isatty() and sum(widths) + 3 * len(widths) + 1 <= console().width:
        drawn = Table(*head)
        for row in rows:
            drawn.add_row(*row)
        console().print(drawn)
        return
    for row in [head, *rows]:
        sys.stdout.write(
            "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        )


def as_json(value: Any) -> None:
    """A value as JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


@contextmanager
def working(text: str) -> Generator[None, None, None]:
    """A spinner on a terminal while something takes its time; nothing elsewhere."""
    if sys.stderr.isatty():
        with Console(file=sys.stderr).status(text):
            yield
    else:
        yield


@contextmanager
def progress(text: str, total: int) -> Generator[Callable[[int], None], None, None]:
    """A progress bar on a terminal; elsewhere nothing. What it gives is called with each amount done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr)) as bar:
        task = bar.add_task(text, total=total)
        yield lambda amount: bar.advance(task, amount)
