"""OpenTelemetry's instrumentation of openai: spans and metrics of chat, streams, tools, embeddings, errors."""

import asyncio

import openai
from openai import AsyncOpenAI, OpenAI
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

SPANS = InMemorySpanExporter()
METRICS = InMemoryMetricReader()
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


def instrument() -> None:
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(SPANS))
    OpenAIInstrumentor().instrument(tracer_provider=tracers, meter_provider=MeterProvider([METRICS]))


def span() -> dict:
    """The attributes of the newest span."""
    return dict(SPANS.get_finished_spans()[-1].attributes)


def chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=200, temperature=0.3)
    assert answer.choices[0].message.content == "Slowly, and in pieces."
    found = span()
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.request.model"] == "gpt-4o"
    assert found["gen_ai.response.model"] == answer.model
    assert found["gen_ai.response.id"] == answer.id
    assert tuple(found["gen_ai.response.finish_reasons"]) == ("stop",)
    assert found["gen_ai.usage.output_tokens"] == answer.usage.completion_tokens
    assert found["server.address"] == client.base_url.host
    assert found["server.port"] == client.base_url.port

    with client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Slowly, and in pieces."
    )
    assert span()["gen_ai.usage.output_tokens"] == chunks[-1].usage.completion_tokens

    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    stream = client.chat.completions.create(model="gpt-4o", messages=asked, tools=TOOLS, stream=True)
    assert [chunk.choices[0].finish_reason for chunk in stream][-1] == "tool_calls"

    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES)
    assert raw.parse().choices[0].message.content == "Slowly, and in pieces."

    vector = client.embeddings.create(model="text-embedding-3-small", input="The kettle is blue.").data[0].embedding
    assert len(vector) > 1
    assert span()["gen_ai.operation.name"] == "embeddings"

    try:
        client.chat.completions.create(model="step-0-nonexistent", messages=MESSAGES)
    except openai.NotFoundError:
        assert span()["error.type"].endswith("ModelNotFoundError"), span()
    else:
        raise AssertionError("an unknown model was accepted")
    names = {
        metric.name
        for rows in METRICS.get_metrics_data().resource_metrics
        for scope in rows.scope_metrics
        for metric in scope.metrics
    }
    assert {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"} <= names


async def asynchronous(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert span()["gen_ai.usage.output_tokens"] == answer.usage.completion_tokens
    stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "Slowly, and in pieces."
    assert span()["gen_ai.response.id"]


if __name__ == "__main__":
    instrument()
    chat(OpenAI())
    asyncio.run(asynchronous(AsyncOpenAI()))
