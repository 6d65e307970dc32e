"""`stepfun_compat.explanation`: the public name of `diagnostics.explain`."""

from .diagnostics.explain import Explanation, explain

__all__ = ["Explanation", "explain"]
