"""Frameworks that can speak HTTP past the openai package: while names are rebound, their calls to OpenAI go through it.

Each entry is the module where such a framework decides, and what is rebound there. Nothing is imported for it: a module
that is loaded already is adapted at once, any other when it is loaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from .child.stepfun_compat_import_hook import ImportHook

_OPENAI: Final = "https://api.openai.com/v1"


class _Environment:
    """`os`, in which OpenAI's base URL is written out although nobody has set it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    @staticmethod
    def getenv(name: str, default: Any = None) -> Any:
        return os.environ.get(name, _OPENAI if name == "OPENAI_BASE_URL" and default is None else default)


def _dspy(module: ModuleType) -> Mapping[str, Any]:
    """DSPy from 3.4 on has an HTTP client of its own, and leaves the call to LiteLLM, which uses the openai package,
    when the provider's base URL is in the environment. That is all that is read there."""
    return {"os": _Environment()} if vars(module).get("os") is os else {}


FRAMEWORKS: Final[Mapping[str, Callable[[ModuleType], Mapping[str, Any]]]] = {
    "dspy.clients.backend_selection": _dspy,
}


class FrameworkHooks:
    """Adapts the modules of `FRAMEWORKS`; `rebind(module, name, new)` is how."""

    def __init__(self, rebind: Callable[[ModuleType, str, Any], None]) -> None:
        self._rebind = rebind
        self._import_hook = ImportHook(FRAMEWORKS, self._load)

    def start(self) -> None:
        """Adapt the modules that are loaded, and the others when they are."""
        self._import_hook.start()
        for name in FRAMEWORKS:
            module = sys.modules.get(name)
            if module is not None:
                self._adapt(module)

    def stop(self) -> None:
        """Leave modules that are loaded from now on as they are."""
        self._import_hook.stop()

    def _load(self, module: ModuleType, run: Callable[[ModuleType], None]) -> None:
        run(module)
        self._adapt(module)

    def _adapt(self, module: ModuleType) -> None:
        for name, new in FRAMEWORKS[module.__name__](module).items():
            self._rebind(module, name, new)
