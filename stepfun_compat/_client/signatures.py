"""Signatures and bases of our classes, such that tools and type checkers see openai's."""

from __future__ import annotations

import functools
import inspect
from typing import Any


def signature_with_settings(stock: Any) -> inspect.Signature:
    """openai's own signature plus `settings`: tools and tests compare them."""
    signature = inspect.signature(stock)
    ours = inspect.Parameter("settings", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Settings | None")
    return signature.replace(parameters=[*signature.parameters.values(), ours])


def copy_with_signature(copy: Any, stock: Any) -> Any:
    """A `copy` of ours that says openai's signature; sync and async differ in it, so each class gets its own."""

    @functools.wraps(copy)
    def wrapped(self: Any, **kwargs: Any) -> Any:
        return copy(self, **kwargs)

    made: Any = wrapped
    made.__signature__ = signature_with_settings(stock)
    return made


class Bases:
    """Bases that a type checker sees in another order than Python: to it openai's attributes come first, so that they
    keep the types which the installed SDK gives them."""

    def __init__(self, *bases: type) -> None:
        self._bases = bases

    def __mro_entries__(self, _: tuple[Any, ...]) -> tuple[type, ...]:
        return self._bases
