"""Haystack with our clients set on its generator."""

import asyncio

from haystack.components.generators.chat import OpenAIChatGenerator
from haystack_program import asynchronous, chat, structured

from stepfun_compat import AsyncOpenAI, OpenAI

if __name__ == "__main__":
    generator = OpenAIChatGenerator(model="gpt-4o")
    generator.client, generator.async_client = OpenAI(), AsyncOpenAI()
    chat(generator)
    structured(generator)
    asyncio.run(asynchronous(generator))
