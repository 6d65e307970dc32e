"""Reasoning remembered for callers that drop it from their history (opt-in: `Settings.replay_reasoning="cache"`).

Whether StepFun needs its reasoning back on later turns is unverified (api 11.20), so nothing is remembered unasked.
"""

from __future__ import annotations

import threading
from collections import OrderedDict


class ReasoningCache:
    """Reasoning by tool call, bounded, shared by threads. The key is the call's id, name and arguments together, so
    that an id used twice cannot bring back another turn's reasoning."""

    def __init__(self, most: int = 1024) -> None:
        self._most = most
        self._rows: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, id: str, name: str, arguments: str, reasoning: str) -> None:
        """Remember the reasoning behind a call; the oldest goes when there are too many."""
        with self._lock:
            self._rows[id, name, arguments] = reasoning
            self._rows.move_to_end((id, name, arguments))
            while len(self._rows) > self._most:
                self._rows.popitem(last=False)

    def get(self, id: str, name: str, arguments: str) -> str | None:
        """The reasoning behind a call, None if it is not known."""
        with self._lock:
            return self._rows.get((id, name, arguments))
