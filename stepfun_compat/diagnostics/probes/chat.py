"""Questions about chat and Responses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import openai

from .wire import ASK, PIXELS, SHORT, TOOL, USE_TOOL, Json, chat, each, events, message, post, rejection


def accepts(parameter: str, value: Any) -> Callable[[Any, str], str]:
    def ask(client: Any, model: str) -> str:
        chat(client, model, **{parameter: value})
        return f"{parameter} is accepted; one call cannot show whether it has an effect"

    return ask


def _tokens_used(answer: Json) -> str:
    reply = message(answer)
    reasoning = reply.get("reasoning_content") or reply.get("reasoning") or ""
    return f"{len(reasoning)} characters of reasoning, {answer['usage']['completion_tokens']} tokens"


def effort(value: str) -> Callable[[Any, str], str]:
    def ask(client: Any, model: str) -> str:
        return f"accepted; {_tokens_used(chat(client, model, reasoning_effort=value))}"

    return ask


def default_effort(client: Any, model: str) -> str:
    outcomes = [f"unset: {_tokens_used(chat(client, model))}"]
    for value in ("low", "medium", "high"):
        try:
            outcomes.append(f"{value}: {_tokens_used(chat(client, model, reasoning_effort=value))}")
        except openai.APIStatusError as error:
            outcomes.append(f"{value} rejected with {rejection(error)}")
    return "; ".join(outcomes)


def tool_choice(client: Any, model: str) -> str:
    options = {"messages": USE_TOOL, "max_tokens": 1500}
    none = bool(message(chat(client, model, tools=[TOOL], tool_choice="none", **options)).get("tool_calls"))
    required = bool(message(chat(client, model, tools=[TOOL], tool_choice="required")).get("tool_calls"))
    return f"none {'still called' if none else 'did not call'} a tool; required {'called' if required else 'did not call'} one"


def stream_usage(client: Any, model: str) -> str:
    body = {"model": model, "messages": ASK, **SHORT, "stream_options": {"include_usage": True}}
    found = events(client, body)
    used = sum(1 for event in found if event.get("usage"))
    empty = sum(1 for event in found if not event.get("choices"))
    return f"usage on {used} of {len(found)} chunks; {empty} chunks without choices"


def stream_shape(client: Any, model: str) -> str:
    found = events(client, {"model": model, "messages": ASK, **SHORT})
    choices = [event["choices"][0] for event in found if event.get("choices")]
    roles = {repr(choice.get("delta", {}).get("role")) for choice in choices[1:]}
    reasons = {repr(choice.get("finish_reason", "absent")) for choice in choices[:-1]}
    return f"roles after the first chunk: {', '.join(sorted(roles))}; unfinished reasons: {', '.join(sorted(reasons))}"


def stream_tools(client: Any, model: str) -> str:
    found = events(client, {"model": model, "messages": USE_TOOL, "tools": [TOOL], "max_tokens": 1500})
    deltas: list[Json] = []
    for event in found:
        for choice in event.get("choices") or ():
            deltas += choice.get("delta", {}).get("tool_calls") or []
    if not deltas:
        return "no tool was called"
    with_index = sum("index" in delta for delta in deltas)
    with_id = sum(bool(delta.get("id")) for delta in deltas)
    return f"{len(deltas)} fragments, {with_index} with an index, {with_id} with an id"


def finish_reason(client: Any, model: str) -> str:
    answer = chat(client, model, messages=USE_TOOL, tools=[TOOL], max_tokens=1500)
    return f"{answer['choices'][0].get('finish_reason')!r} beside {len(message(answer).get('tool_calls') or [])} calls"


def stop_in_reasoning(client: Any, model: str) -> str:
    reply = message(chat(client, model, stop=[_COMMON]))
    reasoning = str(reply.get("reasoning_content") or reply.get("reasoning") or "")
    if reply.get("content"):
        return "stop does not end the reasoning" if _COMMON in reasoning else "the reasoning does not have the sequence"
    return f"no text followed {len(reasoning)} characters of reasoning: stop ends it"


_COMMON = " the"  # nearly every reasoning has it, the answer `yes` does not


def developer(client: Any, model: str) -> str:
    messages = [
        {"role": "developer", "content": "Answer only with the word blue."},
        {"role": "user", "content": "Colour?"},
    ]
    return f"accepted; answered {message(chat(client, model, messages=messages)).get('content')!r}"


def message_shapes(client: Any, model: str) -> str:
    user = ASK[0]
    parts = [{"type": "text", "text": "Be brief."}]
    call = {"id": "call_1", "type": "function", "function": {"name": "note", "arguments": "{}"}}
    called = {"role": "assistant", "content": "", "tool_calls": [call]}

    def case(*messages: Json) -> Callable[[], object]:
        return lambda: chat(client, model, messages=list(messages)) and None

    return each(
        {
            "name": case({**user, "name": "ann"}),
            "parts in system": case({"role": "system", "content": parts}, user),
            "parts in assistant": case(user, {"role": "assistant", "content": parts}, user),
            "parts in tool": case(user, called, {"role": "tool", "tool_call_id": "call_1", "content": parts}),
            "two system messages": case(
                {"role": "system", "content": "Be brief."}, {"role": "system", "content": "Be kind."}, user
            ),
            "assistant last": case(user, {"role": "assistant", "content": "Y"}),
        }
    )


def cache(header: str | None) -> Callable[[Any, str], str]:
    def ask(client: Any, model: str) -> str:
        messages = [{"role": "system", "content": f"{time.time_ns()} " + "Be brief. " * 600}, *ASK]
        extra = {"headers": {header: "probe"}} if header else {}
        hits: list[int] = []
        for _ in range(3):
            body = {"model": model, "messages": messages, **SHORT}
            answer: Any = client.post("/chat/completions", body=body, cast_to=object, options=extra)
            usage: dict[str, Any] = answer["usage"]
            details: dict[str, Any] = usage.get("prompt_tokens_details") or {}
            hits.append(usage.get("cached_tokens") or details.get("cached_tokens") or 0)
        return f"cached tokens of three equal prompts: {hits}"

    return ask


def json_schema(client: Any, model: str) -> str:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    format = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    return f"accepted; answered {message(chat(client, model, response_format=format)).get('content')!r}"


def schema_subset(client: Any, model: str) -> str:
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}
    word = {"type": "string"}
    schemas: dict[str, Any] = {
        "$ref": {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": word}},
        "anyOf": {"properties": {"a": {"anyOf": [word, {"type": "null"}]}}},
        "recursion": {"properties": {"a": {"$ref": "#/$defs/node"}}, "$defs": {"node": node}},
    }

    def case(schema: Json) -> Callable[[], object]:
        whole = {"type": "object", "required": ["a"], "additionalProperties": False, **schema}
        format = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": whole}}
        return lambda: message(chat(client, model, response_format=format)).get("content")

    return each({name: case(schema) for name, schema in schemas.items()})


def large_cap(client: Any, model: str) -> str:
    chat(client, model, max_tokens=10_000_000)
    return "max_tokens=10000000 is accepted, so the real maximum remains unknown"


def overflow(client: Any, model: str) -> str:
    row: Any = client.get("/models", cast_to=object)["data"]
    window = next((entry.get("max_input_tokens") for entry in row if entry.get("id") == model), None) or 262_144
    messages = [{"role": "user", "content": "yes " * (window + 4096)}]
    answer = chat(client, model, messages=messages)
    return f"accepted with {answer['usage']['prompt_tokens']} prompt tokens"


def responses_tool_choice(client: Any, model: str) -> str:
    tool = {"type": "function", **TOOL["function"]}

    def case(choice: Any) -> Callable[[], object]:
        def ask() -> object:
            body = {"model": model, "input": "Write down: tea.", "tools": [tool], "tool_choice": choice}
            calls = [item for item in post(client, "/responses", body)["output"] if item["type"] == "function_call"]
            return f"{len(calls)} calls"

        return ask

    return each(
        {"none": case("none"), "required": case("required"), "named": case({"type": "function", "name": "note"})}
    )


def responses_reasoning(client: Any, model: str) -> str:
    first = post(client, "/responses", {"model": model, "input": "Say yes."})
    output: list[Any] = first["output"]
    items: list[Any] = [{"role": "user", "content": "Say yes."}, *output, {"role": "user", "content": "Again."}]
    kinds = ", ".join(str(item.get("type", "message")) for item in output)
    answer = post(client, "/responses", {"model": model, "input": items})
    return f"the complete output ({kinds}) is accepted as input; status {answer.get('status')}"


def messages_route(client: Any, model: str) -> str:
    answer = post(client, "/messages", {"model": model, **SHORT, "messages": ASK})
    return f"served; usage contains {', '.join(sorted(answer['usage']))}"


def responses(client: Any, model: str) -> str:
    answer: Any = client.post("/responses", body={"model": model, "input": "Say yes."}, cast_to=object)
    return f"served; status {answer.get('status')}"


def reasoning_replay(client: Any, model: str) -> str:
    options = {"tools": [TOOL], "max_tokens": 1500}
    first = message(chat(client, model, messages=USE_TOOL, **options))
    calls: list[Any] = list(first.get("tool_calls") or ())
    if not calls:
        return "no tool was called"
    turn: dict[str, Any] = {"role": "assistant", "content": first.get("content") or "", "tool_calls": calls}
    reasoning = {"reasoning_content": first.get("reasoning_content") or first.get("reasoning") or ""}
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in calls]
    outcomes: list[str] = []
    for name, sent in (("without", turn), ("with", {**turn, **reasoning})):
        try:
            answer = chat(client, model, messages=[*USE_TOOL, sent, *results], **options)
            outcomes.append(f"{name} it accepted, {answer['usage']['prompt_tokens']} prompt tokens")
        except openai.APIStatusError as error:
            outcomes.append(f"{name} it rejected with {rejection(error)}")
    return "; ".join(outcomes)


def several(client: Any, model: str) -> str:
    def streamed() -> str:
        found = events(client, {"model": model, "messages": ASK, **SHORT, "n": 2})
        return f"{len({choice['index'] for event in found for choice in event.get('choices') or ()})} choices"

    return each(
        {
            "n=2": lambda: f"{len(chat(client, model, n=2)['choices'])} choices",
            "n=2 with tools": lambda: f"{len(chat(client, model, n=2, tools=[TOOL])['choices'])} choices",
            "n=2 streamed": streamed,
        }
    )


def detail(client: Any, model: str) -> str:
    part = {"type": "image_url", "image_url": {"url": PIXELS, "detail": "auto"}}
    content = [{"type": "text", "text": "Answer with the word yes."}, part]
    answer = chat(client, model, messages=[{"role": "user", "content": content}])
    return f"detail auto is accepted; {answer['usage']['prompt_tokens']} prompt tokens"


def many_images(client: Any, model: str) -> str:
    part = {"type": "image_url", "image_url": {"url": PIXELS}}

    def case(count: int) -> Callable[[], object]:
        content = [*[part] * count, {"type": "text", "text": "Answer with the word yes."}]
        messages = [{"role": "user", "content": content}]
        return lambda: f"{chat(client, model, messages=messages)['usage']['prompt_tokens']} prompt tokens"

    return each({f"{count} images": case(count) for count in (11, 51, 61)})


def web_search(client: Any, model: str) -> str:
    tool = {"type": "web_search", "function": {"description": "Searches the web."}}
    messages = [{"role": "user", "content": "Search the web: what day is it?"}]
    answer = chat(client, model, messages=messages, tools=[tool], max_tokens=1500)
    return f"accepted; {len(message(answer).get('tool_calls') or [])} searches beside the answer"


def limit_headers(client: Any, model: str) -> str:
    body = {"model": model, "messages": ASK, **SHORT}
    raw = client.chat.completions.with_raw_response.create(**body)
    names = sorted(
        name for name in raw.headers if name.lower().startswith("x-ratelimit") or name.lower() == "retry-after"
    )
    return f"headers that report limits: {', '.join(names) or 'none'}"


def unknown_model(client: Any, model: str) -> str:
    del model
    try:
        chat(client, "step-0-nonexistent")
    except openai.APIStatusError as error:
        return rejection(error)
    return "accepted"
