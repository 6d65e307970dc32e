"""Choose a client's base URL."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from ..settings import Settings
from .urls import host_kind, normalise_base_url, origin, with_scheme

_PLACES: Final = {
    ("global", "standard"): "https://api.stepfun.ai/v1",
    ("global", "step_plan"): "https://api.stepfun.ai/step_plan/v1",
    ("cn", "standard"): "https://api.stepfun.com/v1",
    ("cn", "step_plan"): "https://api.stepfun.com/step_plan/v1",
}


@dataclass(frozen=True)
class Target:
    """A client's base URL. `ours` is False for another vendor's host, whose client behaves like openai's."""

    base_url: str = field(repr=False)
    ours: bool
    source: str

    @property
    def named(self) -> str:
        """The base URL if the caller set it, empty for a default. Only a URL that the caller set indicates whose key
        `OPENAI_API_KEY` contains."""
        return self.base_url if self.source == "base_url argument" else ""


def resolve_target(argument: str | None, settings: Settings, *, explicit_settings: bool, api_key: object) -> Target:
    """Choose the base URL (in the documented order) and whether the client is for StepFun or another vendor."""
    if argument is not None:
        argument = with_scheme(argument)
        kind = host_kind(argument)
        if kind == "stepfun" or (
            kind == "other" and (explicit_settings or _names_gateway(argument, settings, api_key))
        ):
            return Target(normalise_base_url(argument), True, "base_url argument")
        if kind == "other":
            return Target(argument, False, "base_url argument")
    if settings.base_url is not None:
        return Target(settings.base_url, True, settings.source("base_url"))
    from_openai = os.environ.get("OPENAI_BASE_URL", "").strip()
    if from_openai and host_kind(from_openai) == "stepfun":
        return Target(normalise_base_url(from_openai), True, "OPENAI_BASE_URL")
    return Target(_PLACES[settings.region, settings.plan], True, f"region {settings.region}, plan {settings.plan}")


def _names_gateway(url: str, settings: Settings, api_key: object) -> bool:
    """Whether a URL of an unknown host is a gateway to StepFun: the configured one, or passed with the StepFun key."""
    if settings.base_url is not None and origin(settings.base_url) == origin(url):
        return True
    return isinstance(api_key, str) and bool(api_key) and api_key == settings.api_key
