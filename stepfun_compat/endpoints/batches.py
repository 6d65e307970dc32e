"""`/batches`, and the files of batches: run on this machine, since StepFun has no such endpoint.

Endpoints yield a `BatchOperation`, which the client passes to `stepfun_compat.batches`.
"""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from .base import BatchOperation, BatchOperationName, Flow, PassThroughEndpoint, WireRequest, WireResponse
from .context import RequestContext
from .json_values import Dict
from .parameters import given, path_segment

FILE_PREFIX: Final = "file-batch_"
"""The prefix of ids of local files, which distinguishes them from StepFun's without a request."""

_PARAMETERS: Final = frozenset({"input_file_id", "endpoint", "completion_window", "metadata", "after", "limit"})


def local(operation: BatchOperation) -> Flow:
    """Execute one operation and return its response."""
    reply = yield operation
    return WireResponse(reply.body, headers=reply.headers)


def is_local_file(id: str) -> bool:
    """Whether a file is a local file of a batch."""
    return id.startswith(FILE_PREFIX)


class BatchCall(PassThroughEndpoint):
    """The endpoint of one operation on batches."""

    def __init__(self, name: BatchOperationName) -> None:
        self.name = f"batches.{name}"
        self._operation: BatchOperationName = name

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow:
        fields: Dict = dict(request.query) if self._operation == "list" else given(request)
        for name in sorted(fields.keys() - _PARAMETERS):
            context.record_change(
                "drop", name, fields.pop(name), None, "batches run on this machine, where it has no effect"
            )
        id = path_segment(request, 1) if self._operation in ("retrieve", "cancel") else ""
        return local(BatchOperation(self._operation, id, fields))


CREATE = BatchCall("create")
RETRIEVE = BatchCall("retrieve")
LIST = BatchCall("list")
CANCEL = BatchCall("cancel")
