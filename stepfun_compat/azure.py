"""Azure's clients on StepFun: openai's constructor forms and classes, StepFun's path and key on the wire.

A deployment's name is taken as a model name: an alias where one fits, else the default model.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import openai
from typing_extensions import Self, override

from . import stock
from .client import AsyncOpenAI, OpenAI, copy_with_signature, signature_with_settings
from .exchange import Exchange
from .settings import Settings, host_kind

_AZURE_ONLY = ("azure_endpoint", "azure_deployment", "api_version", "azure_ad_token", "azure_ad_token_provider")


class _Plain:
    """Leads past what Azure's classes do to URLs and headers, to openai's own client below them."""

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

    def _configure_realtime(self, model: str, extra_query: Any) -> Any:
        del extra_query
        base: Any = cast("Any", self).base_url
        return base.copy_with(path=base.path.rstrip("/") + "/realtime"), {"model": model}

    def copy(self, **kwargs: Any) -> Any:
        return self._stock.copy(self, **kwargs)

    if hasattr(stock.OpenAI, "_refresh_api_key"):

        def _refresh_api_key(self) -> Any:
            return self._stock._refresh_api_key(self)


def _start(client: Any, init: Callable[..., None], kwargs: dict[str, Any], settings: Any, shared: Any) -> None:
    """Read Azure's arguments and variables without complaint, then start as a StepFun client."""
    azure: dict[str, Any] = {name: kwargs.pop(name, None) for name in _AZURE_ONLY}
    endpoint = azure["azure_endpoint"] or os.environ.get("AZURE_OPENAI_ENDPOINT")
    base_url = kwargs.get("base_url")
    if base_url is not None and endpoint is not None and azure["azure_endpoint"] is not None:
        raise ValueError("base_url and azure_endpoint are mutually exclusive")
    if base_url is None and endpoint is not None and host_kind(str(endpoint)) in ("stepfun", "other"):
        # an endpoint that is not Azure's is somebody's gateway: only StepFun's is ours to use
        kwargs["base_url"] = endpoint if host_kind(str(endpoint)) == "stepfun" else None
    if base_url is not None and "/openai" in str(base_url) and host_kind(str(base_url)) != "stepfun":
        kwargs["base_url"] = None
        if azure["azure_deployment"] is None and "/deployments/" in str(base_url):
            azure["azure_deployment"] = str(base_url).rpartition("/deployments/")[2].partition("/")[0]
    settings = settings if settings is not None else Settings()
    if kwargs.get("api_key") != settings.api_key:
        kwargs["api_key"] = None  # Azure's key, or what provides one: it must not leave for StepFun
    client._api_version = azure["api_version"] or os.environ.get("OPENAI_API_VERSION") or ""
    client._azure_ad_token = None
    client._azure_ad_token_provider = None
    client._azure_deployment = azure["azure_deployment"]
    client._azure_endpoint = None
    client._stepfun_init(init, kwargs, settings, shared)


def _name_deployment(client: Any, x: Exchange) -> None:
    x.notes["deployment"] = client._azure_deployment or True


class AzureOpenAI(OpenAI, _Plain, stock.AzureOpenAI):  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]
    """`openai.AzureOpenAI` on StepFun: Azure's arguments are accepted, none of its credentials is sent anywhere."""

    _stock = stock.OpenAI

    def __init__(self, *, settings: Settings | None = None, _stepfun_shared: Any = None, **kwargs: Any) -> None:
        _start(self, partial(stock.OpenAI.__init__, self), kwargs, settings, _stepfun_shared)

    @override
    def _stepfun_equip(self, x: Exchange) -> None:
        super()._stepfun_equip(x)
        _name_deployment(self, x)

    @override
    def copy(self, **kwargs: Any) -> Self:
        return _copy(self, super().copy, kwargs)

    with_options = copy


class AsyncAzureOpenAI(AsyncOpenAI, _Plain, stock.AsyncAzureOpenAI):  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]
    """`openai.AsyncAzureOpenAI` on StepFun: Azure's arguments are accepted, none of its credentials is sent anywhere."""

    _stock = stock.AsyncOpenAI

    def __init__(self, *, settings: Settings | None = None, _stepfun_shared: Any = None, **kwargs: Any) -> None:
        _start(self, partial(stock.AsyncOpenAI.__init__, self), kwargs, settings, _stepfun_shared)

    @override
    def _stepfun_equip(self, x: Exchange) -> None:
        super()._stepfun_equip(x)
        _name_deployment(self, x)

    @override
    def copy(self, **kwargs: Any) -> Self:
        return _copy(self, super().copy, kwargs)

    with_options = copy


def _copy(client: Any, base: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
    """openai's Azure `copy` arguments, with the deployment kept."""
    extra = dict(kwargs.pop("_extra_kwargs", None) or {})
    for name in _AZURE_ONLY:
        value = kwargs.pop(name, None)
        if value is not None:
            extra[name] = value
    extra.setdefault("azure_deployment", client._azure_deployment)
    extra.setdefault("api_version", client._api_version or None)
    if client._stepfun.settings.api_key is None:
        kwargs.setdefault("settings", client._stepfun.settings.replace(api_key=client.api_key))
    return base(_extra_kwargs=extra, **kwargs)


for _ours, _theirs in ((AzureOpenAI, stock.AzureOpenAI), (AsyncAzureOpenAI, stock.AsyncAzureOpenAI)):
    cast("Any", _ours.__init__).__signature__ = signature_with_settings(_theirs.__init__)
    _ours.copy = _ours.with_options = copy_with_signature(_ours.copy, _theirs.copy)

__all__ = ["AsyncAzureOpenAI", "AzureOpenAI"]
del openai
