"""Our clients while Langfuse traces openai's resources."""

import asyncio

from langfuse_program import asynchronous, chat, start

from stepfun_compat import AsyncOpenAI, OpenAI

if __name__ == "__main__":
    start()
    chat(OpenAI())
    asyncio.run(asynchronous(AsyncOpenAI()))
