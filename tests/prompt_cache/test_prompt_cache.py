"""Counting cache hits, and naming the change that broke a prefix (stepfun-api 6)."""

from __future__ import annotations

import copy
import hashlib
import threading
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage
from pydantic import BaseModel

from stepfun_compat import Settings, explain
from stepfun_compat.prompt_cache.diagnosis import Diagnosis, diagnose
from stepfun_compat.prompt_cache.stats import _MOST_MODELS, OTHER_MODELS, PromptCacheStats, header_value


def tool(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}}
    return {"type": "function", "function": {"name": name, "description": f"does {name}", "parameters": parameters}}


BASE: dict[str, Any] = {
    "model": "step-3.7-flash",
    "messages": [
        {"role": "system", "content": "You are a helpful clerk. Today is 2026-09-28T10:00:00Z. Be brief."},
        {"role": "user", "content": "What is the weather in Paris?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Paris", "days": 1}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "And here?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400}},
            ],
        },
    ],
    "tools": [tool("weather", city="string", days="integer"), tool("search", query="string"), tool("clock")],
}


def edited(edit: Any) -> dict[str, Any]:
    request = copy.deepcopy(BASE)
    edit(request)
    return request


def system(text: str) -> Any:
    return lambda r: r["messages"][0].update(content=text)


def test_header_value_is_the_start_of_the_digest():
    assert header_value("user-42") == hashlib.sha256(b"user-42").hexdigest()[:32]
    assert header_value("a") != header_value("b")
    assert len(header_value("\ud800")) == 32


# ---------------------------------------------------------------- statistics


def test_statistics_sum_calls_and_savings():
    counted = PromptCacheStats()
    counted.record("step-3.7-flash", {"prompt_tokens": 1000, "prompt_tokens_details": {"cached_tokens": 800}})
    counted.record("step-3.7-flash", {"prompt_tokens": 1000, "prompt_tokens_details": {"cached_tokens": 0}})
    counted.record("step-5-preview", {"prompt_tokens": 4000, "cached_tokens": 2000})
    counted.record("somebody-elses", {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 5}})
    stats = counted.stats()
    assert (stats.calls, stats.hits, stats.prompt_tokens, stats.cached_tokens) == (4, 3, 6010, 2805)
    assert stats.hit_ratio == pytest.approx(2805 / 6010)
    assert stats.currency == "USD"
    flash = stats.by_model["step-3.7-flash"]
    assert (flash.calls, flash.hits, flash.hit_ratio) == (2, 1, 0.4)
    assert flash.saved == pytest.approx(800 * (0.20 - 0.04) / 1e6)
    assert stats.by_model["somebody-elses"].saved is None
    assert stats.saved == pytest.approx(800 * 0.16e-6 + 2000 * 0.95e-6)
    text = str(counted)
    assert "step-5-preview" in text
    assert "price unknown" in text
    assert "$" in text


def test_statistics_in_china_are_in_yuan():
    counted = PromptCacheStats(region="cn")
    counted.record("step-3.7-flash", {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 100}})
    stats = counted.stats()
    assert stats.currency == "CNY"
    assert stats.saved == pytest.approx(100 * (1.35 - 0.27) / 1e6)
    assert "¥" in str(stats)


@pytest.mark.parametrize(
    "usage", [{}, {"prompt_tokens": 0}, {"prompt_tokens": None}, {"prompt_tokens": "9"}, {"prompt_tokens": True}]
)
def test_usage_without_prompt_tokens_is_not_counted(usage: dict[str, Any]):
    counted = PromptCacheStats()
    counted.record("step-3.7-flash", usage)
    assert counted.stats().calls == 0
    assert counted.stats().hit_ratio == 0.0


def test_cached_tokens_are_capped_and_reset_clears():
    counted = PromptCacheStats()
    counted.record("m", {"prompt_tokens": 10, "cached_tokens": 99})
    assert counted.stats().cached_tokens == 10
    before = counted.stats()
    counted.reset()
    assert counted.stats().calls == 0
    assert before.calls == 1  # a returned snapshot does not change


