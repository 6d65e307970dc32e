"""Other providers for what StepFun lacks: only where the user said so, with that provider's key and never StepFun's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import openai

from . import stock
from .errors import SettingsError
from .settings import Settings, host_kind, looks_like_openai_key, without_userinfo


def key_variable(name: str) -> str:
    """The environment variable that holds the key of a fallback given as a URL."""
    return f"STEPFUN_FALLBACK_{name.upper()}_API_KEY"


def clients(settings: Settings, asynchronous: bool) -> Mapping[str, Any]:
    """The fallback clients of a sync or an async client, by resource.

    Raises:
        SettingsError: a fallback would send to StepFun, has no key, or is sync where it must be async.
    """
    return {name: _client(name, value, settings, asynchronous) for name, value in settings.fallback.items()}


def _client(name: str, value: Any, settings: Settings, asynchronous: bool) -> Any:
    wanted = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    where = f"fallback[{name!r}]"
    if isinstance(value, str):
        key = os.environ.get(key_variable(name), "").strip()
        theirs = host_kind(value) in ("openai", "azure")
        if not key and theirs:
            key = os.environ.get("OPENAI_API_KEY", "").strip()
        if not key:
            raise SettingsError(
                f"{where} has no key: set {key_variable(name)} to the key of {without_userinfo(value)}."
            )
        if key == settings.api_key and not looks_like_openai_key(key):
            raise SettingsError(
                f"{key_variable(name)} holds the StepFun key, which is never sent to {without_userinfo(value)}."
            )
        made: Any = (stock.AsyncOpenAI if asynchronous else stock.OpenAI)(api_key=key, base_url=value)
        if not theirs:
            made.organization = made.project = None  # what OPENAI_* says is meant for OpenAI
        return made
    if not hasattr(value, "chat") or not hasattr(value, "base_url"):
        raise SettingsError(f"{where} is a {type(value).__name__}: it takes an openai client or a URL.")
    own: Any = getattr(value, "_stepfun", None)
    if (own is not None and own.target.ours) or host_kind(str(value.base_url)) == "stepfun":
        raise SettingsError(
            f"{where} would send to StepFun again: make it a client of stepfun_compat.stock for another host."
        )
    if not isinstance(value, stock.AsyncOpenAI if asynchronous else stock.OpenAI):
        kind = "an async" if asynchronous else "a sync"
        raise SettingsError(
            f"{where} is a {type(value).__name__}: {kind} client needs a fallback of {wanted.__name__}."
        )
    return value
