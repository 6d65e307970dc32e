"""Patch when the program imports `openai`, and not before.

Until then openai, HTTP and TLS are not loaded, as under plain python, so the program can prepare what openai reads at
import: gevent replaces `ssl`, a `.env` file sets `OPENAI_LOG`.
"""

from __future__ import annotations

import sys

from .child.stepfun_compat_import_hook import call_on_import


def patch_on_import() -> None:
    """Call `patch()` when the program, a framework or this package imports openai; at once if it is already imported, for
    example by a `sitecustomize` or `.pth` file."""
    if "openai" in sys.modules:
        _patch()
    else:
        call_on_import(_patch)


def _patch() -> None:
    """Patch. On failure, print the reason and let the program continue, as in child processes."""
    try:
        from .patching import patch

        patch()
    except Exception as error:
        sys.stderr.write(f"stepfun-compat: openai is not changed: {error!r}\n")
