"""`run --legacy`: the openai<1.0 module under openai's name, over the SDK that is installed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, cast


def install() -> None:
    """Put `stepfun_compat.legacy.submodules()` into `sys.modules`.

    The SDK's own submodules stay loaded and can be found, since our client goes on using them; only the names the old
    package had are replaced.

    Raises:
        ImportError: the legacy module is not there.
    """
    import openai as current

    modules: dict[str, Any] = vars(import_module("..legacy", __package__)).get("submodules", dict)()
    if "openai" not in modules:
        raise ImportError("this installation has no stepfun_compat.legacy")
    root: Any = modules["openai"]
    if not hasattr(root, "__path__"):  # the SDK imports parts of itself when they are first used
        root.__path__ = list(current.__path__)
    # the SDK's modules name each other as `openai.lib.…`: what is loaded has to be found on the new root as well
    for name, module in list(sys.modules.items()):
        package, _, part = name.partition(".")
        if package == "openai" and part and "." not in part and name not in modules:
            cast("dict[str, Any]", vars(root)).setdefault(part, module)
    sys.modules.update(modules)
