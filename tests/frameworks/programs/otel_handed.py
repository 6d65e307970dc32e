"""OpenLLMetry's instrumentation while clients of ours are used."""

import asyncio

from otel_program import asynchronous, chat, instrument

from stepfun_compat import AsyncOpenAI, OpenAI

if __name__ == "__main__":
    instrument()
    chat(OpenAI())
    asyncio.run(asynchronous(AsyncOpenAI()))
