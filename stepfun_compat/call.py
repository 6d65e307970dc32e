"""One call through a client: the exchange, its endpoint, and what the hooks hand to one another."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .endpoints.base import Endpoint, Request
    from .exchange import Exchange


@dataclass(slots=True)
class Call:
    """`wire` is the translated request; `bare` marks a step of a script, whose response is handed back untouched;
    `done` marks an answer that is already in OpenAI's shape. `reported` counts the changes already told,
    `timeout` is how many seconds the caller waits for an answer, None for without end; `deadline` is when all requests
    of the call must be done, as `time.monotonic` counts, None where the timeout is not one number. `refused` is the
    status and body of the last error answer, as StepFun sent it. `credential` is the key the call's requests send, once
    known: its stored records belong to it. `pinned` is the Authorization header every request of the call sends where a
    callable key might change between them."""

    x: Exchange
    endpoint: Endpoint
    wire: Request | None = None
    bare: bool = False
    done: bool = False
    reported: int = 0
    started: float = field(default_factory=time.monotonic)
    last_status: int = 0
    retries_taken: int = 0
    timeout: float | None = None
    deadline: float | None = None
    refused: tuple[int, object] | None = None
    credential: str | None = field(default=None, repr=False)
    pinned: str | None = field(default=None, repr=False)

    def step(self, wire: Request) -> Call:
        """Return the call of one request of a script: same deadline, same credential."""
        return Call(
            self.x,
            self.endpoint,
            wire=wire,
            bare=True,
            deadline=self.deadline,
            credential=self.credential,
            pinned=self.pinned,
        )

    def follow(self, step: Call) -> None:
        """Take over what a step of this call spent and which credential it sent."""
        self.retries_taken += step.retries_taken
        self.credential = self.credential or step.credential

    @property
    def endpoint_reads_errors(self) -> bool:
        """Whether the endpoint's own stream translation deals with error members (Responses carries `error: null`)."""
        return bool(getattr(self.endpoint, "reads_errors", False))
