"""The types of StepFun's error objects, as they also come inside streams, where no status tells what they are (api 9.1)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NamedTuple


class Failure(NamedTuple):
    """`wire` is the status StepFun answers with outside a stream, `status` and `code` are what OpenAI code tests for."""

    wire: int
    status: int
    code: str | None


FAILURES: Final = MappingProxyType(
    {
        "invalid_api_key": Failure(401, 401, "invalid_api_key"),
        "quota_exceeded": Failure(402, 429, "insufficient_quota"),
        "rate_limited": Failure(429, 429, "rate_limit_exceeded"),
        "censorship_blocked": Failure(451, 400, "content_filter"),
        "risk_blocked": Failure(451, 400, "content_filter"),
        "risk": Failure(451, 400, "content_filter"),
        "request_params_invalid": Failure(400, 400, "request_params_invalid"),
        "invalid_request_error": Failure(400, 400, None),
        "model_incompatible": Failure(400, 400, "model_incompatible"),
        "unsupported_content_type": Failure(400, 400, "unsupported_content_type"),
        "server_error": Failure(500, 500, "server_error"),
        "internal_error": Failure(500, 500, "server_error"),
    }
)
"""By `type`, as documented and measured."""
