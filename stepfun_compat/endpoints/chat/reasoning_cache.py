"""Cache reasoning for callers that drop it from their history, or that do not see it.

Whether StepFun needs its reasoning back on later turns is unverified (stepfun-api 11.20).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

MAX_ENTRIES = 1024
MAX_CHARACTERS = 4_000_000


class _Bounded:
    """Texts by key; the oldest are evicted when there are too many entries or characters."""

    def __init__(self, most: int, characters: int) -> None:
        self._most = most
        self._characters = characters
        self._size = 0
        self._rows: OrderedDict[Hashable, str] = OrderedDict()

    def put(self, key: Hashable, text: str) -> None:
        self._size -= len(self._rows.pop(key, ""))
        self._rows[key] = text
        self._size += len(text)
        while len(self._rows) > self._most or (self._size > self._characters and len(self._rows) > 1):
            self._size -= len(self._rows.popitem(last=False)[1])

    def get(self, key: Hashable) -> str | None:
        return self._rows.get(key)


class ReasoningCache:
    """Reasoning by tool call and by response. Bounded and thread-safe.

    The key of a call is its id, name and arguments, so a reused id cannot return the reasoning of another response.
    """

    def __init__(self, most: int = MAX_ENTRIES, characters: int = MAX_CHARACTERS) -> None:
        self._calls = _Bounded(most, characters)
        self._answers = _Bounded(min(most, 256), characters)
        self._lock = threading.Lock()

    def put(self, id: str, name: str, arguments: str, reasoning: str) -> None:
        """Cache the reasoning behind a call."""
        with self._lock:
            self._calls.put((id, name, arguments), reasoning)

    def get(self, id: str, name: str, arguments: str) -> str | None:
        """Return the reasoning behind a call, None if it is not cached."""
        with self._lock:
            return self._calls.get((id, name, arguments))

    def put_answer(self, id: str, reasoning: str) -> None:
        """Cache the reasoning of a response that the caller gets without it."""
        with self._lock:
            self._answers.put(id, reasoning)

    def answer(self, id: str) -> str | None:
        """Return the reasoning of a response, None if it is not cached."""
        with self._lock:
            return self._answers.get(id)
