"""Make frameworks with their own HTTP client call OpenAI through the openai package while names are rebound.

Each entry is the module where a framework chooses its client, and what is rebound there. No framework is imported: a
loaded module is adapted at once, any other when it is loaded.
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
    """`os` with OpenAI's base URL always set in the environment."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    @staticmethod
    def getenv(name: str, default: Any = None) -> Any:
        return os.environ.get(name, _OPENAI if name == "OPENAI_BASE_URL" and default is None else default)


def _dspy(module: ModuleType) -> Mapping[str, Any]:
    """DSPy 3.4 and later has its own HTTP client, but calls LiteLLM, which uses the openai package, if the provider's base
    URL is in the environment. DSPy's module reads nothing else from `os`."""
    return {"os": _Environment()} if vars(module).get("os") is os else {}


FRAMEWORKS: Final[Mapping[str, Callable[[ModuleType], Mapping[str, Any]]]] = {
    "dspy.clients.backend_selection": _dspy,
}


class FrameworkHooks:
    """Adapt the modules of `FRAMEWORKS` with `rebind(module, name, new)`."""

    def __init__(self, rebind: Callable[[ModuleType, str, Any], None]) -> None:
        self._rebind = rebind
        self._import_hook = ImportHook(FRAMEWORKS, self._load)

    def start(self) -> None:
        """Adapt the loaded modules now and the others when they are loaded."""
        self._import_hook.start()
        for name in FRAMEWORKS:
            module = sys.modules.get(name)
            if module is not None:
                self._adapt(module)

    def stop(self) -> None:
        """Stop adapting modules that are loaded from now on."""
        self._import_hook.stop()

    def _load(self, module: ModuleType, run: Callable[[ModuleType], None]) -> None:
        run(module)
        self._adapt(module)

    def _adapt(self, module: ModuleType) -> None:
        for name, new in FRAMEWORKS[module.__name__](module).items():
            self._rebind(module, name, new)
