"""Pydantic AI with our client passed to its provider."""

import asyncio

from pydantic_ai import Embedder
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai_program import converse, embed

from stepfun_compat import AsyncOpenAI


async def main() -> None:
    provider = OpenAIProvider(openai_client=AsyncOpenAI())
    await converse(OpenAIChatModel("gpt-4o", provider=provider))
    await converse(OpenAIResponsesModel("gpt-4o", provider=provider))
    await embed(Embedder(OpenAIEmbeddingModel("text-embedding-3-small", provider=provider)))


if __name__ == "__main__":
    asyncio.run(main())
