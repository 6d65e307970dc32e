"""`batch`: batches from the shell."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from . import show

if TYPE_CHECKING:
    from ..batches.desk import Desk
    from ..batches.records import BatchRecord

group = typer.Typer(help="Batches of requests, as OpenAI's, run on this machine.", rich_markup_mode=None)

INPUT = typer.Argument(exists=True, dir_okay=False, help="The input file, JSONL as OpenAI's.")


@contextmanager
def _desk(tier: str | None = None, concurrency: int | None = None) -> Generator[Desk, None, None]:
    """The environment's batches; what cannot be done ends the command with one line."""
    from ..batches.desk import BatchError, Desk
    from ..client import OpenAI
    from ..settings import Settings

    given = {"tier": tier, "batch_concurrency": concurrency}
    settings = Settings().replace(**{name: value for name, value in given.items() if value is not None})
    try:
        with OpenAI(settings=settings) as client:
            yield Desk(settings, client.api_key, str(client.base_url))
    except BatchError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def _work(desk: Desk, id: str) -> BatchRecord:
    """Work on a batch and show how it goes: one line that changes on a terminal, a line now and then elsewhere."""
    from ..batches.desk import progress_line

    started, shown, tty = time.monotonic(), 0.0, sys.stderr.isatty()

    def tell(_: str) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= (0.2 if tty else 5.0):
            shown = now
            text = progress_line(desk.service(id).record(id), now - started)
            sys.stderr.write(f"\r\x1b[K{text}" if tty else f"{text}\n")
            sys.stderr.flush()

    desk.work(id, on_change=tell)
    record = desk.service(id).record(id)
    sys.stderr.write(("\r\x1b[K" if tty else "") + progress_line(record, time.monotonic() - started) + "\n")
    return record


def _end(record: BatchRecord) -> None:
    """The summary and the exit code: 0 all answered, 1 some failed, 2 an invalid file, 3 stopped or not complete."""
    tokens = record.tokens
    share = tokens.cached / tokens.input if tokens.input else 0.0
    typer.echo(
        f"{record.id}  {record.status}  {record.counts.completed} answered, {record.counts.failed} failed, "
        f"{record.counts.pending} open; {tokens.input} tokens in ({share:.0%} from the cache), {tokens.output} out; "
        f"cost {record.cost:.4f}"
    )
    for error in record.errors:
        typer.echo(f"line {error.line}: {error.message}" if error.line else error.message, err=True)
    if record.stopped:
        typer.echo(f"{record.stopped} {record.way_on}", err=True)
    if record.status == "failed":
        raise typer.Exit(2)
    if record.status != "completed":
        raise typer.Exit(3)
    raise typer.Exit(1 if record.counts.failed else 0)


@group.command("run")
def run(
    file: Path = INPUT,
    output: Path = typer.Option(..., "-o", "--output", help="Where the answers go; failed lines go beside it."),
    model: str | None = typer.Option(None, help="The model of every line, in place of its own."),
    concurrency: int | None = typer.Option(None, help="Most requests in flight."),
    tier: str | None = typer.Option(None, help="The account's tier, V0 to V5."),
    max_cost: float | None = typer.Option(None, help="Stop when this much is spent."),
    window: str = typer.Option("24h", help="The completion window."),
    resume: bool = typer.Option(False, "--resume", help="Go on with the unfinished batch of this file."),
) -> None:
    """Send the requests of a file and write the answers to another."""
    from ..batches.estimate import endpoint_of, estimate

    with _desk(tier, concurrency) as desk:
        id = desk.unfinished(file) if resume else None
        if id is None:
            endpoint = endpoint_of(file)
            if max_cost is not None:
                expected = estimate(file, endpoint, desk.price, model).input_cost
                if expected > max_cost:
                    typer.echo(
                        f"The input alone costs about {expected:.4f}, more than --max-cost {max_cost:g}.", err=True
                    )
                    raise typer.Exit(2)
            id = desk.submit(file, endpoint, window, model=model, max_cost=max_cost)
        else:
            desk.service(id).resume(id)
        record = _work(desk, id)
        if errors := desk.export(record, output):
            typer.echo(f"failed lines: {errors}", err=True)
        _end(record)


@group.command("create")
def create(
    file: Path = INPUT,
    window: str = typer.Option("24h", help="The completion window."),
    max_cost: float | None = typer.Option(None, help="Stop when this much is spent."),
) -> None:
    """Make a batch and print its id; `batch work` or `batch resume` sends it."""
    from ..batches.estimate import endpoint_of

    with _desk() as desk:
        typer.echo(desk.submit(file, endpoint_of(file), window, model=None, max_cost=max_cost))


