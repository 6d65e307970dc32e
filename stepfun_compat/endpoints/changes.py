"""One alteration of a request, and the sentence that tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from typing_extensions import override

Json = Any
"""Plain JSON data: dict, list, str, int, float, bool, None."""

ChangeKind = Literal["alias", "rename", "reshape", "drop", "clamp", "inject", "route", "cost", "repair", "miss"]
"""`miss`: the response does not keep to the parameter."""

SENT_AGAIN: Final = "another request"
"""The `after` of a cost that is the same call, sent once more."""

WHY_DROPPED: Final[Mapping[str, str]] = {
    "supports": "StepFun supports it in another form",
    "tolerates": "StepFun accepts it without effect",
    "rejects": "StepFun rejects it",
    "unknown": "StepFun does not document it",
}
"""The reason to drop a parameter by its `ParameterState` in the catalog."""


@dataclass(frozen=True)
class Change:
    """One alteration of a request. `lossy` is True where the answer may differ in meaning for it."""

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
        """The text without anything the caller wrote: only numbers, and values that are names of OpenAI's or ours."""
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
"""Kinds whose `after` is a value or a description of ours, never the caller's text."""

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
    """What became of the parameter. `before` and `after` are shown values, empty where there is none to show."""
    described = " " in before or before.startswith(("{", "["))
    parameter = f"{change.parameter} ({before})" if described else "=".join(filter(None, (change.parameter, before)))
    if change.kind == "route":
        text = f"the request was sent to {after}" + (f" instead of {before}" if before != after else "")
    elif change.after == SENT_AGAIN:
        text = f"{change.parameter if before else 'the call'} cost {after}"
    elif change.kind == "miss":
        text = f"{parameter} was not honoured"
    elif change.after is None:
        text = f"{parameter} was dropped"
    elif change.before is None and change.kind == "inject":
        text = f"{after} was added to {parameter}" if " " in after else f"{parameter}={after} was added"
    elif isinstance(change.before, int) and isinstance(change.after, int) and change.kind == "cost":
        text = f"{parameter} was raised to {after}"
    elif after:
        text = f"{parameter} {_WITH_RESULT[change.kind]} {after}"
    else:
        text = f"{parameter} {_WITHOUT_RESULT[change.kind]}"
    return f"{text}: {change.why}{_CHOICE if change.lossy else ''}"


def brief(value: Json, limit: int = 80) -> str:
    """A value as one short text; empty for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    else:
        import json

        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[: limit - 1] + "…"