def test_statistics_are_an_immutable_snapshot():
    counted = PromptCacheStats()
    counted.record("m", {"prompt_tokens": 10})
    stats = counted.stats()
    with pytest.raises(AttributeError):
        stats.calls = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        stats.by_model["x"] = stats.by_model["m"]  # type: ignore[index]


def test_model_names_in_statistics_are_limited():
    counted = PromptCacheStats()
    for i in range(_MOST_MODELS + 50):
        counted.record(f"model-{i}", {"prompt_tokens": 1})
    stats = counted.stats()
    assert stats.calls == _MOST_MODELS + 50
    assert len(stats.by_model) == _MOST_MODELS + 1
    assert stats.by_model[OTHER_MODELS].calls == 50


def test_concurrent_calls_are_all_counted():
    counted = PromptCacheStats()

    def work() -> None:
        for _ in range(500):
            counted.record("m", {"prompt_tokens": 2, "cached_tokens": 1})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (counted.stats().calls, counted.stats().cached_tokens) == (4000, 4000)


# ---------------------------------------------------------------- diagnosis


def test_equal_and_extended_requests_share_the_prefix():
    assert not diagnose(BASE, copy.deepcopy(BASE)).broken
    longer = edited(lambda r: r["messages"].append({"role": "user", "content": "more"}))
    found = diagnose(BASE, longer)
    assert (found.broken, found.kind, found.shared_messages) == (False, "none", 5)
    assert "continues" in str(found)
    assert "a prefix of" in diagnose(longer, BASE).why


def swap(i: int, j: int, key: str) -> Any:
    def edit(r: dict[str, Any]) -> None:
        r[key][i], r[key][j] = r[key][j], r[key][i]

    return edit


def call(r: dict[str, Any]) -> dict[str, Any]:
    return r["messages"][2]["tool_calls"][0]


