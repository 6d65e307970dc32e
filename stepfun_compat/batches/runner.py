"""Batches for the command line: service, worker and files for the key and host of the environment."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .. import state
from ..settings import Settings
from . import workspace
from .engine import Worker
from .limiter import Rate
from .records import BatchError, BatchRecord
from .sending import AsyncSender
from .service import BatchService

_SOURCE = "stepfun_compat_input"  # the metadata key by which `run --resume` finds the batch of a file


@dataclass(frozen=True)
class Account:
    """A key and host: the name of its rate limiter, its rate limits, and the settings of its requests."""

    name: str
    rate: Rate
    settings: Settings
    key: str = field(repr=False)
    base_url: str


class BatchRunner:
    """One journal, and the key and host that send its lines. Batches are found by id regardless of the key that created
    them: the folder belongs to the user.

    Raises:
        BatchError: the journal cannot be used.
    """

    def __init__(self, settings: Settings, key: str, base_url: str) -> None:
        self.settings, self._key, self._base_url = settings, key, base_url
        self.folder = workspace.folder_of(settings)
        self.journal = workspace.journal_of(settings)
        self.space = state.namespace(settings.state_namespace, key, base_url)
        self.price = workspace.pricing(settings)

    def service(self, id: str | None = None) -> BatchService:
        """The service of this key's namespace, or of the namespace of batch `id`."""
        space = self.journal.space_of(id) if id else self.space
        return BatchService(self.journal, space or self.space, served=workspace.serves(self.settings))

    def submit(
        self,
        path: Path,
        endpoint: str,
        window: str,
        *,
        model: str | None,
        max_cost: float | None,
        source: str | None = None,
    ) -> str:
        """Create a batch from a file on disk and return its id. `unfinished` finds it by `source`, by default the path."""
        service = self.service()
        file = service.create_file(path.name, _lines(path, model))
        fields = {
            "input_file_id": file["id"],
            "endpoint": endpoint,
            "completion_window": window,
            "metadata": {_SOURCE: source or _name_of(path)},
        }
        return str(service.create(fields, max_cost=max_cost)["id"])

    def unfinished(self, path: Path, *, source: str | None = None) -> str | None:
        """The id of the newest open batch of a file, or None."""
        name = source or _name_of(path)
        found = [r for r in self.journal.open_batches(self.space) if (r.metadata or {}).get(_SOURCE) == name]
        return found[-1].id if found else None

    @property
    def account(self) -> Account:
        """Credentials, settings and rate limits, for workers on other machines."""
        name = state.namespace(None, self._key, self._base_url)
        return Account(name, workspace.rate_of(self.settings, self._base_url), self.settings, self._key, self._base_url)

    def work(self, id: str | None, *, serve: bool = False, on_change: Callable[[str], None] | None = None) -> None:
        """Process one batch, or all batches of this namespace, until no work is left."""
        asyncio.run(self._work(id, serve, on_change))

    async def _work(self, id: str | None, serve: bool, on_change: Callable[[str], None] | None) -> None:
        window = workspace.window_of(self.settings, self.folder, self._key, self._base_url)
        async with workspace.async_client(self.settings, self._key, self._base_url) as client:
            space = None if id else self.space
            worker = Worker(
                self.journal,
                AsyncSender(client),
                window,
                price=self.price,
                on_change=on_change,
                space=space,
                only=id,
            )
            with closing_at_a_signal(worker):
                await worker.run(serve=serve)

    def tail(self, id: str, count: int, *, follow: bool, pause: Callable[[], None]) -> Iterator[str]:
        """Yield the last `count` rows of a batch in order of arrival; with `follow`, also new ones until it ends."""
        after, rows = 0, self.journal.latest(id, limit=count)
        while True:
            for after, text in rows:  # noqa: B007 - the next query starts after the last row
                yield text
            record = self.journal.batch(id)
            rows = self.journal.latest(id, after=after) if follow else []
            if rows:
                continue
            if not follow or record is None or not record.is_open or record.stopped:
                return
            pause()

    def export(self, record: BatchRecord, output: Path) -> Path | None:
        """Write the answers to `output` atomically. Returns the path of the failed lines, or None."""
        errors = output.with_name(f"{output.stem}.errors{output.suffix or '.jsonl'}")
        for failed, path in ((False, output), (True, errors)):
            if failed and not record.counts.failed:
                path.unlink(missing_ok=True)
                continue
            part = path.with_name(path.name + ".part")
            with part.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(text + "\n" for text in self.journal.answers(record.id, failed=failed))
            os.replace(part, path)
        return errors if record.counts.failed else None


def _name_of(path: Path) -> str:
    return str(path.resolve())[-512:]


@contextmanager
def closing_at_a_signal(worker: Worker) -> Generator[None, None, None]:
    """On the first Ctrl-C or SIGTERM, let the requests in flight finish; the second ends the process."""
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)

    def close() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)
        worker.close()

    try:
        for number in numbers:
            loop.add_signal_handler(number, close)
    except (NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
        yield
        return
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _lines(path: Path, model: str | None) -> Iterator[bytes]:
    """Yield the bytes of an input file; `model` replaces the model of every request."""
    with path.open("rb") as file:
        if model is None:
            while chunk := file.read(1 << 20):
                yield chunk
            return
        for raw in file:
            try:
                row = json.loads(raw.decode("utf-8-sig"))
                row["body"]["model"] = model
            except (ValueError, KeyError, TypeError):
                yield raw  # validation reports the error
                continue
            yield json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


__all__ = ["Account", "BatchError", "BatchRunner", "closing_at_a_signal"]
