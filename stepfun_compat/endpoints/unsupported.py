"""What StepFun does not offer: refused before any connection, with what to do instead (stepfun-api 10)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from typing_extensions import override

from ..catalog.absent import ABSENT
from .base import Flow, PassThroughEndpoint, WireRequest
from .context import RequestContext, RequestRejected
from .parameters import not_available
from .routing import matches

if TYPE_CHECKING:
    from ..catalog.schema import Absent


@lru_cache(maxsize=1024)
def absent_row(method: str, path: str) -> Absent | None:
    """The row for a request StepFun has no endpoint for, None for any other."""
    method = method.upper()
    return next((row for row in ABSENT if row.method in ("*", method) and matches(row.pattern, path)), None)


def fallback_name(method: str, path: str) -> str | None:
    """The name under which a request's resource may be sent to another provider (`Settings(fallback={name: client})`);
    None where StepFun serves the request itself, or another provider could not. `path` is below the base URL, with its leading slash."""
    row = absent_row(method, path.partition("?")[0])
    return row.resource if row is not None and row.routable else None


class AbsentEndpoint(PassThroughEndpoint):
    """The endpoint that is not there."""

    name = "absent"

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        raise self.refusal(request, context)

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        raise self.refusal(request, context)

    def refusal(self, request: WireRequest, context: RequestContext) -> RequestRejected:
        """Why the request is not sent. The exchange's name becomes the resource's, for logs."""
        row = absent_row(request.method, request.path)
        if row is None:
            return not_available(
                f"{request.method} {request.path}", "See docs/reference/endpoints.md for the endpoints."
            )
        context.endpoint = row.resource
        return not_available(f"{request.method} {request.path}", row.instead, row.resource if row.routable else None)


ENDPOINT = AbsentEndpoint()
