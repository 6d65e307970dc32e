"""Convert the SDK's options into a plain request, translate it, and convert it back into options."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qs

import openai

from .. import contested_memory as settled
from ..catalog import for_settings as catalog_for
from ..credentials.guard import contains_any_key
from ..endpoints import routing as table
from ..endpoints.base import PLAIN, WireRequest
from ..endpoints.context import RequestContext
from ..endpoints.unsupported import fallback_name
from ..report import debug_body, log, report
from .context import CAST, RAW, CallState, ClientContext, given


def begin(context: ClientContext, options: Any, stream: bool) -> CallState | None:
    """Return the state of a call whose request is translated; None for any other."""
    if not context.targets_stepfun():
        return None
    path = path_of(context, options.url)
    if path is None:
        return None
    endpoint = table.find(options.method, path) or PLAIN
    catalog, facts = catalog_for(context.settings), context.facts()
    request_context = RequestContext(endpoint.name or path, context.settings, catalog, stream=stream, client=facts)
    timeout = context.client.timeout if isinstance(options.timeout, openai.NotGiven) else options.timeout
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    deadline = time.monotonic() + timeout if is_number else None
    return CallState(request_context, endpoint, path=path, timeout=_read_timeout(timeout), deadline=deadline)


def fallback_client(context: ClientContext, options: Any) -> Any:
    """Return the other provider's client for a request that StepFun cannot serve and the user has routed; else None."""
    path = path_of(context, options.url)
    name = fallback_name(options.method, path) if path is not None else None
    client = context.fallback.get(name) if name is not None else None
    if client is None:
        return None
    log.info("%s %s is sent to %s (Settings.fallback)", options.method.upper(), path, client.base_url.host)
    options.url = path  # an absolute URL would send the other provider's key to StepFun
    own = [str(key) for key in (context.settings.api_key, context.client.api_key) if key]
    for pairs in ("headers", "params"):
        passed: Any = given(getattr(options, pairs))
        if passed:
            setattr(options, pairs, {name: value for name, value in passed.items() if not contains_any_key(own, value)})
    return client


def path_of(context: ClientContext, url: str) -> str | None:
    """Return the path below the base URL; None for an absolute URL outside it."""
    if "://" in url:
        base = str(context.client._base_url).rstrip("/")
        if not url.startswith(base + "/"):
            return None
        url = url[len(base) :]
    return "/" + url.partition("?")[0].strip("/")


def plain_request(call: CallState, options: Any) -> WireRequest:
    """Return the request as plain data, with `extra_body` merged as the SDK merges it."""
    body: Any = options.json_data
    extra = options.extra_json
    if extra is not None:
        if body is None:
            body = extra
        elif isinstance(body, Mapping):
            body = {**cast("Mapping[str, Any]", body), **extra}
    headers: Any = options.headers or {}  # `NOT_GIVEN` is false
    query: Mapping[str, Any] = options.params or {}
    return WireRequest(
        method=options.method.upper(),
        path=call.path,
        query={**_query_of(options.url), **query} if "?" in options.url else dict(query),
        headers={k: v for k, v in headers.items() if isinstance(v, str)},
        json=body,
        files=options.files,
    )


def in_safe_form(context: ClientContext, call: CallState, wire: WireRequest) -> WireRequest:
    """Return StepFun's request with the safe form of everything that this host is known to refuse.

    Raises:
        RequestRejected: the safe form loses something, and `on_unsupported` is `error`.
    """
    if settled.SETTLED or call.request_context.catalog.settled or call.request_context.safe_forms:
        return settled.in_safe_form(call.endpoint, wire, call.request_context, context.base_url)
    return wire


def translate(context: ClientContext, call: CallState, request: WireRequest) -> None:
    """Set `call.wire` from OpenAI's request and report the changes.

    Raises:
        RequestRejected: the endpoint refuses the request.
    """
    call.wire = in_safe_form(context, call, call.endpoint.transform_request(request, call.request_context))
    call.reported = report(call.request_context)
    debug_body(call.request_context, call.wire.method, call.wire.path, call.wire.json)


def sent_options(call: CallState, options: Any) -> Any:
    """Return the SDK's options for the request that is sent to StepFun."""
    wire = call.wire
    if wire is None or call.endpoint is PLAIN:
        return options
    options = options.model_copy()
    # The endpoint's headers replace the caller's: an endpoint that turns a form into JSON also changes Content-Type.
    # Values that the SDK marks as omitted (Omit) are not strings and are kept.
    own: Any = options.headers or {}
    sent = {**call.request_context.headers, **wire.headers}
    if call.is_step:  # the script reads the response, whatever form the caller chose
        sent = {k: v for k, v in sent.items() if k.lower() not in (RAW.lower(), CAST)}
    options.__dict__.update(
        method=wire.method.lower(),
        url=wire.path,
        params=wire.query,
        json_data=wire.json,
        extra_json=None,
        files=wire.files,
        headers={**{k: v for k, v in own.items() if not isinstance(v, str)}, **sent},
    )
    return options


def _read_timeout(timeout: Any) -> float | None:
    """Return how many seconds the caller waits for a response; None for no limit."""
    seconds = getattr(timeout, "read", timeout)
    return float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None


def _query_of(url: str) -> dict[str, Any]:
    """Return the query parameters of a URL; a repeated one is a list."""
    text = url.partition("?")[2].partition("#")[0]
    found = parse_qs(text, keep_blank_values=True) if text else {}
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}
