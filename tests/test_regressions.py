"""Bugs that users of comparable libraries reported, one test each, with the SDK's calls against StepFun's responses."""

from __future__ import annotations

import json
import logging
import pickle
import runpy
import sys
import zipfile
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

import stepfun_compat
from stepfun_compat import AsyncOpenAI, OpenAI, Settings
from tests.support.wire import KEY, Wire, call, chunk, completion, sse, text_stream

ROOT = Path(__file__).parents[1]
MESSAGES: Any = [{"role": "user", "content": "x"}]
TOOL: Any = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


def ask(wire: Wire, **more: Any) -> Any:
    return wire.client().chat.completions.create(**{"model": "gpt-4o", "messages": MESSAGES, **more})


def calls(chunks: list[Any]) -> list[Any]:
    return [c for row in chunks for choice in row.choices for c in choice.delta.tool_calls or []]


def test_summing_usage_over_chunks_counts_tokens_once() -> None:
    """Cumulative usage on each chunk multiplied the reported cost."""
    chunks = list(ask(Wire(text_stream("a", "b", "c")), stream=True, stream_options={"include_usage": True}))
    assert sum(c.usage.completion_tokens for c in chunks if c.usage) == 4


def test_choices_0_exists_on_every_chunk_unless_usage_is_requested() -> None:
    usage = {"id": "d4", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    usage["usage"] = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    stream = sse(chunk({"content": "hi"}), chunk({"content": ""}, "stop"), usage)
    assert all(c.choices[0] is not None for c in ask(Wire(stream), stream=True))


def test_empty_finish_reason_does_not_end_a_stream() -> None:
    """Arguments were cut because "" was treated as the end."""
    parts = [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{"}}]
    rest = [{"index": 0, "function": {"arguments": "}"}}]
    stream = sse(chunk({"tool_calls": parts}), chunk({"tool_calls": rest}), chunk({"content": ""}, "stop"))
    chunks = list(ask(Wire(stream), stream=True, tools=[TOOL]))
    assert "".join(c.function.arguments or "" for c in calls(chunks)) == "{}"
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["tool_calls"]


def test_stream_without_finish_reason_keeps_its_calls_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]
    chunks = list(ask(Wire(sse(chunk({"tool_calls": parts}))), stream=True, tools=[TOOL]))
    assert [c.function.name for c in calls(chunks)] == ["get_weather"]
    assert all(c.choices[0].finish_reason is None for c in chunks)
    assert "finish" in caplog.text


def test_tool_calls_reason_without_calls_is_stop() -> None:
    """Otherwise agents never stop."""
    answer = completion("done")
    answer["choices"][0]["finish_reason"] = "tool_calls"
    assert ask(Wire(answer), tools=[TOOL]).choices[0].finish_reason == "stop"


@pytest.mark.parametrize("route", ["native", "chat"])
def test_developer_messages_are_kept_on_responses(route: str) -> None:
    """StepFun's Responses API silently drops them."""
    body = {"id": "resp_1", "object": "response", "created_at": 1, "model": "step-3.7-flash", "status": "completed"}
    body = {**body, "output": [], "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}
    wire = Wire(body if route == "native" else completion())
    settings: Any = {"responses_route": route}
    items: Any = [{"role": "developer", "content": "be brief"}, {"role": "user", "content": "x"}]
    wire.client(settings=Settings(**settings)).responses.create(model="step-3.7-flash", input=items)
    sent = wire.body["input" if route == "native" else "messages"]
    assert "developer" not in json.dumps(sent)
    assert any(item["role"] == "system" and "be brief" in json.dumps(item) for item in sent)


@pytest.mark.anyio
async def test_model_capabilities_are_the_same_on_every_route() -> None:
    picture: Any = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    messages: Any = [{"role": "user", "content": [picture]}]
    wire = Wire()
    with pytest.raises(openai.BadRequestError):
        ask(wire, model="step-3.5-flash", messages=messages)
    with pytest.raises(openai.BadRequestError):
        ask(wire, model="step-3.5-flash", messages=messages, stream=True)
    with pytest.raises(openai.BadRequestError):
        await wire.async_client().chat.completions.create(model="step-3.5-flash", messages=messages)
    parts: Any = [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x.example/a.png"}]}]
    with pytest.raises(openai.BadRequestError):
        wire.client().responses.create(model="step-3.5-flash", input=parts)
    assert stepfun_compat.explain(model="step-3.5-flash", messages=messages).refusal
    assert not wire.requests


def test_reasoning_a_framework_drops_is_restored_when_enabled() -> None:
    first = completion("", tool_calls=[call()], reasoning_content="why")
    for replay, kept in (("caller", None), ("cache", "why")):
        wire = Wire(first, completion())
        client = wire.client(settings=Settings(replay_reasoning=replay))
        made = (
            client.chat.completions.create(model="step-3.7-flash", messages=MESSAGES, tools=[TOOL]).choices[0].message
        )
        bare: Any = {"role": "assistant", "tool_calls": [c.model_dump() for c in made.tool_calls or []]}
        messages: Any = [*MESSAGES, bare, {"role": "tool", "tool_call_id": "call_1", "content": "ok"}]
        client.chat.completions.create(model="step-3.7-flash", messages=messages, tools=[TOOL])
        assert wire.body["messages"][1].get("reasoning_content") == kept


@pytest.mark.parametrize("form", ["object", "dict"])
def test_empty_reasoning_is_replayed_unchanged(form: str) -> None:
    """Dropping the empty key broke complete sessions."""
    wire = Wire(completion("", tool_calls=[call()], reasoning="", reasoning_content=""), completion())
    client = wire.client()
    message = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, tools=[TOOL]).choices[0].message
    again: Any = message if form == "object" else message.model_dump()
    messages: Any = [*MESSAGES, again, {"role": "tool", "tool_call_id": "call_1", "content": "ok"}]
    client.chat.completions.create(model="gpt-4o", messages=messages, tools=[TOOL])
    assert wire.body["messages"][1]["reasoning_content"] == ""


def test_calls_written_as_xml_are_parsed_only_when_enabled() -> None:
    text = "<tool_call><function=get_weather><parameter=city>Paris</parameter></function></tool_call>"
    assert ask(Wire(completion(text)), tools=[TOOL]).choices[0].message.content == text
    client = Wire(completion(text)).client(settings=Settings(parse_xml_tool_calls=True))
    choice = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, tools=[TOOL]).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert [c.function.name for c in choice.message.tool_calls or [] if c.type == "function"] == ["get_weather"]


def test_schema_is_never_silently_dropped() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "point", "schema": schema}}
    explained = stepfun_compat.explain(model="step-1o-turbo-vision", messages=MESSAGES, response_format=wanted)
    body: Any = explained.body
    assert body["response_format"] == {"type": "json_object"}
    assert '"x"' in json.dumps(body["messages"]).replace('\\"', '"')
    assert any(change.parameter.startswith("response_format") for change in explained.changes)


