"""Batches from the shell: the service, the worker and the files of the environment's key and host."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from .. import state
from ..settings import Settings
from . import workspace
from .engine import Worker
from .records import OPEN, BatchError, BatchRecord
from .service import BatchService

_SOURCE = "stepfun_compat_input"  # the metadata by which `run --resume` finds the batch of a file


class Desk:
    """One journal, and the key and host its lines are sent with. A batch is found by its id, whoever's key made it: the
    folder is the user's own.

    Raises:
        BatchError: the journal cannot be used.
    """

    def __init__(self, settings: Settings, key: str, base_url: str) -> None:
        self.settings, self._key, self._base_url = settings, key, base_url
        self.folder = workspace.folder_of(settings)
        self.journal = workspace.journal_of(self.folder)
        self.space = state.namespace(settings.state_namespace, key, base_url)
        self.price = workspace.pricing(settings)

    def service(self, id: str | None = None) -> BatchService:
        """The calls of this key's namespace, or of the one a batch belongs to."""
        space = self.journal.space_of(id) if id else self.space
        return BatchService(self.journal, space or self.space, served=workspace.serves(self.settings))

    def submit(self, path: Path, endpoint: str, window: str, *, model: str | None, max_cost: float | None) -> str:
        """Make a batch of a file on disk; returns its id."""
        service = self.service()
        file = service.create_file(path.name, _lines(path, model))
        fields = {
            "input_file_id": file["id"],
            "endpoint": endpoint,
            "completion_window": window,
            "metadata": {_SOURCE: str(path.resolve())[-512:]},
        }
        return str(service.create(fields, max_cost=max_cost)["id"])

    def unfinished(self, path: Path) -> str | None:
        """The newest batch of a file that has not ended."""
        source = str(path.resolve())[-512:]
        found = [r for r in self.journal.open_batches(self.space) if (r.metadata or {}).get(_SOURCE) == source]
        return found[-1].id if found else None

    def work(self, id: str | None, *, serve: bool = False, on_change: Callable[[str], None] | None = None) -> None:
        """Work on one batch, or on all of this namespace, until nothing is left to do."""
        asyncio.run(self._work(id, serve, on_change))

    async def _work(self, id: str | None, serve: bool, on_change: Callable[[str], None] | None) -> None:
        window = workspace.window_of(self.settings, self.folder, self.space, self._base_url)
        async with workspace.async_client(self.settings, self._key, self._base_url) as client:
            space = None if id else self.space
            worker = Worker(self.journal, client, window, price=self.price, on_change=on_change, space=space, only=id)
            await worker.run(serve=serve)

    def export(self, record: BatchRecord, output: Path) -> Path | None:
        """Copy the answers to `output`, whole or not at all; returns the path of the failed lines, if there are any."""
        errors = output.with_name(f"{output.stem}.errors{output.suffix or '.jsonl'}")
        for failed, path in ((False, output), (True, errors)):
            if failed and not record.counts.failed:
                path.unlink(missing_ok=True)
                continue
            part = path.with_name(path.name + ".part")
            with part.open("w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
                file.writelines(text + "\n" for text in self.journal.answers(record.id, failed=failed))
            os.replace(part, path)
        return errors if record.counts.failed else None


def is_open(record: BatchRecord) -> bool:
    """Whether lines of a batch may still be sent."""
    return record.status in OPEN


def progress_line(record: BatchRecord, seconds: float) -> str:
    """One line on a batch, `seconds` after its first line could be sent."""
    counts = record.counts
    rate = (counts.completed + counts.failed) / seconds if seconds > 0 else 0.0
    left = f", {counts.pending / rate:,.0f} s left" if rate and counts.pending else ""
    return (
        f"{record.status}: {counts.completed + counts.failed:,}/{counts.total:,} done, {counts.failed:,} failed, "
        f"{record.tokens.input + record.tokens.output:,} tokens, cost {record.cost:.4f}, {rate:.1f}/s{left}"
    )


def _lines(path: Path, model: str | None) -> Iterator[bytes]:
    """The bytes of an input file; with `model`, every request names that one."""
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
                yield raw  # the validation says what is wrong with it
                continue
            yield json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


__all__ = ["BatchError", "Desk", "is_open", "progress_line"]
