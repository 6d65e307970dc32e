"""LlamaIndex: its OpenAI model and embeddings, an index over them, and an agent."""

import asyncio

from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI, OpenAIResponses
from pydantic import BaseModel


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


class Person(BaseModel):
    """A person."""

    name: str
    age: int


ANN = Person(name="Ann", age=31)
WEATHER = FunctionTool.from_defaults(get_weather)


def chat(llm) -> None:
    answer = llm.chat([ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Say hello.")])
    assert answer.message.content == "Say hello."
    assert llm.complete("Say hello.").text == "Say hello."
    pieces = [part.delta for part in llm.stream_chat([ChatMessage(role="user", content="Slowly, and in pieces.")])]
    assert "".join(piece or "" for piece in pieces) == "Slowly, and in pieces."
    assert len(pieces) > 2
    *_, last = llm.stream_complete("Slowly, and in pieces.")
    assert last.text == "Slowly, and in pieces."


def tools(llm) -> None:
    asked = llm.chat_with_tools([WEATHER], user_msg="What is the weather in Paris?")
    calls = llm.get_tool_calls_from_response(asked)
    assert [(call.tool_name, call.tool_kwargs) for call in calls] == [("get_weather", {"city": "Paris"})]
    *_, last = llm.stream_chat_with_tools(
        [WEATHER], user_msg="What is the weather in Paris and Tokyo?", allow_parallel_tool_calls=True
    )
    assert [call.tool_kwargs for call in llm.get_tool_calls_from_response(last)] == [
        {"city": "Paris"},
        {"city": "Tokyo"},
    ]
    reply = llm.predict_and_call([WEATHER], "What is the weather in Rome?")
    assert reply.response == "18 degrees in Rome"
    required = llm.chat_with_tools([WEATHER], user_msg="Good morning.", tool_required=True)
    assert len(llm.get_tool_calls_from_response(required)) == 1


def structured(llm) -> None:
    prompt = PromptTemplate("Her name is {name}, and {name} is 31 years old.")
    assert llm.structured_predict(Person, prompt, name="Ann") == ANN
    *_, last = llm.stream_structured_predict(Person, prompt, name="Ann")
    assert (last.name, last.age) == ("Ann", 31)
    assert llm.as_structured_llm(Person).complete("Her name is Ann, and Ann is 31 years old.").raw == ANN


async def asynchronous(llm) -> None:
    assert (await llm.acomplete("Say hello.")).text == "Say hello."
    text = ""
    async for part in await llm.astream_chat([ChatMessage(role="user", content="Slowly, and in pieces.")]):
        text += part.delta or ""
    assert text == "Slowly, and in pieces."
    prompt = PromptTemplate("Her name is Ann, and Ann is 31 years old.")
    assert await llm.astructured_predict(Person, prompt) == ANN
    handler = FunctionAgent(tools=[WEATHER], llm=llm, system_prompt="Be brief.").run("What is the weather in Paris?")
    streamed = ""
    async for event in handler.stream_events():
        if isinstance(event, AgentStream):
            streamed += event.delta
    assert str(await handler) == streamed == "Here is what I found: 18 degrees in Paris"


def retrieve(llm, embeddings) -> None:
    Settings.llm, Settings.embed_model = llm, embeddings
    Settings.text_splitter = SentenceSplitter(tokenizer=str.split)
    index = VectorStoreIndex.from_documents([Document(text="The kettle is blue."), Document(text="The cup is red.")])
    nodes = index.as_retriever(similarity_top_k=1).retrieve("What colour is the kettle?")
    assert [node.text for node in nodes] == ["The kettle is blue."]
    answer = index.as_query_engine(similarity_top_k=1).query("What colour is the kettle?")
    assert "The kettle is blue." in str(answer)
    assert len(embeddings.get_text_embedding("The kettle is blue.")) == len(
        nodes[0].embedding or embeddings.get_query_embedding("A")
    )


def everything(llm, embeddings) -> None:
    chat(llm)
    tools(llm)
    structured(llm)
    retrieve(llm, embeddings)


def main() -> None:
    llm = OpenAI(model="gpt-4o", temperature=0.1, max_tokens=400, strict=True, timeout=30)
    responses = OpenAIResponses(model="gpt-4o")
    everything(llm, OpenAIEmbedding(model="text-embedding-3-small"))
    chat(responses)
    tools(responses)

    async def later() -> None:
        await asynchronous(llm)
        await asynchronous(responses)

    asyncio.run(later())


if __name__ == "__main__":
    main()
