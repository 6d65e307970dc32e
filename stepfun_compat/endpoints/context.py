"""The record of one request: what it resolved to, what we changed about it, what the way back needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from .changes import Change, ChangeKind, Json, brief

if TYPE_CHECKING:
    from ..catalog import Alias, Catalog, Model
    from ..settings import Settings
    from .base import StoreOperation
    from .chat.reasoning_cache import ReasoningCache

S = TypeVar("S")


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
            value = "" if before is None else f"={brief(before)}"
            raise RequestRejected(
                f"{parameter}{value} is not supported on {self.model_id or 'StepFun'}: {why}. "
                "Remove it, or set STEPFUN_ON_UNSUPPORTED=warn to send the request without it.",
                code="unsupported_parameter",
                param=parameter,
            )
        self.changes.append(Change(kind, parameter, before, after, why, lossy))
