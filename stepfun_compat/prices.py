"""Prices and costs by the catalog's list prices: `client.stepfun.price` and `client.stepfun.cost`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .catalog import Price, Rate, for_settings

if TYPE_CHECKING:
    from .settings import Settings


@dataclass(frozen=True)
class ModelPrice:
    """The list price of the model behind a name. `tokens` is per one million tokens, `rate` is for what is billed
    otherwise; both are None if StepFun publishes none in this currency."""

    model: str
    currency: str
    tokens: Price | None = None
    rate: Rate | None = None
    as_of: str = ""


def price_of(name: str, settings: Settings) -> ModelPrice:
    """Return the price of the model behind an OpenAI or StepFun name, in the currency of `Settings.region`."""
    from .diagnostics.explain import explain_call

    catalog = for_settings(settings)
    row = catalog.models.get(name)
    if row is None:
        arguments = {"model": name, "messages": [{"role": "user", "content": "x"}]}
        body: Any = explain_call("chat.completions", arguments, settings.replace(on_unsupported="ignore")).body
        resolved = str(cast("Mapping[str, Any]", body).get("model", name)) if isinstance(body, Mapping) else name
        row = catalog.models.get(resolved)
        name = resolved
    currency = "CNY" if settings.region == "cn" else "USD"
    if row is None:
        return ModelPrice(name, currency)
    tokens, rate = (row.cny, row.cny_rate) if currency == "CNY" else (row.usd, row.usd_rate)
    return ModelPrice(row.id, currency, tokens, rate, row.as_of)


def cost_of(answer: Any, settings: Settings) -> float | None:
    """Return the cost of a chat completion, completion, chunk with usage or Responses object, by its `usage`.

    None if there is no usage, or the catalog has no price for the model. Search calls and files are billed separately.
    """
    usage, model = _get(answer, "usage"), _get(answer, "model")
    if usage is None or not isinstance(model, str):
        return None
    price = price_of(model, settings).tokens
    if price is None:
        return None
    entered = _count(usage, "prompt_tokens", "input_tokens")
    made = _count(usage, "completion_tokens", "output_tokens")
    details = _get(usage, "prompt_tokens_details") or _get(usage, "input_tokens_details")
    cached = min(entered, _count(details, "cached_tokens"))
    return ((entered - cached) * price.input + cached * price.cached + made * price.output) / 1_000_000


def _get(value: Any, name: str) -> Any:
    return cast("Mapping[str, Any]", value).get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _count(value: Any, *names: str) -> int:
    numbers = (_get(value, name) for name in names)
    return next((int(number) for number in numbers if isinstance(number, int | float)), 0)