@group.command("status")
def status(
    id: str = typer.Argument(help="The batch."),
    follow: bool = typer.Option(False, "--follow", help="Print a line a second until it has ended."),
) -> None:
    """How a batch stands."""
    from ..batches.desk import is_open, progress_line

    with _desk() as desk:
        while follow and is_open(record := desk.service(id).record(id)) and not record.stopped:
            typer.echo(progress_line(record, time.time() - (record.in_progress_at or record.created_at)))
            time.sleep(1)
        _end_quietly(desk.service(id).record(id))


def _end_quietly(record: BatchRecord) -> None:
    typer.echo(
        f"{record.id}  {record.status}  {record.counts.completed}/{record.counts.total}, {record.counts.failed} failed"
    )
    if record.stopped:
        typer.echo(f"{record.stopped} {record.way_on}")


@group.command("list")
def list_batches(limit: int = typer.Option(20, help="At most so many, newest first.")) -> None:
    """The batches of this machine."""
    with _desk() as desk:
        rows = desk.journal.batches(None, limit=limit) or []
        show.table(
            ("id", "status", "done", "failed", "total", "cost"),
            [
                (
                    r.id,
                    "stopped" if r.stopped else r.status,
                    *map(str, (r.counts.completed, r.counts.failed, r.counts.total)),
                    f"{r.cost:.4f}",
                )
                for r in rows
            ],
        )


@group.command("cancel")
def cancel(id: str = typer.Argument(help="The batch.")) -> None:
    """Send no further line of a batch; what is done is kept."""
    with _desk() as desk:
        desk.service(id).cancel(id)
        _work(desk, id)
        _end_quietly(desk.service(id).record(id))


@group.command("resume")
def resume(id: str = typer.Argument(help="The batch.")) -> None:
    """Go on with a batch that was stopped or whose process died."""
    with _desk() as desk:
        desk.service(id).resume(id)
        _end(_work(desk, id))


@group.command("retry-failed")
def retry_failed(id: str = typer.Argument(help="The batch.")) -> None:
    """Send the failed lines of a finished batch again."""
    with _desk() as desk:
        typer.echo(f"{desk.service(id).retry_failed(id)} lines are sent again", err=True)
        _end(_work(desk, id))


@group.command("tail")
def tail(
    id: str = typer.Argument(help="The batch."), lines: int = typer.Option(10, "-n", help="The last so many.")
) -> None:
    """The last answered lines, in the order of the input, while the batch runs or after."""
    from collections import deque

    with _desk() as desk:
        desk.service(id).record(id)
        for text in deque(desk.journal.answers(id, failed=False), maxlen=lines):
            typer.echo(text)


@group.command("work")
def work(once: bool = typer.Option(False, "--once", help="Return when no batch is open.")) -> None:
    """Work on the batches of this key, also on what dead processes left, until interrupted."""
    with _desk() as desk:
        desk.work(None, serve=not once)


@group.command("check")
def check(file: Path = INPUT, model: str | None = typer.Option(None, help="The model of every line.")) -> None:
    """Check an input file and estimate tokens and cost; nothing is sent."""
    from ..batches.estimate import endpoint_of, estimate
    from ..batches.workspace import pricing
    from ..settings import Settings

    settings = Settings()
    found = estimate(file, endpoint_of(file), pricing(settings), model)
    for error in found.errors:
        typer.echo(f"line {error.line}: {error.message}" if error.line else error.message, err=True)
    if found.errors:
        raise typer.Exit(2)
    currency = "CNY" if settings.region == "cn" else "USD"
    typer.echo(
        f"{found.lines} requests, models {', '.join(found.models)}; about {found.input_tokens} tokens in "
        f"({found.input_cost:.4f} {currency}), at most {found.most_output} out ({found.output_cost:.4f} {currency})"
        + (f"; {found.uncapped} requests have no cap on their output" if found.uncapped else "")
    )


@group.command("make")
def make(
    data: Path = typer.Argument(exists=True, dir_okay=False, help="Rows: CSV with a header, or JSONL."),
    template: Path = typer.Option(..., exists=True, dir_okay=False, help="The prompt, with {column} for values."),
    output: Path = typer.Option(Path("-"), "-o", "--output", help="The input file to write; - is standard output."),
    model: str = typer.Option("step-3.7-flash", help="The model of every request."),
    system: str | None = typer.Option(None, help="A system message."),
    id_column: str | None = typer.Option(None, help="The column of the custom ids."),
) -> None:
    """Write an input file from a template and rows."""
    import json

    from ..batches.records import BatchError
    from ..batches.templates import make_requests, read_rows

    try:
        requests = make_requests(
            template.read_text(encoding="utf-8"), read_rows(data), model, system=system, id_column=id_column
        )
        text = "".join(json.dumps(request, ensure_ascii=False) + "\n" for request in requests)
    except BatchError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if str(output) == "-":
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="batch")
