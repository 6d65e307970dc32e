"""How the commands print: tables and colour on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import Any

import typer
from rich.console import Console
from rich.table import Table


def console() -> Console:
    """Return a console for standard output; no colour and no wrapping when it is not a terminal."""
    return Console(file=sys.stdout, soft_wrap=not sys.stdout.isatty(), highlight=False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows as a table if the lines fit, else one block for each row with named columns: no cell is cut."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(head, *rows, strict=True)]
    width = shutil.get_terminal_size((80, 24)).columns
    if sys.stdout.isatty() and sum(widths) + 3 * len(widths) + 1 <= width:
        drawn = Table(*head)
        for row in rows:
            drawn.add_row(*row)
        console().print(drawn)
        return
    if sum(widths) + 2 * (len(widths) - 1) <= width:
        for row in [head, *rows]:
            line = "  ".join(str(cell).ljust(room) for cell, room in zip(row, widths, strict=True))
            sys.stdout.write(line.rstrip() + "\n")
        return
    for row in rows:
        sys.stdout.write("\n".join(_block(head, row, width)) + "\n")


def _block(head: Sequence[str], row: Sequence[str], width: int) -> Iterator[str]:
    """Return a row as lines: its first cell, then the other cells that are not empty, with the names of their columns."""
    yield from wrap(row[0], width, break_long_words=False)
    cells = [f"{name}: {cell}" for name, cell in zip(head[1:], row[1:], strict=True) if str(cell) not in ("", "-")]
    yield from _lines(cells, width)


def _lines(cells: Sequence[str], width: int) -> Iterator[str]:
    """Return named cells, as many on a line as fit; a longer cell is wrapped between words."""
    line = ""
    for cell in cells:
        if line and len(line) + 3 + len(cell) <= width:
            line += f" | {cell}"
            continue
        if line:
            yield line
        *full, line = wrap(cell, width, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
        yield from full
    if line:
        yield line


def names(found: Iterable[str]) -> None:
    """Print names as a paragraph as wide as the terminal, on stderr."""
    width = shutil.get_terminal_size().columns
    lines = wrap(", ".join(found), width, break_long_words=False, break_on_hyphens=False)
    typer.echo("\n".join(lines), err=True)


def confirmed(question: str, *, yes: bool) -> None:
    """Prompt before money is spent, unless `yes`; without a terminal, print how to continue.

    Raises:
        typer.Exit: the answer is no, or there is no terminal.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        typer.echo(f"{question}\nAdd --yes to continue.", err=True)
        raise typer.Exit(2)
    if not typer.confirm(f"{question} Continue?", err=True):
        raise typer.Exit(1)


def as_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


@contextmanager
def working(text: str) -> Generator[None, None, None]:
    """Show a spinner on a terminal while the block runs; nothing elsewhere."""
    if sys.stderr.isatty():
        with Console(file=sys.stderr).status(text):
            yield
    else:
        yield


@contextmanager
def progress(text: str, total: int) -> Generator[Callable[[int], None], None, None]:
    """Show a progress bar on a terminal; nothing elsewhere. Yield a function to call with each amount done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr)) as bar:
        task = bar.add_task(text, total=total)
        yield lambda amount: bar.advance(task, amount)
