"""Which of our classes stand in for openai's at the moment, so that class checks against a rebound name still hold
for clients made from openai's own classes (other vendors', and those made before)."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

from typing_extensions import override

STANDS_FOR: dict[type, type] = {}
"""Our class -> the class of openai's whose name it has taken; empty while nothing is rebound."""


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
