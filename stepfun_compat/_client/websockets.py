"""Methods that bypass the request hooks, and are wrapped here (stepfun-api 8.6, 10).

WebSocket connections (`realtime.connect`) pass the same credential guard as requests. SDK helpers that would send
something before a call that StepFun does not offer are refused. The resources stay instances of openai's own classes.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import openai
from openai._compat import cached_property
from openai._types import Omit

from ..catalog import for_settings as catalog_for
from ..credentials.guard import contains_any_key
from ..credentials.urls import redact_url
from ..endpoints.audio.realtime import connection as realtime_connection
from ..endpoints.context import RequestContext, RequestRejected
from ..errors import KeyRefusedError
from ..fast_path.messages import accelerate_chat, accelerate_responses
from ..report import report
from . import context_of, credentials, responses
from .context import ClientContext, given


def guard(resource: Any, client: Any) -> Any:
    """Check the connections that a resource's `connect` opens, both at the call and whenever a connection is opened:
    base URLs and headers may change in between, and a reconnect may use others."""
    original = resource.connect

    @functools.wraps(original)
    def connect(*args: Any, **kwargs: Any) -> Any:
        return _guarded(original(*args, **connection_arguments(context_of(client), kwargs)), client)

    resource.connect = connect
    return resource


def _guarded(manager: Any, client: Any) -> Any:
    """Return the connection manager with its class replaced by one that checks what it is about to send."""
    if hasattr(manager, "__enter__") or hasattr(manager, "__aenter__"):
        manager.__class__ = _guarding_class(manager.__class__)
        manager._guarded_client = client
        options = f"_{_owner(manager)}__websocket_connection_options"
        passed: Any = getattr(manager, options, None)
        if isinstance(passed, Mapping):
            setattr(manager, options, _with_handshake_check(cast("Mapping[str, Any]", passed), manager, client))
    return manager


def _owner(manager: Any) -> str:
    """Return the name of the SDK's class, which is the prefix of its private attributes."""
    return next(cls.__name__.lstrip("_") for cls in type(manager).__mro__ if not hasattr(cls, "_is_guarding"))


@functools.lru_cache(maxsize=16)
def _guarding_class(cls: Any) -> type:
    """Return a class of connection managers that check connections and reconnections before opening them."""

    def connect_ws(self: Any, extra_query: Any, extra_headers: Any, **more: Any) -> Any:
        query, headers = checked(self._guarded_client, extra_query, extra_headers)
        return cls._connect_ws(self, query, headers, **more)

    def enter(self: Any, name: str) -> Any:
        prefix = f"_{_owner(self)}__extra_"
        held = cast("dict[str, Any]", vars(self))
        kept = {key: held[prefix + key] for key in ("query", "headers") if prefix + key in held}
        query, headers = checked(self._guarded_client, kept.get("query"), kept.get("headers"))
        for key, value in (("query", query), ("headers", headers)):
            if key in kept:
                setattr(self, prefix + key, value)
        return getattr(cls, name)(self)

    own: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "_is_guarding": True}
    if hasattr(cls, "_connect_ws"):
        own["_connect_ws"] = connect_ws
    else:
        name = "__aenter__" if hasattr(cls, "__aenter__") else "__enter__"

        def entered(self: Any) -> Any:
            return enter(self, name)

        own[name] = own["enter"] = entered
    return type(cls.__name__, (cls,), own)


def checked(client: Any, extra_query: Any, extra_headers: Any) -> tuple[Any, Any]:
    """Return the query and headers to open a connection with. Together with what the SDK adds from the client, they
    send no key to a host it does not belong to.

    Raises:
        KeyRefusedError: a key cannot be removed, or the connection would send the StepFun key to another host.
    """
    context = context_of(client)
    passed: dict[str, Any] = dict(extra_headers or {})
    url = _socket_url(context)
    texts = _text_headers(client.auth_headers, client.default_headers, passed)
    query: dict[str, Any] = dict(extra_query or {})
    sent: Any = context.http_module().Request("GET", url, headers=list(texts.values()))
    before: Any = _with_query(sent.url, {**dict(client.default_query), **query})
    sent.url = before
    credentials.sanitize_request(context, sent)
    removed = [name for name in dict(before.params) if name not in sent.url.params]
    authorization = texts.get("authorization", ("", None))[1]
    if (
        _held_key(context, before, sent.url, removed)
        or _leaks_key(context, url, passed)
        or _is_lost(authorization, sent)
    ):
        raise KeyRefusedError(
            f"A connection to {redact_url(url)} would send a key to a host it does not belong to. Pass that host's "
            "Authorization in extra_headers, or remove websocket_base_url and keys from URLs."
        )
    safe = _safe_headers(passed, sent, authorization)
    safe.update({name: Omit() for low, (name, _) in texts.items() if low not in sent.headers})
    return (
        {**query, **dict.fromkeys(removed, "")} if removed else extra_query,
        safe if safe != passed else extra_headers,
    )


