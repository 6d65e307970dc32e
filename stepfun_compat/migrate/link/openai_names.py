"""Evaluate the names of the `openai` package."""

from __future__ import annotations

from typing import Final

from .. import surface
from .values import ANSWER, NOTHING, Kind, Result, Value


def _one(kind: Kind, name: str, detail: str = "") -> Result:
    return Result(frozenset((Value(kind, name, detail),)))


_SUBMODULES: Final = frozenset({"types", "resources", "lib", "_client", "_exceptions", "cli"})
"""Modules of openai>=1 from which programs import."""


def attribute_of_module(module: str, name: str) -> Result:
    """Return the value of `from module import name`, for `openai` and its submodules."""
    if module == "openai":
        return _of_package(name)
    if module.startswith(("openai.error", "openai.api_resources")) or module == "openai.embeddings_utils":
        return _of_old_submodule(module, name)
    return _of_submodule(module, name)


def _of_submodule(module: str, name: str) -> Result:
    """Return the value of a name in a module of openai>=1."""
    if module == "openai._exceptions" and name in surface.ERRORS:
        return _one("error", name)
    if name in surface.CLIENT_CLASSES and module.startswith(("openai._client", "openai.lib")):
        return _one("class", name)
    if module.startswith("openai.resources"):
        path = surface.resource_of_class(module, name) if name[:1].isupper() else None
        return _one("resource", path, "1+") if path is not None else _module_or_type(module, name)
    return _module_or_type(module, name) if module.startswith("openai.types") else _one("type", f"{module}.{name}")


def _of_package(name: str) -> Result:
    """Return the value of `from openai import name`."""
    if name in surface.CLIENT_CLASSES:
        return _one("class", name)
    if name in surface.ERRORS and name not in surface.NOT_ERRORS_AT_TOP:
        return _one("error", name, _old_if(name in surface.LEGACY_ERRORS))
    if name in surface.LEGACY:
        return _one("resource", name, "0.x")
    if name in surface.SETTINGS:
        return _one("setting", name, _old_if(name in surface.LEGACY_SETTINGS))
    found = surface.resource_attribute("", name)
    if found is not None and name not in surface.WRAPPED:
        return _one(found[0], found[1], "module")
    if name in surface.LEGACY_MODULES:
        return _one("module", f"openai.{name}", "0.x")
    return _one("module" if name in _SUBMODULES else "type", f"openai.{name}")


def _old_if(old: bool) -> str:
    return "0.x" if old else ""


def _of_old_submodule(module: str, name: str) -> Result:
    """Return the value of a name in a module that only openai<1.0 has."""
    if module.startswith("openai.error"):
        return _one("error", name, "0.x")
    if module == "openai.embeddings_utils":
        if name in surface.LEGACY_FUNCTIONS:
            return _one("method", surface.LEGACY_FUNCTIONS[name], "0.x")
        return _one("type", f"{module}.{name}")
    if name in surface.LEGACY:
        return _one("resource", name, "0.x")
    return _module_or_type(module, name, "0.x")


def _module_or_type(module: str, name: str, generation: str = "") -> Result:
    """Return the value of an unknown name in a module: a module if it is lower case, else a class."""
    return _one("module" if name.islower() else "type", f"{module}.{name}", generation)


def attribute(value: Value, name: str) -> Result:
    """Return the value of an attribute of an object of openai."""
    kind = value.kind
    if kind == "module":
        return attribute_of_module(value.name, name)
    if kind == "client":
        return _of_client(value, name)
    if kind == "resource":
        return _of_resource(value, name)
    if kind == "class" and name not in ("__init__", "__new__"):
        found = surface.resource_attribute("", name)
        return NOTHING if found is None else _one(found[0], found[1], "1+")
    if kind == "answer":
        return Result(frozenset((ANSWER,)))
    return NOTHING


def _of_client(value: Value, name: str) -> Result:
    if name in surface.COPIES:
        return _one("copy", value.name)
    if name in surface.WRAPPED:
        return Result(frozenset((value,)))
    found = surface.resource_attribute("", name)
    if found is not None:
        return _one(found[0], found[1], "1+")
    if name in surface.RAW_VERBS:
        return _one("method", name, "1+")
    if name.startswith("__") or name == "_client":
        return NOTHING
    return Result(frozenset((ANSWER,)))


def _of_resource(value: Value, name: str) -> Result:
    if value.detail == "0.x":
        target = surface.legacy_method(value.name, name)
        return NOTHING if target is None else _one("method", target, "0.x")
    found = surface.resource_attribute(value.name, name)
    if found is not None:
        return _one(found[0], found[1], value.detail)
    if name == "_client":
        return _one("client", "OpenAI")
    return NOTHING
