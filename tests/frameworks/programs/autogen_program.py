"""AutoGen: its OpenAI model client, an agent with tools, a team, a typed response, a token stream."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, StructuredMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import FunctionTool
from autogen_ext.models.openai import OpenAIChatCompletionClient
from pydantic import BaseModel


async def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


class Person(BaseModel):
    name: str
    age: int


def said(text: str) -> list:
    return [SystemMessage(content="Be brief."), UserMessage(content=text, source="user")]


async def converse(model) -> None:
    answer = await model.create(said("Say hello."), extra_create_args={"temperature": 0, "max_tokens": 300})
    assert answer.content == "Say hello."
    assert answer.finish_reason == "stop"
    assert answer.usage.completion_tokens > 0

    pieces = [part async for part in model.create_stream(said("Slowly, and in pieces."))]
    assert isinstance(pieces[-1], CreateResult)
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    assert text.endswith("Slowly, and in pieces."), text
    assert pieces[-1].content == "Slowly, and in pieces."

    tool = FunctionTool(get_weather, description="The weather in a city.", strict=True)
    asked = await model.create(said("What is the weather in Paris?"), tools=[tool])
    assert [(call.name, call.arguments) for call in asked.content] == [("get_weather", '{"city": "Paris"}')]
    result = FunctionExecutionResult(
        content="18 degrees", call_id=asked.content[0].id, name="get_weather", is_error=False
    )
    messages = [
        *said("What is the weather in Paris?"),
        AssistantMessage(content=asked.content, thought=asked.thought, source="model"),
        FunctionExecutionResultMessage(content=[result]),
    ]
    assert (await model.create(messages, tools=[tool])).content == "Here is what I found: 18 degrees"
    required = await model.create(said("Good morning."), tools=[tool], tool_choice="required")
    assert required.content[0].name == "get_weather"

    typed = await model.create(said("Her name is Ann, and Ann is 31 years old."), json_output=Person)
    assert Person.model_validate_json(typed.content) == Person(name="Ann", age=31)
    free = await model.create(said('Answer in JSON with the key "name". Her name is Ann.'), json_output=True)
    assert "Ann" in free.content

    agent = AssistantAgent("weather", model, tools=[get_weather], reflect_on_tool_use=True, model_client_stream=True)
    events = [event async for event in agent.run_stream(task="What is the weather in Rome?")]
    assert isinstance(events[-1], TaskResult)
    assert events[-1].messages[-1].content == "Here is what I found: 18 degrees in Rome"
    assert any(isinstance(event, ModelClientStreamingChunkEvent) for event in events)

    reader = AssistantAgent("reader", model, output_content_type=Person)
    read = (await reader.run(task="Her name is Ann, and Ann is 31 years old.")).messages[-1]
    assert isinstance(read, StructuredMessage)
    assert read.content == Person(name="Ann", age=31)

    writer, critic = AssistantAgent("writer", model), AssistantAgent("critic", model)
    team = RoundRobinGroupChat([writer, critic], max_turns=2)
    written = [
        message for message in (await team.run(task="Write a line.")).messages if isinstance(message, TextMessage)
    ]
    assert [message.source for message in written] == ["user", "writer", "critic"]


async def main() -> None:
    async with asyncio.timeout(120):
        model = OpenAIChatCompletionClient(model="gpt-4o")
        await converse(model)
        restored = OpenAIChatCompletionClient.load_component(model.dump_component())
        assert (await restored.create(said("Again."))).content == "Again."
        await model.close()
        await restored.close()


if __name__ == "__main__":
    asyncio.run(main())
