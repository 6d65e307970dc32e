"""Helpers for endpoint tests: a request context, and a driver for scripts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from stepfun_compat.catalog import default
from stepfun_compat.endpoints.base import Endpoint, Send, WireRequest, WireResponse
from stepfun_compat.endpoints.context import RequestContext
from stepfun_compat.settings import Settings


def exchange(endpoint: Endpoint, **settings: Any) -> RequestContext:
    return RequestContext(endpoint.name, Settings(**settings), default())


def drive(
    endpoint: Endpoint,
    request: WireRequest,
    answer: Callable[[WireRequest], Any] | Sequence[Any],
    context: RequestContext | None = None,
) -> tuple[WireResponse, list[Any]]:
    """Run an endpoint's script. `answer` gives the body (or a Reply) for each request, and the result of any other effect.
    Return the reply and the sent requests."""
    context = context or exchange(endpoint)
    before = copy.deepcopy(request.json)
    script = endpoint.script(request, context)
    assert script is not None
    sent: list[Any] = []
    try:
        effect = next(script)
        while True:
            wire = effect.request if isinstance(effect, Send) else effect
            sent.append(wire)
            body = answer(wire) if callable(answer) else answer[len(sent) - 1]
            effect = script.send(body if isinstance(body, WireResponse) else WireResponse(copy.deepcopy(body)))
    except StopIteration as stop:
        assert request.json == before
        if not callable(answer):
            assert len(sent) == len(answer)
        return stop.value, sent


def lost(context: RequestContext) -> list[str]:
    return [change.parameter for change in context.changes if change.lossy]
