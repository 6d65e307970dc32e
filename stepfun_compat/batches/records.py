"""The data of batches: the journal's records, and their conversion to OpenAI's objects."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from typing_extensions import override

from ..endpoints.json_values import as_dict

Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]

OPEN: Final[frozenset[Status]] = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
"""The states of a batch that has not ended."""

MAX_LINES: Final = 50_000
MAX_BYTES: Final = 200 * 1024 * 1024
"""OpenAI's limits for one input file."""

ENDPOINTS: Final = ("/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings", "/v1/moderations")
"""The endpoints a batch may use. Those StepFun does not serve need an entry in `Settings.fallback`."""

BATCH_PREFIX: Final = "batch_"


def new_id(prefix: str) -> str:
    """A new id in OpenAI's format, such as `batch_…`."""
    return f"{prefix}{uuid.uuid4().hex}"


@dataclass(frozen=True)
class LineError:
    """One error of an input file, an entry of `batch.errors.data`. `line` counts from 1."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "line": self.line, "message": self.message, "param": self.param}


@dataclass(frozen=True)
class Counts:
    """How many lines of a batch are in which state; `total = completed + failed + pending`."""

    total: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def pending(self) -> int:
        return self.total - self.completed - self.failed


@dataclass(frozen=True)
class Tokens:
    """The total usage of the answered lines, in tokens."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )


def tokens_of(body: Any) -> Tokens:
    """The usage of one response in OpenAI's format: chat and text completions, Responses, or embeddings."""
    usage = as_dict((as_dict(body) or {}).get("usage"))
    if usage is None:
        return Tokens()

    def number(*path: str) -> int:
        found: Any = usage
        for name in path:
            found = (as_dict(found) or {}).get(name)
        return int(found) if isinstance(found, int | float) else 0

    return Tokens(
        input=number("prompt_tokens") or number("input_tokens"),
        cached=number("prompt_tokens_details", "cached_tokens") or number("input_tokens_details", "cached_tokens"),
        output=number("completion_tokens") or number("output_tokens"),
        reasoning=number("completion_tokens_details", "reasoning_tokens")
        or number("output_tokens_details", "reasoning_tokens"),
    )


@dataclass
class BatchRecord:
    """One batch as the journal stores it. Times are Unix seconds; None for an event that has not happened."""

    id: str
    endpoint: str
    input_file_id: str
    completion_window: str
    created_at: int
    expires_at: int
    status: Status = "validating"
    metadata: Mapping[str, str] | None = None
    errors: list[LineError] = field(default_factory=lambda: [])
    output_file_id: str | None = None
    error_file_id: str | None = None
    model: str | None = None
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    stopped: str | None = None
    """Why pending lines are not sent: an invalid key, an empty account or the cost limit. `resume` clears it."""
    max_cost: float | None = None
    cost: float = 0.0
    tokens: Tokens = field(default_factory=Tokens)
    counts: Counts = field(default_factory=Counts)

    @property
    def is_open(self) -> bool:
        """Whether the batch has not ended, so its lines may still be sent."""
        return self.status in OPEN

    @property
    def resume_hint(self) -> str:
        """How to continue a stopped batch."""
        return f"Finished lines are kept. Continue with `stepfun-compat batch resume {self.id}`."

    def to_openai(self) -> dict[str, Any]:
        """OpenAI's `batch` object."""
        tokens = self.tokens
        errors = [error.to_json() for error in self.errors]
        if self.stopped and self.is_open:
            errors.append(LineError("batch_stopped", f"{self.stopped} {self.resume_hint}").to_json())
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model,
            "errors": {"object": "list", "data": errors} if errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": self.completion_window,
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created_at,
            "in_progress_at": self.in_progress_at,
            "expires_at": self.expires_at,
            "finalizing_at": self.finalizing_at,
            "completed_at": self.completed_at,
            "failed_at": self.failed_at,
            "expired_at": self.expired_at,
            "cancelling_at": self.cancelling_at,
            "cancelled_at": self.cancelled_at,
            "request_counts": {
                "total": self.counts.total,
                "completed": self.counts.completed,
                "failed": self.counts.failed,
            },
            "usage": {
                "input_tokens": tokens.input,
                "input_tokens_details": {"cached_tokens": tokens.cached},
                "output_tokens": tokens.output,
                "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
                "total_tokens": tokens.input + tokens.output,
            },
            "metadata": dict(self.metadata) if self.metadata is not None else None,
        }


_COUNTED: Final = frozenset({"counts", "tokens", "cost"})


def dump_record(record: BatchRecord) -> str:
    """Serialize a record without its counters, which are stored separately."""
    values = {name: value for name, value in vars(record).items() if name not in _COUNTED}
    values["errors"] = [error.to_json() for error in record.errors]
    values["metadata"] = None if record.metadata is None else dict(record.metadata)
    return json.dumps(values)


def load_record(text: str, status: Status, counts: Counts, tokens: Tokens, cost: float) -> BatchRecord:
    """Load a record serialized by `dump_record`, with its status and counters."""
    values: dict[str, Any] = json.loads(text)
    values["errors"] = [LineError(**error) for error in values["errors"]]
    values["status"] = status
    return BatchRecord(**values, counts=counts, tokens=tokens, cost=cost)


@dataclass(frozen=True)
class StoredFile:
    """One input, output or error file of a batch, stored beside the journal."""

    id: str
    filename: str
    purpose: Literal["batch", "batch_output"]
    size: int
    created_at: int
    path: str

    def to_openai(self) -> dict[str, Any]:
        """OpenAI's `file` object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": self.created_at,
            "expires_at": None,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class BatchError(Exception):
    """A batch operation failed. Holds the data from which the client raises openai's exception."""

    def __init__(self, message: str, *, status: int = 400, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param

    @override
    def __str__(self) -> str:
        return self.message


def batch_not_found(id: Any, param: str = "batch_id") -> BatchError:
    """OpenAI's error for the id of a batch that does not exist."""
    return BatchError(f"No batch found with id '{id}'.", status=404, code="not_found", param=param)


def file_not_found(id: Any) -> BatchError:
    """OpenAI's error for the id of a file that does not exist."""
    return BatchError(f"No such File object: {id}", status=404, code="not_found", param="id")
