"""Redact API keys and other secrets in the headers and query of a request."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from typing_extensions import override

_SECRET = re.compile(r"key|token|secret|passw|auth|cookie|signature|credential", re.IGNORECASE)
_HARMLESS = frozenset({"authority", "max_tokens", "sec-websocket-key"})
_IN_URL = re.compile(r"([?&;]([^=&;\s\"]+)=)([^&;\s\"]*)")


def redacted(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return headers or query parameters with `***` for each value that is a key or whose name suggests a secret."""
    return {name: "***" if _is_secret(name, value) else value for name, value in pairs.items()}


def _is_secret(name: str, value: str) -> bool:
    return (_SECRET.search(name) is not None and name.lower() not in _HARMLESS) or value.startswith(("sk-", "Bearer "))


def redacted_url(text: str) -> str:
    """Return a URL or path with `***` for the secrets in its query."""
    return _IN_URL.sub(lambda m: f"{m[1]}***" if _is_secret(m[2], m[3]) else m[0], text)


class RedactQueries(logging.Filter):
    """Redact secrets in the paths that uvicorn logs."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(redacted_url(value) if isinstance(value, str) else value for value in record.args)
        return True
