"""Rebinding openai's names to ours, and back."""

from __future__ import annotations

import sys
import threading
from types import ModuleType
from typing import Any, Final

import openai

from .. import stock
from ..azure import AsyncAzureOpenAI, AzureOpenAI
from ..client import AsyncOpenAI, OpenAI
from ..rebound import STANDS_FOR

OURS: Final[dict[type, type]] = {
    stock.OpenAI: OpenAI,
    stock.AsyncOpenAI: AsyncOpenAI,
    stock.AzureOpenAI: AzureOpenAI,
    stock.AsyncAzureOpenAI: AsyncAzureOpenAI,
}

# Where openai itself keeps these names. `openai._client` the attribute is the cached module client, so the modules are
# taken from sys.modules. Elsewhere inside openai the classes stay what they are.
_OPENAI_MODULES: Final = ("openai", "openai._client", "openai.lib.azure")

_lock = threading.RLock()
_changes: list[tuple[ModuleType, str, Any, Any]] = []


def is_patched() -> bool:
    """Whether openai's names are rebound at the moment."""
    return bool(_changes)


def _rebind(module: ModuleType, name: str, new: Any) -> None:
    _changes.append((module, name, module.__dict__[name], new))
    setattr(module, name, new)


def patch() -> None:
    """Rebind `openai.OpenAI`, `AsyncOpenAI`, `Client`, `AsyncClient`, `AzureOpenAI`, `AsyncAzureOpenAI` and the
    module-level client to ours, in `openai` and in every loaded module that has imported them. Doing it twice is
    doing it once.
    """
    with _lock:
        if _changes:
            return
        for name, module in list(sys.modules.items()):
            if not isinstance(module, ModuleType):  # pyright: ignore[reportUnnecessaryIsInstance]
                continue
            if name.partition(".")[0] == "stepfun_compat":
                continue
            if name.partition(".")[0] == "openai" and name not in _OPENAI_MODULES:
                continue
            for attribute, value in list(vars(module).items()):
                # type() and not isinstance(): asking a lazy proxy for its class would load what it stands for
                ours = OURS.get(value) if issubclass(type(value), type) else None
                if ours is not None:
                    _rebind(module, attribute, ours)
        loader = _module_client_loader()
        for name in ("openai", "openai._module_client"):
            module = sys.modules.get(name)
            if module is not None and "_load_client" in vars(module):
                _rebind(module, "_load_client", loader)
        STANDS_FOR.update({ours: theirs for theirs, ours in OURS.items()})


def unpatch() -> None:
    """Put every name back. A name that somebody else has bound since is left alone."""
    with _lock:
        for module, name, old, new in reversed(_changes):
            if vars(module).get(name) is new:
                setattr(module, name, old)
        _changes.clear()
        STANDS_FOR.clear()
        if "stepfun_compat.module_client" in sys.modules:
            sys.modules["stepfun_compat.module_client"].reset(openai)


def _module_client_loader() -> Any:
    def _load_client() -> Any:
        from ..module_client import load

        return load(openai)

    return _load_client
