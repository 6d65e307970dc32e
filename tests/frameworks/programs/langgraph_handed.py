"""LangGraph over a chat model with our clients passed in."""

import asyncio

from langchain_openai import ChatOpenAI
from langgraph_program import approve, converse

from stepfun_compat import AsyncOpenAI, OpenAI

if __name__ == "__main__":
    client, async_client = OpenAI(), AsyncOpenAI()
    llm = ChatOpenAI(
        model="gpt-4o",
        client=client.chat.completions,
        async_client=async_client.chat.completions,
        root_client=client,
        root_async_client=async_client,
    )
    approve(llm)
    asyncio.run(converse(llm))
