"""Azure's clients on StepFun: openai's constructor arguments and classes, StepFun's paths and key in requests.

A deployment's name is resolved like a model name: to its alias if it has one, else to the default model.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import openai
from typing_extensions import Self, override

from . import stock
from ._client import context_of
from ._client.classes import copy_with_signature, describe
from ._client.construction import construct
from ._client.context import given
from .client import AsyncOpenAI, OpenAI
from .credentials.urls import deployment_in, host_kind, origin
from .settings import Settings, settings_or_default

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._client.argument_types import AsyncAzureCopyOptions, AsyncAzureOptions, SyncAzureCopyOptions, SyncAzureOptions

_AZURE_ONLY = ("azure_endpoint", "azure_deployment", "api_version", "azure_ad_token", "azure_ad_token_provider")
_AZURE_QUERY = ("api-version", "deployment")


class _Plain:
    """Call the hooks of openai's plain client in place of those of Azure's classes, which change URLs and headers."""

    _stock: Any

    def _build_request(self, options: Any, **kwargs: Any) -> Any:
        return self._stock._build_request(self, options, **kwargs)

    def _prepare_url(self, url: str) -> Any:
        return self._stock._prepare_url(self, url)

    @property
    def auth_headers(self) -> dict[str, str]:
        return self._stock.auth_headers.fget(self)

    def _auth_headers(self, security: Any) -> dict[str, str]:
        return self._stock._auth_headers(self, security)

    def _validate_headers(self, headers: Any, custom_headers: Any) -> None:
        self._stock._validate_headers(self, headers, custom_headers)

    def _prepare_options(self, options: Any) -> Any:
        return self._stock._prepare_options(self, options)

    def _prepare_request(self, request: Any) -> Any:
        return self._stock._prepare_request(self, request)

    def _realtime_connection(self, model: str, extra_query: Any, api_key: Any) -> tuple[Any, dict[str, str]]:
        """Return the URL and the headers with the key of a WebSocket connection, for openai's `realtime`."""
        client: Any = self
        place: Any = client.websocket_base_url or client._base_url
        url: Any = type(client._base_url)(str(place))
        parameters = {name: value for name, value in dict(extra_query or {}).items() if name not in _AZURE_QUERY}
        path, _, query_string = url.raw_path.partition(b"?")
        url = url.copy_with(
            scheme={"http": "ws", "https": "wss"}.get(url.scheme, url.scheme),
            raw_path=path.rstrip(b"/") + b"/realtime" + (b"?" + query_string if query_string else b""),
        ).copy_merge_params({"model": model, **parameters})
        headers: dict[str, str] = client.auth_headers
        if isinstance(api_key, str) and api_key:  # just returned by a callable key
            headers = {"Authorization": context_of(client).guard.safe_authorization(f"Bearer {api_key}")}
        return url, headers

    def copy(self, **kwargs: Any) -> Any:
        return self._stock.copy(self, **kwargs)

    if hasattr(stock.OpenAI, "_refresh_api_key"):

        def _refresh_api_key(self) -> Any:
            return self._stock._refresh_api_key(self)


def _start(client: Any, init: Callable[..., None], kwargs: dict[str, Any], settings: Any, shared: Any) -> None:
    """Read Azure's arguments and environment variables, then start as a StepFun client."""
    azure: dict[str, Any] = {name: kwargs.pop(name, None) for name in _AZURE_ONLY}
    base_url = given(kwargs.get("base_url"))
    endpoint = _endpoint(base_url, azure["azure_endpoint"])
    place = str(endpoint if base_url is None else base_url or "")
    found = settings_or_default(settings)
    ours = _names_stepfun(place, found, settings is not None and base_url is not None)
    kwargs["base_url"] = place if ours else None  # Azure, or a gateway in front of it: neither serves StepFun
    owner: str | None = None
    if not ours and shared is None and kwargs.get("api_key") != found.api_key:
        kwargs["api_key"], owner = None, "Azure"  # Azure's key, or a function that returns it: not for StepFun
    context = construct(client, init, kwargs, settings, shared, owner)
    context.azure_key = None if ours and shared is None else client.api_key
    _set_azure_attributes(client, azure["api_version"], azure["azure_deployment"] or deployment_in(place), endpoint)


def _endpoint(base_url: Any, azure_endpoint: Any) -> Any:
    """Return the Azure endpoint: the argument, else the environment's if no base URL is passed.

    Raises:
        ValueError: both a base URL and an endpoint are passed.
    """
    if base_url is None:
        return (
            azure_endpoint
            if azure_endpoint is not None
            else os.environ.get("AZURE_OPENAI_ENDPOINT", "").strip() or None
        )
    if azure_endpoint is not None:
        raise ValueError("base_url and azure_endpoint are mutually exclusive")
    return None


