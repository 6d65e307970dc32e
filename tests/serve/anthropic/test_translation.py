"""Anthropic messages to chat requests, and chat completions to Anthropic messages: pure functions on dicts."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepfun_compat.serve.anthropic.invalid import Invalid
from stepfun_compat.serve.anthropic.request import to_chat
from stepfun_compat.serve.anthropic.response import MessageContext, to_message, usage_of
from stepfun_compat.serve.anthropic.stream import MessageStream
from stepfun_compat.serve.anthropic.thinking import is_signed, sign

Json = dict[str, Any]
HELLO: list[Json] = [{"role": "user", "content": "hi"}]
TOOL: Json = {"name": "get_weather", "input_schema": {"type": "object"}, "description": "Weather"}


def chat(**values: Any) -> Json:
    return to_chat({"model": "m", "max_tokens": 100, "messages": HELLO, **values}).body


def messages(*content: Any, role: str = "user") -> list[Json]:
    return chat(messages=[{"role": role, "content": list(content)}])["messages"]


# ---------------------------------------------------------------- requests


def test_system_is_text_or_blocks() -> None:
    assert chat(system="Be short")["messages"][0] == {"role": "system", "content": "Be short"}
    blocks = [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}]
    assert chat(system=blocks)["messages"][0] == {"role": "system", "content": "a\n\nb"}
    assert chat(system="")["messages"] == HELLO


def test_tool_results_come_before_user_content() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "18 C"}, image]}
    tool, user = messages({"type": "text", "text": "and?"}, result)
    assert (tool["role"], tool["tool_call_id"]) == ("tool", "t1")
    assert tool["content"].startswith("18 C\n")
    assert [part["type"] for part in user["content"]] == ["text", "text", "image_url"]
    assert messages({"type": "tool_result", "tool_use_id": "t1", "is_error": True})[0]["content"] == "Error"
    assert messages({"type": "tool_result", "tool_use_id": "t1"})[0]["content"] == ""


def test_images_and_documents_are_translated() -> None:
    data = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert messages({"type": "image", "source": data})[0]["content"][0]["image_url"] == {
        "url": "data:image/png;base64,AAAA"
    }
    text = {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "D"}}
    assert messages(text)[0]["content"] == "T\nD"
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}
    assert messages(pdf)[0]["content"][0]["file"]["file_data"] == "data:application/pdf;base64,AAAA"


def test_assistant_turn_is_translated() -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": sign("hm")}
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {"é": 1}}
    (row,) = messages(thinking, {"type": "text", "text": "Let me see."}, call, role="assistant")
    assert row == {
        "role": "assistant",
        "content": "Let me see.",
        "reasoning_content": "hm",
        "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"é":1}'}}],
    }


@pytest.mark.parametrize("signature", ["", "EqQBCg…", None, sign("other")])
def test_thinking_without_our_signature_is_dropped_and_reported(signature: Any) -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": signature}
    text = {"type": "text", "text": "a"}
    rows = [{"role": "assistant", "content": [thinking, {"type": "redacted_thinking", "data": "x"}, text]}]
    made = to_chat({"model": "m", "max_tokens": 1, "messages": rows})
    assert made.body["messages"] == [{"role": "assistant", "content": "a"}]
    assert len(made.left_out) == 2


def test_tools_and_tool_choice_are_translated() -> None:
    assert chat(tools=[TOOL])["tools"] == [
        {
            "type": "function",
            "function": {"name": "get_weather", "parameters": {"type": "object"}, "description": "Weather"},
        }
    ]
    for choice, expected in (
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "get_weather"}, {"type": "function", "function": {"name": "get_weather"}}),
    ):
        made = chat(tools=[TOOL], tool_choice={**choice, "disable_parallel_tool_use": True})
        assert (made["tool_choice"], made["parallel_tool_calls"]) == (expected, False)
        assert "parallel_tool_calls" not in chat(tools=[TOOL], tool_choice=choice)


@pytest.mark.parametrize("name", ["bash_20250124", "text_editor_20250728", "memory_20250818"])
def test_client_tools_become_functions(name: str) -> None:
    (tool,) = chat(tools=[{"type": name, "name": "x"}])["tools"]
    assert tool["function"]["parameters"]["type"] == "object"


@pytest.mark.parametrize(
    ("values", "effort"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, "low"),
        ({"thinking": {"type": "between_tools"}}, "low"),
        ({"thinking": {"type": "adaptive"}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 16384}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, "high"),
        ({"output_config": {"effort": "low"}}, "low"),
    ],
)
def test_thinking_budget_becomes_an_effort(values: Json, effort: str | None) -> None:
    assert chat(max_tokens=20_000, **values).get("reasoning_effort") == effort


def test_other_parameters_are_translated() -> None:
    made = to_chat(
        {
            "model": "m",
            "max_tokens": 5,
            "messages": HELLO,
            "stop_sequences": ["END"],
            "top_k": 3,
            "top_p": 0.5,
            "temperature": 0.2,
            "metadata": {"user_id": "u"},
            "stream": True,
        }
    )
    assert made.body == {
        "model": "m",
        "max_tokens": 5,
        "messages": HELLO,
        "stop": ["END"],
        "top_p": 0.5,
        "temperature": 0.2,
        "prompt_cache_key": "u",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert made.left_out == ["top_k: StepFun's chat completions do not document it"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_k", 0),
        ("context_management", {"edits": []}),
        ("fallbacks", "default"),
        ("diagnostics", {"previous_message_id": "msg_1"}),
        ("speed", "fast"),
        ("inference_geo", "us"),
    ],
)
def test_dropped_parameters_are_reported(name: str, value: Any) -> None:
    made = to_chat({"model": "m", "max_tokens": 5, "messages": HELLO, name: value})
    assert made.body == {"model": "m", "max_tokens": 5, "messages": HELLO}
    (word,) = made.left_out
    assert word.startswith(f"{name}: ")


@pytest.mark.parametrize("kind", ["computer_toolset_20260801", "mcp_toolset", "web_search_20260318"])
def test_unavailable_tool_is_refused_by_type(kind: str) -> None:
    with pytest.raises(Invalid, match=kind):
        chat(tools=[{"type": kind}])


@pytest.mark.parametrize(
    "values",
    [
        {"model": None},
        {"max_tokens": None},
        {"max_tokens": 0},
        {"max_tokens": True},
        {"messages": []},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "server_tool_use"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]},
        {"tools": [{"type": "computer_20250124", "name": "computer"}]},
        {"tools": [{"name": "f"}]},
        {"tool_choice": {"type": "any"}},
        {"tool_choice": "auto"},
        {"thinking": {"type": "enabled", "budget_tokens": 100}},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"stop_sequences": [""]},
        {"output_config": {"format": {"type": "text"}}},
        {"output_config": {"effort": "furious"}},
        {"mcp_servers": [{"url": "https://example.com"}]},
        {"container": "c"},
        {"thread": {"type": "create"}},
        {"compaction": {"type": "summarize"}},
        {"tools": [{"type": "browser_toolset_20260801"}]},
        {"stream": "yes"},
    ],
    ids=str,
)
def test_requests_anthropic_refuses_are_refused(values: Json) -> None:
    body = {"model": "m", "max_tokens": 1500, "messages": HELLO, **values}
    with pytest.raises(Invalid) as got:
        to_chat(body)
    assert str(got.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KINDS = [
    [
        "text",
        "image",
        "document",
        "tool_use",
        "tool_result",
        "thinking",
        "redacted_thinking",
        "search_result",
        "server_tool_use",
    ],
    [
        "text",
        "data",
        "source",
        "id",
        "name",
        "input",
        "tool_use_id",
        "content",
        "is_error",
        "thinking",
        "signature",
        "title",
        "media_type",
    ],
]
blocks = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS[0]) | json_values}, optional=dict.fromkeys(KINDS[1], json_values)
)
bodies = st.fixed_dictionaries(
    {
        "model": st.just("m") | json_values,
        "max_tokens": st.just(9) | json_values,
        "messages": st.lists(
            st.fixed_dictionaries(
                {
                    "role": st.sampled_from(["user", "assistant", "system"]) | json_values,
                    "content": st.lists(blocks, max_size=3) | json_values,
                }
            ),
            max_size=3,
        )
        | json_values,
    },
    optional=dict.fromkeys(
        [
            "system",
            "tools",
            "tool_choice",
            "thinking",
            "stop_sequences",
            "stream",
            "metadata",
            "output_config",
            "output_format",
            "top_k",
            "temperature",
            "mcp_servers",
            "container",
            "context_management",
        ],
        json_values,
    ),
)


@given(bodies)
def test_any_body_is_translated_or_refused_and_never_mutated(body: Json) -> None:
    before = copy.deepcopy(body)
    try:
        made = to_chat(body)
    except Invalid:
        made = None
    if made is not None:
        assert made.body["messages"] or not body["messages"]
        json.dumps(made.body)
        MessageContext.of(body)
    assert body == before


@given(st.text(), st.text())
def test_only_thinking_with_our_signature_is_accepted(thinking: str, other: str) -> None:
    assert is_signed(thinking, sign(thinking))
    assert is_signed(other, sign(thinking)) is (other == thinking)


# ---------------------------------------------------------------- responses


def completion(message: Json, finish: str | None = "stop", **more: Any) -> Json:
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish, **more}], "usage": None}


def test_completion_becomes_a_message() -> None:
    call = {"id": "call.1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    message = {"content": "Let me see.", "reasoning_content": "hm", "tool_calls": [call]}
    made = to_message(completion(message, "tool_calls"), MessageContext("claude-x", shows_thinking=True))
    assert made["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": sign("hm")},
        {"type": "text", "text": "Let me see.", "citations": None},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
    ]
    assert (made["model"], made["stop_reason"], made["role"]) == ("claude-x", "tool_use", "assistant")
    assert made["id"].startswith("msg_")
    hidden = to_message(completion(message, "tool_calls"), MessageContext("claude-x"))
    assert [block["type"] for block in hidden["content"]] == ["text", "tool_use"]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        (None, "end_turn"),
        ("x", "end_turn"),
    ],
)
def test_finish_reason_becomes_a_stop_reason(finish: str | None, reason: str) -> None:
    assert to_message(completion({"content": "a"}, finish), MessageContext("m"))["stop_reason"] == reason


@pytest.mark.parametrize("name", ["stop_reason", "matched_stop"])
def test_stop_sequence_is_set_if_the_server_names_it(name: str) -> None:
    context = MessageContext("m", stops=("END", "X"))
    made = to_message(completion({"content": "a"}, **{name: "END"}), context)
    assert (made["stop_reason"], made["stop_sequence"]) == ("stop_sequence", "END")
    for value, finish in ((None, "stop"), ("other", "stop"), (128009, "stop"), ("END", "length")):
        made = to_message(completion({"content": "a"}, finish, **{name: value}), context)
        assert (made["stop_reason"] == "stop_sequence", made["stop_sequence"]) == (False, None)
    stream = MessageStream(context)
    stream.feed({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop", name: "X"}]})
    assert stream.close()[-2]["delta"]["stop_sequence"] == "X"


def test_cached_tokens_are_counted_separately() -> None:
    usage = usage_of(
        {
            "prompt_tokens": 100,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 60},
            "completion_tokens_details": {"reasoning_tokens": 3},
        }
    )
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (40, 60, 7)
    assert usage["output_tokens_details"] == {"thinking_tokens": 3}
    assert usage_of({"prompt_tokens": -1, "prompt_tokens_details": {"cached_tokens": 9}})["input_tokens"] == 0


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "null", "5", None])
def test_arguments_that_are_not_an_object_are_kept(arguments: Any) -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": arguments}}
    (block,) = to_message(completion({"tool_calls": [call]}), MessageContext("m"))["content"]
    assert isinstance(block["input"], dict)
    assert bool(block["input"]) is bool(arguments)


# ---------------------------------------------------------------- streams


def accumulated(events: list[Json]) -> Json:
    """Build the message from a stream's events as Anthropic documents them; any other order fails."""
    assert [event["type"] for event in events[:2]] == ["message_start", "ping"]
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    message = copy.deepcopy(events[0]["message"])
    assert message["content"] == []
    open_block: Json | None = None
    partial = ""
    for event in events[2:-2]:
        assert event["index"] == len(message["content"]) - (open_block is not None)
        if event["type"] == "content_block_start":
            assert open_block is None
            open_block = copy.deepcopy(event["content_block"])
            message["content"].append(open_block)
            partial = ""
        elif event["type"] == "content_block_stop":
            assert open_block is not None
            if open_block["type"] == "tool_use":
                open_block["input"] = json.loads(partial or "{}")
            if open_block["type"] == "thinking":
                assert is_signed(open_block["thinking"], open_block["signature"])
            open_block = None
        else:
            assert event["type"] == "content_block_delta"
            assert open_block is not None
            delta = event["delta"]
            kind = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}.get(
                delta["type"]
            )
            if kind is None:
                assert (delta["type"], open_block["type"]) == ("input_json_delta", "tool_use")
                partial += delta["partial_json"]
            else:
                open_block[kind] += delta[kind]
    assert open_block is None
    message.update(events[-2]["delta"], usage=events[-2]["usage"])
    return message


