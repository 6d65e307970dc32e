"""The record of one request: what it resolved to, what we changed about it, what the way back needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from typing_extensions import override

if TYPE_CHECKING:
    from ..catalog import Alias, Catalog, Model
    from ..settings import Settings
    from .base import StoreOperation
    from .chat.reasoning_cache import ReasoningCache

S = TypeVar("S")

ChangeKind = Literal["alias", "rename", "reshape", "drop", "clamp", "inject", "route", "cost", "repair"]

Json = Any
"""Plain JSON data: dict, list, str, int, float, bool, None."""


class RequestRejected(Exception):
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
        return self._text(_brief(self.before), _brief(self.after))

    def for_log(self) -> str:
        """The text without anything the caller wrote: only numbers, and values that are names of OpenAI's or ours."""
        return self._text(self._public(self.before), self._public(self.after))

    def _public(self, value: Json) -> str:
        plain = value is None or isinstance(value, bool | int | float)
        return _brief(value) if plain or (isinstance(value, str) and _ENUMERATED.search(self.parameter)) else "…"

    def _text(self, before: str, after: str) -> str:
        return f"{self.parameter}: {before} -> {after} ({self.kind}: {self.why})"


_ENUMERATED: Final = re.compile(
    r"(?:^|\.)(model|reasoning_effort|effort|role|detail|format|size|quality|voice|purpose|path|type|modalities|speed"
    r"|response_format|max_tokens|max_completion_tokens|max_output_tokens|n|stream|service_tier)$"
)
"""Parameters whose values are names out of a list, not content."""


def _brief(value: Json, limit: int = 80) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        text = value
    else:
        import json

        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass(frozen=True)
class ClientFacts:
    """What a translation may know of the client that makes the call."""

    base_url: str = ""
    """Where the client sends; empty where there is no client."""
    deployment: str | bool = False
    """The Azure deployment the client was made for, True where the calls name it, False for other clients."""
    callable_key: bool = False
    """Whether the API key is a function, which may give another key with each request."""
    reasoning_cache: ReasoningCache | None = None
    """The reasoning of earlier answers, where `Settings.replay_reasoning` asks for it."""
    dry_run: bool = False
    """Whether the call is only explained: nothing is sent and nothing is looked up."""


NO_CLIENT = ClientFacts()


@dataclass(slots=True)
class RequestContext:
    """Made for one request, filled by the endpoint's translation, read on the way back.

    `requested_model` is what the caller wrote, `model_id` what is sent, `model` its catalog row (None for an id the
    catalog does not know).
    """

    endpoint: str
    settings: Settings
    catalog: Catalog
    requested_model: str | None = None
    model_id: str | None = None
    model: Model | None = None
    alias: Alias | None = None
    stream: bool = False
    changes: list[Change] = field(default_factory=list[Change])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    states: dict[type[Any], Any] = field(default_factory=dict[type[Any], Any])
    """What endpoints remember between request and response: one dataclass each, see `state`."""
    client: ClientFacts = NO_CLIENT
    partial: Json = None
    """What is done and paid for, for the error of a later request of the same call."""
    request_count: int | None = None
    """How many requests the call takes, where the translation knows it beforehand."""
    save_operation: StoreOperation | None = None
    """What keeps the translated response, to be carried out before the caller gets it."""
    events_translated: bool = False
    """Whether a stream's events are in OpenAI's shape already."""
    forced_call_missing: bool = False
    """Whether the response lacks the call that `tool_choice` demands."""
    safe_forms: list[str] = field(default_factory=list[str])
    """The contested facts in whose safe form this call was sent once more."""

    def state(self, kind: type[S]) -> S:
        """Return the endpoint's state of this class, made with its defaults at first use."""
        found = self.states.get(kind)
        if found is None:
            found = self.states[kind] = kind()
        return found

    def set_state(self, state: object) -> None:
        """Keep a state that its endpoint made, for `state`."""
        self.states[type(state)] = state

    def record_change(
        self, kind: ChangeKind, parameter: str, before: Json, after: Json, why: str, *, lossy: bool = False
    ) -> None:
        """Record an alteration. One that loses meaning is refused here when the policy says `error`.

        Raises:
            RequestRejected: `lossy` and `Settings.on_unsupported == "error"`.
        """
        if lossy and self.settings.on_unsupported == "error":
            raise RequestRejected(
                f"{parameter}={_brief(before)} cannot be carried over to {self.model_id or 'StepFun'}: {why}. "
                "Remove it, or set STEPFUN_ON_UNSUPPORTED=warn to go on without it.",
                code="unsupported_parameter",
                param=parameter,
            )
        self.changes.append(Change(kind, parameter, before, after, why, lossy))
