"""Construct and copy clients: choose the key and the host."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import openai

from .. import errors
from ..account import tier_of
from ..config.values import check_key
from ..credentials.keys import PLACEHOLDER_KEY, is_openai_key, missing_key, stepfun_key
from ..credentials.target import Target, resolve_target
from ..credentials.urls import deployment_in, host_kind, origin, redact_url
from ..fast_path import messages
from ..report import log
from ..settings import Settings, settings_or_default
from . import context_of
from .context import ClientContext, given
from .extras import ClientFamily
from .fallback import clients as fallback_clients
from .websockets import guard_beta

FAMILY: Final = "_stepfun_shared"
"""The constructor argument that passes on what a copy shares with its original."""
_KEY_WITH_EACH_REQUEST: Final = "stepfun-key-comes-with-each-request"  # SDKs before 1.107 accept no callable key
_OPENAI_ONLY: Final = ("admin_api_key", "workload_identity", "data_residency")
"""Arguments that only apply to OpenAI; never read from the environment for a StepFun client."""


def construct(
    client: Any,
    start: Callable[..., None],
    kwargs: dict[str, Any],
    settings: Settings | None,
    family: ClientFamily | None,
    owner: str | None = None,
) -> ClientContext:
    """Resolve key and host, call openai's constructor with both, and drop what it read from `OPENAI_*`.

    `start` is openai's constructor. `owner` names the vendor of a caller's key that has already been removed.

    Raises:
        KeyRefusedError: a key would be sent to a host it does not belong to.
        SettingsError: the key is quoted or starts with `Bearer`, or the platform has no such tier.
        openai.OpenAIError: there is no key.
    """
    explicit = settings is not None
    settings = settings_or_default(settings)
    base_url, key = given(kwargs.get("base_url")), kwargs.get("api_key")
    if key == PLACEHOLDER_KEY:
        key = None
    url = None if base_url is None else str(base_url)
    target = resolve_target(url, settings, explicit_settings=explicit, api_key=key)
    if given(kwargs.get("provider")) is not None:
        target = Target(url or "", False, "provider argument")  # another vendor's credentials and host
    context = ClientContext(client, settings, target, family or ClientFamily(settings), explicit)
    if target.ours:
        _start_on_stepfun(context, start, dict(kwargs), url, key, owner)
    else:
        _start_for_other_vendor(context, start, kwargs, url)
    return context


def _start_for_other_vendor(
    context: ClientContext, start: Callable[..., None], kwargs: dict[str, Any], url: str | None
) -> None:
    """Start a client for another vendor's host, with what openai reads from the environment, never the StepFun key."""
    kwargs, keyless = _without_placeholder(kwargs)
    try:
        _start(context, start, kwargs)
        if keyless:
            _check_credentials(context.client, kwargs)
    except openai.OpenAIError as error:
        if url is None or not context.settings.api_key or "api_key" not in str(error):
            raise
        raise errors.KeyRefusedError(
            f"{error} ({redact_url(url)!r} is another vendor's host, which never "
            "gets the StepFun key. If it is a gateway to StepFun, set STEPFUN_BASE_URL or pass "
            "settings=Settings().)"
        ) from error


def _check_credentials(client: Any, kwargs: dict[str, Any]) -> None:
    """Raise openai's error for a client without a key, for SDKs that accept an empty one."""
    if not kwargs.get("_enforce_credentials", True) or client.api_key:
        return
    if getattr(client, "admin_api_key", None) is None:
        raise openai.OpenAIError(
            "The api_key client option must be set either by passing api_key to the client or by setting "
            "the OPENAI_API_KEY environment variable"
        )


def _start_on_stepfun(
    context: ClientContext,
    start: Callable[..., None],
    kwargs: dict[str, Any],
    url: str | None,
    key: Any,
    owner: str | None,
) -> None:
    """Start a StepFun client with an explicit base URL and key, without what only applies to OpenAI."""
    settings, target = context.settings, context.target
    if settings.tier is not None:
        tier_of(settings, target.base_url)  # raises for an unknown tier before anything is sent
    _drop_openai_arguments(kwargs)
    kwargs["base_url"] = target.base_url
    place = url or os.environ.get("OPENAI_BASE_URL", "")
    azure = host_kind(place) == "azure"
    if azure and key is not None and key != settings.api_key:
        key, owner = None, "Azure"
    kwargs["api_key"] = key = _starting_key(context, key, target, owner)
    if azure:
        context.azure_key = key
        context.deployment = deployment_in(place) or True
    if settings.fallback:
        context.fallback = fallback_clients(settings, context.is_async, target, key, context.family.fallbacks)
    _start(context, start, kwargs)
    _drop_openai_attributes(context.client, kwargs)


def _drop_openai_arguments(kwargs: dict[str, Any]) -> None:
    """Remove OpenAI's credentials and hosts from the constructor's arguments."""
    for name in _OPENAI_ONLY:
        if kwargs.pop(name, None) is not None:
            log.info("%s was dropped: it only applies to OpenAI", name)
    socket = kwargs.get("websocket_base_url")
    if socket is not None and host_kind(str(socket)) in ("openai", "azure"):
        kwargs["websocket_base_url"] = None


