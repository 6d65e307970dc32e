"""Run code written for OpenAI's Python SDK on StepFun's models, unchanged.

`from stepfun_compat import OpenAI` gives a subclass of `openai.OpenAI`; `import stepfun_compat as openai` gives every
public name of `openai`, ours where we have one and openai's own where we do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai as _openai
from openai import DEFAULT_MAX_RETRIES as _MAX_RETRIES
from openai import DEFAULT_TIMEOUT as _TIMEOUT

from . import stock as stock

if TYPE_CHECKING:
    from .azure import AsyncAzureOpenAI, AzureOpenAI
    from .client import AsyncClient, AsyncOpenAI, Client, OpenAI
    from .errors import (
        ContentFilteredError,
        EndpointNotAvailableError,
        KeyRefusedError,
        ModelNotFoundError,
        NoSubscriptionError,
        QuotaExceededError,
        SettingsError,
        ToolChoiceNotHonouredError,
        UnsupportedParameterError,
    )
    from .explanation import Explanation, explain
    from .launch import load_ipython_extension, patch, unload_ipython_extension, unpatch
    from .report import StepfunCompatWarning, reset_warnings
    from .settings import Settings

__stepfun_version__ = "0.1.0"

# What a program may set on the module, as on `openai`.
api_key: str | None = None
organization: str | None = None
project: str | None = None
webhook_secret: str | None = None
base_url: Any = None
timeout: Any = _TIMEOUT
max_retries: int = _MAX_RETRIES
default_headers: Any = None
default_query: Any = None
http_client: Any = None
api_type: Any = None
api_version: str | None = None
azure_endpoint: str | None = None
azure_ad_token: str | None = None
azure_ad_token_provider: Any = None

# Our names and the modules they come from, which are imported when a name is first used: a program that only
# imports this module pays for `openai` alone.
_LAZY = {
    "OpenAI": "client",
    "AsyncOpenAI": "client",
    "Client": "client",
    "AsyncClient": "client",
    "AzureOpenAI": "azure",
    "AsyncAzureOpenAI": "azure",
    "ContentFilteredError": "errors",
    "EndpointNotAvailableError": "errors",
    "KeyRefusedError": "errors",
    "ModelNotFoundError": "errors",
    "NoSubscriptionError": "errors",
    "QuotaExceededError": "errors",
    "SettingsError": "errors",
    "ToolChoiceNotHonouredError": "errors",
    "UnsupportedParameterError": "errors",
    "StepfunCompatWarning": "report",
    "reset_warnings": "report",
    "Settings": "settings",
    "Explanation": "explanation",
    "explain": "explanation",
    "patch": "launch",
    "unpatch": "launch",
    "load_ipython_extension": "launch",
    "unload_ipython_extension": "launch",
}

__all__ = [
    "AsyncAzureOpenAI",
    "AsyncClient",
    "AsyncOpenAI",
    "AzureOpenAI",
    "Client",
    "ContentFilteredError",
    "EndpointNotAvailableError",
    "Explanation",
    "KeyRefusedError",
    "ModelNotFoundError",
    "NoSubscriptionError",
    "OpenAI",
    "QuotaExceededError",
    "Settings",
    "SettingsError",
    "StepfunCompatWarning",
    "ToolChoiceNotHonouredError",
    "UnsupportedParameterError",
    "explain",
    "load_ipython_extension",
    "patch",
    "reset_warnings",
    "stock",
    "unload_ipython_extension",
    "unpatch",
]


def _is_resource(name: str) -> bool:
    from openai._utils import LazyProxy

    return issubclass(type(_openai.__dict__.get(name)), LazyProxy)  # the proxy's class, not what it stands for


def __getattr__(name: str) -> Any:
    import sys
    from importlib import import_module

    if name in _LAZY:
        value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    elif name in _LAZY.values():
        return import_module(f".{name}", __name__)
    elif _is_resource(name):
        from .module_client import proxy

        value = proxy(sys.modules[__name__], name)
    elif name.startswith("__") and name not in ("__version__", "__title__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        try:
            value = getattr(_openai, name)
        except AttributeError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
        if name in ("_load_client", "_reset_client"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *dir(_openai)})
