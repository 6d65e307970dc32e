"""Reject endpoints that StepFun does not offer, before any connection, and name the alternative (stepfun-api 10)."""

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
    """Return the row of a request that StepFun has no endpoint for, None for any other."""
    method = method.upper()
    return next((row for row in ABSENT if row.method in ("*", method) and matches(row.pattern, path)), None)


def fallback_name(method: str, path: str) -> str | None:
    """Return the name under which `Settings(fallback={name: client})` may send a request to another provider.

    None if StepFun serves the request, or another provider cannot. `path` is relative to the base URL and starts with a
    slash.
    """
    row = absent_row(method, path.partition("?")[0])
    return row.resource if row is not None and row.routable else None


class AbsentEndpoint(PassThroughEndpoint):
    """An endpoint StepFun does not have."""

    name = "absent"

    @override
    def transform_request(self, request: WireRequest, context: RequestContext) -> WireRequest:
        raise self.refusal(request, context)

    @override
    def script(self, request: WireRequest, context: RequestContext) -> Flow | None:
        raise self.refusal(request, context)

    def refusal(self, request: WireRequest, context: RequestContext) -> RequestRejected:
        """Build the error. The context's endpoint becomes the resource, for logs."""
        row = absent_row(request.method, request.path)
        if row is None:
            return not_available(
                f"{request.method} {request.path}", "See docs/reference/endpoints.md for the endpoints."
            )
        context.endpoint = row.resource
        return not_available(f"{request.method} {request.path}", row.instead, row.resource if row.routable else None)


ENDPOINT = AbsentEndpoint()
