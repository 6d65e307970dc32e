"""LiteLLM with our clients passed to its calls."""

import asyncio

from litellm_program import asynchronous, chat, embed

from stepfun_compat import AsyncOpenAI, OpenAI

if __name__ == "__main__":
    client = OpenAI()
    chat(client=client)
    embed(client=client)
    asyncio.run(asynchronous(client=AsyncOpenAI()))
