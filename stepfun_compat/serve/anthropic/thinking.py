"""Thinking: budgets mapped to efforts, and signatures that identify returned thinking blocks as StepFun's. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, cast

from .invalid import Invalid

_PREFIX: Final = "stepfun-compat-1."
LEAST_BUDGET: Final = 1024
_EFFORTS: Final = ((4096, "low"), (16384, "medium"))
"""(upper limit of the budget in tokens, effort); larger budgets are high. A choice: StepFun has levels and no budgets."""
_OUTPUT_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")


def sign(thinking: str) -> str:
    """Sign a thinking block. The signature identifies the text's origin; it does not protect against forgery."""
    return _PREFIX + hashlib.sha256(thinking.encode("utf-8", "surrogatepass")).hexdigest()


def is_signed(thinking: str, signature: object) -> bool:
    """Whether a returned thinking block comes from this server and is unchanged."""
    return isinstance(signature, str) and signature == sign(thinking)


def shows_thinking(body: Mapping[str, Any]) -> bool:
    """Whether the response includes thinking blocks."""
    config = body.get("thinking")
    if not isinstance(config, Mapping):
        return False
    fields = cast("Mapping[str, Any]", config)
    return fields.get("type") in ("enabled", "adaptive") and fields.get("display") != "omitted"


def effort_of(body: Mapping[str, Any]) -> str | None:
    """Return the reasoning effort for a request; None leaves it to the alias of the model.

    Raises:
        Invalid: `thinking` or `output_config.effort` has a value that Anthropic's API does not accept.
    """
    effort = _output_effort(body)
    config = body.get("thinking")
    if config is None:
        return effort
    if not isinstance(config, Mapping):
        raise Invalid("thinking: it must be an object.")
    fields = cast("Mapping[str, Any]", config)
    kind = fields.get("type")
    if kind in ("disabled", "between_tools"):  # between_tools turns thinking off too, but shows progress notes
        return effort or "low"
    if kind == "adaptive":
        return effort or "medium"
    if kind != "enabled":
        raise Invalid("thinking.type: it must be enabled, adaptive, between_tools or disabled.")
    budget = _budget(fields.get("budget_tokens"), body.get("max_tokens"))
    return effort or next((level for edge, level in _EFFORTS if budget < edge), "high")


def _output_effort(body: Mapping[str, Any]) -> str | None:
    output: Any = body.get("output_config")
    effort: Any = cast("Mapping[str, Any]", output).get("effort") if isinstance(output, Mapping) else None
    if effort is not None and effort not in _OUTPUT_EFFORTS:
        raise Invalid(f"output_config.effort: it must be one of {', '.join(_OUTPUT_EFFORTS)}.")
    return effort


def _budget(budget: object, most: object) -> int:
    """The tokens for thinking, checked against `max_tokens`."""
    if not isinstance(budget, int) or isinstance(budget, bool) or budget < LEAST_BUDGET:
        raise Invalid(f"thinking.enabled.budget_tokens: it must be a whole number of at least {LEAST_BUDGET}.")
    if isinstance(most, int) and budget >= most:
        raise Invalid("max_tokens: it must be greater than thinking.budget_tokens.")
    return budget
