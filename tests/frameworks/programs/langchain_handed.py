"""LangChain with our clients passed in."""

import asyncio

import langchain_program as program
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from stepfun_compat import AsyncOpenAI, OpenAI


def main() -> None:
    client, async_client = OpenAI(), AsyncOpenAI()
    clients = {
        "client": client.chat.completions,
        "async_client": async_client.chat.completions,
        "root_client": client,
        "root_async_client": async_client,
    }
    llm = ChatOpenAI(model="gpt-4o", stream_usage=True, **clients)
    on_responses = ChatOpenAI(model="gpt-4o", use_responses_api=True, **clients)
    embeddings = OpenAIEmbeddings(
        model="text-embedding-3-small",
        check_embedding_ctx_length=False,
        client=client.embeddings,
        async_client=async_client.embeddings,
    )
    program.synchronous(llm)
    program.responses(on_responses)
    program.embed(embeddings)

    async def later() -> None:
        await program.asynchronous(llm)
        await program.asynchronous_responses(on_responses)
        await program.embed_asynchronously(embeddings)

    asyncio.run(later())


if __name__ == "__main__":
    main()