def _set_azure_attributes(client: Any, api_version: Any, deployment: str | None, endpoint: Any) -> None:
    """Set the attributes that openai's constructor of an Azure client sets, without its credentials."""
    context_of(client).deployment = deployment or True
    client._api_version = api_version or os.environ.get("OPENAI_API_VERSION") or ""
    client._azure_ad_token = None
    client._azure_ad_token_provider = None
    client._azure_deployment = deployment
    client._azure_endpoint = type(client._base_url)(str(endpoint)) if endpoint else None


def _names_stepfun(place: str, settings: Settings, trusted: bool) -> bool:
    """Return whether an endpoint is StepFun's or the gateway configured for it. `trusted` is True if settings were
    passed together with a base URL, which makes that a gateway to StepFun."""
    if not place:
        return False
    if host_kind(place) != "other":
        return host_kind(place) == "stepfun"
    configured = settings.base_url is not None and origin(settings.base_url) == origin(place)
    return configured or (trusted and "/openai" not in place)


class AzureOpenAI(OpenAI, _Plain, stock.AzureOpenAI):  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]
    """`openai.AzureOpenAI` on StepFun. Azure's arguments are accepted; its credentials are never sent."""

    _stock = stock.OpenAI

    def __init__(
        self, *, settings: Settings | None = None, _stepfun_shared: Any = None, **kwargs: Unpack[SyncAzureOptions]
    ) -> None:
        _start(self, partial(stock.OpenAI.__init__, self), cast("dict[str, Any]", kwargs), settings, _stepfun_shared)

    @override
    def _configure_realtime(self, model: str, extra_query: Any, *, api_key: Any = None) -> Any:
        return self._realtime_connection(model, extra_query, api_key)

    @override
    def copy(self, **kwargs: Unpack[SyncAzureCopyOptions]) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _copy(self, super().copy, cast("dict[str, Any]", kwargs))

    with_options = copy


class AsyncAzureOpenAI(AsyncOpenAI, _Plain, stock.AsyncAzureOpenAI):  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]
    """`openai.AsyncAzureOpenAI` on StepFun. Azure's arguments are accepted; its credentials are never sent."""

    _stock = stock.AsyncOpenAI

    def __init__(
        self, *, settings: Settings | None = None, _stepfun_shared: Any = None, **kwargs: Unpack[AsyncAzureOptions]
    ) -> None:
        _start(
            self, partial(stock.AsyncOpenAI.__init__, self), cast("dict[str, Any]", kwargs), settings, _stepfun_shared
        )

    @override
    async def _configure_realtime(self, model: str, extra_query: Any, *, api_key: Any = None) -> Any:
        return self._realtime_connection(model, extra_query, api_key)

    @override
    def copy(self, **kwargs: Unpack[AsyncAzureCopyOptions]) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _copy(self, super().copy, cast("dict[str, Any]", kwargs))

    with_options = copy


def _copy(client: Any, base: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
    """Copy a client with openai's Azure arguments. Keeps the deployment unless an Azure base URL names another."""
    extra = dict(kwargs.pop("_extra_kwargs", None) or {})
    for name in _AZURE_ONLY:
        value = kwargs.pop(name, None)
        if value is not None:
            extra[name] = value
    endpoint = extra.pop("azure_endpoint", None) or client._azure_endpoint
    base_url = given(kwargs.get("base_url"))
    if base_url is not None and host_kind(str(base_url)) == "azure":
        del kwargs["base_url"]
        endpoint = base_url
        extra.setdefault("azure_deployment", deployment_in(str(base_url)))
    extra.setdefault("azure_deployment", client._azure_deployment)
    extra.setdefault("api_version", client._api_version or None)
    copied = base(_extra_kwargs=extra, **kwargs)
    context_of(copied).deployment = copied._azure_deployment or True
    copied._azure_endpoint = type(client._base_url)(str(endpoint)) if endpoint else None
    return copied


for _ours, _theirs in ((AzureOpenAI, stock.AzureOpenAI), (AsyncAzureOpenAI, stock.AsyncAzureOpenAI)):
    describe(_ours.__init__, _theirs.__init__)
    _ours.copy = _ours.with_options = copy_with_signature(_ours.copy, _theirs.copy)

__all__ = ["AsyncAzureOpenAI", "AzureOpenAI"]
del openai
