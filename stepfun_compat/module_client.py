"""Module-level use: `openai.api_key = …; openai.chat.completions.create(…)` through a client of ours.

The client follows the module's attributes, as openai's own does: it is made on first use, and made anew, over the
same connections, when an attribute has changed since. Which kind of client it is, `api_type` and the environment say
by openai's own rules.
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
"""The modules whose `api_type` is ours: it was None until a client was needed."""
_lock = threading.RLock()


class _ModuleClient(OpenAI):
    """The client behind a module; programs and tests tell it by openai's name for it."""


class _AzureModuleClient(AzureOpenAI):
    """The same for Azure's variables and arguments."""


def load(module: ModuleType) -> Any:
    """The client behind a module's attributes.

    Raises:
        openai.OpenAIError: the environment speaks of OpenAI and of Azure at once, and `api_type` does not choose.
    """
    with _lock:
        kind = _kind(module)
        cls: Any = _AzureModuleClient if kind == "azure" else _ModuleClient
        if kind == "amazon-bedrock" and hasattr(openai, "BedrockOpenAI"):
            if module is openai:
                return stock.load_client()  # another vendor's, whose attributes openai's own client follows
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
    """The module's attributes that a class of clients takes as arguments."""
    if cls is _AzureModuleClient:
        return [*(name for name in ATTRIBUTES if name not in _NOT_FOR_AZURE), *AZURE_ATTRIBUTES]
    names = [name for name in ATTRIBUTES if name != "webhook_secret" or hasattr(openai, "webhook_secret")]
    return names if cls is _ModuleClient else [*names, "bedrock_token_provider"]


def _kind(module: ModuleType) -> str:
    """`openai`, `azure` or another of openai's `api_type`s; what is found out is put on the module, as openai does."""
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
    """Forget a module's client, and the kind that was found out for it."""
    with _lock:
        _clients.pop(module.__name__, None)
        if module.__name__ in _found_out:
            _found_out.discard(module.__name__)
            module.__dict__["api_type"] = None
        if module is openai:
            stock.reset_client()


def proxy(module: ModuleType, name: str) -> Any:
    """A resource of the module's client that looks the client up at each use."""

    class Proxy(LazyProxy[Any]):
        @override
        def __load__(self) -> Any:
            return getattr(load(module), name)

    return Proxy().__as_proxied__()
