"""The clients behind the module: one for each configuration that the program uses, over shared connections."""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
import threading
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import openai

from .._client import context_of
from ..client import AsyncOpenAI, OpenAI
from ..credentials.keys import PLACEHOLDER_KEY
from ..credentials.urls import redact_url
from ..errors import KeyRefusedError, SettingsError
from . import error
from ._config import config
from ._transports import AioSessionTransport, SessionTransport
from .util import ApiType

TIMEOUT_SECS: Final = 600.0
_MOST_CLIENTS: Final = 64
_MOST_CONNECTIONS: Final = 16
"""The maximum number of sessions and proxies kept for sync clients or for one event loop; the least recently used is
dropped."""

_lock = threading.RLock()
_clients: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_Connections = OrderedDict[tuple[Any, ...], tuple[Any, Any]]
_connections: _Connections = OrderedDict()
_per_loop: WeakKeyDictionary[Any, _Connections] = WeakKeyDictionary()
_shared: OrderedDict[tuple[Any, ...], tuple[Any, Any]] = OrderedDict()


def client_for(
    asynchronous: bool, api_key: Any, api_base: Any, api_type: ApiType, organization: Any, session: Any = None
) -> Any:
    """Return the client for a call, created on first use.

    Raises:
        AuthenticationError: there is no key that may be sent to this base URL.
        InvalidRequestError: a setting in the environment or a file has an invalid value.
    """
    settings = config().stepfun_settings
    connections = _http_client(asynchronous, str(api_base or ""), session)
    azure = api_type is not ApiType.OPEN_AI
    identity = (azure, api_key, str(api_base or ""), organization, id(settings), _environment())
    key = (id(connections), *identity)
    with _lock:
        known = _clients.get(key)
        if known is not None:
            _clients.move_to_end(key)
            return known[0]
    kwargs: dict[str, Any] = {
        "api_key": api_key,
        "organization": organization,
        "max_retries": 0,  # programs for openai<1.0 retry themselves
        "timeout": TIMEOUT_SECS,
        "http_client": connections,
        "settings": settings,
        "_stepfun_shared": _shared.get(identity, (None,))[0],
    }
    if azure:
        from ..azure import AsyncAzureOpenAI, AzureOpenAI

        cls: Any = AsyncAzureOpenAI if asynchronous else AzureOpenAI
        kwargs |= {"azure_endpoint": api_base, "api_version": config().api_version}
    else:
        cls = AsyncOpenAI if asynchronous else OpenAI
        kwargs["base_url"] = api_base or None
    try:
        client = cls(**kwargs)
    except SettingsError as problem:
        raise error.InvalidRequestError(str(problem), None) from problem
    except (KeyRefusedError, openai.OpenAIError) as problem:
        raise error.AuthenticationError(str(problem)) from problem
    if api_key == PLACEHOLDER_KEY and not client.stepfun.active:
        raise error.AuthenticationError(
            f"No API key for {redact_url(str(api_base))}, which is not StepFun and never gets the StepFun key: set "
            "openai.api_key to that vendor's key. If it is a gateway to StepFun, set STEPFUN_BASE_URL."
        )
    with _lock:
        # An object whose id is part of a key must exist as long as the key.
        _shared.setdefault(identity, (context_of(client).family, settings))
        _shared.move_to_end(identity)
        _clients[key] = (client, settings)
        for store in (_clients, _shared):
            while len(store) > _MOST_CLIENTS:
                store.popitem(last=False)
    return client


def close() -> None:
    """Close the sync connections and drop every client; the next call creates new ones."""
    with _lock:
        made = list(_connections.values())
        for store in (_clients, _connections, _per_loop, _shared):
            store.clear()
    for connections, _ in made:
        connections.close()


atexit.register(close)


def _environment() -> tuple[tuple[str, str], ...]:
    """Return the environment variables that a client reads when it is created."""
    return tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith(("STEPFUN_", "STEP_", "OPENAI_"))))


# ---------------------------------------------------------------- connections


def _http_client(asynchronous: bool, api_base: str, session: Any) -> Any:
    """Return the HTTP client for a call: the SDK's default class, with the program's session or proxy if it set one.

    Async connections belong to their event loop and close after each response, as in openai<1.0, so no connection
    remains open when a loop is closed.
    """
    state = config()
    if session is None:
        session = _configured_session(asynchronous)
    proxy = proxy_for(state.proxy, api_base, asynchronous)
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or ""
    key = (os.getpid(), id(session), proxy, bundle)
    with _lock:
        store = _connections
        if asynchronous:
            store = _per_loop.setdefault(asyncio.get_running_loop(), OrderedDict())
        known = store.get(key)
        if known is not None:
            store.move_to_end(key)
            return known[0]
        _drop(store, [old for old, (_, given) in store.items() if getattr(given, "closed", False) is True])
        if session is None and not state.verify_ssl_certs:
            warnings.warn("verify_ssl_certs has no effect: certificates are always verified.", stacklevel=2)
        made = (
            _own_connections(asynchronous, proxy, bundle)
            if session is None
            else _session_connections(asynchronous, session, proxy)
        )
        store[key] = (made, session)
        _drop(store, list(store)[: max(0, len(store) - _MOST_CONNECTIONS)])
        return made


def _configured_session(asynchronous: bool) -> Any:
    """Return the session in `openai.aiosession` or `openai.requestssession`, or None."""
    return config().aiosession.get() if asynchronous else config().requestssession


def _session_connections(asynchronous: bool, session: Any, proxy: str | None) -> Any:
    """Return an HTTP client that sends through the program's session."""
    if asynchronous:
        return openai.DefaultAsyncHttpxClient(transport=cast("Any", AioSessionTransport(session, proxy)))
    return openai.DefaultHttpxClient(transport=cast("Any", SessionTransport(session)))


def _own_connections(asynchronous: bool, proxy: str | None, bundle: str) -> Any:
    """Return an HTTP client of the SDK's default class. `bundle` is the certificate file or folder for `requests`."""
    options: dict[str, Any] = {} if proxy is None else {"proxy": proxy}
    if bundle:  # httpx does not read these variables
        folder = os.path.isdir(bundle)
        options["verify"] = ssl.create_default_context(
            cafile=None if folder else bundle, capath=bundle if folder else None
        )
    if asynchronous:
        limits: Any = type(openai.DEFAULT_CONNECTION_LIMITS)
        options["limits"] = limits(max_connections=1000, max_keepalive_connections=0)
    return (openai.DefaultAsyncHttpxClient if asynchronous else openai.DefaultHttpxClient)(**options)


def _drop(store: _Connections, keys: list[tuple[Any, ...]]) -> None:
    """Drop connections and the clients that use them; a call in progress keeps its connection until it ends."""
    for key in keys:
        gone = id(store.pop(key)[0])
        for known in [known for known in _clients if known[0] == gone]:
            del _clients[known]


def proxy_for(proxy: Any, url: str, asynchronous: bool) -> str | None:
    """Return the proxy for a base URL from `openai.proxy`.

    Raises:
        ValueError: it is neither a URL nor a mapping from `http` and `https` to URLs.
    """
    if proxy is None or isinstance(proxy, str):
        return proxy or None
    if not isinstance(proxy, Mapping):
        raise ValueError("openai.proxy must be a URL, or a dict with URLs under 'http' and 'https'.")
    given = cast("Mapping[str, str]", proxy)
    scheme = urlsplit(url).scheme or "https"
    if asynchronous:
        return given.get("https") or given.get("http")
    return given.get(scheme) or given.get("all")
