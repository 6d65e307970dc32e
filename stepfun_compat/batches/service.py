"""OpenAI's batch and file operations on one journal, for one namespace.

The client delegates each call to `BatchService`, which takes and returns plain data and raises `BatchError`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from ..endpoints.batches import FILE_PREFIX
from .journal import Journal
from .records import (
    BATCH_PREFIX,
    ENDPOINTS,
    MAX_BYTES,
    BatchError,
    BatchRecord,
    StoredFile,
    batch_not_found,
    file_not_found,
    new_id,
)

_WINDOW: Final = re.compile(r"([1-9][0-9]{0,4})(m|h|d)")
_UNITS: Final = {"m": 60, "h": 3600, "d": 86400}


def parse_window(text: Any) -> int:
    """Convert a completion window to seconds: OpenAI's `24h`, or any whole number of minutes, hours or days.

    Raises:
        BatchError: any other value.
    """
    match = _WINDOW.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BatchError(
            f"Invalid value for completion_window: {text!r}. Use '24h' or another whole number of minutes, hours or days, "
            "such as '30m' or '7d'.",
            code="invalid_value",
            param="completion_window",
        )
    return int(match[1]) * _UNITS[match[2]]


def checked_metadata(value: Any) -> Mapping[str, str] | None:
    """Check metadata against OpenAI's limits: 16 pairs, keys up to 64 characters, values up to 512.

    Raises:
        BatchError: a limit is exceeded, or a key or value is not a string.
    """
    if value is None:
        return None
    pairs: dict[Any, Any] = dict(cast("Mapping[Any, Any]", value)) if isinstance(value, Mapping) else {"": None}
    for key, text in pairs.items():
        if not isinstance(key, str) or not isinstance(text, str) or len(key) > 64 or len(text) > 512 or len(pairs) > 16:
            raise BatchError(
                "Invalid metadata: up to 16 pairs of strings, keys of up to 64 characters and values of up to 512.",
                code="invalid_value",
                param="metadata",
            )
    return pairs


def page_size(limit: Any) -> int:
    """The size of a page of batches: `limit`, or 20 for None.

    Raises:
        BatchError: `limit` is not an integer from 1 to 100.
    """
    try:
        count = 20 if limit is None else int(limit)
    except (TypeError, ValueError):
        count = 0
    if not 1 <= count <= 100:
        raise BatchError(f"Invalid value for limit: {limit!r}. Use 1 to 100.", code="invalid_value", param="limit")
    return count


def page(records: Sequence[BatchRecord], count: int) -> dict[str, Any]:
    """OpenAI's page object with the first `count` of these batches."""
    data = [record.to_openai() for record in records[:count]]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(records) > count,
    }