@pytest.mark.parametrize(
    "given",
    [{"prompt_cache_key": "team"}, {"parallel_tool_calls": False}, {"parallel_tool_calls": True}, {"store": False}],
)
def test_unsupported_keys_are_dropped_even_when_empty(given: dict[str, Any]) -> None:
    wire = Wire(completion("", tool_calls=[call()]))
    ask(wire, tools=[TOOL], extra_body=given)  # some SDKs do not have them as keywords
    assert not given.keys() & wire.body.keys()


def test_not_given_is_absent_at_every_depth() -> None:
    absent: Any = openai.NOT_GIVEN
    omitted: Any = getattr(openai, "omit", absent)
    wire = Wire()
    message: Any = {"role": "user", "content": "x", "name": absent}
    ask(wire, messages=[message], parallel_tool_calls=absent, seed=omitted, tools=absent, reasoning_effort=omitted)
    assert wire.body["messages"] == [{"role": "user", "content": "x"}]
    assert not {"parallel_tool_calls", "seed", "tools"} & wire.body.keys()
    assert stepfun_compat.explain(model="gpt-4o", messages=[message], seed=omitted).body == wire.body


def test_parallel_calls_with_index_0_are_distinguished_and_correct_indexes_kept() -> None:
    def part(index: int | None, id: str) -> dict[str, Any]:
        row = {"id": id, "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
        return row if index is None else {"index": index, **row}

    for given in ((0, 0), (None, None), (0, 1)):
        rows = [chunk({"tool_calls": [part(index, f"call_{n}")]}) for n, index in enumerate(given)]
        chunks = list(ask(Wire(sse(*rows, chunk({"content": ""}, "stop"))), stream=True, tools=[TOOL]))
        assert [(c.index, c.id) for c in calls(chunks)] == [(0, "call_0"), (1, "call_1")]


def test_with_options_keeps_settings_headers_and_statistics() -> None:
    """An Azure client lost its deployment, other subclasses their clients."""
    wire = Wire()
    client = wire.client(settings=Settings(model="step-3.5-flash"), default_headers={"x-mine": "1"})
    for each in (client.with_options(timeout=1), client.copy(max_retries=0).with_options(timeout=2)):
        each.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert wire.body["model"] == "step-3.5-flash"
        assert wire.request.headers["x-mine"] == "1"
        assert each.stepfun.prompt_cache is client.stepfun.prompt_cache


def test_wheel_with_other_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A `.pth` file in a wheel runs at every interpreter start."""
    script = ROOT / ".ci" / "check_wheel.py"

    def check(
        *members: str, metadata: str = "Name: x\nProject-URL: Documentation, https://example.com\n\nText"
    ) -> None:
        wheel = tmp_path / "stepfun_compat-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as made:
            for member in ("stepfun_compat/__init__.py", *members):
                made.writestr(member, "")
            made.writestr("stepfun_compat-1.dist-info/METADATA", metadata)
        monkeypatch.setattr(sys, "argv", [str(script), str(wheel)])
        runpy.run_path(str(script), run_name="__main__")

    check("stepfun_compat/py.typed")
    assert "only the package" in capsys.readouterr().out
    for strange in ("start.pth", "stepfun_compat/start.pth", "tests/test_x.py", "other/__init__.py", "x.so"):
        with pytest.raises(SystemExit, match=strange):
            check(strange)
    with pytest.raises(SystemExit, match="has no project URL"):
        check(metadata="Name: x\n\nProject-URL: Documentation, https://example.com")


def test_package_contains_no_pth_file() -> None:
    assert not [*(ROOT / "stepfun_compat").rglob("*.pth")]


def test_clients_and_streams_pass_the_isinstance_checks_of_frameworks() -> None:
    wire = Wire(text_stream("a"))
    assert isinstance(wire.client(), openai.OpenAI)
    assert isinstance(wire.async_client(), openai.AsyncOpenAI)
    assert isinstance(ask(wire, stream=True), openai.Stream)
    assert isinstance(ask(Wire()), openai.types.chat.ChatCompletion)


def test_client_cannot_be_pickled_like_openais() -> None:
    """openai's clients cannot be pickled either."""
    for client in (OpenAI(api_key=KEY), openai.OpenAI(api_key=KEY)):
        with pytest.raises(TypeError):
            pickle.dumps(client)


def test_debug_logs_of_the_sdk_do_not_print_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="openai")
    ask(Wire(), extra_headers={"Authorization": f"Bearer {KEY}"})
    assert caplog.records
    assert KEY not in caplog.text


def test_openai_model_name_is_mapped_and_echoed() -> None:
    """Frameworks refuse names missing from their own lists, so programs keep OpenAI's names."""
    wire = Wire()
    client = wire.client(settings=Settings(echo_requested_model=True))
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert wire.body["model"].startswith("step")
    assert answer.model == "gpt-4o-mini"


@pytest.mark.anyio
async def test_http_client_of_the_wrong_kind_is_refused_as_in_openai() -> None:
    with pytest.raises(TypeError):
        OpenAI(api_key=KEY, http_client=httpx.AsyncClient())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        AsyncOpenAI(api_key=KEY, http_client=httpx.Client())  # type: ignore[arg-type]
