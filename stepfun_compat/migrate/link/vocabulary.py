"""Functions of other packages that hand on what they are given. Data."""

from __future__ import annotations

import re
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
