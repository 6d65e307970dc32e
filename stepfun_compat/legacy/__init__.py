"""The API of openai 0.28 on top of this package's clients.

    import stepfun_compat.legacy as openai

    openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": "Hello"}])

Keys and base URLs are resolved as everywhere in this package: `STEPFUN_API_KEY`, or `openai.api_key` unless it is an
OpenAI key; `openai.api_base` unless it is OpenAI's or Azure's URL. With `api_type = "azure"` the deployment's name is
used as a model name, and no Azure credential is sent. `stepfun_settings` takes a `stepfun_compat.Settings`.
"""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..credentials.keys import PLACEHOLDER_KEY as _PLACEHOLDER_KEY
from .version import VERSION

if TYPE_CHECKING:
    from ..settings import Settings

_AZURE = ("azure", "azure_ad", "azuread")


def _first_key() -> str | None:
    """Return `OPENAI_API_KEY`, or a placeholder if only StepFun's key is set: many programs need a key to start."""
    own = any(os.environ.get(name, "").strip() for name in ("STEPFUN_API_KEY", "STEP_API_KEY"))
    return os.environ.get("OPENAI_API_KEY", _PLACEHOLDER_KEY if own else None)


api_key: str | None = _first_key()
api_key_path: str | None = os.environ.get("OPENAI_API_KEY_PATH")
"""A file that contains the key, read for each call; takes precedence over `api_key`."""
organization: str | None = os.environ.get("OPENAI_ORGANIZATION")
api_base: str = os.environ.get("OPENAI_API_BASE", "https://api.openai.com/v1")
api_type: str = os.environ.get("OPENAI_API_TYPE", "open_ai")
api_version: str | None = os.environ.get("OPENAI_API_VERSION", "2023-05-15" if api_type in _AZURE else None)
proxy: Any = None
"""A URL, or URLs by scheme."""
app_info: Any = None
"""`{"name", "version", "url"}` for the user agent."""
log: Any = None
"""`debug` or `info`: what to write to stderr."""
verify_ssl_certs: bool = True
enable_telemetry: bool = False
ca_bundle_path: Any = None
debug: bool = False
requestssession: Any = None
"""The `requests.Session` that sends the requests, or a function that creates one for each thread."""
aiosession: ContextVar[Any] = ContextVar("aiohttp-session", default=None)
"""The `aiohttp.ClientSession` that sends the async requests of this context."""
stepfun_settings: Settings | None = None
"""Settings for the underlying clients; unset fields come from the environment and the settings file."""

__version__ = VERSION

# Imported after the configuration above, which these modules read.
from .api_resources import (  # noqa: E402
    Audio,
    ChatCompletion,
    Completion,
    Customer,
    Deployment,
    Edit,
    Embedding,
    Engine,
    ErrorObject,
    File,
    FineTune,
    FineTuningJob,
    Image,
    Model,
    Moderation,
)
from .error import APIError, InvalidRequestError, OpenAIError  # noqa: E402

__all__ = [
    "APIError",
    "Audio",
    "ChatCompletion",
    "Completion",
    "Customer",
    "Deployment",
    "Edit",
    "Embedding",
    "Engine",
    "ErrorObject",
    "File",
    "FineTune",
    "FineTuningJob",
    "Image",
    "InvalidRequestError",
    "Model",
    "Moderation",
    "OpenAIError",
    "api_base",
    "api_key",
    "api_key_path",
    "api_type",
    "api_version",
    "app_info",
    "ca_bundle_path",
    "debug",
    "enable_telemetry",
    "log",
    "organization",
    "proxy",
    "verify_ssl_certs",
]


def submodules() -> dict[str, ModuleType]:
    """Return this package's modules by the names of openai<1.0: `openai`, `openai.error`, ….

    In `sys.modules`, they make `import openai` return this package. The SDK's own submodules must stay there, because
    the clients use them; submodules that are not loaded yet are found through `__path__`.
    """
    import openai as sdk

    from ..catalog.legacy_modules import LEGACY_SUBMODULES

    for name in ("azure", "explanation", "module_client"):  # they import the SDK as `openai`
        import_module(f"...{name}", f"{__name__}.x")
    modules = {f"openai.{name}": import_module(f".{name}", __name__) for name in LEGACY_SUBMODULES}
    for entry in getattr(sdk, "__path__", []):
        if entry not in __path__:
            __path__.insert(0, entry)
    return {"openai": sys.modules[__name__], **modules}


def close() -> None:
    """Close the module's connections; the next call opens new ones. This also runs at interpreter exit."""
    from ._clients import close

    close()


def stepfun_client(asynchronous: bool = False) -> Any:
    """Return the `stepfun_compat.OpenAI` or `AsyncOpenAI` that calls use with the current configuration. Its `stepfun`
    attribute has the prompt cache statistics, `explain` and the settings.

    Raises:
        AuthenticationError: there is no key.
    """
    from .api_requestor import APIRequestor

    return APIRequestor().stepfun_client(asynchronous)
