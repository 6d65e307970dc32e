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


DETOURS: Final[Mapping[str, Callable[[ModuleType], Mapping[str, Any]]]] = {
    "dspy.clients.backend_selection": _dspy,
}


class Watch:
    """Adapts the modules of `DETOURS`; `rebind(module, name, new)` is how. A finder of the import system."""

    def __init__(self, rebind: Callable[[ModuleType, str, Any], None]) -> None:
        self._rebind = rebind

    def start(self) -> None:
        sys.meta_path.insert(0, self)
        for name in DETOURS:
            module = sys.modules.get(name)
            if module is not None:
                self._adapt(module)

    def stop(self) -> None:
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]

    def _adapt(self, module: ModuleType) -> None:
        for name, new in DETOURS[module.__name__](module).items():
            self._rebind(module, name, new)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in DETOURS:
            return None
        spec: Any = None
        for finder in list(sys.meta_path):
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    break
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        load: Any = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module
            load(module)
            if self in sys.meta_path:
                self._adapt(module)

        loader.exec_module = exec_module
        return spec
