"""The names of openai that move to stepfun_compat, and those that stay: types and private modules."""

from __future__ import annotations

from typing import Final

from ..catalog.legacy_modules import LEGACY_SUBMODULES
from . import surface
from .facts import model as m

_LOWERCASE: Final = (
    surface.SETTINGS
    | {path.partition(".")[0] for path in surface.PREFIXES}
    | {
        "__title__",
        "__version__",
        "file_from_path",
        "not_given",
        "omit",
        "pydantic_function_tool",
        "pydantic_responses_function_tool",
        "resources",
        "types",
    }
)
_SAME_IN_BOTH: Final = frozenset({"resources", "types"})
"""Names that only move together with other names of the same statement."""


def is_openai(module: str) -> bool:
    """Whether a module is openai or one of its submodules."""
    return module == "openai" or module.startswith("openai.")


def moves(name: str) -> bool:
    """Whether `name` of `from openai import name` moves to stepfun_compat."""
    if name.startswith("_") and name not in _LOWERCASE:
        return False
    return name in _LOWERCASE or not name.islower()


def submodule(module: str) -> str | None:
    """Return the counterpart of a submodule of openai, or None. OpenAI documents `openai.lib.azure` for Azure."""
    return "stepfun_compat.azure" if module == "openai.lib.azure" else None


def stays(statement: m.Import) -> bool:
    """Whether a statement imports only types and private modules."""
    if statement.module == "openai":
        names = {one.name for one in statement.names}
        return "*" not in names and (names <= _SAME_IN_BOTH or not any(map(moves, names)))
    if statement.module is not None:
        return submodule(statement.module) is None
    return all(one.name != "openai" and submodule(one.name) is None for one in statement.names if is_openai(one.name))


def private_client(statement: m.Import) -> str | None:
    """Return the client class that a statement imports from a private module of openai, or None."""
    if statement.module is None or not is_openai(statement.module) or not stays(statement):
        return None
    return next((one.name for one in statement.names if one.name in surface.CLIENT_CLASSES), None)


LEGACY_NAMES: Final = (
    (frozenset(surface.LEGACY) - {"Answer", "Classification", "Search"})
    | surface.LEGACY_SETTINGS
    | {one.partition(".")[0] for one in LEGACY_SUBMODULES}
    | {
        "APIError",
        "ErrorObject",
        "InvalidRequestError",
        "OpenAIError",
        "__version__",
        "api_key",
        "api_type",
        "api_version",
        "organization",
    }
)
"""The names of openai 0.28 that `stepfun_compat.legacy` has."""


def legacy_submodule(module: str) -> str | None:
    """Return the counterpart of a module of openai 0.28, or None."""
    name = module.removeprefix("openai.")
    return f"stepfun_compat.legacy.{name}" if name in LEGACY_SUBMODULES else None
