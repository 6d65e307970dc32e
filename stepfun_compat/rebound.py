"""Which of our classes stand in for openai's at the moment, so that instance checks against a rebound name still hold
for clients made from openai's own classes (other vendors', and those made before)."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

STANDS_FOR: dict[type, type] = {}
"""Our class -> the class of openai's whose name it has taken; empty while nothing is rebound."""


class Rebindable(type):
    """The class of our clients: plain, but for instance checks while a name of openai's is rebound."""

    @override
    def __instancecheck__(cls, instance: Any) -> bool:
        if super().__instancecheck__(instance):
            return True
        stock = STANDS_FOR.get(cls) if STANDS_FOR else None
        return stock is not None and isinstance(instance, stock)
