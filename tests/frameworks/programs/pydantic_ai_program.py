"""Pydantic AI: agents with tools, typed outputs in all three modes, streams and embeddings."""

import asyncio
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic_ai import Agent, Embedder, ModelRetry, NativeOutput, PromptedOutput, RunContext, ToolOutput
from pydantic_ai.messages import PartDeltaEvent, TextPartDelta
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.settings import ModelSettings


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@dataclass
class Unit:
    name: str


QUESTION = "Her name is Ann, and Ann is 31 years old."


def weather_agent(model) -> Agent:
    agent = Agent(
        model, deps_type=Unit, system_prompt="Be brief.", model_settings=ModelSettings(temperature=0.1, max_tokens=300)
    )

    @agent.tool
    def get_weather(context: RunContext[Unit], city: str) -> str:
        """The weather in a city."""
        return f"18 degrees {context.deps.name} in {city}"

    @agent.tool_plain(retries=2)
    def toss_coin() -> str:
        """Toss a coin."""
        raise ModelRetry("The coin rolled away.")

    return agent


async def converse(model) -> None:
    plain = Agent(model, instructions="Be brief.")
    result = await plain.run("Say hello.")
    assert result.output == "Say hello."
    assert result.usage.total_tokens > 0
    again = await plain.run("And again.", message_history=result.new_messages())
    assert again.output == "And again."
    assert len(again.all_messages()) == 4

    weather = weather_agent(model)
    reply = await weather.run("What is the weather in Paris?", deps=Unit("Celsius"))
    assert reply.output == "Here is what I found: 18 degrees Celsius in Paris"

    async with weather.run_stream("What is the weather in Paris and Tokyo?", deps=Unit("Celsius")) as streamed:
        pieces = [piece async for piece in streamed.stream_text(delta=True, debounce_by=None)]
    assert len(pieces) > 1
    assert "".join(pieces) == "Here is what I found: 18 degrees Celsius in Paris\n18 degrees Celsius in Tokyo"

    text = ""
    async with plain.iter("Slowly, and in pieces.") as run:
        async for node in run:
            if Agent.is_model_request_node(node):
                async with node.stream(run.ctx) as events:
                    async for event in events:
                        if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                            text += event.delta.content_delta
    assert "Slowly, and in pieces.".endswith(text)
    assert run.result.output == "Slowly, and in pieces."

    for output in (
        Person,
        ToolOutput(Person, name="final_result"),
        NativeOutput(Person, strict=True),
        PromptedOutput(Person),
    ):
        assert (await Agent(model, output_type=output).run(QUESTION)).output == Person(name="Ann", age=31), output
    async with Agent(model, output_type=Person).run_stream(QUESTION) as typed:
        outputs = [item async for item in typed.stream_output(debounce_by=None)]
    assert outputs[-1] == Person(name="Ann", age=31)

    checked = Agent(model, output_type=Person, retries=2)
    asked = []

    @checked.output_validator
    def of_age(value: Person) -> Person:
        asked.append(value)
        if len(asked) == 1:
            raise ModelRetry("Read it again.")
        return value

    assert (await checked.run(QUESTION)).output.name == "Ann"
    assert len(asked) == 2


async def embed(embedder: Embedder) -> None:
    documents = await embedder.embed_documents(["The kettle is blue.", "The cup is red."])
    query = await embedder.embed_query("The kettle is blue.")
    assert list(documents.embeddings[0]) == list(query.embeddings[0])
    assert list(documents.embeddings[0]) != list(documents.embeddings[1])


async def main() -> None:
    await converse("openai-chat:gpt-4o")
    await converse(OpenAIChatModel("gpt-4o"))
    await converse(OpenAIResponsesModel("gpt-4o"))
    await embed(Embedder("openai:text-embedding-3-small"))


if __name__ == "__main__":
    asyncio.run(main())
    agent = Agent("openai-chat:gpt-4o")
    assert agent.run_sync("Good bye.").output == "Good bye."
