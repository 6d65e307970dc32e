"""POST /chat/completions on the wire, quirk by quirk (stepfun-api 3, 4)."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PIXEL = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\nrest").decode()


def message_of(response: Any) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]


def error_of(response: Any, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert "code" not in error
    return error


# -- plain responses -------------------------------------------------------------------------------------------------


def test_response_is_the_last_user_message_in_stepfuns_envelope(chat: Any) -> None:
    response = chat("hello there")
    data = response.json()
    assert re.fullmatch(r"[0-9a-f]{32}\.[0-9a-f]{32}", data["id"])
    assert data["object"] == "chat.completion"
    assert data["model"] == "step-3.7-flash"
    assert data["choices"][0]["message"]["content"] == "hello there"
    assert data["choices"][0]["finish_reason"] == "stop"
    assert not {"system_fingerprint", "service_tier"} & set(data)
    assert not {"refusal", "annotations"} & set(data["choices"][0]["message"])
    assert "logprobs" not in data["choices"][0]
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-trace-id"])
    assert "x-request-id" not in response.headers


def test_equal_requests_get_equal_responses_with_different_ids(chat: Any) -> None:
    one, two = chat("same").json(), chat("same").json()
    assert one["choices"] == two["choices"]
    assert one["id"] != two["id"]


def test_both_reasoning_fields_have_the_same_text(chat: Any) -> None:
    message = message_of(chat("hi", reasoning_effort="low"))
    assert message["reasoning"]
    assert message["reasoning"] == message["reasoning_content"]


def test_reasoning_format_selects_the_field_in_the_older_form(chat: Any, server: Any) -> None:
    server.configure(reasoning_fields="reasoning")
    assert "reasoning_content" not in message_of(chat("hi"))
    assert "reasoning" not in message_of(chat("hi", reasoning_format="deepseek-style"))


def test_models_without_reasoning_do_not_reason(chat: Any) -> None:
    assert "reasoning" not in message_of(chat("hi", model="step-1o-turbo-vision"))


def test_unset_effort_costs_like_high_and_low_costs_little(chat: Any) -> None:
    def cost(**body: Any) -> int:
        return chat("hi", **body).json()["usage"]["completion_tokens_details"]["reasoning_tokens"]

    assert cost() == cost(reasoning_effort="high") > cost(reasoning_effort="medium") > cost(reasoning_effort="low") > 0


def test_effort_none_is_accepted_and_reasons_anyway(chat: Any) -> None:
    assert message_of(chat("hi", reasoning_effort="none"))["reasoning"]


@pytest.mark.parametrize("cap", [64, 256])
def test_reasoning_uses_up_a_small_max_tokens(chat: Any, cap: int) -> None:
    choice = chat("hi", max_tokens=cap).json()["choices"][0]
    assert choice["message"]["content"] == ""
    assert choice["finish_reason"] == "length"


def test_1024_tokens_are_enough_for_a_response(chat: Any) -> None:
    assert chat("hi", max_tokens=1024).json()["choices"][0]["finish_reason"] == "stop"


def test_max_completion_tokens_has_no_effect(chat: Any) -> None:
    choice = chat("hi", max_completion_tokens=5).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("hi", "stop")


def test_max_tokens_cuts_the_text_of_a_model_that_does_not_reason(chat: Any) -> None:
    data = chat("one two three four", model="step-1o-turbo-vision", max_tokens=2).json()
    assert data["choices"][0]["message"]["content"] == "one two"
    assert data["usage"]["completion_tokens"] == 2


def test_stop_ends_the_text(chat: Any) -> None:
    assert message_of(chat("alpha STOP beta", stop=["STOP"]))["content"] == "alpha "


def test_n_choices_are_returned_and_all_are_counted(chat: Any) -> None:
    one, three = chat("hi").json(), chat("hi", n=3).json()
    assert [choice["index"] for choice in three["choices"]] == [0, 1, 2]
    assert three["usage"]["completion_tokens"] == 3 * one["usage"]["completion_tokens"]


def test_unknown_parameters_are_accepted_unless_strict(chat: Any, server: Any) -> None:
    body = {"seed": 1, "user": "u", "stream_options": {"include_usage": True}, "store": True}
    assert chat("hi", **body).status_code == 200
    server.configure(strict=True)
    assert error_of(chat("hi", **body))["type"] == "request_params_invalid"
    assert chat("hi").status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 2.5),
        ("temperature", "hot"),
        ("top_p", 0),
        ("top_p", 1.1),
        ("max_tokens", 0),
        ("n", 0),
        ("frequency_penalty", 3),
        ("stream", "yes"),
        ("stop", 5),
        ("tools", {}),
        ("reasoning_format", "other"),
    ],
)
def test_documented_ranges_are_checked(chat: Any, name: str, value: Any) -> None:
    error = error_of(chat("hi", **{name: value}))
    assert name in error["message"]
    assert error["type"] == "request_params_invalid"


def test_null_counts_as_absent(chat: Any) -> None:
    body = dict.fromkeys(("temperature", "top_p", "max_tokens", "n", "tools", "stop", "response_format"))
    assert chat("hi", **body).status_code == 200


# -- messages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("messages", [[], None, "text", [{}], [{"role": "user"}], [{"role": "user", "content": 3}]])
def test_invalid_messages_are_refused(http: Any, messages: Any) -> None:
    response = http.post("/v1/chat/completions", json={"model": "step-3.7-flash", "messages": messages})
    assert "messages" in error_of(response)["message"]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "developer", "content": "x"},
        {"role": "function", "content": "x", "name": "f"},
        {"role": "system", "content": [{"type": "text", "text": "x"}]},
        {"role": "user", "content": "x", "name": "Ann"},
    ],
)
def test_undocumented_messages_are_accepted_unless_strict(chat: Any, server: Any, message: Any) -> None:
    messages = [message, {"role": "user", "content": "hi"}]
    assert chat(messages).status_code == 200
    server.configure(strict=True)
    assert chat(messages).status_code == 400


def test_strict_accepts_a_replayed_assistant_turn_with_its_reasoning(chat: Any, server: Any) -> None:
    server.configure(strict=True)
    first = message_of(chat("What is the weather in Paris?", tools=[WEATHER]))
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the weather in Paris?"},
        first,
        {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"], "content": "sunny"},
    ]
    assert "sunny" in message_of(chat(messages, tools=[WEATHER]))["content"]


def call_of(name: str, arguments: Any) -> list[dict[str, Any]]:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "x"},
    ]


@pytest.mark.parametrize("arguments", ['"text"', "{broken", "", "[1]", "3", None, {}])
def test_arguments_that_are_not_a_json_object_break_the_template(chat: Any, arguments: Any) -> None:
    assert error_of(chat(call_of("f", arguments)))["message"] == "No filter named 'fromjson' found"


def test_empty_function_name_in_history_is_refused(chat: Any) -> None:
    assert error_of(chat(call_of("", "{}")))["message"] == "tool_calls.function.name is required"


def test_ids_in_history_are_not_checked(chat: Any) -> None:
    orphan = [{"role": "user", "content": "hi"}, {"role": "tool", "tool_call_id": "nobody", "content": "x"}]
    dangling = call_of("f", "{}")[:2]
    assert chat(orphan).status_code == 200
    assert chat([*dangling, {"role": "user", "content": "and?"}]).status_code == 200


def image(url: str = PIXEL, **more: Any) -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url, **more}}]
    return [{"role": "user", "content": parts}]


@pytest.mark.parametrize("model", ["step-3.5-flash", "step-3.5-flash-2603"])
def test_image_on_a_text_model_is_model_incompatible(chat: Any, model: str) -> None:
    assert error_of(chat(image(), model=model))["type"] == "model_incompatible"


@pytest.mark.parametrize("model", ["step-5-preview", "step-3.7-flash", "step-1o-turbo-vision"])
def test_image_on_a_vision_model_is_accepted(chat: Any, model: str) -> None:
    assert message_of(chat(image(), model=model))["content"] == "look [image]"


def test_image_detail_auto_is_accepted_unless_strict(chat: Any, server: Any) -> None:
    assert chat(image(detail="auto")).status_code == 200
    server.configure(strict=True)
    assert "detail" in error_of(chat(image(detail="auto")))["message"]
    assert chat(image(detail="low")).status_code == 200


def test_image_tokens_depend_on_detail(chat: Any) -> None:
    low, high = (chat(image(detail=detail)).json()["usage"]["prompt_tokens"] for detail in ("low", "high"))
    assert high - low == 400 - 169


@pytest.mark.parametrize("url", ["", "ftp://x/y.png", "data:text/plain;base64,aGk=", "data:image/png;base64,@@", "x"])
def test_unusable_image_urls_are_refused(chat: Any, url: str) -> None:
    assert chat(image(url)).status_code == 400


def test_at_most_60_images_are_accepted(chat: Any) -> None:
    parts = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}] * 61
    assert "too many images" in error_of(chat([{"role": "user", "content": parts}]))["message"]


def test_file_parts_are_refused(chat: Any) -> None:
    parts = [{"type": "file", "file": {"file_id": "file-1"}}]
    assert error_of(chat([{"role": "user", "content": parts}]))["type"] == "unsupported_content_type"


def test_raw_base64_audio_is_refused(chat: Any) -> None:
    def clip(**audio: Any) -> Any:
        parts = [{"type": "input_audio", "input_audio": audio}]
        return chat([{"role": "user", "content": parts}], model="step-audio-2")

    assert clip(data="aGk=", format="wav").status_code == 400
    assert clip(data="data:audio/wav;base64,aGk=").status_code == 200


# -- tools ---------------------------------------------------------------------------------------------------------


def test_tool_call_has_finish_reason_stop_and_empty_content(chat: Any) -> None:
    data = chat("What is the weather in Paris?", tools=[WEATHER]).json()
    choice = data["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == ""
    call = choice["message"]["tool_calls"][0]
    assert call["type"] == "function"
    assert call["id"].startswith("call_")
    assert "index" not in call
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}


def test_finish_reason_of_tool_calls_is_configurable(chat: Any, server: Any) -> None:
    server.configure(finish_reason="tool_calls")
    assert chat("weather in Paris?", tools=[WEATHER]).json()["choices"][0]["finish_reason"] == "tool_calls"


def test_tool_choice_is_accepted_and_ignored(chat: Any) -> None:
    assert message_of(chat("weather in Paris?", tools=[WEATHER], tool_choice="none"))["tool_calls"]
    named = {"type": "function", "function": {"name": "get_weather"}}
    assert "tool_calls" not in message_of(chat("hello", tools=[WEATHER], tool_choice="required"))
    assert "tool_calls" not in message_of(chat("hello", tools=[WEATHER], tool_choice=named))


@pytest.mark.parametrize("name", ["1st", "-x", "a" * 65, "a.b", "a b"])
def test_tool_names_are_checked_in_strict_mode(chat: Any, server: Any, name: str) -> None:
    tool = {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    assert chat("hi", tools=[tool]).status_code == 200
    server.configure(strict=True)
    assert "tools.function.name" in error_of(chat("hi", tools=[tool]))["message"]


def test_function_strict_is_undocumented(chat: Any, server: Any) -> None:
    tool = {"type": "function", "function": {**WEATHER["function"], "strict": True}}  # type: ignore[dict-item]
    assert chat("hi", tools=[tool]).status_code == 200
    server.configure(strict=True)
    assert chat("hi", tools=[tool]).status_code == 400


def test_custom_tools_are_refused(chat: Any) -> None:
    assert chat("hi", tools=[{"type": "custom", "custom": {"name": "x"}}]).status_code == 400


def test_at_most_128_tools_are_accepted(chat: Any) -> None:
    assert chat("hi", tools=[WEATHER] * 128).status_code == 200
    assert chat("hi", tools=[WEATHER] * 129).status_code == 400


def test_web_search_appears_as_a_finished_tool_call(chat: Any) -> None:
    search = {"type": "web_search", "function": {"description": "for news"}}
    data = chat("latest news about StepFun?", tools=[search]).json()
    choice = data["choices"][0]
    call = choice["message"]["tool_calls"][0]
    assert call["type"] == "web_search"
    assert call["function"]["name"] == "step_websearch"
    assert set(call["function"]["results"][0]) == {"index", "url", "title", "summary"}
    assert choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert "tool_calls" not in message_of(chat("thank you", tools=[search]))


def test_web_search_streams_its_call_first_and_without_index(stream: Any) -> None:
    search = {"type": "web_search", "function": {"description": "for news"}}
    chunks = stream("latest news?", tools=[search])
    entry = chunks[0]["choices"][0]["delta"]["tool_calls"][0]
    assert "index" not in entry
    assert entry["function"]["results"]
    assert chunks[1]["created"] == 0
    assert chunks[-1]["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}


def test_router_has_no_web_search(chat: Any) -> None:
    search = {"type": "web_search", "function": {"description": "for news"}}
    response = chat("news?", tools=[search], model="step-router-v1", path="/step_plan/v1/chat/completions")
    assert error_of(response)["type"] == "unsupported_content_type"


def test_retrieval_needs_an_existing_store(chat: Any) -> None:
    def tool(**options: Any) -> dict[str, Any]:
        return {"type": "retrieval", "function": {"name": "kb", "description": "facts", "options": options}}

    assert "vector_store_id" in error_of(chat("hi", tools=[tool()]))["message"]
    assert "not found" in error_of(chat("hi", tools=[tool(vector_store_id="17")]))["message"]


# -- structured output ---------------------------------------------------------------------------------------------

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def json_schema(schema: Any = PERSON) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": schema}}


def test_json_schema_is_filled_from_the_prompt(chat: Any) -> None:
    content = message_of(chat("Jason is 25 years old", response_format=json_schema()))["content"]
    assert json.loads(content) == {"name": "Jason", "age": 25}


def test_json_schema_is_ignored_by_models_without_it(chat: Any) -> None:
    message = message_of(chat("Jason is 25", model="step-1o-turbo-vision", response_format=json_schema()))
    assert message["content"] == "Jason is 25"


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "json_schema", "schema": PERSON},
        {"type": "json_schema", "json_schema": PERSON},
        {"type": "xml"},
        "json",
    ],
)
def test_unwrapped_schema_is_invalid_request_error_with_param(chat: Any, wrong: Any) -> None:
    error = error_of(chat("hi", response_format=wrong))
    assert (error["type"], error["param"]) == ("invalid_request_error", "response_format")


def test_json_object_fills_a_schema_found_in_the_prompt(chat: Any) -> None:
    messages = [
        {"role": "system", "content": f"Answer in JSON that fits this schema:\n{json.dumps(PERSON)}"},
        {"role": "user", "content": "Jason is 25 years old"},
    ]
    content = message_of(chat(messages, response_format={"type": "json_object"}))["content"]
    assert json.loads(content) == {"name": "Jason", "age": 25}
    assert message_of(chat(messages))["content"].startswith("```json\n")


def test_json_object_without_a_schema_is_still_an_object(chat: Any) -> None:
    content = message_of(chat("say hi", response_format={"type": "json_object"}))["content"]
    assert json.loads(content) == {"answer": "say hi"}


# -- audio chat ----------------------------------------------------------------------------------------------------

VOICE = {"voice": "wenrounansheng", "format": "wav"}


def test_audio_responses_have_no_content_and_no_finish_reason(chat: Any) -> None:
    body = {"model": "step-audio-2", "modalities": ["text", "audio"], "audio": VOICE}
    choice = chat("hello", **body).json()["choices"][0]
    assert "content" not in choice["message"]
    assert choice["finish_reason"] is None
    assert choice["message"]["audio"]["transcript"] == "hello"
    assert set(choice["message"]["audio"]) == {"data", "transcript"}
    assert base64.b64decode(choice["message"]["audio"]["data"]).startswith(b"RIFF")


def test_audio_models_number_their_tool_calls(chat: Any) -> None:
    body = {"model": "step-audio-2", "modalities": ["text", "audio"], "audio": VOICE, "tools": [WEATHER]}
    assert message_of(chat("weather in Paris?", **body))["tool_calls"][0]["index"] == 0


def test_audio_format_follows_streaming(chat: Any, stream: Any) -> None:
    body = {"model": "step-audio-2", "modalities": ["text", "audio"]}
    assert "audio.format" in error_of(chat("hi", **body, audio={**VOICE, "format": "mp3"}))["message"]
    assert "audio.format" in error_of(chat("hi", **body, audio=VOICE, stream=True))["message"]
    assert "audio.voice" in error_of(chat("hi", **body, audio={**VOICE, "voice": "alloy"}))["message"]
    chunks = stream("hello there", **body, audio={**VOICE, "format": "pcm"})
    heard = [chunk["choices"][0]["delta"].get("audio", {}).get("transcript", "") for chunk in chunks]
    assert "".join(heard) == "hello there"


def test_text_only_audio_model_refuses_audio_output(chat: Any) -> None:
    body = {"model": "stepaudio-2.5-chat", "modalities": ["text", "audio"], "audio": VOICE}
    assert "modalities" in error_of(chat("hi", **body))["message"]
    assert chat("hi", model="stepaudio-2.5-chat").status_code == 200


# -- streams -------------------------------------------------------------------------------------------------------


def joined(chunks: list[dict[str, Any]], key: str) -> str:
    return "".join(chunk["choices"][0]["delta"].get(key) or "" for chunk in chunks)


def test_shape_a_has_empty_roles_and_reasons_and_an_early_first_chunk(stream: Any, server: Any) -> None:
    server.configure(stream_shape="a")
    chunks = stream("hello world and everybody", reasoning_effort="low")
    assert chunks[0]["created"] == 0
    assert chunks[0]["usage"]["total_tokens"] == 0
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert {chunk["choices"][0]["delta"]["role"] for chunk in chunks[1:]} == {""}
    assert {chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]} == {""}
    assert chunks[-1]["choices"][0] == {"index": 0, "delta": {"role": "", "content": ""}, "finish_reason": "stop"}
    assert joined(chunks, "content") == "hello world and everybody"


def test_shape_b_repeats_the_role_and_ends_on_text(stream: Any) -> None:
    chunks = stream("hello world and everybody", reasoning_effort="low")
    assert {chunk["choices"][0]["delta"]["role"] for chunk in chunks} == {"assistant"}
    assert all("finish_reason" not in chunk["choices"][0] for chunk in chunks[:-1])
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"][0]["delta"]["content"]
    assert {chunk["agent"] for chunk in chunks} == {""}
    assert joined(chunks, "content") == "hello world and everybody"
    assert joined(chunks, "reasoning") == joined(chunks, "reasoning_content") != ""


def test_shape_c_omits_roles_and_has_cached_tokens_at_the_top(stream: Any, server: Any) -> None:
    server.configure(stream_shape="c", cache_unit=4)
    prompt = "hello world and everybody who is listening"
    stream(prompt)
    chunks = stream(prompt)
    assert [chunk["choices"][0]["delta"].get("role") for chunk in chunks].count("assistant") == 1
    assert chunks[-1]["choices"][0]["delta"] == {}
    assert chunks[-1]["usage"]["cached_tokens"] > 0
    assert joined(chunks, "content") == prompt


@pytest.mark.parametrize("shape", ["a", "b", "c"])
def test_usage_is_cumulative_on_every_chunk(stream: Any, chat: Any, server: Any, shape: str) -> None:
    server.configure(stream_shape=shape)
    whole = chat("hello world").json()["usage"]
    chunks = stream("hello world")
    counts = [chunk["usage"]["completion_tokens"] for chunk in chunks]
    assert counts == sorted(counts)
    assert counts[-1] == whole["completion_tokens"]
    assert all(chunk["choices"] for chunk in chunks)


def test_include_usage_adds_no_chunk_without_choices(stream: Any) -> None:
    assert all(chunk["choices"] for chunk in stream("hi", stream_options={"include_usage": True}))


def tool_entries(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry for chunk in chunks for entry in chunk["choices"][0]["delta"].get("tool_calls", [])]


@pytest.mark.parametrize("style", ["missing_index", "repeat", "blank", "openai", "honest"])
def test_streamed_calls_in_each_style(stream: Any, server: Any, style: str) -> None:
    server.configure(tool_delta=style)
    chunks = stream("What is the weather in Paris and in Tokyo?", tools=[WEATHER])
    entries = tool_entries(chunks)
    first, later = entries[0], entries[1]
    assert first["id"]
    assert first["function"]["name"] == "get_weather"
    assert ("index" in first) == (style != "missing_index")
    if style == "repeat":
        assert (later["id"], later["function"]["name"]) == (first["id"], "get_weather")
    elif style == "blank":
        assert (later["id"], later["type"], later["function"]["name"]) == ("", "", "")
    else:
        assert "id" not in later
        assert "name" not in later["function"]
    text = "".join(entry["function"]["arguments"] for entry in entries)
    assert [json.loads(part + "}") for part in text.split("}")[:-1]] == [{"city": "Paris"}, {"city": "Tokyo"}]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_several_choices_are_streamed_interleaved(stream: Any) -> None:
    chunks = stream("hello world", n=2)
    assert [chunk["choices"][0]["index"] for chunk in chunks[:4]] == [0, 1, 0, 1]


def test_stream_cut_by_max_tokens_finishes_with_length(stream: Any) -> None:
    chunks = stream("hello", max_tokens=10)
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert joined(chunks, "content") == ""


# -- prompt cache --------------------------------------------------------------------------------------------------


def cached(response: Any) -> int:
    return response.json()["usage"]["prompt_tokens_details"]["cached_tokens"]


LONG = "The quick brown fox jumps over the lazy dog. " * 60


def test_first_call_misses_the_cache_and_the_second_hits_complete_units(chat: Any) -> None:
    messages = [{"role": "system", "content": LONG}, {"role": "user", "content": "hi"}]
    first, second = chat(messages), chat(messages)
    assert cached(first) == 0
    assert cached(second) > 0
    assert cached(second) % 256 == 0
    assert cached(second) <= second.json()["usage"]["prompt_tokens"]


def test_changed_prefix_misses_the_cache_and_a_longer_end_hits_it(chat: Any) -> None:
    system = {"role": "system", "content": LONG}
    chat([system, {"role": "user", "content": "hi"}])
    longer = [system, *({"role": "user", "content": text} for text in ("hi", "again"))]
    assert cached(chat(longer)) > 0
    assert cached(chat([{"role": "system", "content": "x" + LONG}, {"role": "user", "content": "hi"}])) == 0


def test_reordered_tools_miss_the_cache(chat: Any) -> None:
    other = {"type": "function", "function": {"name": "zzz", "parameters": {"type": "object", "properties": {}}}}
    messages = [{"role": "system", "content": LONG}, {"role": "user", "content": "hi"}]
    chat(messages, tools=[WEATHER, other])
    assert cached(chat(messages, tools=[WEATHER, other])) > 0
    assert cached(chat(messages, tools=[other, WEATHER])) == 0


def test_caches_of_models_and_keys_are_separate(chat: Any) -> None:
    chat(LONG)
    assert cached(chat(LONG, model="step-5-preview")) == 0
    assert cached(chat(LONG, headers={"Authorization": "Bearer another"})) == 0
    assert cached(chat(LONG)) > 0


def test_cache_unit_and_warm_up_are_configurable(chat: Any, server: Any) -> None:
    server.configure(cache_unit=16, cache_warm_after=2)
    assert [cached(chat(LONG)) > 0 for _ in range(3)] == [False, False, True]


def test_flat_usage_shows_cached_tokens_only_on_a_hit(chat: Any, server: Any) -> None:
    server.configure(usage_style="flat")
    first, second = chat(LONG).json()["usage"], chat(LONG).json()["usage"]
    assert "cached_tokens" not in first
    assert second["cached_tokens"] > 0
    assert not {"prompt_tokens_details", "completion_tokens_details"} & set(second)


def test_too_long_prompt_is_refused_and_a_huge_max_tokens_is_not(chat: Any, server: Any) -> None:
    assert chat("hi", max_tokens=2_000_000).status_code == 200
    server.configure(context_window=20)
    assert "context length" in error_of(chat(LONG))["message"]
    assert chat("hi").json()["choices"][0]["finish_reason"] == "length"
