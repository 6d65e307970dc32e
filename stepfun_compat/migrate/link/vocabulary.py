"""Names of functions in other packages that return their argument or a view of it."""

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
"""Functions that return their argument or a view of it."""
CALLED: Final = frozenset(
    ["Depends", "Provide", "Singleton", "Factory", "Resource", "Lazy", "lazy", "SimpleLazyObject"]
)
"""Functions among them that call their argument."""
WRAPPER: Final = re.compile(r"^(?:wrap|a?patch|instrument|trace|track|observe|monitor)(?:_|$)|_openai$", re.IGNORECASE)
"""Names of functions that wrap a client."""
_IMPORTER: Final = re.compile(r"import|lazy", re.IGNORECASE)


@lru_cache(maxsize=8192)
def passes_through(name: str) -> bool:
    """Whether a function of that name returns its argument or a view of it."""
    return name in FIRST_ARGUMENT or WRAPPER.search(name) is not None


@lru_cache(maxsize=8192)
def imports(name: str) -> bool:
    """Whether a function of that name imports the module that its argument names."""
    return _IMPORTER.search(name) is not None
