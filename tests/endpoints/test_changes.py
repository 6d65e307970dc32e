"""Each change is described in one sentence; log lines contain none of the caller's content."""

from __future__ import annotations

import pytest

from stepfun_compat.endpoints.changes import SENT_AGAIN, Change

CHOICE = " (STEPFUN_ON_UNSUPPORTED=error to refuse, =ignore to silence)"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            Change("drop", "seed", 1, None, "StepFun does not document it", True),
            "seed=1 was dropped: StepFun does not document it" + CHOICE,
        ),
        (
            Change("drop", "service_tier", "flex", "default", "StepFun has one tier"),
            "service_tier=flex was replaced by default: StepFun has one tier",
        ),
        (
            Change("alias", "model", "gpt-4o", "step-3.7-flash", "an alias"),
            "model=gpt-4o was sent as step-3.7-flash: an alias",
        ),
        (
            Change("cost", "max_tokens", 16, 1516, "room for reasoning"),
            "max_tokens=16 was raised to 1516: room for reasoning",
        ),
        (Change("cost", "n", 3, "3 requests", "one image each"), "n=3 was sent as 3 requests: one image each"),
        (Change("cost", "messages", None, SENT_AGAIN, "no call"), "the call cost another request: no call"),
        (
            Change("inject", "reasoning_effort", None, "low", "from an alias"),
            "reasoning_effort=low was added: from an alias",
        ),
        (Change("inject", "messages", None, "a line", "why"), "a line was added to messages: why"),
        (Change("route", "path", "/a", "/b", "why"), "the request was sent to /b instead of /a: why"),
        (Change("route", "path", "/a", "/a", "why"), "the request was sent to /a: why"),
        (
            Change("reshape", "messages[0].content", "2 text parts", "one string", "why"),
            "messages[0].content (2 text parts) was sent as one string: why",
        ),
        (Change("miss", "tool_choice", None, None, "why", True), "tool_choice was not honoured: why" + CHOICE),
    ],
)
def test_change_is_described_in_one_sentence(change: Change, text: str) -> None:
    assert str(change) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change("drop", "user", "a name", None, "why"), "user was dropped: why"),
        (Change("drop", "logit_bias", {"50256": -100}, None, "why"), "logit_bias was dropped: why"),
        (Change("repair", "x.arguments", "{secret", '{"secret": 1}', "why"), "x.arguments was repaired: why"),
        (Change("rename", "tools[0].function.name", "secret tool", "secret_tool", "why"), "tools[0].function.name was renamed: why"),
        (Change("clamp", "description", "secret" * 40, "secret", "why"), "description was changed: why"),
        (Change("reshape", "x.name", "Secret", "the start of the text", "why"), "x.name was sent as the start of the text: why"),
        (Change("rename", "max_completion_tokens", 9, "max_tokens", "why"), "max_completion_tokens=9 was sent as max_tokens: why"),
    ],
)  # fmt: skip
def test_log_line_names_the_parameter_without_content(change: Change, text: str) -> None:
    assert change.for_log() == text
    assert "secret" not in change.for_log().lower()
