"""The `error` field of a response body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from ..openai_object import OpenAIObject


class ErrorObject(OpenAIObject):
    """An error with `message` and `type`, which are None if the body lacks them."""

    @override
    def refresh_from(
        self,
        values: Mapping[str, Any],
        api_key: Any = None,
        api_version: Any = None,
        api_type: Any = None,
        organization: Any = None,
        response_ms: int | None = None,
    ) -> None:
        values = {"message": None, "type": None, **values}
        super().refresh_from(values, api_key, api_version, api_type, organization, response_ms)
