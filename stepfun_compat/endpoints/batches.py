"""`/batches`, and the files of batches: carried out beside the client, since StepFun has no such endpoint.

Endpoints say what to do with a `BatchOperation`; the client hands it to `stepfun_compat.batches`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from typing_extensions import override

from ..exchange import Exchange
from .base import PlainEndpoint, Reply, Request, Script
from .common import Dict, Part, given, segment

FILE_PREFIX: Final = "file-batch_"
"""Ids of files that are kept beside the client begin with this, so that no request is needed to know whose a file is."""

OperationName = Literal[
    "create", "retrieve", "list", "cancel", "create_file", "retrieve_file", "list_files", "delete_file", "read_file"
]


@dataclass(frozen=True)
class BatchOperation:
    """One call on the batches of the client's namespace; `part` is the file of an upload."""

    name: OperationName
    id: str = ""
    fields: Mapping[str, Any] = field(default_factory=lambda: {})
    part: Part | None = None


def local(operation: BatchOperation) -> Generator[Any, Reply, Reply]:
    """Carry out one operation and answer with what it gives."""
    reply = yield operation
    return Reply(reply.body, headers=reply.headers)


def is_local_file(id: str) -> bool:
    """Whether a file is kept beside the client."""
    return id.startswith(FILE_PREFIX)


class BatchCall(PlainEndpoint):
    """One call on batches."""

    def __init__(self, name: OperationName) -> None:
        self.name = f"batches.{name}"
        self._operation: OperationName = name

    @override
    def script(self, request: Request, x: Exchange) -> Script:
        fields: Dict = dict(request.query) if self._operation == "list" else given(request)
        for name in sorted(
            set(fields) - {"input_file_id", "endpoint", "completion_window", "metadata", "after", "limit"}
        ):
            x.change("drop", name, fields.pop(name), None, "batches run on this machine; it has no meaning here")
        id = segment(request, 1) if self._operation in ("retrieve", "cancel") else ""
        return cast("Script", local(BatchOperation(self._operation, id, fields)))


CREATE = BatchCall("create")
RETRIEVE = BatchCall("retrieve")
LIST = BatchCall("list")
CANCEL = BatchCall("cancel")