def _drop_openai_attributes(client: Any, kwargs: dict[str, Any]) -> None:
    """Reset what openai's constructor read from `OPENAI_*` where the caller passed nothing."""
    for name in ("organization", "project"):
        if kwargs.get(name) is None:
            setattr(client, name, None)
    if hasattr(client, "admin_api_key"):
        client.admin_api_key = None
    headers = kwargs.get("default_headers")
    client._custom_headers = headers if headers is not None else {}


def _start(context: ClientContext, start: Callable[..., None], kwargs: dict[str, Any]) -> None:
    start(**kwargs)
    if "beta" in context.client.__dict__:  # SDKs that create their resources in the constructor
        made: dict[str, Any] = context.client.__dict__
        fast = context.target.ours and context.settings.fast_path
        guard_beta(made["beta"], fast)
        if fast:
            messages.accelerate_chat(made["chat"])
            messages.accelerate_responses(made["responses"])


def _starting_key(context: ClientContext, given: Any, target: Target, owner: str | None = None) -> Any:
    """Return the key to start with: the caller's unless it is OpenAI's, else the configured one.

    `owner` names the vendor of a caller's key that has already been removed.

    Raises:
        openai.OpenAIError: there is no key.
    """
    if callable(given):
        context.key_provider = given
        if not hasattr(openai.OpenAI, "_refresh_api_key"):
            return _KEY_WITH_EACH_REQUEST
        return given
    given = given or None
    refused = given is not None and is_openai_key(str(given), context.settings, target.named)
    if given is not None and not refused:
        check_key(str(given).strip(), "api_key")
        return given
    key = stepfun_key(context.settings, target.named)
    if key is None:
        raise missing_key("OpenAI" if refused else owner)
    if refused:
        log.info("api_key is an OpenAI key; the StepFun key is used instead")
    return key


def _without_placeholder(kwargs: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return a client's arguments without the placeholder key of `run`, and whether openai would read that from the
    environment. It is no credential of another vendor. The environment is not changed, since other threads read it."""
    if kwargs.get("api_key") == PLACEHOLDER_KEY:
        kwargs = {**kwargs, "api_key": None}
    others = (kwargs.get("workload_identity"), given(kwargs.get("provider")))
    if kwargs.get("api_key") is not None or any(other is not None for other in others):
        return kwargs, False
    held = os.environ.get("OPENAI_API_KEY") == PLACEHOLDER_KEY
    return ({**kwargs, "api_key": ""} if held else kwargs), held


def copied(context: ClientContext, copy: Callable[..., Any], settings: Settings | None, kwargs: dict[str, Any]) -> Any:
    """Return a copy of the client that keeps its settings and shares statistics, stores and the HTTP client.

    `copy` is openai's.

    Raises:
        KeyRefusedError: `base_url` names another host and no key is given for it.
    """
    base_url, key = given(kwargs.get("base_url")), kwargs.get("api_key")
    if base_url is None and context.azure_key is not None:
        key = kwargs["api_key"] = None  # an Azure key, dropped as in the constructor
    stays = _stays_on_stepfun(context, base_url, key)
    extra = dict(kwargs.pop("_extra_kwargs", None) or {})
    if settings is not None or stays:
        extra.setdefault("settings", context.settings if settings is None else settings_or_default(settings))
    extra.setdefault(FAMILY, context.family)
    copied = copy(_extra_kwargs=extra, **kwargs)
    made = context_of(copied)
    if stays and base_url is None:  # the SDK passes the URL on as if the caller had given it
        _keep_target(context, made)
    if key is None:
        _keep_key_provider(context, made)
    made.explicit_settings = context.explicit_settings or settings is not None
    return copied


def _keep_target(context: ClientContext, made: ClientContext) -> None:
    """Make a copy send to its original's host, with the same rules for Azure keys and deployments."""
    made.set_target(context.target)
    made.azure_key = context.azure_key
    made.deployment = context.deployment


def _keep_key_provider(context: ClientContext, made: ClientContext) -> None:
    """Give a copy for StepFun the callable key of its original."""
    if context.key_provider is not None and made.target.ours:
        made.key_provider = context.key_provider


def _stays_on_stepfun(context: ClientContext, base_url: Any, key: Any) -> bool:
    """Return whether a copy with this base URL and key still sends to StepFun.

    Raises:
        KeyRefusedError: the copy would send this client's key to another host.
    """
    if base_url is None:
        return context.target.ours
    if key is None:
        _check_host_may_have_key(context, str(base_url))
    return context.target.ours and context.guard.trusts(str(base_url))


def _check_host_may_have_key(context: ClientContext, url: str) -> None:
    """Check that a copy with another base URL does not send this client's key to a host it does not belong to.

    Raises:
        KeyRefusedError: the copy would.
    """
    if context.target.ours:
        leaves = not context.guard.trusts(url)
    else:
        leaves = origin(url) != origin(str(context.client._base_url)) and host_kind(url) == "stepfun"
    if leaves:
        raise errors.KeyRefusedError(
            f"with_options(base_url={redact_url(url)!r}) would send this client's key to another host. "
            "Pass the api_key of that host as well, or create another client for it."
        )
