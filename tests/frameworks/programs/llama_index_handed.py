"""LlamaIndex with our clients passed to its models."""

import asyncio

from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI as Model
from llama_index_program import asynchronous, everything

from stepfun_compat import AsyncOpenAI, OpenAI

if __name__ == "__main__":
    client, async_client = OpenAI(), AsyncOpenAI()
    embeddings = OpenAIEmbedding(model="text-embedding-3-small")
    embeddings._client, embeddings._aclient = client, async_client
    llm = Model(model="gpt-4o", openai_client=client, async_openai_client=async_client)
    everything(llm, embeddings)
    asyncio.run(asynchronous(llm))
