"""The record of one request: what it resolved to, what we changed about it, what the way back needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import override

if TYPE_CHECKING:
    from .catalog import Alias, Catalog, Model
    from .settings import Settings

ChangeKind = Literal["alias", "rename", "reshape", "drop", "clamp", "inject", "route", "cost", "repair"]

Json = Any
"""Plain JSON data: dict, list, str, int, float, bool, None."""


class Refusal(Exception):
    """A request that must not be sent, said in plain data; the client turns it into the exception OpenAI code catches.

    `status` is the HTTP status OpenAI would have answered with; `code`, `param` and `type` are the fields of its
    error body.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.type = type or "invalid_request_error"


@dataclass(frozen=True)
class Change:
    """One alteration of a request. `loses` is True where the answer may differ in meaning for it."""

    kind: ChangeKind
    parameter: str
    before: Json
    after: Json
    why: str
    loses: bool = False

    @override
    def __str__(self) -> str:
        return f"{self.parameter}: {_brief(self.before)} -> {_brief(self.after)} ({self.kind}: {self.why})"


def _brief(value: Json, limit: int = 80) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        text = value
    else:
        import json

        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass(slots=True)
class Exchange:
    """Made for one request, filled by the endpoint's translation, read on the way back.

    `requested_model` is what the caller wrote, `model_id` what is sent, `model` its catalog row (None for an id the
    catalog does not know). `notes` is the endpoint's own memory between request and response.
    """

    endpoint: str
    settings: Settings
    catalog: Catalog
    requested_model: str | None = None
    model_id: str | None = None
    model: Model | None = None
    alias: Alias | None = None
    stream: bool = False
    changes: list[Change] = field(default_factory=lambda: [])
    headers: dict[str, str] = field(default_factory=lambda: {})
    notes: dict[str, Any] = field(default_factory=lambda: {})
    safe_forms: list[str] = field(default_factory=lambda: [])
    """The contested facts in whose safe form this call was sent once more."""

    def change(
        self, kind: ChangeKind, parameter: str, before: Json, after: Json, why: str, *, loses: bool = False
    ) -> None:
        """Record an alteration. One that loses meaning is refused here when the policy says `error`.

        Raises:
            Refusal: `loses` and `Settings.on_unsupported == "error"`.
        """
        if loses and self.settings.on_unsupported == "error":
            raise Refusal(
                f"{parameter}={_brief(before)} cannot be carried over to {self.model_id or 'StepFun'}: {why}. "
                "Remove it, or set STEPFUN_ON_UNSUPPORTED=warn to go on without it.",
                code="unsupported_parameter",
                param=parameter,
            )
        self.changes.append(Change(kind, parameter, before, after, why, loses))
