"""What makes our classes look like openai's: bases, signatures, type hints, and class checks against a rebound name."""

from __future__ import annotations

import functools
import inspect
from abc import ABCMeta
from typing import Any

from typing_extensions import override

STANDS_FOR: dict[type, type] = {}
"""Which of our classes stand in for openai's at the moment, so that class checks hold for clients made from openai's own
classes as well. Our class -> the class of openai's whose name it has taken; empty while nothing is rebound."""


class Rebindable(ABCMeta):
    """The class of our clients: plain, but for instance and subclass checks while a name of openai's is rebound.

    Not derived from `type` alone, so that `class Mine(openai.OpenAI, abc.ABC)` can still be written.
    """

    @override
    def __instancecheck__(cls, instance: Any) -> bool:
        if super().__instancecheck__(instance):
            return True
        stock = STANDS_FOR.get(cls) if STANDS_FOR else None
        return stock is not None and isinstance(instance, stock)

    @override
    def __subclasscheck__(cls, subclass: type) -> bool:
        if super().__subclasscheck__(subclass):
            return True
        stock = STANDS_FOR.get(cls) if STANDS_FOR else None
        return stock is not None and issubclass(subclass, stock)


def signature_with_settings(stock: Any) -> inspect.Signature:
    """openai's own signature plus `settings`: tools and tests compare them."""
    signature = inspect.signature(stock)
    ours = inspect.Parameter("settings", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Settings | None")
    return signature.replace(parameters=[*signature.parameters.values(), ours])


def describe(ours: Any, stock: Any) -> None:
    """Give a method of ours the signature and the type hints of openai's, plus `settings`."""
    ours.__signature__ = signature_with_settings(stock)
    ours.__annotations__ = {**stock.__annotations__, "settings": Any}
    ours.__wrapped__ = stock  # in whose module `typing.get_type_hints` looks the names up


def copy_with_signature(copy: Any, stock: Any) -> Any:
    """A `copy` of ours that says openai's signature; sync and async differ in it, so each class gets its own."""

    @functools.wraps(copy)
    def wrapped(self: Any, **kwargs: Any) -> Any:
        return copy(self, **kwargs)

    describe(wrapped, stock)
    return wrapped


class Bases:
    """Bases that a type checker sees in another order than Python: to it openai's attributes come first, so that they
    keep the types which the installed SDK gives them."""

    def __init__(self, *bases: type) -> None:
        self._bases = bases

    def __mro_entries__(self, _: tuple[Any, ...]) -> tuple[type, ...]:
        return self._bases
