"""Run unmodified programs on StepFun: `patch()` in your own code, `stepfun-compat run` for everything else.

Names are rebound inside the process; openai's classes are never changed, and nothing is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .patching import is_patched, patch, unpatch

__all__ = ["is_patched", "load_ipython_extension", "patch", "unload_ipython_extension", "unpatch"]


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext stepfun_compat`: like `patch()`, also for names the notebook has already imported."""
    from .patching import patch

    del ipython
    patch()


def unload_ipython_extension(ipython: Any) -> None:
    """`%unload_ext stepfun_compat`: like `unpatch()`."""
    from .patching import unpatch

    del ipython
    unpatch()


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import on first use what loads openai: `run` starts programs without it."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import patching

        return getattr(patching, name)
