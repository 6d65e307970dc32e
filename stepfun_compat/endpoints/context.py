"""The record of one request: its model, the changes made to it, and what the translation of the response needs."""

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
    """A request that must not be sent. The client raises the exception that code for OpenAI catches.

    `status` is the HTTP status of OpenAI's response; `code`, `param` and `type` are the fields of its error body.
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


class NotStored(RequestRejected):
    """The client's store has no such record, or was not read."""


@dataclass(frozen=True)
class ClientFacts:
    """What translations may read of the client that makes the call."""

    base_url: str = ""
    """The client's base URL; empty without a client."""
    deployment: str | bool = False
    """The client's Azure deployment, True if each call names it, False for other clients."""
    callable_key: bool = False
    """Whether the API key is a function, which may return another key for each request."""
    reasoning_cache: ReasoningCache | None = None
    """The reasoning of earlier responses, if `Settings.replay_reasoning` requires it."""
    dry_run: bool = False
    """Whether the call is only explained: nothing is sent."""


NO_CLIENT = ClientFacts()


@dataclass(slots=True)
class RequestContext:
    """The state of one request: set by the translation of the request, read by that of the response.

    `requested_model` is the caller's, `model_id` the one that is sent, `model` its catalog row (None for an id that is
    not in the catalog).
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
    states: list[Any] = field(default_factory=list[Any])
    """The endpoints' own state between request and response: one dataclass each, see `state`."""
    client: ClientFacts = NO_CLIENT
    partial: Json = None
    """What is complete and paid for, for the error if a later request of the same call fails."""
    save_operation: StoreOperation | None = None
    """The operation that stores the translated response before the caller gets it."""
    events_translated: bool = False
    """Whether a stream's events are in OpenAI's shape already."""
    forced_call_missing: bool = False
    """Whether the response lacks the call that `tool_choice` demands."""
    safe_forms: list[str] = field(default_factory=list[str])
    """The contested facts whose safe form this call has used in another request."""

    def state(self, kind: type[S]) -> S:
        """Return the state of this class, created with its defaults at first use."""
        for state in self.states:
            if type(state) is kind:
                return state
        made = kind()
        self.states.append(made)
        return made

    def set_state(self, state: object) -> None:
        """Set a state that its endpoint created, in place of an earlier one of its class."""
        for position, known in enumerate(self.states):
            if type(known) is type(state):
                self.states[position] = state
                return
        self.states.append(state)

    def take_state(self, kind: type[S]) -> S | None:
        """Remove the state of this class and return it, None if there is none."""
        for position, state in enumerate(self.states):
            if type(state) is kind:
                return self.states.pop(position)
        return None

    def record_change(
        self, kind: ChangeKind, parameter: str, before: Json, after: Json, why: str, *, lossy: bool = False
    ) -> None:
        """Record an alteration. A lossy one is rejected if `Settings.on_unsupported` is `error`.

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
