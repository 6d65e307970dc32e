"""The server's options: access and limits."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

TOKEN_VARIABLE: Final = "STEPFUN_SERVE_TOKEN"


@dataclass(frozen=True)
class ServeOptions:
    """The access rules and limits of one server. Sizes are in bytes, times in seconds.

    Raises:
        ValueError: a value is not allowed.
    """

    tokens: tuple[str, ...] = field(default=(), repr=False)
    """The accepted tokens. Empty: anyone who can reach the server may call it."""
    allowed_hosts: tuple[str, ...] = ()
    """Names allowed in the `Host` header besides `localhost` and IP addresses. `*` allows any."""
    allowed_origins: tuple[str, ...] = ()
    """Origins whose pages may call the server, such as `https://app.example`. `*` allows any. Empty: only its own origin."""
    max_body: int = 64 * 1024 * 1024
    max_header_bytes: int = 64 * 1024
    max_headers: int = 128
    body_timeout: float = 60.0
    """The time limit for receiving a request's body."""
    request_timeout: float = 900.0
    """The time limit for a request, from its first byte to the last byte of its response."""
    max_concurrency: int | None = None
    """The number of concurrent requests to StepFun. None: no limit."""
    max_queue: int = 128
    """The number of queued requests; further requests get a 429."""
    metrics: bool = False
    """Whether `/metrics` serves Prometheus text."""

    def __post_init__(self) -> None:
        for name in ("max_body", "max_header_bytes", "max_headers", "body_timeout", "request_timeout"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)!r} is not allowed: it must be a number above 0.")
        if self.max_concurrency is not None and self.max_concurrency < 1:
            raise ValueError(f"max_concurrency={self.max_concurrency} is not allowed: it must be 1 or more, or None.")
        if self.max_queue < 0:
            raise ValueError(f"max_queue={self.max_queue} is not allowed: it must be 0 or more.")
        for token in self.tokens:
            if len(token) < 8 or not all("!" <= sign <= "~" for sign in token):
                raise ValueError(
                    f"A token of {TOKEN_VARIABLE} is not allowed: it must have 8 or more letters, digits and signs, without blanks."
                )

    @classmethod
    def from_environment(cls) -> ServeOptions:
        """The defaults, with the tokens of `STEPFUN_SERVE_TOKEN`, several separated by commas."""
        return cls(tokens=tokens_from(os.environ.get(TOKEN_VARIABLE, "")))


def tokens_from(text: str) -> tuple[str, ...]:
    """The tokens in a comma-separated text."""
    return tuple(token for token in (part.strip() for part in text.split(",")) if token)
