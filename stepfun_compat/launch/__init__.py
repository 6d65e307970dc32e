"""Run unmodified programs on StepFun: `patch()` in your own code, `stepfun-compat run` for everything else.

Names are rebound inside the process; openai's classes are never changed, and nothing is installed.
"""

from __future__ import annotations

from typing import Any

from .patching import is_patched, patch, unpatch

__all__ = ["is_patched", "load_ipython_extension", "patch", "unload_ipython_extension", "unpatch"]


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext stepfun_compat`: like `patch()`, also for names the notebook has already imported."""
    del ipython
    patch()


def unload_ipython_extension(ipython: Any) -> None:
    """`%unload_ext stepfun_compat`: like `unpatch()`."""
    del ipython
    unpatch()
