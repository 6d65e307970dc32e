"""Module-level use: `openai.api_key = …; openai.chat.completions.create(…)` through a client of ours.

The client follows the module's attributes, as openai's own does: it is made on first use, and made anew, over the
same connections, when an attribute has changed since.
"""

from __future__ import annotations

import os
import threading
from types import ModuleType
from typing import Any, Final

import openai
from openai._utils import LazyProxy
from typing_extensions import override

from .settings import PLACEHOLDER_KEY

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
_clients: dict[str, tuple[tuple[Any, ...], Any]] = {}
_lock = threading.RLock()


def load(module: ModuleType) -> Any:
    """The client behind a module's attributes."""
    kind = _kind(module)
    names = [name for name in ATTRIBUTES if name != "webhook_secret" or hasattr(openai, "webhook_secret")]
    if kind == "azure":
        names = [name for name in names if name not in ("project", "webhook_secret")] + list(AZURE_ATTRIBUTES)
    elif kind == "amazon-bedrock":
        names += ["bedrock_token_provider"]
    values = (kind, *(getattr(module, name, None) for name in names))
    with _lock:
        known = _clients.get(module.__name__)
        if known is not None and known[0] == values:
            return known[1]
        kwargs = {name: value for name, value in zip(names, values[1:], strict=True) if value is not None}
        if known is not None and "http_client" not in kwargs:
            kwargs["http_client"] = known[1]._client
        if kind == "azure":
            from .azure import AzureOpenAI

            cls: Any = AzureOpenAI
        elif kind == "amazon-bedrock" and hasattr(openai, "BedrockOpenAI"):
            cls = vars(openai)["BedrockOpenAI"]  # another vendor's
        else:
            from .client import OpenAI

            cls = OpenAI
        client = cls(**kwargs)
        _clients[module.__name__] = (values, client)
        return client


def _kind(module: ModuleType) -> str | None:
    """The module's `api_type`, else Azure where only its credentials are there, as openai's own client decides."""
    kind: str | None = getattr(module, "api_type", None) or os.environ.get("OPENAI_API_TYPE")
    if kind is not None:
        return kind
    if os.environ.get("OPENAI_API_KEY", PLACEHOLDER_KEY) != PLACEHOLDER_KEY:
        return None
    named = any(getattr(module, name, None) for name in AZURE_ATTRIBUTES if name != "api_version")
    return "azure" if named or any(os.environ.get(name) for name in _AZURE_VARIABLES) else None


def reset(module: ModuleType) -> None:
    """Forget a module's client."""
    with _lock:
        _clients.pop(module.__name__, None)


def proxy(module: ModuleType, name: str) -> Any:
    """A resource of the module's client that looks the client up at each use."""

    class Proxy(LazyProxy[Any]):
        @override
        def __load__(self) -> Any:
            return getattr(load(module), name)

    return Proxy().__as_proxied__()