def streamed(chunks: list[Json], context: MessageContext) -> Json:
    stream = MessageStream(context)
    events = [event for chunk in chunks for event in stream.feed(chunk)]
    return accumulated([*events, *stream.close()])


def piece(**delta: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta}]}


def test_interleaved_calls_become_consecutive_blocks() -> None:
    def call(index: int, **more: Any) -> Json:
        return piece(tool_calls=[{"index": index, **more}])

    made = streamed(
        [
            piece(role="assistant", content=""),
            call(0, id="a", function={"name": "f", "arguments": ""}),
            call(1, id="b", function={"name": "g", "arguments": '{"y"'}),
            call(0, function={"arguments": '{"x": 1}'}),
            call(1, function={"arguments": ": 2}"}),
            piece(content="Done."),
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
            {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
        ],
        MessageContext("m"),
    )
    assert [(b["type"], b.get("input") or b.get("text")) for b in made["content"]] == [
        ("tool_use", {"x": 1}),
        ("tool_use", {"y": 2}),
        ("text", "Done."),
    ]
    assert (made["stop_reason"], made["usage"]["input_tokens"]) == ("tool_use", 5)


def test_empty_stream_is_an_empty_message() -> None:
    made = streamed([], MessageContext("m"))
    assert (made["content"], made["stop_reason"]) == ([], "end_turn")


objects = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=5), max_size=3)
names = st.sampled_from(["f", "get_weather"])


