"""Semantic Kernel: chat completion, streams, automatic function calls, agents, embeddings."""

import asyncio
from typing import Annotated

from pydantic import BaseModel
from semantic_kernel import Kernel
from semantic_kernel.agents import ChatCompletionAgent, ChatHistoryAgentThread
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import (
    OpenAIChatCompletion,
    OpenAIChatPromptExecutionSettings,
    OpenAITextEmbedding,
)
from semantic_kernel.contents import ChatHistory
from semantic_kernel.functions import KernelArguments, kernel_function


class Weather:
    @kernel_function(description="The weather in a city.")
    def get_weather(self, city: Annotated[str, "the city"]) -> str:
        return f"18 degrees in {city}"


class Person(BaseModel):
    name: str
    age: int


def said(text: str) -> ChatHistory:
    history = ChatHistory(system_message="Be brief.")
    history.add_user_message(text)
    return history


async def converse(service, embedding) -> None:
    settings = OpenAIChatPromptExecutionSettings(temperature=0.1, max_tokens=300)
    answer = await service.get_chat_message_content(said("Say hello."), settings)
    assert answer.content == "Say hello."
    assert answer.metadata["usage"].completion_tokens > 0
    text = ""
    async for part in service.get_streaming_chat_message_content(said("Slowly, and in pieces."), settings):
        text += part.content
    assert text == "Slowly, and in pieces."
    typed = OpenAIChatPromptExecutionSettings(response_format=Person)
    read = await service.get_chat_message_content(said("Her name is Ann, and Ann is 31 years old."), typed)
    assert Person.model_validate_json(read.content) == Person(name="Ann", age=31)

    kernel = Kernel()
    kernel.add_service(service)
    kernel.add_plugin(Weather(), "weather")
    auto = OpenAIChatPromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.Auto())
    answer = await service.get_chat_message_content(said("What is the weather in Paris?"), auto, kernel=kernel)
    assert answer.content == "Here is what I found: 18 degrees in Paris"
    text = ""
    async for part in service.get_streaming_chat_message_content(
        said("What is the weather in Rome?"), auto, kernel=kernel
    ):
        text += part.content
    assert text == "Here is what I found: 18 degrees in Rome"
    prompted = await kernel.invoke_prompt("Say {{$what}}.", arguments=KernelArguments(what="hello"))
    assert str(prompted) == "Say hello."

    agent = ChatCompletionAgent(service=service, name="weather", instructions="Be brief.", plugins=[Weather()])
    thread = ChatHistoryAgentThread()
    reply = await agent.get_response("What is the weather in Oslo?", thread=thread)
    assert str(reply) == "Here is what I found: 18 degrees in Oslo"
    assert str(await agent.get_response("Thank you.", thread=reply.thread)) == "Thank you."
    text = ""
    async for part in agent.invoke_stream("Slowly, and in pieces."):
        text += str(part)
    assert text == "Slowly, and in pieces."

    vectors = await embedding.generate_embeddings(["The kettle is blue.", "The cup is red."])
    assert len(vectors) == 2
    assert list(vectors[0]) != list(vectors[1])


if __name__ == "__main__":
    asyncio.run(
        converse(OpenAIChatCompletion(ai_model_id="gpt-4o"), OpenAITextEmbedding(ai_model_id="text-embedding-3-small"))
    )