class BatchService:
    """Batches and files of one namespace.

    `served` returns whether StepFun or a fallback serves an endpoint such as `/v1/embeddings`.
    """

    def __init__(
        self,
        journal: Journal,
        space: str,
        *,
        served: Callable[[str], bool] = lambda _: True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.journal = journal
        self._space = space
        self._served = served
        self._clock = clock

    # ------------------------------------------------------------ files

    def create_file(self, filename: str, chunks: Iterable[bytes]) -> dict[str, Any]:
        """Store an input file atomically.

        Raises:
            BatchError: the file is larger than a batch may be, or cannot be written.
        """
        id = new_id(FILE_PREFIX)
        path = self.journal.folder / "files" / f"{id}.jsonl"
        temporary = path.with_suffix(".part")
        size = 0
        try:
            with self.journal.guarded(), open(temporary, "wb") as file:
                for chunk in chunks:
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise BatchError(
                            f"The file is larger than the {MAX_BYTES:,} bytes a batch may have.",
                            status=413,
                            code="file_too_large",
                            param="file",
                        )
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        stored = StoredFile(id, filename, "batch", size, int(self._clock()), f"files/{path.name}")
        self.journal.add_file(self._space, stored)
        return stored.to_openai()

    def retrieve_file(self, id: str) -> dict[str, Any]:
        """OpenAI's `file` object of one file."""
        return self._file(id).to_openai()

    def list_files(self) -> list[dict[str, Any]]:
        """OpenAI's `file` objects of all files, newest first."""
        return [file.to_openai() for file in self.journal.files(self._space)]

    def file_path(self, id: str) -> Path:
        """The path of a file's bytes.

        Raises:
            BatchError: the file does not exist, or has been removed from the folder.
        """
        path = self.journal.folder / self._file(id).path
        if not path.is_file():
            raise file_not_found(id)
        return path

    def delete_file(self, id: str) -> dict[str, Any]:
        """Delete a file.

        Raises:
            BatchError: the file does not exist, or an open batch reads it.
        """
        file = self._file(id)
        if any(batch.input_file_id == id for batch in self.journal.open_batches(self._space)):
            raise BatchError(
                f"File {id} is the input of a batch that is not finished; cancel the batch first.",
                status=409,
                code="file_in_use",
                param="file_id",
            )
        self.journal.remove_file(id)
        (self.journal.folder / file.path).unlink(missing_ok=True)
        return {"id": id, "object": "file", "deleted": True}

    def _file(self, id: str) -> StoredFile:
        file = self.journal.file(id, self._space)
        if file is None:
            raise file_not_found(id)
        return file

    # ------------------------------------------------------------ batches

    def create(self, fields: Mapping[str, Any], *, max_cost: float | None = None) -> dict[str, Any]:
        """Create a batch from an uploaded file. A worker validates its lines later, as OpenAI does.

        Raises:
            BatchError: a parameter is missing or invalid, or the file does not exist.
        """
        for name in ("input_file_id", "endpoint", "completion_window"):
            if not fields.get(name):
                raise BatchError(
                    f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name
                )
        endpoint: Any = fields["endpoint"]
        if endpoint not in ENDPOINTS:
            raise BatchError(
                f"Invalid value for endpoint: {endpoint!r}. Supported values are: {', '.join(map(repr, ENDPOINTS))}.",
                code="invalid_value",
                param="endpoint",
            )
        if not self._served(endpoint):
            resource = endpoint.removeprefix("/v1/")
            raise BatchError(
                f"{endpoint} is not available on StepFun. Route it to another provider with Settings.fallback or "
                f"STEPFUN_FALLBACK_{resource.upper()}.",
                status=404,
                code="endpoint_not_available",
                param="endpoint",
            )
        seconds = parse_window(fields["completion_window"])
        metadata = checked_metadata(fields.get("metadata"))
        file = self.journal.file(str(fields["input_file_id"]), self._space)
        if file is None or file.purpose != "batch":
            raise BatchError(
                f"No such File object: {fields['input_file_id']}. Upload the input with "
                "files.create(file=…, purpose='batch') first.",
                status=404 if file is None else 400,
                code="not_found" if file is None else "invalid_value",
                param="input_file_id",
            )
        now = int(self._clock())
        record = BatchRecord(
            new_id(BATCH_PREFIX),
            endpoint,
            file.id,
            fields["completion_window"],
            now,
            now + seconds,
            metadata=metadata,
            max_cost=max_cost,
        )
        self.journal.add_batch(self._space, record)
        return record.to_openai()

    def retrieve(self, id: str) -> dict[str, Any]:
        """OpenAI's `batch` object in its current state."""
        return self.record(id).to_openai()

    def record(self, id: str) -> BatchRecord:
        """The journal's record of one batch.

        Raises:
            BatchError: the batch does not exist.
        """
        record = self.journal.batch(id, self._space)
        if record is None:
            raise batch_not_found(id)
        return record

    def list(self, *, after: str | None = None, limit: Any = None) -> dict[str, Any]:
        """A page of batches, newest first.

        Raises:
            BatchError: `limit` is not from 1 to 100, or `after` is not the id of a batch.
        """
        count = page_size(limit)
        found = self.journal.batches(self._space, after=after, limit=count + 1)
        if found is None:
            raise batch_not_found(after, "after")
        return page(found, count)

    def cancel(self, id: str) -> dict[str, Any]:
        """Cancel a batch: stop sending its lines and keep the finished ones.

        Raises:
            BatchError: the batch does not exist, or has ended.
        """
        record = self.record(id)
        now = int(self._clock())
        changed = self.journal.update(
            id, ("validating", "in_progress"), status="cancelling", cancelling_at=now, stopped=None
        )
        if changed is None and record.status not in ("cancelling", "cancelled"):
            raise BatchError(
                f"Cannot cancel a batch with status '{record.status}'.",
                status=409,
                code="invalid_state",
                param="batch_id",
            )
        return (changed or self.record(id)).to_openai()

    def resume(self, id: str, *, max_cost: float | None = None) -> dict[str, Any]:
        """Continue a batch stopped by an invalid key, an empty account or its cost limit. `max_cost` sets a new limit."""
        record = self.record(id)
        limit = record.max_cost if max_cost is None else max_cost
        self.journal.update(id, ("in_progress", "validating"), stopped=None, max_cost=limit)
        return self.retrieve(id)

    def retry_failed(self, id: str) -> int:
        """Send the failed lines of an ended batch again. Returns how many.

        Raises:
            BatchError: the batch has not ended.
        """
        record = self.record(id)
        if record.status not in ("completed", "expired", "cancelled"):
            raise BatchError(
                f"Batch {id} is {record.status}. Only the failed lines of a batch that has ended can be sent again.",
                status=409,
                code="invalid_state",
            )
        if not record.counts.failed:
            return 0
        now = int(self._clock())
        count = self.journal.reopen_failed(id)
        self.journal.update(
            id,
            (record.status,),
            status="in_progress",
            in_progress_at=now,
            expires_at=now + parse_window(record.completion_window),
            completed_at=None,
            expired_at=None,
            cancelled_at=None,
            cancelling_at=None,
            finalizing_at=None,
            stopped=None,
        )
        return count
