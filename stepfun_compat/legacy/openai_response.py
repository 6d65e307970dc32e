"""The result of `APIRequestor.request`: the parsed body and values from its headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class OpenAIResponse:
    """One response, or one chunk of a stream. `data` is parsed JSON, text, or None for an empty body."""

    def __init__(self, data: Any, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self.data = data

    @property
    def request_id(self) -> str | None:
        """The header `Request-Id`."""
        return self._headers.get("request-id")

    @property
    def retry_after(self) -> int | None:
        """The header `Retry-After`, in seconds."""
        value = self._headers.get("retry-after")
        return None if value is None else int(value)

    @property
    def operation_location(self) -> str | None:
        """The header `Operation-Location`, which Azure's image generation polled."""
        return self._headers.get("operation-location")

    @property
    def organization(self) -> str | None:
        """The header `OpenAI-Organization`."""
        return self._headers.get("OpenAI-Organization")

    @property
    def response_ms(self) -> int | None:
        """The header `OpenAI-Processing-Ms`, in milliseconds."""
        value = self._headers.get("Openai-Processing-Ms")
        return None if value is None else round(float(value))