CASES: list[tuple[str, Any, str, str, int]] = [
    ("timestamp", system("You are a helpful clerk. Today is 2026-09-28T10:00:01Z. Be brief."), "timestamp", "messages[0].content", 0),
    ("text", system("You are a rude clerk. Today is 2026-09-28T10:00:00Z. Be brief."), "text", "messages[0].content", 0),
    ("appended", system(BASE["messages"][0]["content"] + " Please."), "text_added", "messages[0].content", 0),
    ("role", lambda r: r["messages"][1].update(role="assistant"), "role", "messages[1].role", 1),
    ("model", lambda r: r.update(model="step-5-preview"), "model", "model", 0),
    ("model without images", lambda r: r.update(model="step-3.5-flash"), "rejected", "request", 0),
    ("tools swapped", swap(0, 1, "tools"), "tools_reordered", "tools[0]", 0),
    ("tool added", lambda r: r["tools"].append(tool("new")), "tool_added", "tools[3]", 0),
    ("tool put first", lambda r: r["tools"].insert(0, tool("new")), "tool_added", "tools[0]", 0),
    ("tool removed", lambda r: r["tools"].pop(1), "tool_removed", "tools[1]", 0),
    ("all tools gone", lambda r: r.pop("tools"), "tool_removed", "tools[0]", 0),
    (
        "tool schema",
        lambda r: r["tools"][1]["function"]["parameters"]["properties"].update(query={"type": "integer"}),
        "tool_changed",
        "tools[1].function.parameters.properties.query.type",
        0,
    ),
    (
        "tool description",
        lambda r: r["tools"][2]["function"].update(description="tells the time"),
        "tool_changed",
        "tools[2].function.description",
        0,
    ),
    ("tool_choice", lambda r: r.update(tool_choice="none"), "tool_choice", "tool_choice", 0),
    (
        "tool_choice named",
        lambda r: r.update(tool_choice={"type": "function", "function": {"name": "clock"}}),
        "tool_choice",
        "tool_choice",
        0,
    ),
    ("image", lambda r: r["messages"][4]["content"][1]["image_url"].update(url="data:image/png;base64," + "B" * 400), "image", "messages[4].content[1].image_url.url", 4),
    ("detail", lambda r: r["messages"][4]["content"][1]["image_url"].update(detail="low"), "image", "messages[4].content[1].image_url.detail", 4),
    ("part added", lambda r: r["messages"][4]["content"].append({"type": "text", "text": "x"}), "part_added", "messages[4].content[2]", 4),
    ("part removed", lambda r: r["messages"][4]["content"].pop(), "part_removed", "messages[4].content[1]", 4),
    ("inserted", lambda r: r["messages"].insert(1, {"role": "user", "content": "zzz"}), "message_inserted", "messages[1]", 1),
    ("removed", lambda r: r["messages"].pop(1), "message_removed", "messages[1]", 1),
    ("history trimmed", lambda r: r["messages"].__delitem__(slice(1, 4)), "message_removed", "messages[1]", 1),
    ("swapped", swap(1, 3, "messages"), "messages_reordered", "messages[1]", 1),
    ("call id", lambda r: call(r).update(id="call_2"), "tool_call_id", "messages[2].tool_calls[0].id", 2),
    ("result id", lambda r: r["messages"][3].update(tool_call_id="call_2"), "tool_call_id", "messages[3].tool_call_id", 3),
    ("arguments", lambda r: call(r)["function"].update(arguments='{"city": "Rome", "days": 1}'), "tool_call", "messages[2].tool_calls[0].function.arguments", 2),
    ("arguments rewritten", lambda r: call(r)["function"].update(arguments='{"city":"Paris","days":1}'), "key_order", "messages[2].tool_calls[0].function.arguments", 2),
    ("function", lambda r: call(r)["function"].update(name="search"), "tool_call", "messages[2].tool_calls[0].function.name", 2),
    ("call dropped", lambda r: r["messages"][2].pop("tool_calls"), "tool_call", "messages[2].tool_calls[0]", 2),
    ("reasoning", lambda r: r["messages"][2].update(reasoning_content="hm"), "reasoning", "messages[2].reasoning_content", 2),
    (
        "schema",
        lambda r: r.update(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}),
        "response_format",
        "response_format",
        5,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "kind", "where", "shared"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_first_break_is_named(edit: Any, kind: str, where: str, shared: int):
    found = diagnose(BASE, edited(edit))
    assert (found.broken, found.kind, found.where, found.shared_messages) == (True, kind, where, shared)
    assert where in str(found)
    assert found.why


def test_differing_snippet_is_shown():
    found = diagnose(BASE, edited(CASES[0][1]))
    assert "2026-09-28T10:00:00Z" in found.before
    assert "2026-09-28T10:00:01Z" in found.after
    assert "nothing else" in found.why
    both = diagnose(BASE, edited(system("You are a helpful clerk. Today is 2026-09-29T10:00:00Z. Be verbose.")))
    assert (both.kind, "text after it changed" in both.why) == ("timestamp", True)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("at 10:05:07 sharp", "at 10:05:08 sharp", "timestamp"),
        ("on 28 September 2026", "on 29 September 2026", "timestamp"),
        ("on Sep 28, 2026", "on Sep 29, 2026", "timestamp"),
        ("今天是2026年9月28日。", "今天是2026年9月29日。", "timestamp"),
        ("now=1790000000", "now=1790000012", "timestamp"),
        ("run 123e4567-e89b-12d3-a456-426614174000.", "run 123e4567-e89b-12d3-a456-426614174999.", "uuid"),
        ("session sess_a8f3kq21 open", "session sess_a8f3kq99 open", "id"),
        ("you have 41 points", "you have 42 points", "number"),
        ("you have 9 points", "you have 10 points", "number"),
        ("you are kind", "you are cruel", "text"),
    ],
)
def test_kind_of_text_change_is_named(before: str, after: str, kind: str):
    first, second = ({"messages": [{"role": "system", "content": text}]} for text in (before, after))
    assert diagnose(first, second).kind == kind


def test_long_texts_are_compared_to_the_character():
    text = "lorem ipsum " * 20_000
    at = 150_001
    other = text[:at] + "#" + text[at + 1 :]
    found = diagnose(
        {"messages": [{"role": "user", "content": text}]}, {"messages": [{"role": "user", "content": other}]}
    )
    assert f"character {at}" in found.why
    assert len(found.before) < 200


