"""Rebind openai's names to this package's, and restore them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final, cast

import openai

from .. import stock
from .._client import parts
from .._client.classes import STANDS_FOR
from ..azure import AsyncAzureOpenAI, AzureOpenAI
from ..client import AsyncOpenAI, OpenAI
from .framework_hooks import FrameworkHooks

OURS: Final[dict[type, type]] = {
    stock.OpenAI: OpenAI,
    stock.AsyncOpenAI: AsyncOpenAI,
    stock.AzureOpenAI: AzureOpenAI,
    stock.AsyncAzureOpenAI: AsyncAzureOpenAI,
}

_THEIRS: Final[dict[type, type]] = {ours: theirs for theirs, ours in OURS.items()}

# The modules of openai that define these names. The attribute `openai._client` is the cached module client, so the modules
# are taken from sys.modules. Elsewhere inside openai the classes are not replaced.
_OPENAI_MODULES: Final = ("openai", "openai._client", "openai.lib.azure")

# by identity: a foreign class may be unhashable, or run code in `__hash__`
_OURS_BY_ID: Final = {id(theirs): ours for theirs, ours in OURS.items()}
_THEIRS_BY_ID: Final = {id(ours): theirs for ours, theirs in _THEIRS.items()}

_lock = threading.RLock()
_changes: list[tuple[ModuleType, str, Any, Any]] = []
_ours_before: set[tuple[str, str]] = set()
"""(module, name) of names that referred to this package before `patch`, and keep doing so."""


def is_patched() -> bool:
    """Whether openai's names are currently rebound."""
    return bool(_changes)


def _rebind(module: ModuleType, name: str, new: Any) -> None:
    _changes.append((module, name, module.__dict__[name], new))
    vars(module)[name] = new  # bypasses a module's own `__setattr__`


def _classes() -> Iterator[tuple[str, ModuleType, str, type]]:
    """Yield every name in loaded modules that is bound to a class, except in this package and inside openai."""
    loaded: list[tuple[str, object]] = list(sys.modules.items())
    for name, module in loaded:
        if not isinstance(module, ModuleType):  # programs put other objects there
            continue
        package = name.partition(".")[0]
        if package == "stepfun_compat" or (package == "openai" and name not in _OPENAI_MODULES):
            continue
        for attribute, value in list(vars(module).items()):
            # type() and not isinstance(): reading the class of a lazy proxy would load its object
            if issubclass(type(value), type):
                yield name, module, attribute, value


_framework_hooks: Final = FrameworkHooks(_rebind)


def patch() -> None:
    """Rebind `openai.OpenAI`, `AsyncOpenAI`, `Client`, `AsyncClient`, `AzureOpenAI`, `AsyncAzureOpenAI` and the module-level
    client to this package's, in `openai` and in every loaded module that has imported them. Frameworks that would bypass
    the openai package are made to use it (`framework_hooks`). A second call has no effect.
    """
    with _lock:
        if _changes:
            return
        parts.load()
        _ours_before.clear()
        for name, module, attribute, value in _classes():
            ours = _OURS_BY_ID.get(id(value))
            if ours is not None:
                _rebind(module, attribute, ours)
            elif id(value) in _THEIRS_BY_ID:
                _ours_before.add((name, attribute))
        loader = _module_client_loader()
        for name in ("openai", "openai._module_client"):
            module = sys.modules.get(name)
            if module is not None and "_load_client" in vars(module):
                _rebind(module, "_load_client", loader)
        removed = sys.modules.get("openai.lib._old_api")
        if removed is not None and "INSTRUCTIONS" in vars(removed):
            from ..removed_names import WAYS_OUT

            _rebind(removed, "INSTRUCTIONS", vars(removed)["INSTRUCTIONS"] + WAYS_OUT)
        STANDS_FOR.update(_THEIRS)
        _framework_hooks.start()


def unpatch() -> None:
    """Restore every name, also in modules that imported it after `patch`. A name that was rebound to something else since
    is left alone, and so is one that a module imported from this package itself.
    """
    with _lock:
        if not _changes:
            return
        _framework_hooks.stop()
        _restore_imported_since()
        for module, name, old, new in reversed(_changes):
            if vars(module).get(name) is new:
                vars(module)[name] = old
        _changes.clear()
        STANDS_FOR.clear()
        if "stepfun_compat.module_client" in sys.modules:
            sys.modules["stepfun_compat.module_client"].reset(openai)


def _restore_imported_since() -> None:
    """Restore openai's classes in modules that imported the rebound names after `patch`."""
    rebound = {(id(module), name) for module, name, _, _ in _changes}
    for name, module, attribute, value in list(_classes()):
        since = id(value) in _THEIRS_BY_ID and (id(module), attribute) not in rebound
        if since and (name, attribute) not in _ours_before and not _chosen(module, attribute):
            vars(module)[attribute] = _THEIRS_BY_ID[id(value)]


def _chosen(module: ModuleType, name: str) -> bool:
    """Whether a module's source imports a name from this package, in which case `unpatch` keeps it."""
    import inspect
    import re

    typed: Any = vars(module).get("In")  # in a notebook, the source is the executed cells
    cells = cast("list[object]", typed) if isinstance(typed, list) else None
    try:
        text = inspect.getsource(module) if cells is None else "\n".join(map(str, cells))
    except (OSError, TypeError):
        return False
    taken = re.findall(r"from\s+stepfun_compat[\w.]*\s+import\s+(\([^)]*\)|[^\n]*)", text)
    taken += re.findall(rf"\b{re.escape(name)}\s*=\s*stepfun_compat\.[\w.]*\w", text)
    bound = re.sub(r"\w+\s+as\s+", "", "\n".join(taken))
    return re.search(rf"\b{re.escape(name)}\b|\*", bound) is not None


def _module_client_loader() -> Any:
    def _load_client() -> Any:
        from ..module_client import load

        return load(openai)

    return _load_client
