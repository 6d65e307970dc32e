"""`batch`: batches of requests from the shell."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..catalog.aliases import DEFAULT_CHAT
from . import show

if TYPE_CHECKING:
    from ..batches.records import BatchRecord
    from ..batches.runner import BatchRunner

group = typer.Typer(help="Run batches of requests, in OpenAI's format, from this machine.", rich_markup_mode=None)

_POLL = 0.2  # seconds between two reads of a batch that another process works on

INPUT = typer.Argument(exists=True, dir_okay=False, help="The input file, in OpenAI's JSONL format.")


@contextmanager
def _runner(tier: str | None = None, concurrency: int | None = None) -> Generator[BatchRunner, None, None]:
    """Open the batches that the environment names; a `BatchError` ends the command with one line."""
    from ..batches.runner import BatchError, BatchRunner
    from ..client import OpenAI
    from ..settings import Settings

    given = {"tier": tier, "batch_concurrency": concurrency}
    settings = Settings().replace(**{name: value for name, value in given.items() if value is not None})
    try:
        with OpenAI(settings=settings) as client:
            yield BatchRunner(settings, client.api_key, str(client.base_url))
    except BatchError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


class Engine(str, Enum):
    """What sends the lines."""

    local = "local"
    ray = "ray"


ENGINE = typer.Option(Engine.local, help="This process, or actors on a Ray cluster (extra `ray`).")
ADDRESS = typer.Option(None, help="Address of the Ray cluster; without one, Ray starts on this machine.")


def _work(runner: BatchRunner, id: str, engine: Engine = Engine.local, address: str | None = None) -> BatchRecord:
    """Work on a batch and show its progress."""
    from ..batches.progress import Progress

    service = runner.service(id)
    progress = Progress(sys.stderr, service.record(id), time.monotonic)

    def tell(_: str) -> None:
        if progress.due:
            progress.show(service.record(id))

    if engine is Engine.ray:
        from ..batches import ray

        ray.work(runner, id, address=address, on_change=tell)
    else:
        runner.work(id, on_change=tell)
    record = service.record(id)
    progress.end(record)
    return record


def _end(record: BatchRecord) -> None:
    """Return the summary and the exit code: 0 all answered, 1 some failed, 2 an invalid file, 3 stopped or not complete."""
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
        typer.echo(f"{record.stopped} {record.resume_hint}", err=True)
    if record.status == "failed":
        raise typer.Exit(2)
    if record.status != "completed":
        raise typer.Exit(3)
    raise typer.Exit(1 if record.counts.failed else 0)


@group.command("run")
def run(
    file: Path = INPUT,
    output: Path = typer.Option(
        ..., "-o", "--output", help="The file for the answers; failed lines go to a second file beside it."
    ),
    model: str | None = typer.Option(None, help="The model for every line, in place of its own."),
    concurrency: int | None = typer.Option(None, help="Maximum number of requests in flight."),
    tier: str | None = typer.Option(None, help="The account's tier, V0 to V5."),
    max_cost: float | None = typer.Option(None, help="Stop when this much has been spent."),
    window: str = typer.Option("24h", help="The completion window."),
    resume: bool = typer.Option(False, "--resume", help="Resume the unfinished batch of this file."),
    engine: Engine = ENGINE,
    address: str | None = ADDRESS,
) -> None:
    """Send the requests of a file and write the answers to another."""
    from ..batches.estimate import endpoint_of, estimate

    with _runner(tier, concurrency) as runner:
        id = runner.unfinished(file) if resume else None
        if id is None:
            endpoint = endpoint_of(file)
            if max_cost is not None:
                expected = estimate(file, endpoint, runner.price, model).input_cost
                if expected > max_cost:
                    typer.echo(
                        f"The input alone costs about {expected:.4f}, more than --max-cost {max_cost:g}.", err=True
                    )
                    raise typer.Exit(2)
            id = runner.submit(file, endpoint, window, model=model, max_cost=max_cost)
        else:
            runner.service(id).resume(id, max_cost=max_cost)
        record = _work(runner, id, engine, address)
        if errors := runner.export(record, output):
            typer.echo(f"failed lines: {errors}", err=True)
        _end(record)


@group.command("create")
def create(
    file: Path = INPUT,
    window: str = typer.Option("24h", help="The completion window."),
    max_cost: float | None = typer.Option(None, help="Stop when this much has been spent."),
) -> None:
    """Create a batch and print its id; `batch work` or `batch resume` sends it."""
    from ..batches.estimate import endpoint_of

    with _runner() as runner:
        typer.echo(runner.submit(file, endpoint_of(file), window, model=None, max_cost=max_cost))


@group.command("status")
def status(
    id: str = typer.Argument(help="The id of the batch."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Show the progress until the batch ends."),
) -> None:
    """Show the state of a batch."""
    from ..batches.progress import Progress

    with _runner() as runner:
        service = runner.service(id)
        record = service.record(id)
        if follow:
            progress = Progress(sys.stdout, record, time.monotonic)
            progress.show(record)
            while record.is_open and not record.stopped:
                time.sleep(_POLL)
                record = service.record(id)
                if progress.due:
                    progress.show(record)
            progress.end(record)
        _end_quietly(record)


def _end_quietly(record: BatchRecord) -> None:
    typer.echo(
        f"{record.id}  {record.status}  {record.counts.completed}/{record.counts.total}, {record.counts.failed} failed"
    )
    if record.stopped:
        typer.echo(f"{record.stopped} {record.resume_hint}")


@group.command("list")
def list_batches(limit: int = typer.Option(20, help="Maximum number of batches, newest first.")) -> None:
    """List the batches of this machine."""
    with _runner() as runner:
        rows = runner.journal.batches(None, limit=limit) or []
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
def cancel(id: str = typer.Argument(help="The id of the batch.")) -> None:
    """Cancel a batch: send no further line, and keep the answers."""
    with _runner() as runner:
        runner.service(id).cancel(id)
        _work(runner, id)
        _end_quietly(runner.service(id).record(id))


@group.command("resume")
def resume(
    id: str = typer.Argument(help="The id of the batch."),
    max_cost: float | None = typer.Option(None, help="A new limit for the total cost of the batch."),
    engine: Engine = ENGINE,
    address: str | None = ADDRESS,
) -> None:
    """Resume a batch that was stopped or whose process ended."""
    with _runner() as runner:
        runner.service(id).resume(id, max_cost=max_cost)
        _end(_work(runner, id, engine, address))


@group.command("retry-failed")
def retry_failed(id: str = typer.Argument(help="The id of the batch.")) -> None:
    """Send the failed lines of a finished batch again."""
    with _runner() as runner:
        typer.echo(f"{runner.service(id).retry_failed(id)} lines will be sent again", err=True)
        _end(_work(runner, id))


@group.command("tail")
def tail(
    id: str = typer.Argument(help="The id of the batch."),
    lines: int = typer.Option(10, "-n", help="Number of lines."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Print new lines until the batch ends."),
) -> None:
    """Print the last answered and failed lines of a batch, in the order they arrived."""
    with _runner() as runner:
        runner.service(id).record(id)
        for text in runner.tail(id, lines, follow=follow, pause=lambda: time.sleep(_POLL)):
            typer.echo(text)


@group.command("work")
def work(once: bool = typer.Option(False, "--once", help="Exit when no batch is open.")) -> None:
    """Work on all batches of the key, including those of ended processes, until interrupted."""
    with _runner() as runner:
        runner.work(None, serve=not once)


@group.command("check")
def check(file: Path = INPUT, model: str | None = typer.Option(None, help="The model for every line.")) -> None:
    """Check an input file and estimate its tokens and cost. Nothing is sent."""
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
    capped = f"at most {found.most_output} out ({found.output_cost:.4f} {currency})"
    if found.uncapped:
        of = "" if found.uncapped == found.lines else f", {capped} for the others"
        capped = f"{found.uncapped} requests without a cap on their output{of}"
    typer.echo(
        f"{found.lines} requests, models {', '.join(found.models)}; about {found.input_tokens} tokens in "
        f"({found.input_cost:.4f} {currency}), {capped}"
    )


@group.command("make")
def make(
    data: Path = typer.Argument(exists=True, dir_okay=False, help="The rows: CSV with a header, or JSONL."),
    template: Path = typer.Option(..., exists=True, dir_okay=False, help="The prompt file, with {column} for values."),
    output: Path = typer.Option(Path("-"), "-o", "--output", help="The input file to write; - is standard output."),
    model: str = typer.Option(DEFAULT_CHAT, help="The model for every request."),
    system: str | None = typer.Option(None, help="A system message."),
    id_column: str | None = typer.Option(None, help="The column with the custom ids."),
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
