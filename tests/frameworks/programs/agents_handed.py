"""The OpenAI Agents SDK with our client passed in."""

import asyncio

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIProvider,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    set_default_openai_client,
)
from agents_program import converse

from stepfun_compat import AsyncOpenAI


async def main() -> None:
    client = AsyncOpenAI()
    await converse(model=OpenAIResponsesModel("gpt-4o", openai_client=client))
    await converse(model=OpenAIChatCompletionsModel("gpt-4o", openai_client=client))
    set_default_openai_client(client, use_for_tracing=False)
    await converse(model="gpt-4o")
    by_provider = RunConfig(model_provider=OpenAIProvider(openai_client=client, use_responses=False))
    assert (
        await Runner.run(Agent(name="Assistant", model="gpt-4o"), "Hello.", run_config=by_provider)
    ).final_output == "Hello."


if __name__ == "__main__":
    asyncio.run(main())
