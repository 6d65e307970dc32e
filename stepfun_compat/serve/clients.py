"""The clients behind the server: one for each caller and dialect, over one pool of connections."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace
from typing import Any, Final, Literal

import openai
from openai._types import Omit

from ..client import AsyncOpenAI
from ..settings import SETTINGS, Settings
from .access import Caller
from .metering import MeteredFamily
from .transport import http_client

Dialect = Literal["openai", "anthropic", "anthropic thinking"]

_MOST_CLIENTS: Final = 512
_NO_PLATFORM_HEADERS: Any = {
    f"X-Stainless-{name}": Omit()
    for name in ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version", "Async")
}
"""The SDK's headers about the machine it runs on, which is not the caller's; they cost a tenth of a request's CPU."""


class Clients:
    """Create a client for each caller on first use. Stored responses, conversations and cached reasoning are separate
    for each caller; the connections to StepFun are shared.

    Raises:
        KeyRefusedError: no StepFun key is configured.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=None, max_keepalive_connections=256)
        self._http: Any = http_client(limits)
        self._made: OrderedDict[tuple[str, Dialect], AsyncOpenAI] = OrderedDict()
        first = self.of(Caller(""), "openai")
        self.secrets: tuple[str, ...] = tuple({key for key in (settings.api_key, first.api_key) if key})

    def of(self, caller: Caller, dialect: Dialect) -> AsyncOpenAI:
        """Return the client for a caller's requests in a dialect."""
        known = self._made.get((caller.name, dialect))
        if known is not None:
            self._made.move_to_end((caller.name, dialect))
            return known
        settings = replace(self.settings, **self._values(caller, dialect))
        made = AsyncOpenAI(
            settings=settings,
            http_client=self._http,
            default_headers=_NO_PLATFORM_HEADERS,
            _stepfun_shared=MeteredFamily(settings),
        )
        self._made[caller.name, dialect] = made
        if len(self._made) > _MOST_CLIENTS:
            self._made.popitem(last=False)
        return made

    def _values(self, caller: Caller, dialect: Dialect) -> dict[str, Any]:
        """Return the settings that differ for a caller's client."""
        settings = self.settings
        space = f"{settings.state_namespace or settings.api_key}\n{caller.name}"
        values: dict[str, Any] = {
            name: getattr(settings, name) for name in SETTINGS if settings.source(name) != "default"
        }
        values["state_namespace"] = hashlib.sha256(space.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        if dialect != "openai":  # keep reasoning with its tool calls if the client does not show it or send it back
            values["show_reasoning"] = "always" if dialect == "anthropic thinking" else "never"
            values["replay_reasoning"] = "cache"
            values["raw"] = "openai"  # the translation to Anthropic's format starts from OpenAI's
        return values

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
