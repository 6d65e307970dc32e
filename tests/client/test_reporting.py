"""The effects of a call are visible: one warning each, log lines, policies, `explain` and `count_tokens`."""

from __future__ import annotations

from typing import Any

import openai
import pytest

import stepfun_compat
from stepfun_compat import Settings
from tests.support.wire import Wire, chunk, sse

MESSAGES: list[Any] = [{"role": "user", "content": "hello"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def test_warning_once_per_kind_and_parameter() -> None:
    stepfun_compat.reset_warnings()
    client = Wire().client(settings=Settings(on_unsupported="warn"))
    with pytest.warns(stepfun_compat.StepfunCompatWarning, match="seed") as caught:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES, seed=1)
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES, seed=2)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_lossy_changes_are_logged_once_by_default(caplog: pytest.LogCaptureFixture) -> None:
    stepfun_compat.reset_warnings()
    client = Wire().client()
    client.chat.completions.create(model="gpt-4o", messages=MESSAGES, seed=1, logit_bias={"50256": -100})
    client.chat.completions.create(model="gpt-4o", messages=MESSAGES, seed=2)
    logged = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [text for text in logged if "seed" in text] == [text for text in logged if "logit_bias" not in text]
    assert len(logged) == 2
    assert "50256" not in caplog.text


def test_log_lines_contain_no_caller_content(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="stepfun_compat")
    stepfun_compat.reset_warnings()
    secret = "s3cret"
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": f"{{broken {secret}"}}
    Wire().client().chat.completions.create(
        model="gpt-4o",
        messages=[
            {"role": "user", "content": secret, "name": secret},
            {"role": "assistant", "tool_calls": [call]},  # type: ignore[list-item]
            {"role": "tool", "tool_call_id": "c", "content": secret},
        ],
        user=secret,
        extra_body={"safety_identifier": secret},
        metadata={"a": secret},
        prediction={"type": "content", "content": secret},
        logit_bias={secret: 1},
    )
    assert "user" in caplog.text
    assert "prediction" in caplog.text
    assert secret not in caplog.text


def test_policy_error_refuses_before_the_network() -> None:
    wire = Wire()
    with pytest.raises(openai.BadRequestError) as caught:
        wire.client(settings=Settings(on_unsupported="error")).chat.completions.create(
            model="gpt-4o", messages=MESSAGES, seed=1
        )
    assert isinstance(caught.value, stepfun_compat.UnsupportedParameterError)
    assert caught.value.param == "seed"
    assert wire.requests == []


def test_inert_parameters_never_warn() -> None:
    Wire().client(settings=Settings(on_unsupported="error")).chat.completions.create(
        model="gpt-4o",
        messages=MESSAGES,
        user="u",
        store=True,
        metadata={"a": "b"},
        service_tier="auto",
        presence_penalty=0,
        logprobs=False,
        parallel_tool_calls=True,
        tools=[TOOL],
    )


def test_log_line_contains_alias_effort_and_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="stepfun_compat")
    Wire().client().chat.completions.create(model="gpt-4o", messages=MESSAGES, user="u")
    assert "gpt-4o -> step-3.7-flash effort=low" in caplog.text
    assert "user" in caplog.text


def test_explain_returns_the_request_that_is_sent() -> None:
    wire = Wire()
    arguments: Any = {
        "model": "gpt-4o",
        "messages": [{"role": "developer", "content": "x"}],
        "max_tokens": 5,
        "seed": 3,
    }
    stepfun_compat.reset_warnings()
    wire.client().chat.completions.create(**arguments)
    explained = stepfun_compat.explain("chat.completions", **arguments)
    assert explained.body == wire.body
    assert {change.parameter for change in explained.changes} >= {"model", "seed", "max_tokens", "messages[0].role"}
    assert "step-3.7-flash" in str(explained)
    assert explained.url == str(wire.request.url)
    assert wire.client().stepfun.explain("chat.completions", **arguments).body == wire.body


def test_stream_without_finish_reason_ends_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    client = Wire(sse(chunk({"role": "assistant", "content": "half"}))).client()
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    assert [c.choices[0].finish_reason for c in chunks] == [None]
    assert "without a finish reason" in caplog.text
