"""Determine the owner of a key, and find the StepFun key."""

from __future__ import annotations

import os
import re
from typing import Final

from ..config.values import check_key
from ..errors import KeyRefusedError
from ..settings import Settings
from .placeholder import PLACEHOLDER_KEY as PLACEHOLDER_KEY
from .urls import host_kind

_OPENAI_KEY: Final = re.compile(r"(?<![A-Za-z0-9])sk-(?:proj|svcacct|admin)-[A-Za-z0-9]|T3BlbkFJ")


def looks_like_openai_key(key: str) -> bool:
    """Whether a key, or a text that contains one, has a prefix only OpenAI's keys have. A plain `sk-…` is ambiguous."""
    if "sk-" not in key and "T3BlbkFJ" not in key:  # far faster than the regular expression
        return False
    return _OPENAI_KEY.search(key) is not None


def is_openai_key(key: str, settings: Settings, base_url: str | None = None) -> bool:
    """Whether a key must not be sent to StepFun: it has a prefix of OpenAI's, or it is the program's `OPENAI_API_KEY` and
    nothing indicates that this variable contains a StepFun key."""
    if looks_like_openai_key(key):
        return True
    key = key.strip()
    if key == PLACEHOLDER_KEY:
        return True
    if not key or key != os.environ.get("OPENAI_API_KEY", "").strip() or key == settings.api_key:
        return False
    named = (base_url or "", os.environ.get("OPENAI_BASE_URL", ""))
    return not any(host_kind(url) == "stepfun" for url in named)


def stepfun_key(settings: Settings, base_url: str | None = None) -> str | None:
    """Return the configured StepFun key, or None.

    Raises:
        KeyRefusedError: the key configured for StepFun is an OpenAI key.
    """
    key = settings.api_key
    if key is not None:
        if looks_like_openai_key(key):
            raise KeyRefusedError(
                f"{settings.source('api_key')} contains an OpenAI key, which is never sent to StepFun. "
                "Put your StepFun key there (platform.stepfun.ai or platform.stepfun.com, API keys)."
            )
        return key
    fallback = os.environ.get("OPENAI_API_KEY", "").strip()
    if fallback and not is_openai_key(fallback, settings, base_url):
        check_key(fallback, "OPENAI_API_KEY")
        return fallback
    return None


def missing_key(whose: str | None = None) -> KeyRefusedError:
    """Return the error for a client without a key for StepFun; `whose` names the owner of the given key."""
    why = (
        f"The key that was given is {whose}'s and is never sent to StepFun, and there is no StepFun key to use instead."
        if whose
        else "The api_key client option must be set, either by passing api_key to the client "
        "or by setting the STEPFUN_API_KEY environment variable."
    )
    return KeyRefusedError(
        f"{why} Set STEPFUN_API_KEY (or STEP_API_KEY) to your StepFun key. To try a program without a key: "
        "stepfun-compat run --emulate program.py"
    )
