"""Semantic Kernel with our client passed to its services."""

import asyncio

from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAITextEmbedding
from semantic_kernel_program import converse

from stepfun_compat import AsyncOpenAI

if __name__ == "__main__":
    client = AsyncOpenAI()
    asyncio.run(
        converse(
            OpenAIChatCompletion(ai_model_id="gpt-4o", async_client=client),
            OpenAITextEmbedding(ai_model_id="text-embedding-3-small", async_client=client),
        )
    )
