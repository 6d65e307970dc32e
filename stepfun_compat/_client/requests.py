"""Turn the SDK's options into a plain request, translate it, and turn it back into options."""

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
    """The call for a request that is ours to translate, None for any other."""
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
    return CallState(request_context, endpoint, path=path, timeout=_patience(timeout), deadline=deadline)


def fallback_client(context: ClientContext, options: Any) -> Any:
    """The other provider's client for a request StepFun cannot serve and the user routed; None for any other."""
    path = path_of(context, options.url)
    name = fallback_name(options.method, path) if path is not None else None
    client = context.fallback.get(name) if name is not None else None
    if client is None:
        return None
    log.info("%s %s goes to %s, as Settings.fallback says", options.method.upper(), path, client.base_url.host)
    options.url = path  # an absolute URL would take the other provider's key to StepFun
    own = [str(key) for key in (context.settings.api_key, context.client.api_key) if key]
    for pairs in ("headers", "params"):
        passed: Any = given(getattr(options, pairs))
        if passed:
            setattr(options, pairs, {name: value for name, value in passed.items() if not contains_any_key(own, value)})
    return client


def path_of(context: ClientContext, url: str) -> str | None:
    """The path below the base URL; None for an absolute URL that lies elsewhere."""
    if "://" in url:
        base = str(context.client._base_url).rstrip("/")
        if not url.startswith(base + "/"):
            return None
        url = url[len(base) :]
    return "/" + url.partition("?")[0].strip("/")


def plain_request(call: CallState, options: Any) -> WireRequest:
    """The request as plain data; `extra_body` is merged as the SDK merges it."""
    body: Any = options.json_data
    extra = options.extra_json
    if extra is not None:
        if body is None:
            body = extra
        elif isinstance(body, Mapping):
            body = {**cast("Mapping[str, Any]", body), **extra}
    headers: Any = options.headers or {}  # what is not given is false
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
    """StepFun's request with what this host is known to refuse in its safe form.

    Raises:
        RequestRejected: the safe form loses something, and the policy says error.
    """
    if settled.SETTLED or call.request_context.catalog.settled or call.request_context.safe_forms:
        return settled.in_safe_form(call.endpoint, wire, call.request_context, context.base_url)
    return wire


def translate(context: ClientContext, call: CallState, request: WireRequest) -> None:
    """Fill `call.wire` from OpenAI's request and tell what was changed.

    Raises:
        RequestRejected: the endpoint says no.
    """
    call.wire = in_safe_form(context, call, call.endpoint.transform_request(request, call.request_context))
    call.reported = report(call.request_context)
    debug_body(call.request_context, call.wire.method, call.wire.path, call.wire.json)


def sent_options(call: CallState, options: Any) -> Any:
    """The SDK's options for the request that StepFun gets."""
    wire = call.wire
    if wire is None or call.endpoint is PLAIN:
        return options
    options = options.model_copy()
    # the endpoint's headers are the whole truth: one that turns a form into JSON also changes Content-Type.
    # Values the SDK marks as omitted (Omit) are not text and are kept.
    own: Any = options.headers or {}
    sent = {**call.request_context.headers, **wire.headers}
    if call.is_step:  # a step's answer is ours to read, whatever form the caller wants in the end
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


def _patience(timeout: Any) -> float | None:
    """Seconds a caller waits for an answer, None for one who waits without end."""
    seconds = getattr(timeout, "read", timeout)
    return float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None


def _query_of(url: str) -> dict[str, Any]:
    """The parameters written into a URL, those written several times as lists."""
    text = url.partition("?")[2].partition("#")[0]
    found = parse_qs(text, keep_blank_values=True) if text else {}
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}