def cuts(text: str, draw: Any) -> list[str]:
    """Cut a text into random pieces."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@given(st.data())
def test_stream_gives_the_message_of_the_complete_response(data: st.DataObject) -> None:
    draw = data.draw
    reasoning, text = draw(st.text(max_size=12)), draw(st.text(max_size=12))
    inputs = draw(st.lists(st.tuples(names, objects), max_size=3))
    calls = [
        {"id": f"call_{place}", "function": {"name": name, "arguments": json.dumps(given)}}
        for place, (name, given) in enumerate(inputs)
    ]
    finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length"]))
    usage = {"prompt_tokens": draw(st.integers(0, 99)), "completion_tokens": draw(st.integers(0, 99))}
    context = MessageContext("claude-x", shows_thinking=draw(st.booleans()))
    chunks = [piece(reasoning_content=part) for part in cuts(reasoning, draw)]
    chunks += [piece(content=part) for part in cuts(text, draw)]
    rows: list[tuple[int, Json]] = []
    for place, call in enumerate(calls):
        first = {"index": place, "id": call["id"], "function": {"name": call["function"]["name"], "arguments": ""}}
        rows.append((place, first))
        rows += [
            (place, {"index": place, "function": {"arguments": part}})
            for part in cuts(call["function"]["arguments"], draw)
        ]
    if draw(st.booleans()):  # pieces of all calls interleaved, in order within each call
        order = draw(st.permutations([place for place, _ in rows]))
        queues = {place: [row for at, row in rows if at == place] for place in range(len(calls))}
        rows = [(place, queues[place].pop(0)) for place in order]
    chunks += [piece(tool_calls=[row]) for _, row in rows]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({"choices": [], "usage": usage})
    message = {"content": text, "reasoning_content": reasoning, "tool_calls": calls}
    before = copy.deepcopy(chunks)
    made = streamed(chunks, context)
    whole = to_message({**completion(message, finish), "usage": usage}, context)
    assert plain(made) == plain(whole)
    assert chunks == before


def plain(message: Mapping[str, Any]) -> Json:
    """Return a message without its id, and with its calls sorted."""
    content = sorted(message["content"], key=lambda block: (block["type"] == "tool_use", str(block.get("id"))))
    return {**message, "id": "", "content": content}
