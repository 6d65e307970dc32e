"""The contested facts that a host has refused in this process, by model (stepfun-api 11).

All clients of a process share them, since they send to the same StepFun. They are bounded in number and end with the
process; `stepfun-compat probe --write` records outcomes permanently.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .endpoints.base import Endpoint, WireRequest
    from .endpoints.context import RequestContext

log = logging.getLogger("stepfun_compat")

_MOST = 1024


@dataclass(frozen=True)
class Refused:
    """One contested fact that a host refused, and whose safe form it accepted. `requests` is the number of refused
    requests, `since` the time of the first in seconds since the epoch."""

    host: str
    model: str
    fact: str
    openai: str
    safe: str
    since: float
    requests: int = 1


class SettledFacts:
    """Refused facts by host, model and name. Thread-safe and bounded; the oldest are removed first."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._rows: OrderedDict[tuple[str, str, str], Refused] = OrderedDict()
        self._by_place: dict[tuple[str, str], frozenset[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def refused(self, host: str, model: str) -> frozenset[str]:
        """Return the names of the facts that a host refuses for a model."""
        return self._by_place.get((host, model), frozenset())

    def add(self, row: Refused) -> bool:
        """Record a refusal. Returns whether it is the first of its kind."""
        key = (row.host, row.model, row.fact)
        with self._lock:
            old = self._rows.pop(key, None)
            if old is not None:
                row = replace(old, requests=old.requests + row.requests)
            self._rows[key] = row
            gone = [self._rows.popitem(last=False)[0] for _ in range(len(self._rows) - self._most)]
            for host, model in {(key[0], key[1]), *((k[0], k[1]) for k in gone)}:
                facts = frozenset(k[2] for k in self._rows if k[:2] == (host, model))
                if facts:
                    self._by_place[host, model] = facts
                else:
                    self._by_place.pop((host, model), None)
        return old is None

    def rows(self) -> tuple[Refused, ...]:
        """Return all refusals, oldest first."""
        with self._lock:
            return tuple(self._rows.values())

    def forget(self, host: str | None = None) -> None:
        """Remove all refusals, or those of one host, so that OpenAI's form is sent again."""
        with self._lock:
            for key in [key for key in self._rows if host is None or key[0] == host]:
                del self._rows[key]
                self._by_place.pop((key[0], key[1]), None)


SETTLED = SettledFacts()
"""The refusals in this process."""


def reset_settled_facts() -> None:
    """Remove all recorded refusals, for tests and after StepFun has changed."""
    SETTLED.forget()


def host_of(base_url: str) -> str:
    """Return the host of a base URL, with its port if it has one."""
    return urlsplit(base_url).netloc.rpartition("@")[2].lower()


def in_safe_form(endpoint: Endpoint, wire: WireRequest, context: RequestContext, base_url: str) -> WireRequest:
    """Return StepFun's request with the safe form of everything that this host refused before, that was refused in this
    call, or that a row of the catalog fixes.

    Raises:
        RequestRejected: the safe form loses something, and `on_unsupported` is `error`.
    """
    if not SETTLED and not context.catalog.settled and not context.safe_forms:
        return wire
    from .endpoints.contested import model_of, settled_form

    host = host_of(base_url)
    refused = SETTLED.refused(host, model_of(wire)).union(context.safe_forms)
    if not refused and not context.catalog.settled:
        return wire
    before = len(context.changes)
    wire = settled_form(endpoint, wire, context, refused, host)
    recorded = context.changes[:before]  # also by an earlier step
    context.changes[before:] = [change for change in context.changes[before:] if change not in recorded]
    return wire


def after_refusal(
    endpoint: Endpoint, wire: WireRequest, status: int, body: object, context: RequestContext, base_url: str
) -> WireRequest | None:
    """Return the request to send after an error response; None if the error is raised to the caller."""
    if status != 400:
        return None
    from .endpoints.contested import WireError

    error = WireError.of(status, body)
    found = endpoint.alternative(wire, error, context, host_of(base_url))
    if found is None and context.safe_forms:
        # the error is about something else, or the safe form is refused too: record nothing
        context.safe_forms.clear()
    return found


def after_success(context: RequestContext, base_url: str) -> None:
    """Record what was refused in this call, now that its safe form has been accepted."""
    host, model = host_of(base_url), context.model_id or ""
    for fact in context.catalog.contested:
        if fact.fact not in context.safe_forms or not fact.remembered:
            continue
        if SETTLED.add(Refused(host, model, fact.fact, fact.openai, fact.safe, time.time())):
            log.warning(
                "%s on %s rejects %s, so the request was sent again with %s. Later calls send that form directly (%s; "
                "`stepfun-compat probe --write FILE` records it permanently)",
                model or "StepFun",
                host,
                fact.openai,
                fact.safe,
                fact.fact,
            )
