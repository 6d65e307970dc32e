"""Unmodified programs on StepFun: `patch()` in code you own, `stepfun-compat run` for everything else.

Names are rebound inside the process; openai's classes are never changed, nothing is installed.
"""

from __future__ import annotations

from typing import Any

from .patching import is_patched, patch, unpatch

__all__ = ["is_patched", "load_ipython_extension", "patch", "unload_ipython_extension", "unpatch"]


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext stepfun_compat`: as `patch()`, also for names the notebook has imported already."""
    del ipython
    patch()


def unload_ipython_extension(ipython: Any) -> None:
    """`%unload_ext stepfun_compat`: as `unpatch()`."""
    del ipython
    unpatch()
