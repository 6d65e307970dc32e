"""Statistics of StepFun's prefix cache, and the header that names a session (stepfun-api 6).

StepFun caches prefixes automatically and documents no field, header or key for it. Whether the header has an effect is
unverified.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from typing_extensions import override

if TYPE_CHECKING:
    from ..catalog import Catalog

__all__ = ["Currency", "ModelStats", "PromptCacheStats", "Stats", "header_value"]

Currency = Literal["USD", "CNY"]

_MOST_MODELS: Final = 256
OTHER_MODELS: Final = "(other models)"
"""The row of all models beyond the first `_MOST_MODELS`, so that model names of the caller cannot fill the memory."""


def header_value(key: str) -> str:
    """Hash a `prompt_cache_key` for the affinity header, to 32 hex digits: the key itself may name a user."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


# ---------------------------------------------------------------- statistics


@dataclass(frozen=True)
class ModelStats:
    """Cache hits of one model. `saved` is money, None if the catalog has no price for the model."""

    calls: int = 0
    hits: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    saved: float | None = None

    @property
    def hit_ratio(self) -> float:
        """Cached prompt tokens as a share of all prompt tokens, 0.0 to 1.0."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


@dataclass(frozen=True)
class Stats:
    """Cache hits of all calls that reported usage.

    `prompt_tokens` includes `cached_tokens` (stepfun-api 4.4). `hits` counts the calls with any cached token. `saved`
    is the list-price difference between input and cached input, in `currency`, over the models whose price is known.
    """

    calls: int = 0
    hits: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    saved: float = 0.0
    currency: Currency = "USD"
    by_model: Mapping[str, ModelStats] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def hit_ratio(self) -> float:
        """Cached prompt tokens as a share of all prompt tokens, 0.0 to 1.0."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0

    @override
    def __str__(self) -> str:
        rows = [("all models", self), *sorted(self.by_model.items())]
        width = max(len(name) for name, _ in rows)
        sign = "$" if self.currency == "USD" else "¥"
        lines: list[str] = []
        for name, row in rows:
            saved = "price unknown" if row.saved is None else f"saved {sign}{row.saved:.6f}"
            lines.append(
                f"{name:<{width}}  {row.calls} calls, {row.cached_tokens} of {row.prompt_tokens} prompt tokens "
                f"cached ({row.hit_ratio:.1%}), {saved}"
            )
        return "\n".join(lines)


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _tokens(usage: Mapping[str, Any]) -> tuple[int, int]:
    """Return (prompt tokens, cached tokens) from a usage of chat or of Responses, nested or flat."""
    prompt = _count(usage.get("prompt_tokens")) or _count(usage.get("input_tokens"))
    details: Any = usage.get("prompt_tokens_details")
    if details is None:
        details = usage.get("input_tokens_details")
    nested: Any = details
    cached = _count(nested.get("cached_tokens")) if isinstance(details, Mapping) else 0
    return prompt, min(cached or _count(usage.get("cached_tokens")), prompt)


class PromptCacheStats:
    """Count cache hits, tokens and money saved for one client and its copies. Thread-safe; constant time per call.

    Prices are the catalog's list prices: in USD for region `global`, in CNY for region `cn`.
    """

    def __init__(self, region: Literal["global", "cn"] = "global", catalog: Catalog | None = None) -> None:
        self._currency: Currency = "CNY" if region == "cn" else "USD"
        self._catalog = catalog
        self._lock = threading.Lock()
        self._rows: dict[str, list[int]] = {}

    def record(self, model_id: str, usage: Mapping[str, Any]) -> None:
        """Count one response by its `usage`, in OpenAI's form; one without prompt tokens is not counted."""
        prompt, cached = _tokens(usage)
        if not prompt:
            return
        with self._lock:
            row = self._rows.get(model_id)
            if row is None:
                if len(self._rows) >= _MOST_MODELS:
                    model_id = OTHER_MODELS
                row = self._rows.setdefault(model_id, [0, 0, 0, 0])
            row[0] += 1
            row[1] += cached > 0
            row[2] += prompt
            row[3] += cached

    def stats(self) -> Stats:
        """Return the counts so far."""
        with self._lock:
            rows = {name: tuple(row) for name, row in self._rows.items()}
        by_model = {
            name: ModelStats(calls, hits, prompt, cached, self._saved(name, cached))
            for name, (calls, hits, prompt, cached) in rows.items()
        }
        every = by_model.values()
        return Stats(
            calls=sum(row.calls for row in every),
            hits=sum(row.hits for row in every),
            prompt_tokens=sum(row.prompt_tokens for row in every),
            cached_tokens=sum(row.cached_tokens for row in every),
            saved=sum(row.saved or 0.0 for row in every),
            currency=self._currency,
            by_model=MappingProxyType(by_model),
        )

    def reset(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            self._rows.clear()

    def _saved(self, model_id: str, cached: int) -> float | None:
        if self._catalog is None:
            from ..catalog import default

            self._catalog = default()
        row = self._catalog.model(model_id)
        price = None if row is None else row.cny if self._currency == "CNY" else row.usd
        return None if price is None else cached * (price.input - price.cached) / 1_000_000

    @override
    def __str__(self) -> str:
        return str(self.stats())

    @override
    def __repr__(self) -> str:
        return f"<PromptCacheStats {self.stats()!r}>"
