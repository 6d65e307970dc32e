"""OpenTelemetry's instrumentation of our clients."""

import asyncio

from otel_v2_program import asynchronous, chat, instrument

from stepfun_compat import AsyncOpenAI, OpenAI

if __name__ == "__main__":
    instrument()
    chat(OpenAI())
    asyncio.run(asynchronous(AsyncOpenAI()))
