"""AutoGen's base class around our client."""

import asyncio

from autogen_core.models import ModelFamily, ModelInfo
from autogen_ext.models.openai import BaseOpenAIChatCompletionClient
from autogen_program import converse

from stepfun_compat import AsyncOpenAI


async def main() -> None:
    info = ModelInfo(
        vision=True, function_calling=True, json_output=True, structured_output=True, family=ModelFamily.GPT_4O
    )
    model = BaseOpenAIChatCompletionClient(AsyncOpenAI(), create_args={"model": "gpt-4o"}, model_info=info)
    await converse(model)


if __name__ == "__main__":
    asyncio.run(main())
