"""State that the hooks share: the context of a client, and the state of one call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import openai

from ..credentials.guard import CredentialGuard
from ..endpoints.base import PLAIN
from ..endpoints.context import NO_CLIENT, ClientFacts
from ..http_objects import http_module
from . import CALL

if TYPE_CHECKING:
    from ..credentials.target import Target
    from ..endpoints.base import Endpoint, WireRequest
    from ..endpoints.context import RequestContext
    from ..settings import Settings
    from .extras import ClientFamily

RAW: Final = "X-Stainless-Raw-Response"
"""The header with which the SDK marks `with_raw_response` (`true`) and `with_streaming_response` (`stream`)."""
CAST: Final = "____stainless_override_cast_to"
"""The header with which the SDK marks a cast that overrides the method's."""


def given(value: Any) -> Any:
    """Return the value, None in place of openai's `NOT_GIVEN`."""
    return None if isinstance(value, openai.NotGiven) else value


class ClientContext:
    """The state of one client beyond openai's attributes; the functions of this package take it as their argument."""

    def __init__(
        self, client: Any, settings: Settings, target: Target, family: ClientFamily, explicit_settings: bool
    ) -> None:
        self.client = client
        self.is_async = isinstance(client, openai.AsyncOpenAI)
        self.settings = settings
        self.family = family
        self.request_builder = family.request_builder()
        self.explicit_settings = explicit_settings
        self.key_provider: Callable[[], Any] | None = None
        self.deployment: str | bool = False
        """The Azure deployment of the client, True if each call names its own, False for other clients."""
        self.fallback: Mapping[str, Any] = {}
        self.base_url = ""
        """The client's base URL as text, updated by `targets_stepfun`."""
        self.urls: dict[str, Any] = {}
        """Paths joined to that base URL, a cache."""
        self._http_client: Any = None
        self._http_module: Any = None
        self.set_target(target)
        client._stepfun = self

    @property
    def azure_key(self) -> str | None:
        """The only key that a client configured for Azure sends, since any other is Azure's. None for other clients."""
        return self.guard.pinned_key

    @azure_key.setter
    def azure_key(self, key: str | None) -> None:
        self.guard.pinned_key = key

    def set_target(self, target: Target) -> None:
        """Set the host this client sends to."""
        self.target = target
        self.guard = CredentialGuard(self.settings, target.ours, target.base_url, target.named)
        self._seen: Any = None
        self._targets_stepfun = target.ours
        self._facts = NO_CLIENT

    def facts(self) -> ClientFacts:
        """Return what a translation may use of this client."""
        facts = self._facts
        has_function = self.key_provider is not None
        if (facts.base_url, facts.deployment, facts.callable_key) != (self.base_url, self.deployment, has_function):
            facts = self._facts = ClientFacts(self.base_url, self.deployment, has_function, self.family.reasoning)
        return facts

    def targets_stepfun(self) -> bool:
        """Return whether requests are translated. Checks the base URL again if it was assigned after construction."""
        base_url = self.client._base_url
        if base_url is not self._seen:
            self.base_url = str(base_url)
            self.urls = {}
            self._targets_stepfun = self.target.ours and self.guard.trusts(self.base_url)
            self._seen = base_url
        return self._targets_stepfun

    def http_module(self) -> Any:
        """Return the client's HTTP library, httpx or httpx2: the SDK's choice, or that of an injected client."""
        http_client = self.client._client
        if http_client is not self._http_client:
            self._http_client, self._http_module = http_client, http_module(http_client)
        return self._http_module


@dataclass(slots=True, repr=False)  # errors refer to it through their request, and it contains the caller's data
class CallState:
    """The state of one call.

    `path` is the caller's path below the base URL, and `wire` the translated request. `is_step` marks a step of a
    script, whose response is returned untranslated; `already_translated` marks a response that is already in OpenAI's
    shape. `reported` counts the changes already reported. `timeout` is how many seconds the caller waits for a
    response, None for no limit; `deadline` is the `time.monotonic` time by which all requests of the call must finish,
    None if the timeout is not a single number. `refused` is the status and body of the last error response, as StepFun
    sent it. `credential` is the key that the call's requests send, once known: stored records belong to it. `pinned` is
    the Authorization header of every request of the call, if a callable key might change in between.
    """

    request_context: RequestContext
    endpoint: Endpoint
    path: str = ""
    wire: WireRequest | None = None
    is_step: bool = False
    already_translated: bool = False
    reported: int = 0
    started: float = field(default_factory=time.monotonic)
    last_status: int = 0
    retries_taken: int = 0
    timeout: float | None = None
    deadline: float | None = None
    refused: tuple[int, object] | None = None
    credential: str | None = field(default=None, repr=False)
    pinned: str | None = field(default=None, repr=False)

    def step(self, wire: WireRequest) -> CallState:
        """Return the state for one request of a script, with the same deadline and credential."""
        return CallState(
            self.request_context,
            self.endpoint,
            path=self.path,
            wire=wire,
            is_step=True,
            deadline=self.deadline,
            credential=self.credential,
            pinned=self.pinned,
        )

    def follow(self, step: CallState) -> None:
        """Add the retries of a step to this call, and note the credential it sent."""
        self.retries_taken += step.retries_taken
        self.credential = self.credential or step.credential

    @property
    def endpoint_reads_errors(self) -> bool:
        """Whether the endpoint's stream translation handles `error` fields itself (Responses sends `error: null`)."""
        return bool(getattr(self.endpoint, "reads_errors", False))


def unsent_options(call: CallState, options: Any) -> Any:
    """Return the SDK's options to build a request that is not sent: without a translation, and without the SDK's mark
    for a cast, which is not an HTTP header."""
    options = options.model_copy()
    options.__dict__[CALL] = CallState(call.request_context, PLAIN)
    headers: Any = given(options.headers)
    if headers:
        options.headers = {name: value for name, value in headers.items() if name.lower() != CAST}
    return options
