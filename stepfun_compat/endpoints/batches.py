"""`/batches`, and the files of batches: carried out beside the client, since StepFun has no such endpoint.

Endpoints say what to do with a `BatchOperation`; the client hands it to `stepfun_compat.batches`.
"""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from .base import BatchOperation, BatchOperationName, PlainEndpoint, Reply, Request, Script
from .context import Exchange
from .json_values import Dict
from .parameters import given, segment

FILE_PREFIX: Final = "file-batch_"
"""Ids of files that are kept beside the client begin with this, so that no request is needed to know whose a file is."""

_PARAMETERS: Final = frozenset({"input_file_id", "endpoint", "completion_window", "metadata", "after", "limit"})


def local(operation: BatchOperation) -> Script:
    """Carry out one operation and answer with what it gives."""
    reply = yield operation
    return Reply(reply.body, headers=reply.headers)


def is_local_file(id: str) -> bool:
    """Whether a file is kept beside the client."""
    return id.startswith(FILE_PREFIX)


class BatchCall(PlainEndpoint):
    """One call on batches."""

    def __init__(self, name: BatchOperationName) -> None:
        self.name = f"batches.{name}"
        self._operation: BatchOperationName = name

    @override
    def script(self, request: Request, x: Exchange) -> Script:
        fields: Dict = dict(request.query) if self._operation == "list" else given(request)
        for name in sorted(fields.keys() - _PARAMETERS):
            x.change("drop", name, fields.pop(name), None, "batches run on this machine; it has no meaning here")
        id = segment(request, 1) if self._operation in ("retrieve", "cancel") else ""
        return local(BatchOperation(self._operation, id, fields))


CREATE = BatchCall("create")
RETRIEVE = BatchCall("retrieve")
LIST = BatchCall("list")
CANCEL = BatchCall("cancel")
