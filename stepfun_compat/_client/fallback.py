"""Other providers for endpoints StepFun lacks: only if configured, and with that provider's key, never StepFun's."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

import openai

from .. import stock
from ..credentials.guard import strip_keys, strip_openai_keys
from ..credentials.keys import looks_like_openai_key
from ..credentials.target import Target
from ..credentials.urls import host_kind, normalise_base_url, origin, redact_url
from ..errors import SettingsError
from ..settings import Settings
from .redirects import look_at_hops


def key_variable(name: str) -> str:
    """Return the name of the environment variable with the key of a fallback given as a URL."""
    return f"STEPFUN_FALLBACK_{name.upper()}_API_KEY"


def clients(
    settings: Settings, asynchronous: bool, target: Target, key: Any, known: dict[tuple[str, str], Any]
) -> Mapping[str, Any]:
    """Return the fallback clients of a sync or an async client, by resource.

    `target` and `key` are the client's own. `known` caches the clients created from URLs: a client shares them, and so
    their connections, with its copies.

    Raises:
        SettingsError: a fallback would send to StepFun, has no key or StepFun's, or is sync where it must be async.
    """
    own = {own for own in (settings.api_key, key) if isinstance(own, str) and own}
    made: dict[str, Any] = {}
    for name, value in settings.fallback.items():
        where = f"fallback[{name!r}]"
        if isinstance(value, str):
            client = known.get((name, value)) or _made(name, value, asynchronous, own)
            known[name, value] = client
        else:
            client = _checked(where, value, asynchronous)
        _check_place_and_key(where, client, target, own)
        made[name] = client
    return made


def _guard(made: Any, own: Collection[str], asynchronous: bool) -> None:
    """Make a stock client send its key only to its own host and the StepFun keys `own` to none, redirects included."""
    original: Any = made._prepare_request

    def look(request: Any, _: Any) -> None:
        away = origin(str(request.url)) != origin(str(made.base_url))
        # a gateway in front of both may use one key for both
        strip_keys(request, [key for key in own if away or key != made.api_key], "the StepFun key")
        if away:
            strip_keys(request, (made.api_key,), "the fallback's key")
            if host_kind(str(request.url)) == "stepfun":
                strip_openai_keys(request)

    def prepare(request: Any) -> None:
        original(request)
        look_at_hops(request, made._client, look)

    async def prepare_later(request: Any) -> None:
        await original(request)
        look_at_hops(request, made._client, look)

    made._prepare_request = prepare_later if asynchronous else prepare


def _made(name: str, url: str, asynchronous: bool, own: Collection[str]) -> Any:
    """Create a stock client for a fallback given as a URL, whose key has its own variable. `own` are the StepFun keys.

    Raises:
        SettingsError: there is no key.
    """
    key = os.environ.get(key_variable(name), "").strip()
    theirs = host_kind(url) in ("openai", "azure")
    if not key and theirs:
        key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key:
        raise SettingsError(f"fallback[{name!r}] has no key: set {key_variable(name)} to the key of {redact_url(url)}.")
    made: Any = (stock.AsyncOpenAI if asynchronous else stock.OpenAI)(api_key=key, base_url=url)
    _guard(made, own, asynchronous)
    if not theirs:  # the OPENAI_* variables are meant for OpenAI
        made.organization = made.project = None
        made._custom_headers = {}
        if hasattr(made, "admin_api_key"):
            made.admin_api_key = None
    return made


def _checked(where: str, value: Any, asynchronous: bool) -> Any:
    """Check that a fallback given as a client is openai's own and of the right kind.

    Raises:
        SettingsError: it is not.
    """
    if not hasattr(value, "chat") or not hasattr(value, "base_url"):
        raise SettingsError(f"{where} is of type {type(value).__name__}: it must be an openai client or a URL.")
    if hasattr(value, "_stepfun"):
        kind = "AsyncOpenAI" if asynchronous else "OpenAI"
        raise SettingsError(
            f"{where} is a client of stepfun_compat, which would send to StepFun again: use a "
            f"stepfun_compat.stock.{kind} for another host."
        )
    if not isinstance(value, stock.AsyncOpenAI if asynchronous else stock.OpenAI):
        wanted = openai.AsyncOpenAI if asynchronous else openai.OpenAI
        kind = "an async" if asynchronous else "a sync"
        raise SettingsError(
            f"{where} is of type {type(value).__name__}: {kind} client needs a fallback of type {wanted.__name__}."
        )
    return value


def _check_place_and_key(where: str, client: Any, target: Target, own: set[str]) -> None:
    place, host = str(client.base_url), client.base_url.host
    if host_kind(place) == "stepfun" or normalise_base_url(place) == normalise_base_url(target.base_url):
        raise SettingsError(f"{where} would send to StepFun again ({host}): name another provider's host.")
    key: Any = client.api_key
    # a gateway in front of both may use one key for both
    if key in own and not looks_like_openai_key(str(key)) and origin(place) != origin(target.base_url):
        raise SettingsError(f"{where} has the StepFun key, which is never sent to {host}: give it a key of that host.")
