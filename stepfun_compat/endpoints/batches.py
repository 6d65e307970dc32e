"""`/batches`, and the files of batches: carried out beside the client, since StepFun has no such endpoint.

Endpoints say what to do with a `BatchOperation`; the client hands it to `stepfun_compat.batches`.
"""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from .base import BatchOperation, BatchOperationName, Flow, PassThroughEndpoint, WireRequest, WireResponse
from .context import RequestContext
from .json_values import Dict
from .parameters import given, segment

FILE_PREFIX: Final = "file-batch_"
"""Ids of files that are kept beside the client begin with this, so that no request is needed to know whose a file is."""

_PARAMETERS: Final = frozenset({"input_file_id", "endpoint", "completion_window", "metadata", "after", "limit"})


def local(operation: BatchOperation) -> Flow:
    """Carry out one operation and answer with what it gives."""
    reply = yield operation
    return WireResponse(reply.body, headers=reply.headers)


def is_local_file(id: str) -> bool:
    """Whether a file is kept beside the client."""
    return id.startswith(FILE_PREFIX)


class BatchCall(PassThroughEndpoint):
    """One call on batches."""

    def __init__(self, name: BatchOperationName) -> None:
        self.name = f"batches.{name}"
        self._operation: BatchOperationName = name

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        fields: Dict = dict(request.query) if self._operation == "list" else given(request)
        for name in sorted(fields.keys() - _PARAMETERS):
            context.record_change(
                "drop", name, fields.pop(name), None, "batches run on this machine, where it has no meaning"
            )
        id = segment(request, 1) if self._operation in ("retrieve", "cancel") else ""
        return local(BatchOperation(self._operation, id, fields))


CREATE = BatchCall("create")
RETRIEVE = BatchCall("retrieve")
LIST = BatchCall("list")
CANCEL = BatchCall("cancel")
