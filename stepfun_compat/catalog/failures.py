"""The types of StepFun's error objects, also for errors inside streams, which have no status (stepfun-api 9.1)."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple


class Failure(NamedTuple):
    """`wire` is StepFun's status outside a stream; `status` and `code` are those that programs for OpenAI check."""

    wire: int
    status: int
    code: str | None


ERROR_TYPES: Final = MappingProxyType(
    {
        "invalid_api_key": Failure(401, 401, "invalid_api_key"),
        "quota_exceeded": Failure(402, 429, "insufficient_quota"),
        "rate_limited": Failure(429, 429, "rate_limit_exceeded"),
        "censorship_blocked": Failure(451, 400, "content_filter"),
        "censorship_block": Failure(451, 400, "content_filter"),
        "risk_blocked": Failure(451, 400, "content_filter"),
        "risk": Failure(451, 400, "content_filter"),
        "request_params_invalid": Failure(400, 400, "request_params_invalid"),
        "invalid_request_error": Failure(400, 400, None),
        "model_invalid": Failure(404, 404, "model_not_found"),
        "model_incompatible": Failure(400, 400, "model_incompatible"),
        "unsupported_content_type": Failure(400, 400, "unsupported_content_type"),
        "server_error": Failure(500, 500, "server_error"),
        "internal_error": Failure(500, 500, "server_error"),
    }
)
"""By `type`, as documented and measured."""


class Wording(NamedTuple):
    """An error recognized by its message, when its type is missing or misleading. `wire` are the statuses it applies to;
    0 is an error inside a stream, which has none."""

    pattern: re.Pattern[str]
    wire: frozenset[int]
    status: int
    code: str
    param: str | None = None


def _wording(pattern: str, wire: set[int], status: int, code: str, param: str | None = None) -> Wording:
    return Wording(re.compile(pattern, re.IGNORECASE), frozenset(wire), status, code, param)


WORDINGS: Final = (
    _wording(r"step plan subscription", {0, 400, 403}, 403, "no_active_subscription"),
    _wording(r"content (?:is |was )?blocked|内容.{0,12}(?:违规|审核|拦截)", {0, 400, 403}, 400, "content_filter"),
    _wording(
        r"does not exist or you do not have access"
        r"|\bunknown model\b"
        r"|\bmodel\b.{0,80}?(?:\b(?:does |do |is |was )?(?:not exist|not found|no permission)\b|模型不存在)"
        r"|模型.{0,40}?(?:不存在|未找到|无权限|没有权限)",
        {0, 400, 404},
        404,
        "model_not_found",
        "model",
    ),
    _wording(
        r"context (?:length|window)|maximum context|too many tokens|exceeds the max|prompt is too long|上下文.{0,12}(?:超|过长)",
        {0, 400, 413},
        400,
        "context_length_exceeded",
        "messages",
    ),
    _wording(r"concurrency reached|requests? limited", {0}, 429, "rate_limit_exceeded"),
)
"""In the order they are tried (stepfun-api 9.1, 13.8, 13.17)."""

NAMED_PARAMETER: Final = re.compile(r"^Request param: ([\w.\[\]]+) is ")
"""The parameter that the message of a rejected request names (stepfun-api 9.1)."""

PHRASES: Final = MappingProxyType(
    {
        "rate_limit_exceeded": ("rate limit reached", "Rate limit reached"),
        "insufficient_quota": ("exceeded your current quota", "You exceeded your current quota"),
        "context_length_exceeded": (
            "maximum context length",
            "This request exceeds the model's maximum context length",
        ),
    }
)
"""By code: the words of OpenAI's message that programs search for, and the text prepended to a message without them."""

HINTS: Final = MappingProxyType(
    {
        "invalid_api_key": "StepFun's keys are bound to a region: api.stepfun.com refuses a key of api.stepfun.ai, and "
        "vice versa. Check STEPFUN_API_KEY and STEPFUN_REGION (global or cn).",
        "no_active_subscription": "This URL bills a Step Plan. Use STEPFUN_PLAN=standard for pay as you go.",
        "insufficient_quota": "The balance or plan behind this key is used up. A key with a Step Plan needs "
        "STEPFUN_PLAN=step_plan.",
        "model_not_found": "`stepfun-compat models --live` lists the models your key may use.",
    }
)
"""Advice by code."""

MESSAGE_HINTS: Final = (
    (
        "please use the messages api",
        "StepFun serves this model only on its Messages API (Anthropic's format). Choose a chat model: "
        "`stepfun-compat models` lists them.",
    ),
    (
        "unrecognized chat message",
        "A message has no `content`, or a key or content part that StepFun does not support, such as `input_text`.",
    ),
    ("input images too many", "StepFun takes at most 60 images in one request. Send fewer, or split the conversation."),
)
"""Advice by text in the lower-case message (stepfun-api 13.5, 13.8)."""


if not TYPE_CHECKING:  # a type checker would accept any name of this module
    from ..former_lookup import former_names_of

    __getattr__ = former_names_of(__name__)
