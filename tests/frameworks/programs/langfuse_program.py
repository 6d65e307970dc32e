"""Langfuse's drop-in replacement for openai: calls are answered and traced."""

import asyncio
import json

from langfuse import Langfuse, get_client, observe
from langfuse.openai import AsyncOpenAI, OpenAI, openai
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

TRACES = InMemorySpanExporter()
MESSAGES = [{"role": "user", "content": "Slowly, and in pieces."}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


class Person(BaseModel):
    name: str
    age: int


def start() -> None:
    Langfuse(public_key="pk-lf-local", secret_key="sk-lf-local", base_url="http://127.0.0.1:9", span_exporter=TRACES)


def traced(name: str) -> dict:
    """The attributes of the only span with this name."""
    get_client().flush()
    (span,) = [span for span in TRACES.get_finished_spans() if span.name == name]
    return dict(span.attributes)


def chat(client) -> None:
    answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, name="plain", metadata={"team": "a"})
    assert answer.choices[0].message.content == "Slowly, and in pieces."
    found = traced("plain")
    assert found["langfuse.observation.type"] == "generation"
    assert json.loads(found["langfuse.observation.output"])["content"] == "Slowly, and in pieces."
    assert json.loads(found["langfuse.observation.usage_details"])["total_tokens"] == answer.usage.total_tokens

    stream = client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, stream=True, stream_options={"include_usage": True}, name="streamed"
    )
    chunks = list(stream)
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Slowly, and in pieces."
    )
    found = traced("streamed")
    assert "Slowly, and in pieces." in found["langfuse.observation.output"]
    assert "langfuse.observation.completion_start_time" in found
    assert json.loads(found["langfuse.observation.usage_details"])["total_tokens"] == chunks[-1].usage.total_tokens

    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    call = (
        client.chat.completions.create(model="gpt-4o", messages=asked, tools=TOOLS, name="tools")
        .choices[0]
        .message.tool_calls[0]
    )
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert "get_weather" in traced("tools")["langfuse.observation.output"]

    question = [{"role": "user", "content": "Her name is Ann, and Ann is 31 years old."}]
    typed = client.chat.completions.parse(model="gpt-4o", messages=question, response_format=Person, name="typed")
    assert typed.choices[0].message.parsed == Person(name="Ann", age=31)
    assert "Ann" in traced("typed")["langfuse.observation.output"]

    response = client.responses.create(model="gpt-4o", input="Say hello.", name="response")
    assert response.output_text == "Say hello."
    assert "Say hello." in traced("response")["langfuse.observation.output"]
    events = list(client.responses.create(model="gpt-4o", input="Say hello.", stream=True, name="events"))
    assert events[-1].response.output_text == "Say hello."
    assert "Say hello." in traced("events")["langfuse.observation.output"]

    vectors = client.embeddings.create(model="text-embedding-3-small", input="The kettle is blue.", name="vectors").data
    assert len(vectors[0].embedding) > 1
    assert traced("vectors")["langfuse.observation.type"] == "embedding"

    try:
        client.chat.completions.create(model="step-0-nonexistent", messages=MESSAGES, name="failed")
    except openai.NotFoundError:
        assert traced("failed")["langfuse.observation.level"] == "ERROR"
    else:
        raise AssertionError("an unknown model was accepted")

    @observe(name="outer")
    def outer() -> str:
        return (
            client.chat.completions.create(model="gpt-4o", messages=MESSAGES, name="inner").choices[0].message.content
        )

    assert outer() == "Slowly, and in pieces."
    get_client().flush()
    spans = {span.name: span for span in TRACES.get_finished_spans()}
    assert spans["inner"].parent.span_id == spans["outer"].context.span_id


async def asynchronous(client) -> None:
    answer = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, name="async plain")
    assert answer.choices[0].message.content == "Slowly, and in pieces."
    stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, name="async streamed")
    assert (
        "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
        == "Slowly, and in pieces."
    )
    assert "Slowly, and in pieces." in traced("async streamed")["langfuse.observation.output"]


def main() -> None:
    start()
    chat(OpenAI())
    asyncio.run(asynchronous(AsyncOpenAI()))
    module = openai.chat.completions.create(model="gpt-4o", messages=MESSAGES, name="module")
    assert module.choices[0].message.content == "Slowly, and in pieces."
    assert "Slowly" in traced("module")["langfuse.observation.output"]


if __name__ == "__main__":
    main()