def _socket_url(context: ClientContext) -> str:
    """Return the base URL of connections."""
    return str(getattr(context.client, "websocket_base_url", None) or context.client._base_url)


def _text_headers(*sources: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the headers whose values are strings, as (name, value) by lower-case name; later sources win."""
    return {
        str(name).lower(): (str(name), value)
        for source in sources
        for name, value in dict(source).items()
        if isinstance(value, str)
    }


def _with_query(url: Any, query: Mapping[Any, Any]) -> Any:
    """Return the URL with these parameters merged in, each once."""
    return url.copy_merge_params({str(name): str(value) for name, value in query.items()}) if query else url


def _leaks_key(context: ClientContext, url: str, passed: Mapping[str, Any]) -> bool:
    """Return whether a connection would send a StepFun client's key to another host, as the caller passed no other."""
    if not context.target.ours or context.guard.trusts(url):
        return False
    return not any(str(name).lower() == "authorization" for name in passed)


def _is_lost(authorization: str | None, sent: Any) -> bool:
    """Return whether the guard removed the Authorization header of a request without replacing it."""
    return authorization is not None and "authorization" not in sent.headers


def _safe_headers(passed: Mapping[str, Any], sent: Any, authorization: str | None) -> dict[str, Any]:
    """Return the caller's headers without those the guard removed, and with the Authorization header that replaces
    `authorization`."""
    safe = {name: v for name, v in passed.items() if not isinstance(v, str) or str(name).lower() in sent.headers}
    signed: str | None = sent.headers.get("authorization")
    if signed is not None and signed != authorization:
        safe = {name: value for name, value in safe.items() if str(name).lower() != "authorization"}
        safe["Authorization"] = signed
    return safe


def _held_key(context: ClientContext, before: Any, url: Any, removed: Sequence[str]) -> bool:
    """Return whether a URL had a key in a place that the SDK fills again: its user part, or the name of a parameter."""
    own = [str(key) for key in (context.settings.api_key, context.client.api_key) if key]
    return before.userinfo != url.userinfo or any(
        contains_any_key(own, name) or context.guard.contains_openai_key(name) for name in removed
    )


def _with_handshake_check(options: Mapping[str, Any], manager: Any, client: Any) -> Mapping[str, Any]:
    """Return the options of `websockets` with a connection class that checks each handshake, redirects included."""
    base: Any = options.get("create_connection")
    if base is None:
        module = "websockets.asyncio.client" if hasattr(manager, "__aenter__") else "websockets.sync.client"
        try:
            base = importlib.import_module(module).ClientConnection
        except ImportError:  # the SDK reports what is missing
            return options
    return {**options, "create_connection": _checking_connection(base, client)} if isinstance(base, type) else options


def _checking_connection(base: Any, client: Any) -> Any:
    class Connection(base):
        def handshake(self, additional_headers: Any = None, *args: Any, **kwargs: Any) -> Any:
            request: Any = self.protocol.connect()
            if additional_headers is not None:
                request.headers.update(additional_headers)
            _check_handshake(client, self.protocol.uri, request)
            self.protocol.connect = lambda: request
            made: Any = super()
            return made.handshake(None, *args, **kwargs)

    return Connection


def _check_handshake(client: Any, uri: Any, request: Any) -> None:
    """Remove from a handshake what its host must not receive: headers, subprotocols and the user part of the URL, which
    `websockets` has turned into a header.

    Raises:
        KeyRefusedError: the URL contains a key.
    """
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    place = f"{'wss' if uri.secure else 'ws'}://{host}:{uri.port}{request.path}"
    pairs: list[tuple[str, str]] = list(request.headers.raw_items())
    sent: Any = context_of(client).http_module().Request("GET", place, headers=pairs)
    before = str(sent.url)
    credentials.sanitize_request(context_of(client), sent)
    if str(sent.url) != before:
        raise KeyRefusedError(f"A connection to {redact_url(place)} would send a key to a host it does not belong to.")
    for name in {name.lower() for name, _ in pairs}:
        if name not in sent.headers:
            del request.headers[name]
    signed: list[str] = sent.headers.get_list("authorization")
    if signed != request.headers.get_all("Authorization"):
        del request.headers["Authorization"]
        for value in signed:
            request.headers["Authorization"] = value


def refuse(resource: Any, client: Any, name: str, method: str = "connect") -> Any:
    """Make a method of a resource raise, before it connects, if StepFun has no such endpoint (stepfun-api 10)."""
    original = getattr(resource, method, None)
    if original is not None:

        @functools.wraps(original)
        def refused(*args: Any, **kwargs: Any) -> Any:
            reject_unserved(context_of(client), f"{name}.{method}")
            made = original(*args, **kwargs)
            return _guarded(made, client) if method == "connect" else made

        setattr(resource, method, refused)
    return resource


def _without_uploads(agents: Any, client: Any) -> Any:
    """Refuse the Agents helpers that upload the caller's files first, for a resource that StepFun does not have."""
    files = getattr(getattr(agents, "environments", None), "files", None)
    for method in ("prepare", "prepare_directory", "upload"):
        refuse(files, client, "beta.agents.environments.files", method)
    return agents


def _wrapped_property(cls: type, name: str, change: Callable[[Any, Any], Any]) -> Any:
    """Return a cached property of a resource's class with its value passed through `change`."""
    stock: Any = vars(cls)[name]
    made: Any = cached_property(
        lambda self: change(stock.func(self) if hasattr(stock, "func") else stock.__get__(self), self._client)
    )
    made.__set_name__(cls, name)
    return made


@functools.lru_cache(maxsize=8)
def _guarded_beta(cls: type, fast: bool) -> type:
    def responses(made: Any, client: Any) -> Any:
        refuse(made, client, "beta.responses")
        return accelerate_responses(made) if fast else made

    own: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    if "realtime" in vars(cls):
        own["realtime"] = _wrapped_property(cls, "realtime", guard)
    if "responses" in vars(cls):
        own["responses"] = _wrapped_property(cls, "responses", responses)
    if "agents" in vars(cls):
        own["agents"] = _wrapped_property(cls, "agents", _without_uploads)
    if fast and "chat" in vars(cls):
        own["chat"] = _wrapped_property(cls, "chat", lambda made, _: accelerate_chat(made))
    return type(cls.__name__, (cls,), own)


def guard_beta(beta: Any, fast: bool) -> Any:
    """Guard the connections of `beta.realtime`, and with the fast path let plain messages skip the SDK's transform.
    Neither resource is imported before it is used."""
    beta.__class__ = _guarded_beta(beta.__class__, fast)
    return beta


def connection_arguments(context: ClientContext, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a WebSocket connection, with StepFun's model, and with a key only for its own host.

    Raises:
        KeyRefusedError: the connection would send this client's key to another host.
        openai.BadRequestError: StepFun's WebSocket endpoint serves no such model.
    """
    _refresh_key(context)
    kwargs = _safe_arguments(context, kwargs)
    if not context.targets_stepfun():
        return kwargs
    request_context = RequestContext(
        "realtime", context.settings, catalog_for(context.settings), client=context.facts()
    )
    try:
        kwargs = realtime_connection(kwargs, request_context)
    except RequestRejected as refusal:
        raise responses.rejection(
            context, refusal, context.http_module().Request("GET", str(context.client._base_url))
        ) from None
    report(request_context)
    return kwargs


def _refresh_key(context: ClientContext) -> None:
    """Call a callable key for SDKs that accept keys as text only.

    Raises:
        KeyRefusedError: the key is an async function.
    """
    provider = context.key_provider
    if provider is None or hasattr(openai.OpenAI, "_refresh_api_key"):
        return
    if inspect.iscoroutinefunction(provider):
        raise KeyRefusedError(
            "Before openai 1.107 a WebSocket connection cannot wait for an async api_key function: "
            "pass the key as a string, or upgrade openai."
        )
    context.client.api_key = provider()


def _safe_arguments(context: ClientContext, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a connection with the query and headers that the credential guard allows.

    Raises:
        KeyRefusedError: the connection would send this client's key to another host.
    """
    url = _socket_url(context)
    passed: dict[str, Any] = dict(given(kwargs.get("extra_headers")) or {})
    extra_query: Any = given(kwargs.get("extra_query")) or None
    headers = {**context.client.auth_headers, **passed}
    texts = {name: value for name, value in headers.items() if isinstance(value, str)}
    sent: Any = context.http_module().Request("GET", url, headers=texts, params=extra_query)
    authorization: str | None = sent.headers.get("authorization")
    query: Any = dict(sent.url.params)
    credentials.sanitize_request(context, sent)
    if _leaks_key(context, url, passed) or _is_lost(authorization, sent):
        raise KeyRefusedError(
            f"This connection would send the StepFun key to another host, {redact_url(url)}. "
            "Pass that host's Authorization in extra_headers, or remove websocket_base_url."
        )
    safe_query, safe_headers = dict(sent.url.params), _safe_headers(passed, sent, authorization)
    if extra_query and safe_query != query:
        kwargs = {**kwargs, "extra_query": safe_query}
    if safe_headers != passed:
        kwargs = {**kwargs, "extra_headers": safe_headers}
    return kwargs


def reject_unserved(context: ClientContext, name: str) -> None:
    """Reject a method whose endpoint StepFun does not offer, before it connects or uploads. Clients of other vendors'
    hosts are not affected.

    Raises:
        EndpointNotAvailableError: the client sends to StepFun.
    """
    if not context.targets_stepfun():
        return
    from ..catalog.endpoints import outcome_of

    outcome = outcome_of(name)
    refusal = RequestRejected(
        f"{name} is not available on StepFun: {outcome.note if outcome else 'use a request instead'}.",
        status=404,
        code="endpoint_not_available",
    )
    request = context.http_module().Request("GET", str(context.client._base_url))
    raise responses.rejection(context, refusal, request)