def test_equal_content_with_other_bytes_is_reported():
    flipped = edited(lambda r: r["tools"].__setitem__(0, dict(reversed(r["tools"][0].items()))))
    found = diagnose(BASE, flipped)
    assert (found.kind, found.where) == ("key_order", "tools[0]")
    assert "same content, different bytes" in str(found)
    turned = {"messages": [{"content": "hi", "role": "user"}]}
    assert diagnose({"messages": [{"role": "user", "content": "hi"}]}, turned).kind == "key_order"


def test_text_as_a_string_or_as_one_part_is_the_same():
    one = {"messages": [{"role": "system", "content": "hi"}]}
    two = {"messages": [{"role": "system", "content": [{"type": "text", "text": "hi"}]}]}
    assert not diagnose(one, two).broken
    three = {"messages": [{"role": "developer", "content": "hi"}]}
    assert not diagnose(one, three).broken


def test_names_of_one_model_share_a_cache():
    assert not diagnose({"model": "gpt-4o"}, {"model": "gpt-4.1"}).broken
    assert diagnose({"model": "gpt-4o"}, {"model": "step-5-preview"}).kind == "model"


def test_dropped_field_does_not_break_the_prefix():
    named = edited(lambda r: r["messages"][1].update(name="bob"))
    assert not diagnose(BASE, named).broken
    assert not diagnose(BASE, {**BASE, "user": "u-1", "metadata": {"a": "b"}, "temperature": 0.1}).broken


def test_messages_may_be_objects():
    answer = ChatCompletionMessage(role="assistant", content="sunny", refusal=None)
    first = {"messages": [{"role": "user", "content": "weather?"}, answer]}
    again = {"messages": [{"role": "user", "content": "weather?"}, {"content": "sunny", "role": "assistant"}]}
    assert not diagnose(first, again).broken
    again["messages"][1] = {"role": "assistant", "content": "sunny"}  # the SDK sends an object's content first
    assert diagnose(first, again).kind == "key_order"
    answer_2 = ChatCompletionMessage(role="assistant", content="rain", refusal=None)
    assert diagnose(first, {"messages": [first["messages"][0], answer_2]}).where == "messages[1].content"


RESPONSES: dict[str, Any] = {"model": "step-3.7-flash", "instructions": "Be kind. It is 10:00.", "input": "hello"}
OVER_CHAT = Settings(responses_route="chat")


@pytest.mark.parametrize(("settings", "key"), [(Settings(), "input"), (OVER_CHAT, "messages")])
def test_responses_requests(settings: Settings, key: str):
    more = [{"role": "user", "content": "hello"}, {"role": "user", "content": "2"}]
    assert not diagnose(RESPONSES, {**RESPONSES, "input": more}, settings=settings).broken
    found = diagnose(RESPONSES, {**RESPONSES, "input": "hullo"}, settings=settings)
    assert (found.where, found.kind) == (f"{key}[{int(key == 'messages')}].content", "text")
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}'}
    result = {"type": "function_call_output", "call_id": "c", "output": "run at 10:00"}
    one = {**RESPONSES, "input": [call, result]}
    for edited_call, kind in (
        ({"arguments": '{"a":1}'}, "key_order"),
        ({"arguments": '{"a": 2}'}, "tool_call"),
        ({"name": "g"}, "tool_call"),
        ({"call_id": "d"}, "tool_call_id"),
    ):
        two = {**RESPONSES, "input": [{**call, **edited_call}, {**result, "call_id": edited_call.get("call_id", "c")}]}
        assert diagnose(one, two, settings=settings).kind == kind
    two = {**RESPONSES, "input": [call, {**result, "output": "run at 10:01"}]}
    found = diagnose(one, two, settings=settings)
    assert (found.where, found.kind) == ("input[1].output" if key == "input" else "messages[2].content", "timestamp")


def test_instructions_come_before_the_input():
    later = {**RESPONSES, "instructions": "Be kind. It is 10:01."}
    found = diagnose(RESPONSES, later)
    assert (found.where, found.kind, found.shared_messages) == ("instructions", "timestamp", 0)
    found = diagnose(RESPONSES, later, settings=OVER_CHAT)
    assert (found.where, found.kind, found.shared_messages) == ("messages[0].content", "timestamp", 0)
    without = {key: value for key, value in RESPONSES.items() if key != "instructions"}
    assert diagnose(RESPONSES, without).kind == "instructions"
    assert diagnose(RESPONSES, without, settings=OVER_CHAT).kind == "message_removed"


