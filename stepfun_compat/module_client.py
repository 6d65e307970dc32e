"""Module-level use: `openai.api_key = …; openai.chat.completions.create(…)` with a StepFun client.

The client follows the module's attributes, as openai's own does: it is created on first use, and again, with the same
connections, after an attribute has changed. `api_type` and the environment determine its kind by openai's own rules.
"""

from __future__ import annotations

import os
import threading
from types import ModuleType
from typing import Any, Final

import openai
from openai._utils import LazyProxy
from typing_extensions import override

from . import stock
from .azure import AzureOpenAI
from .client import OpenAI
from .credentials.keys import PLACEHOLDER_KEY

ATTRIBUTES: Final = (
    "api_key",
    "organization",
    "project",
    "webhook_secret",
    "base_url",
    "timeout",
    "max_retries",
    "default_headers",
    "default_query",
    "http_client",
)
AZURE_ATTRIBUTES: Final = ("azure_endpoint", "azure_ad_token", "azure_ad_token_provider", "api_version")
_AZURE_VARIABLES: Final = ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")
_NOT_FOR_AZURE: Final = ("project", "webhook_secret")
_clients: dict[str, tuple[tuple[Any, ...], Any]] = {}
_found_out: set[str] = set()
"""The modules whose `api_type` was None and was set here."""
_lock = threading.RLock()


class _ModuleClient(OpenAI):
    """The client behind a module. Programs and tests recognize it by openai's class name."""


class _AzureModuleClient(AzureOpenAI):
    """The client behind a module that is configured for Azure."""


def load(module: ModuleType) -> Any:
    """Return the client for a module's attributes.

    Raises:
        openai.OpenAIError: the environment configures both OpenAI and Azure, and `api_type` is not set.
    """
    with _lock:
        kind = _kind(module)
        cls: Any = _AzureModuleClient if kind == "azure" else _ModuleClient
        if kind == "amazon-bedrock" and hasattr(openai, "BedrockOpenAI"):
            if module is openai:
                return stock.load_client()  # another vendor's client, which openai itself keeps up to date
            cls = openai.BedrockOpenAI
        kwargs = {name: getattr(module, name, None) for name in _attributes(cls)}
        values = (kind, *kwargs.values())
        known = _clients.get(module.__name__)
        if known is not None and known[0] == values:
            return known[1]
        if known is not None and kwargs["http_client"] is None:
            kwargs["http_client"] = known[1]._client
        client = cls(**kwargs)
        _clients[module.__name__] = (values, client)
        return client


def _attributes(cls: Any) -> list[str]:
    """Return the module's attributes that a client class accepts as arguments."""
    if cls is _AzureModuleClient:
        return [*(name for name in ATTRIBUTES if name not in _NOT_FOR_AZURE), *AZURE_ATTRIBUTES]
    names = [name for name in ATTRIBUTES if name != "webhook_secret" or hasattr(openai, "webhook_secret")]
    return names if cls is _ModuleClient else [*names, "bedrock_token_provider"]


def _kind(module: ModuleType) -> str:
    """Return `openai`, `azure` or another `api_type`. A detected one is set on the module, as openai does."""
    kind = getattr(module, "api_type", None) or os.environ.get("OPENAI_API_TYPE")
    if kind:
        return str(kind)
    named = any(getattr(module, name, None) is not None for name in AZURE_ATTRIBUTES if name != "api_version")
    azure = named or any(os.environ.get(name) for name in _AZURE_VARIABLES)
    if azure and os.environ.get("OPENAI_API_KEY") not in (None, PLACEHOLDER_KEY):
        raise openai.OpenAIError(
            "Ambiguous use of module client; please set `openai.api_type` or the `OPENAI_API_TYPE` environment "
            "variable to `openai` or `azure`"
        )
    kind = "azure" if azure else "openai"
    module.__dict__["api_type"] = kind
    _found_out.add(module.__name__)
    return kind


def reset(module: ModuleType) -> None:
    """Remove a module's client, and the `api_type` that was detected for it."""
    with _lock:
        _clients.pop(module.__name__, None)
        if module.__name__ in _found_out:
            _found_out.discard(module.__name__)
            module.__dict__["api_type"] = None
        if module is openai:
            stock.reset_client()


def proxy(module: ModuleType, name: str) -> Any:
    """Return a resource of the module's client that looks the client up at each use."""

    class Proxy(LazyProxy[Any]):
        @override
        def __load__(self) -> Any:
            return getattr(load(module), name)

    return Proxy().__as_proxied__()
