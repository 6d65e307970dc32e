"""Metrics (requests, tokens, waiting, latency) as Prometheus text, and one log line for each request.

No label and no log line contains anything a caller wrote: models are the catalog's, routes are patterns.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from typing_extensions import override

from .._client.extras import ClientFamily
from .templates import RequestTemplates

if TYPE_CHECKING:
    from ..endpoints.context import Json, RequestContext
    from .inbound import Inbound
    from .queueing import FairQueue

log = logging.getLogger("stepfun_compat.serve")

_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_MOST_SERIES: Final = 2000
_CURRENT: ContextVar[Sample | None] = ContextVar("stepfun_compat_serve_sample", default=None)


@dataclass
class Sample:
    """One request as it is counted."""

    route: str = "other"
    model: str = ""
    status: int = 0
    started: float = field(default_factory=time.monotonic)
    first_byte: float | None = None
    streamed: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    left_out: list[str] = field(default_factory=lambda: [])
    """What was dropped from the request, with the reason. It contains no values of the caller."""

    def begin(self) -> None:
        """Make this the current task's sample, which receives the client's usage."""
        _CURRENT.set(self)


class MeteredFamily(ClientFamily):
    """The state a client shares with its copies; it also adds the usage StepFun reports to the current request's sample."""

    encodes_bodies = True

    @override
    def request_builder(self) -> RequestTemplates:
        return RequestTemplates()

    @override
    def record(self, request_context: RequestContext, data: Json) -> None:
        super().record(request_context, data)
        sample = _CURRENT.get()
        if sample is None:
            return
        if request_context.model is not None:
            sample.model = request_context.model.id
        usage: Any = cast("Mapping[str, Any]", data).get("usage") if isinstance(data, Mapping) else None
        if isinstance(usage, Mapping):
            reported = cast("Mapping[str, Any]", usage)
            sample.prompt_tokens += _number(reported, "prompt_tokens", "input_tokens")
            sample.completion_tokens += _number(reported, "completion_tokens", "output_tokens")
            details: Any = reported.get("prompt_tokens_details") or reported.get("input_tokens_details") or {}
            sample.cached_tokens += _number(cast("Mapping[str, Any]", details), "cached_tokens")


def _number(usage: Mapping[str, Any], *names: str) -> int:
    found = next((usage[name] for name in names if isinstance(usage.get(name), int)), 0)
    return found if found > 0 else 0


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._tokens: dict[tuple[str, str], int] = {}
        self._first: dict[str, list[float]] = {}
        self.active = 0

    def count(self, sample: Sample) -> None:
        """Add one finished request."""
        key = (sample.route, sample.model, sample.status)
        if key not in self._requests and len(self._requests) >= _MOST_SERIES:
            key = ("other", sample.model, sample.status)
        self._requests[key] = self._requests.get(key, 0) + 1
        for kind in ("prompt", "completion", "cached"):
            number: int = getattr(sample, f"{kind}_tokens")
            if number:
                self._tokens[sample.model, kind] = self._tokens.get((sample.model, kind), 0) + number
        if sample.streamed and sample.first_byte is not None:
            row = self._first.setdefault(sample.model, [0.0] * (len(_BUCKETS) + 2))
            seconds = sample.first_byte - sample.started
            for place, edge in enumerate(_BUCKETS):
                row[place] += seconds <= edge
            row[-2] += 1
            row[-1] += seconds

    def text(self, queue: FairQueue) -> str:
        """Return all metrics in Prometheus' text format."""
        worker = f'worker="{os.getpid()}"'
        lines = ["# TYPE stepfun_requests_total counter"]
        for (route, model, status), number in sorted(self._requests.items()):
            lines.append(
                f'stepfun_requests_total{{route="{route}",model="{model}",status="{status}",{worker}}} {number}'
            )
        lines.append("# TYPE stepfun_tokens_total counter")
        for (model, kind), number in sorted(self._tokens.items()):
            lines.append(f'stepfun_tokens_total{{model="{model}",kind="{kind}",{worker}}} {number}')
        lines.append("# TYPE stepfun_first_token_seconds histogram")
        for model, row in sorted(self._first.items()):
            label = f'model="{model}",{worker}'
            for edge, number in zip((*_BUCKETS, "+Inf"), row, strict=False):
                lines.append(f'stepfun_first_token_seconds_bucket{{{label},le="{edge}"}} {number:g}')
            lines.append(f"stepfun_first_token_seconds_count{{{label}}} {row[-2]:g}")
            lines.append(f"stepfun_first_token_seconds_sum{{{label}}} {row[-1]:.6f}")
        for name, number in (
            ("stepfun_requests_active", self.active),
            ("stepfun_upstream_active", queue.active),
            ("stepfun_queue_waiting", queue.waiting),
        ):
            lines += [f"# TYPE {name} gauge", f"{name}{{{worker}}} {number}"]
        return "\n".join(lines) + "\n"


def log_line(inbound: Inbound, sample: Sample, request_id: str) -> None:
    """Log one line for a finished request; `request_id` is the one in its response."""
    if not log.isEnabledFor(logging.INFO):
        return
    log.info(
        "%s %s %d %s %.0fms in=%d cached=%d out=%d %s%s",
        inbound.method if inbound.method.isalpha() else "?",
        inbound.shown,
        sample.status,
        sample.model or "-",
        (time.monotonic() - sample.started) * 1000,
        sample.prompt_tokens,
        sample.cached_tokens,
        sample.completion_tokens,
        request_id,
        f" dropped: {'; '.join(sample.left_out)}" if sample.left_out else "",
    )