@pytest.mark.parametrize("settings", [Settings(), OVER_CHAT])
@pytest.mark.parametrize("reference", [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}])
def test_stored_conversation_continues_the_previous_request(reference: dict[str, str], settings: Settings):
    stored = {**RESPONSES, **reference, "input": "next"}
    found = diagnose(RESPONSES, stored, settings=settings)
    assert (found.broken, found.why) == (False, "the input continues a stored conversation")
    assert diagnose(RESPONSES, {**stored, "instructions": "Be rude."}, settings=settings).broken
    later = {**stored, "input": "and then?"}
    assert diagnose(stored, later, settings=settings).shared_messages == found.shared_messages
    tools = [{"type": "function", "name": "f", "parameters": {}}]
    assert diagnose(RESPONSES, {**stored, "tools": tools}, settings=settings).kind == "tool_added"


def test_requests_to_different_endpoints_share_no_prefix():
    found = diagnose(RESPONSES, {**RESPONSES, "tools": [{"type": "web_search"}]})
    assert (found.kind, found.where, found.shared_messages) == ("route", "path", 0)
    assert "web search is a tool of chat" in found.why
    assert found.before.endswith("/responses")
    assert found.after.endswith("/chat/completions")


def test_rejected_request_is_named():
    stored_prompt = {**RESPONSES, "prompt": {"id": "pmpt_1"}}
    found = diagnose(stored_prompt, RESPONSES)
    assert (found.kind, found.where) == ("rejected", "previous_request")
    assert "prompt names a template" in str(found)
    assert diagnose(RESPONSES, stored_prompt).where == "request"


def test_chat_and_responses_requests_are_compared_as_sent():
    messages = [{"role": "system", "content": "Be kind. It is 10:00."}, {"role": "user", "content": "hello"}]
    chat = {"model": "step-3.7-flash", "messages": messages}
    assert not diagnose(chat, RESPONSES, settings=OVER_CHAT).broken


class Answer(BaseModel):
    city: str


def test_schema_change_breaks_the_prefix_and_json_object_does_not():
    base: dict[str, Any] = {"model": "step-3.7-flash", "messages": [{"role": "user", "content": "Answer in JSON."}]}
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "title": "one"}}}
    other = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "title": "two"}}}
    found = diagnose({**base, "response_format": schema}, {**base, "response_format": other})
    assert found.where == "response_format.json_schema.schema.title"
    assert not diagnose({**base, "response_format": {"type": "json_object"}}, base).broken
    assert not diagnose({**base, "response_format": Answer}, {**base, "response_format": Answer}).broken
    assert diagnose({**base, "response_format": Answer}, base).kind == "response_format"
    text = {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}}
    assert diagnose({**RESPONSES, "text": text}, RESPONSES).kind == "response_format"


@pytest.mark.parametrize(
    "parameters",
    [
        {"response_format": {"type": "json_object"}},
        {"tools": BASE["tools"], "tool_choice": "required"},
        {
            "model": "step-1o-turbo-vision",
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
        },
    ],
)
def test_appended_instruction_does_not_break_the_prefix(parameters: dict[str, Any]):
    first: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}], **parameters}
    assert len(explain("chat.completions", **first).body["messages"]) == 2
    turns = [*first["messages"], {"role": "assistant", "content": "hello"}, {"role": "user", "content": "more"}]
    found = diagnose(first, {**first, "messages": turns})
    assert (found.broken, found.shared_messages) == (False, 1)
    assert "instruction that the client appends" in found.why
    assert diagnose(first, {**first, "messages": [{"role": "user", "content": "ho"}]}).where == "messages[0].content"


def test_settings_apply_to_the_comparison():
    requests = [{"model": name, "messages": BASE["messages"]} for name in ("gpt-4o", "step-5-preview")]
    assert diagnose(*requests).kind == "model"
    assert not diagnose(*requests, settings=Settings(model_aliases={"gpt-4o": "step-5-preview"})).broken


