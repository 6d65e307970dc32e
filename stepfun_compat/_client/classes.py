"""Make our classes look like openai's: bases, signatures, type hints, and class checks while a name is rebound."""

from __future__ import annotations

import functools
import inspect
from abc import ABCMeta
from typing import Any

from typing_extensions import override

STANDS_FOR: dict[type, type] = {}
"""Our class -> the openai class whose name is bound to it, so that class checks also accept instances of the latter.
Empty while nothing is rebound."""


class Rebindable(ABCMeta):
    """Metaclass of our clients, for instance and subclass checks while a name of openai's is rebound.

    Derived from `ABCMeta` so that `class Mine(openai.OpenAI, abc.ABC)` works.
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
    """Return openai's signature plus `settings`, for tools and tests that compare signatures."""
    signature = inspect.signature(stock)
    ours = inspect.Parameter("settings", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Settings | None")
    return signature.replace(parameters=[*signature.parameters.values(), ours])


def describe(ours: Any, stock: Any) -> None:
    """Give one of our methods the signature and type hints of openai's, plus `settings`."""
    ours.__signature__ = signature_with_settings(stock)
    ours.__annotations__ = {**stock.__annotations__, "settings": Any}
    ours.__wrapped__ = stock  # `typing.get_type_hints` resolves names in its module


def copy_with_signature(copy: Any, stock: Any) -> Any:
    """Return our `copy` with openai's signature. The sync and async signatures differ, so each class gets its own."""

    @functools.wraps(copy)
    def wrapped(self: Any, **kwargs: Any) -> Any:
        return copy(self, **kwargs)

    describe(wrapped, stock)
    return wrapped


class Bases:
    """Base classes in an order of their own at run time.

    For a type checker openai's class comes first, so that its attributes keep the types of the installed SDK.
    """

    def __init__(self, *bases: type) -> None:
        self._bases = bases

    def __mro_entries__(self, _: tuple[Any, ...]) -> tuple[type, ...]:
        return self._bases
