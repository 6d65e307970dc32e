"""The record of one alteration of a request, and the sentence that describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from typing_extensions import override

Json = Any
"""Plain JSON data: dict, list, str, int, float, bool, None."""

ChangeKind = Literal["alias", "rename", "reshape", "drop", "clamp", "inject", "route", "cost", "repair", "miss"]
"""`miss`: the response does not follow the parameter."""

SENT_AGAIN: Final = "another request"
"""The `after` of a `cost` change for a second request of the same call."""

WHY_DROPPED: Final[Mapping[str, str]] = {
    "supports": "StepFun supports it in another form",
    "tolerates": "StepFun accepts it without effect",
    "rejects": "StepFun rejects it",
    "unknown": "StepFun does not document it",
}
"""The reason to drop a parameter by its `ParameterState` in the catalog."""


@dataclass(frozen=True)
class Change:
    """One alteration of a request. `lossy` is True if the response may differ in meaning because of it."""

    kind: ChangeKind
    parameter: str
    before: Json
    after: Json
    why: str
    lossy: bool = False

    @property
    def loses(self) -> bool:
        """The name of `lossy` in 0.1.0."""
        import warnings

        warnings.warn("Change.loses is now Change.lossy.", DeprecationWarning, stacklevel=2)
        return self.lossy

    @override
    def __str__(self) -> str:
        return _sentence(self, brief(self.before), brief(self.after))

    def for_log(self) -> str:
        """Return the text without the caller's content: only numbers, and names of OpenAI or of this package."""
        return _sentence(self, self._public(self.before), self._public(self.after, self.kind in _OUR_WORDS))

    def _public(self, value: Json, ours: bool = False) -> str:
        plain = value is None or isinstance(value, bool | int | float)
        named = isinstance(value, str) and _ENUMERATED.search(self.parameter)
        return brief(value) if plain or named or ours else ""


_ENUMERATED: Final = re.compile(
    r"(?:^|\.)(model|reasoning_effort|effort|role|detail|format|size|quality|voice|purpose|path|type|modalities|speed"
    r"|response_format|max_tokens|max_completion_tokens|max_output_tokens|n|stream|service_tier)$"
)
"""Parameters whose values are names out of a list, not content."""

_OUR_WORDS: Final = ("reshape", "inject", "route", "cost")
"""Kinds whose `after` is a value or description of this package, never the caller's text."""

_CHOICE: Final = " (STEPFUN_ON_UNSUPPORTED=error to refuse, =ignore to silence)"

_WITH_RESULT: Final[Mapping[ChangeKind, str]] = {
    "alias": "was sent as",
    "rename": "was sent as",
    "reshape": "was sent as",
    "drop": "was replaced by",
    "clamp": "was changed to",
    "inject": "was carried out by",
    "cost": "was sent as",
    "repair": "was repaired to",
}
_WITHOUT_RESULT: Final[Mapping[ChangeKind, str]] = {
    "alias": "was renamed",
    "rename": "was renamed",
    "drop": "was replaced",
    "clamp": "was changed",
    "repair": "was repaired",
}


def _sentence(change: Change, before: str, after: str) -> str:
    """Describe a change. `before` and `after` are the values to show, empty for none."""
    return f"{_outcome(change, before, after)}: {change.why}{_CHOICE if change.lossy else ''}"


def _outcome(change: Change, before: str, after: str) -> str:
    if change.kind == "route":
        return f"the request was sent to {after}" + (f" instead of {before}" if before != after else "")
    if change.after == SENT_AGAIN:
        return f"{change.parameter if before else 'the call'} cost {after}"
    described = " " in before or before.startswith(("{", "["))
    parameter = f"{change.parameter} ({before})" if described else "=".join(filter(None, (change.parameter, before)))
    if change.kind == "miss":
        return f"{parameter} was not honoured"
    if change.after is None:
        return f"{parameter} was dropped"
    return _replacement(change, parameter, after)


def _replacement(change: Change, parameter: str, after: str) -> str:
    """Describe a change that has a result."""
    if change.before is None and change.kind == "inject":
        return f"{after} was added to {parameter}" if " " in after else f"{parameter}={after} was added"
    if change.kind == "cost" and isinstance(change.before, int) and isinstance(change.after, int):
        return f"{parameter} was raised to {after}"
    if after:
        return f"{parameter} {_WITH_RESULT[change.kind]} {after}"
    return f"{parameter} {_WITHOUT_RESULT[change.kind]}"


def brief(value: Json, limit: int = 80) -> str:
    """Return a value as one short text; empty for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    else:
        import json

        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[: limit - 1] + "…"
