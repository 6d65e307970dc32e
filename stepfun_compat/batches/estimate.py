"""Estimate the tokens and cost of an input file before sending anything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..endpoints.json_values import as_dict
from .records import LineError, Tokens
from .validation import Validation

_BYTES_A_TOKEN = 4
_CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


@dataclass
class Estimate:
    """Tokens, estimated from bytes, and costs, in the currency of `Settings.region`. `most_output` is the sum of the
    output caps; `uncapped` counts the lines without one, whose output is unbounded."""

    lines: int = 0
    input_tokens: int = 0
    most_output: int = 0
    uncapped: int = 0
    input_cost: float = 0.0
    output_cost: float = 0.0
    models: Counter[str] = field(default_factory=lambda: Counter[str]())
    errors: list[LineError] = field(default_factory=lambda: [])


def endpoint_of(path: Path) -> str:
    """The endpoint named by the first request of a file; chat completions if it names none."""
    with path.open("rb") as file:
        for raw in file:
            if raw.strip():
                try:
                    url: Any = (as_dict(json.loads(raw.decode("utf-8-sig"))) or {}).get("url")
                except ValueError:
                    break
                return url if isinstance(url, str) else "/v1/chat/completions"
    return "/v1/chat/completions"


def estimate(path: Path, endpoint: str, price: Callable[[str | None, Tokens], float], model: str | None) -> Estimate:
    """Validate an input file and estimate its tokens and cost. `model` replaces the model of every line."""
    found, validation = Estimate(), Validation(endpoint)
    with path.open("rb") as file, path.open("rb") as again:
        for line in validation.lines(file):
            again.seek(line.offset)
            body = as_dict(json.loads(again.read(line.length).decode("utf-8-sig"))["body"]) or {}
            name = model or str(body.get("model", ""))
            tokens = len(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")) // _BYTES_A_TOKEN
            cap = next((body[key] for key in _CAPS if isinstance(body.get(key), int)), None)
            found.lines += 1
            found.models[name] += 1
            found.input_tokens += tokens
            found.input_cost += price(name, Tokens(input=tokens))
            found.uncapped += cap is None
            found.most_output += cap or 0
            found.output_cost += price(name, Tokens(output=cap or 0))
    found.errors = validation.errors
    return found
