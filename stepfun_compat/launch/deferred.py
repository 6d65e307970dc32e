"""Patching when the program imports `openai`, and not before.

Until then the program finds an interpreter without openai, HTTP and TLS, as under plain python. It may prepare what
openai reads or keeps when it is imported: gevent replaces `ssl`, a `.env` file sets `OPENAI_LOG`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

from .child.stepfun_compat_import_hook import ImportHook, OpenAIImporters


def patch_on_import() -> None:
    """Call `patch()` as soon as openai is imported, by the program, a framework or this package; at once if it has been,
    as by a `sitecustomize` or `.pth` file."""
    if "openai" in sys.modules:
        _patch()
        return
    hook = ImportHook(OpenAIImporters(), lambda module, run: _load(hook, module, run))
    hook.start()


def _load(hook: ImportHook, module: ModuleType, run: Callable[[ModuleType], None]) -> None:
    """Load a module and patch: afterwards, or before it where the module is a framework."""
    hook.stop()
    if module.__name__ == "dspy":
        _patch()
        run(module)
    else:
        run(module)
        _patch()


def _patch() -> None:
    """Patch, or say why it cannot be done and let the program go on, as in child processes."""
    try:
        from .patching import patch

        patch()
    except Exception as error:
        sys.stderr.write(f"stepfun-compat: openai stays as it is: {error!r}\n")
