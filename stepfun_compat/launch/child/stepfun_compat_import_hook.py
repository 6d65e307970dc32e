"""A finder of the import system that has a say when certain modules are loaded.

It stands beside `sitecustomize`, which child processes import without the package, and imports nothing but `sys`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported: every child would pay for it
    from collections.abc import Callable, Collection
    from types import ModuleType
    from typing import Any


class ImportHook:
    """Calls `load(module, run)` in place of loading one of `names`; `run(module)` is what loads it.

    Programs also ask for a module's spec without importing it, so it is the loading that counts, not the finding.
    """

    def __init__(
        self, names: Collection[str], load: Callable[[ModuleType, Callable[[ModuleType], None]], None]
    ) -> None:
        self._names = names
        self._load = load

    def start(self) -> None:
        """Put the hook before all other finders."""
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Take the hook away; a module that was found before then is loaded as without it."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec that the other finders give, with a loader that calls the hook; None for other modules."""
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
