"""Functions of other packages that hand on what they are given. Data."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

FIRST_ARGUMENT: Final = frozenset(
    [
        "partial",
        "partialmethod",
        "cast",
        "copy",
        "deepcopy",
        "lru_cache",
        "cache",
        "cached",
        "nullcontext",
        "closing",
        "proxy",
        "ref",
        "enter_context",
        "enter_async_context",
        "run",
        "run_until_complete",
        "wait_for",
        "shield",
        "next",
        "iter",
        "aiter",
        "anext",
        "reversed",
        "sorted",
        "list",
        "tuple",
        "cache_resource",
        "singleton",
        "memoize",
        "lazy",
        "Lazy",
        "SimpleLazyObject",
        "contextmanager",
        "asynccontextmanager",
        "staticmethod",
        "classmethod",
        "property",
        "cached_property",
        "from_openai",
        "patch",
        "apatch",
        "wrap_openai",
        "track_openai",
        "from_provider",
        "Depends",
        "Provide",
        "Singleton",
        "Factory",
        "Resource",
        "field",
        "Field",
        "default_factory",
        "factory",
        "type",
    ]
)
"""They give (a view of) what they are given."""
CALLED: Final = frozenset(
    ["Depends", "Provide", "Singleton", "Factory", "Resource", "Lazy", "lazy", "SimpleLazyObject"]
)
"""Of these, the ones that call what they are given."""
WRAPPER: Final = re.compile(r"^(?:wrap|a?patch|instrument|trace|track|observe|monitor)(?:_|$)|_openai$", re.IGNORECASE)
"""Names of functions that put something around a client."""
_IMPORTER: Final = re.compile(r"import|lazy", re.IGNORECASE)


@lru_cache(maxsize=8192)
def hands_on(name: str) -> bool:
    """Return whether a function of that name gives a view of what it is given."""
    return name in FIRST_ARGUMENT or WRAPPER.search(name) is not None


@lru_cache(maxsize=8192)
def imports(name: str) -> bool:
    """Return whether a function of that name imports the module it is given the name of."""
    return _IMPORTER.search(name) is not None
