"""The prompt cache: automatic, by prefix, in whole blocks, with LRU eviction (stepfun-api 6)."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

_MAX_BLOCKS = 20_000


class PrefixCache:
    """An LRU cache of blocks. A block's key hashes the prompt up to its end, so any earlier change is a miss."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, int] = OrderedDict()

    def clear(self) -> None:
        self._seen.clear()

    def look_up(self, owner: str, tokens: Sequence[str], unit: int, warm_after: int) -> int:
        """Return the number of cached leading tokens, and store the prompt. `owner` separates models and keys."""
        if unit <= 0:
            return 0
        running = hashlib.sha256(owner.encode())
        hit = 0
        unbroken = True
        for end in range(unit, len(tokens) + 1, unit):
            running.update("\x00".join(tokens[end - unit : end]).encode("utf-8", "surrogatepass"))
            name = running.digest()
            seen = self._seen.pop(name, 0)
            if unbroken and seen >= max(1, warm_after):
                hit = end
            else:
                unbroken = False
            self._seen[name] = seen + 1
        while len(self._seen) > _MAX_BLOCKS:
            self._seen.popitem(last=False)
        return hit
