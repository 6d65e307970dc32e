"""An import hook: a finder that calls a function when certain modules are loaded.

It is in the folder of `sitecustomize`, which child processes import without the package, and imports only `sys`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing is not imported, since every child would pay for it
    from collections.abc import Callable, Container
    from types import ModuleType
    from typing import Any


FRAMEWORK_PACKAGES = ("dspy",)
"""Frameworks that can bypass openai's names (`launch.framework_hooks`)."""


class OpenAIImporters:
    """The names of openai, of `FRAMEWORK_PACKAGES`, and of the modules of this package, which import openai."""

    def __contains__(self, name: object) -> bool:
        if name == "openai" or name in FRAMEWORK_PACKAGES:
            return True
        module = str(name)
        # the emulator does not import openai, and is loaded in every pytest run
        return module.startswith("stepfun_compat.") and not module.startswith("stepfun_compat.emulator")


class ImportHook:
    """Call `load(module, run)` instead of loading one of `names`; `run(module)` loads it.

    The hook acts on loading, not on finding, because programs also look up a module's spec without importing it.
    """

    def __init__(self, names: Container[str], load: Callable[[ModuleType, Callable[[ModuleType], None]], None]) -> None:
        self._names = names
        self._load = load

    def start(self) -> None:
        """Put the hook before all other finders."""
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Remove the hook; a module found before that loads normally."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec from the other finders, with a loader that calls the hook; None for other modules."""
        if name not in self._names:
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
        run = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module
            if self in sys.meta_path:
                self._load(module, run)
            else:
                run(module)

        loader.exec_module = exec_module
        return spec


def call_on_import(take_over: Callable[[], None]) -> None:
    """Call `take_over()` once, when openai is imported: after the module that imports it first, but before a framework."""

    def load(module: ModuleType, run: Callable[[ModuleType], None]) -> None:
        hook.stop()
        if module.__name__ in FRAMEWORK_PACKAGES:
            take_over()
            run(module)
        else:
            run(module)
            take_over()

    hook = ImportHook(OpenAIImporters(), load)
    hook.start()
