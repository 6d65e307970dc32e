"""Haystack: generators, a pipeline, a retriever over embeddings, and an agent."""

import asyncio

from haystack import Document, Pipeline
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator, OpenAIResponsesChatGenerator
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.tools import tool
from pydantic import BaseModel


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


class Person(BaseModel):
    name: str
    age: int


def said(text: str) -> list[ChatMessage]:
    return [ChatMessage.from_system("Be brief."), ChatMessage.from_user(text)]


def chat(generator) -> None:
    reply = generator.run(said("Say hello."))["replies"][0]
    assert reply.text == "Say hello."
    assert reply.meta["usage"]["total_tokens"] > 0

    pieces = []
    reply = generator.run(
        said("Slowly, and in pieces."), streaming_callback=lambda chunk: pieces.append(chunk.content)
    )["replies"][0]
    assert reply.text == "".join(pieces) == "Slowly, and in pieces."

    asked = generator.run(said("What is the weather in Paris?"), tools=[get_weather])["replies"][0]
    assert [(call.tool_name, call.arguments) for call in asked.tool_calls] == [("get_weather", {"city": "Paris"})]
    answered = [
        *said("What is the weather in Paris?"),
        asked,
        ChatMessage.from_tool("18 degrees", origin=asked.tool_call),
    ]
    assert generator.run(answered, tools=[get_weather])["replies"][0].text == "Here is what I found: 18 degrees"

    agent = Agent(chat_generator=generator, tools=[get_weather], system_prompt="Be brief.")
    assert (
        agent.run(said("What is the weather in Rome?"))["last_message"].text
        == "Here is what I found: 18 degrees in Rome"
    )


def structured(generator) -> None:
    typed = generator.run(
        said("Her name is Ann, and Ann is 31 years old."),
        generation_kwargs={"response_format": Person, "temperature": 0, "max_completion_tokens": 300},
    )["replies"][0]
    assert Person.model_validate_json(typed.text) == Person(name="Ann", age=31)
    two = generator.run(said("Toss a coin."), generation_kwargs={"n": 2})["replies"]
    assert [reply.text for reply in two] == ["Toss a coin."] * 2


async def asynchronous(generator) -> None:
    assert (await generator.run_async(said("Say hello.")))["replies"][0].text == "Say hello."
    pieces = []

    async def keep(chunk) -> None:
        pieces.append(chunk.content)

    reply = (await generator.run_async(said("Slowly, and in pieces."), streaming_callback=keep))["replies"][0]
    assert reply.text == "".join(pieces) == "Slowly, and in pieces."


def retrieve(generator) -> None:
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    documents = [Document(content="The kettle is blue."), Document(content="The cup is red.")]
    store.write_documents(OpenAIDocumentEmbedder(model="text-embedding-3-small").run(documents)["documents"])
    pipeline = Pipeline()
    pipeline.add_component("embedder", OpenAITextEmbedder(model="text-embedding-3-small"))
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=1))
    template = [
        ChatMessage.from_user("{% for document in documents %}{{ document.content }}{% endfor %} {{ question }}")
    ]
    pipeline.add_component("prompt", ChatPromptBuilder(template=template, required_variables="*"))
    pipeline.add_component("generator", generator)
    pipeline.connect("embedder.embedding", "retriever.query_embedding")
    pipeline.connect("retriever.documents", "prompt.documents")
    pipeline.connect("prompt.prompt", "generator.messages")
    question = "What colour is the kettle?"
    done = pipeline.run({"embedder": {"text": question}, "prompt": {"question": question}})
    assert done["generator"]["replies"][0].text == "The kettle is blue. What colour is the kettle?"


def main() -> None:
    generator = OpenAIChatGenerator(model="gpt-4o", timeout=30, max_retries=2)
    chat(generator)
    structured(generator)
    responses = OpenAIResponsesChatGenerator(model="gpt-4o")
    chat(responses)
    retrieve(OpenAIChatGenerator(model="gpt-4o"))

    async def later() -> None:
        await asynchronous(generator)
        await asynchronous(responses)

    asyncio.run(later())


if __name__ == "__main__":
    main()