def test_content_difference_is_named_before_key_order():
    turned = edited(lambda r: r["messages"].__setitem__(1, dict(reversed(r["messages"][1].items()))))
    assert (diagnose(BASE, turned).kind, diagnose(BASE, turned).shared_messages) == ("key_order", 1)
    turned["messages"][3]["content"] = "rain"
    assert diagnose(BASE, turned).where == "messages[3].content"


def test_functions_of_the_legacy_api_are_tools():
    first = {"messages": BASE["messages"], "functions": [{"name": "a"}, {"name": "b"}]}
    found = diagnose(first, {**first, "functions": [{"name": "b"}, {"name": "a"}]})
    assert (found.kind, found.where) == ("tools_reordered", "tools[0]")
    assert diagnose(first, {**first, "function_call": "none"}).kind == "tool_choice"
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("clock")]}}
    assert diagnose(BASE, edited(lambda r: r.update(tool_choice=allowed))).after == "clock"


def test_iterator_of_messages_is_not_consumed():
    messages = iter([{"role": "user", "content": "hi"}])
    assert not diagnose({"messages": messages}, {"messages": messages}).broken
    assert list(messages)


def test_str_of_a_break_shows_both_sides():
    text = str(Diagnosis(True, "text", "messages[0].content", "it was edited", 1, "a", "b"))
    assert text.splitlines() == [
        "The prefix breaks at messages[0].content: it was edited (1 message shared).",
        "  before: a",
        "  after:  b",
    ]


# ---------------------------------------------------------------- properties

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
parts = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "input_audio"])},
    optional={"text": st.text(max_size=12), "image_url": json_values},
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
    optional={
        "content": st.text(max_size=20) | st.lists(parts, max_size=3) | json_values,
        "tool_calls": json_values,
        "tool_call_id": st.text(max_size=4),
        "reasoning_content": st.text(max_size=4),
    },
)
requests = st.fixed_dictionaries(
    {"messages": st.lists(messages | json_values, max_size=5)},
    optional={
        "model": st.sampled_from(["gpt-4o", "step-3.7-flash"]),
        "tools": st.lists(json_values, max_size=3) | json_values,
        "tool_choice": json_values,
        "response_format": json_values,
        "instructions": st.text(max_size=6),
        "input": json_values,
    },
)


@hypothesis.given(requests, requests)
def test_any_two_requests_are_compared_without_crash_or_mutation(first: dict[str, Any], second: dict[str, Any]):
    before = copy.deepcopy((first, second))
    found = diagnose(first, second)
    assert (first, second) == before
    assert isinstance(str(found), str)
    assert found.broken == (found.kind != "none")


@hypothesis.given(requests)
def test_equal_requests_never_break_the_prefix(request: dict[str, Any]):
    found = diagnose(request, copy.deepcopy(request))
    assert found.kind in ("none", "rejected")


turns = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "developer", "user", "assistant"]),
        "content": st.text(min_size=1, max_size=12)
        | st.lists(
            st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=12)}), min_size=1, max_size=2
        ),
    }
)
conversations = st.fixed_dictionaries(
    {"messages": st.lists(turns, min_size=1, max_size=5)},
    optional={
        "model": st.sampled_from(["gpt-4o", "step-3.7-flash", "step-3.5-flash"]),
        "tools": st.just(BASE["tools"]),
        "response_format": st.sampled_from([{"type": "text"}, {"type": "json_object"}]),
    },
)


@hypothesis.given(conversations, st.lists(turns, min_size=1, max_size=3))
def test_appending_messages_never_breaks_the_prefix(request: dict[str, Any], more: list[dict[str, Any]]):
    longer = {**request, "messages": [*request["messages"], *more]}
    found = diagnose(request, longer)
    assert not found.broken
    assert found.shared_messages >= len(request["messages"])


@hypothesis.given(conversations, turns, st.integers(0, 5))
def test_break_is_at_or_before_the_changed_message(request: dict[str, Any], new: dict[str, Any], at: int):
    rows = request["messages"]
    at %= len(rows)
    other = {**request, "messages": [*rows[:at], new, *rows[at + 1 :]]}
    assert diagnose(request, other).shared_messages >= at
