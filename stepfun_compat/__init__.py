"""Run code written for OpenAI's Python SDK on StepFun's models, unchanged.

`from stepfun_compat import OpenAI` gives a subclass of `openai.OpenAI`; `import stepfun_compat as openai` gives every
public name of `openai`, ours where we have one and openai's own where we do not.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    # names that openai has had since 1.66, with their types; any other name is Any to a type checker
    # isort: off
    from openai import APIConnectionError as APIConnectionError
    from openai import APIError as APIError
    from openai import APIResponse as APIResponse
    from openai import APIResponseValidationError as APIResponseValidationError
    from openai import APIStatusError as APIStatusError
    from openai import APITimeoutError as APITimeoutError
    from openai import AssistantEventHandler as AssistantEventHandler
    from openai import AsyncAPIResponse as AsyncAPIResponse
    from openai import AsyncStream as AsyncStream
    from openai import AuthenticationError as AuthenticationError
    from openai import BadRequestError as BadRequestError
    from openai import BaseModel as BaseModel
    from openai import ConflictError as ConflictError
    from openai import ContentFilterFinishReasonError as ContentFilterFinishReasonError
    from openai import DEFAULT_CONNECTION_LIMITS as DEFAULT_CONNECTION_LIMITS
    from openai import DEFAULT_MAX_RETRIES as DEFAULT_MAX_RETRIES
    from openai import DEFAULT_TIMEOUT as DEFAULT_TIMEOUT
    from openai import DefaultAsyncHttpxClient as DefaultAsyncHttpxClient
    from openai import DefaultHttpxClient as DefaultHttpxClient
    from openai import InternalServerError as InternalServerError
    from openai import LengthFinishReasonError as LengthFinishReasonError
    from openai import NOT_GIVEN as NOT_GIVEN
    from openai import NotFoundError as NotFoundError
    from openai import NotGiven as NotGiven
    from openai import OpenAIError as OpenAIError
    from openai import PermissionDeniedError as PermissionDeniedError
    from openai import RateLimitError as RateLimitError
    from openai import Stream as Stream
    from openai import Timeout as Timeout
    from openai import UnprocessableEntityError as UnprocessableEntityError
    from openai import file_from_path as file_from_path
    from openai import pydantic_function_tool as pydantic_function_tool
    from openai import resources as resources
    from openai import types as types
    from openai._module_client import audio as audio
    from openai._module_client import batches as batches
    from openai._module_client import beta as beta
    from openai._module_client import chat as chat
    from openai._module_client import completions as completions
    from openai._module_client import embeddings as embeddings
    from openai._module_client import files as files
    from openai._module_client import fine_tuning as fine_tuning
    from openai._module_client import images as images
    from openai._module_client import models as models
    from openai._module_client import moderations as moderations
    from openai._module_client import responses as responses
    from openai._module_client import uploads as uploads
    from openai._module_client import vector_stores as vector_stores
    from openai._version import __version__ as __version__
    # isort: on

    from . import stock as stock
    from . import version as version
    from .azure import AsyncAzureOpenAI, AzureOpenAI
    from .client import AsyncClient, AsyncOpenAI, Client, OpenAI
    from .diagnostics.explain import Explanation, explain
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
    from .launch import load_ipython_extension, patch, unload_ipython_extension, unpatch
    from .report import StepfunCompatWarning, reset_warnings
    from .settings import Settings

__stepfun_version__: str  # of this package; `__version__` is openai's

# Attributes that a program may set on the module, as on `openai`.
api_key: str | None = None
organization: str | None = None
project: str | None = None
webhook_secret: str | None = None
base_url: Any = None
timeout: Any  # these two have openai's defaults, looked up on first use
max_retries: int
default_headers: Any = None
default_query: Any = None
http_client: Any = None
api_type: Any = None
api_version: str | None = None
azure_endpoint: str | None = None
azure_ad_token: str | None = None
azure_ad_token_provider: Any = None

# Our names and their modules. A module, and openai with it, is imported when a name is first used, because pytest loads
# this package's plugin in every test run.
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
_OURS = __all__
if not TYPE_CHECKING:  # `import *` exports the names of `from openai import *` and ours: see __getattr__
    del __all__


_DEFAULTS = {"timeout": "DEFAULT_TIMEOUT", "max_retries": "DEFAULT_MAX_RETRIES"}


def _from_openai(name: str) -> Any:
    """Return openai's value of a name. Resources use this module's client; a name of openai 0.x raises when called."""
    import openai
    from openai._utils import LazyProxy

    value = vars(openai).get(name)  # not getattr: the class of a lazy proxy suffices, without loading its target
    if type(value).__module__ == "openai.lib._old_api":
        from .removed_names import RemovedName

        return RemovedName(symbol=name)
    if issubclass(type(value), LazyProxy):
        from .module_client import proxy

        return proxy(sys.modules[__name__], name)
    if name in ("_load_client", "_reset_client") or not hasattr(openai, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(openai, _DEFAULTS.get(name, name))


def __getattr__(name: str) -> Any:
    from importlib import import_module

    value: Any
    if name in _LAZY:
        value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    elif name == "__stepfun_version__":
        value = import_module(".version", __name__).__version__
    elif name in ("stock", "version") or name in _LAZY.values():
        return import_module(f".{name}", __name__)
    elif name == "__all__":
        import openai

        theirs: Any = vars(openai)["__all__"]
        value = sorted({*_OURS, *theirs})
    elif name.startswith("__") and name not in ("__version__", "__title__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        value = _from_openai(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    import openai

    return sorted({*globals(), *_LAZY, *_DEFAULTS, "stock", "version", *dir(openai)})


class _FormerModules:
    """Find modules of 0.1.0 that have moved. Comes last in `sys.meta_path`, for what no other finder finds."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG004 - the protocol's
        if not name.startswith(f"{__name__}."):
            return None
        from .former_names import spec_of

        return spec_of(name)


if not any(getattr(finder, "__qualname__", "") == _FormerModules.__qualname__ for finder in sys.meta_path):
    sys.meta_path.append(_FormerModules)
