"""LangChain: everyday use of ChatOpenAI and OpenAIEmbeddings."""

import asyncio
from typing import Annotated

import httpx
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, Field
from typing_extensions import TypedDict


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


class Person(BaseModel):
    """A person."""

    name: str = Field(description="the name")
    age: int = Field(description="the age in years")


class City(TypedDict):
    """A city."""

    name: Annotated[str, ..., "the name"]


def chat(llm: ChatOpenAI) -> None:
    answer = llm.invoke([SystemMessage("Be brief."), HumanMessage("Say hello.")])
    assert answer.content == "Say hello."
    assert answer.usage_metadata["total_tokens"] > 0
    assert answer.response_metadata["finish_reason"] == "stop"

    chain = (
        ChatPromptTemplate.from_messages([("system", "You are {role}."), ("human", "{text}")]) | llm | StrOutputParser()
    )
    assert chain.invoke({"role": "a poet", "text": "Sing."}) == "Sing."
    assert "".join(chain.stream({"role": "a poet", "text": "Sing a long song."})) == "Sing a long song."
    assert chain.batch([{"role": "a poet", "text": text} for text in ("One.", "Two.", "Three.")]) == [
        "One.",
        "Two.",
        "Three.",
    ]


def stream(llm: ChatOpenAI) -> None:
    whole = None
    pieces = 0
    for chunk in llm.stream("Count to three, please, and do it slowly."):
        pieces += bool(chunk.content)
        whole = chunk if whole is None else whole + chunk
    assert whole.content == "Count to three, please, and do it slowly."
    assert pieces > 1
    usage, again = whole.usage_metadata, llm.invoke("Count to three, please, and do it slowly.").usage_metadata
    assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"] == again["total_tokens"]


def tools(llm: ChatOpenAI) -> None:
    bound = llm.bind_tools([get_weather])
    messages = [HumanMessage("What is the weather in Paris?")]
    call = bound.invoke(messages)
    assert [(item["name"], item["args"]) for item in call.tool_calls] == [("get_weather", {"city": "Paris"})]
    messages += [call, *(get_weather.invoke(item) for item in call.tool_calls)]
    assert isinstance(messages[-1], ToolMessage)
    assert bound.invoke(messages).content == "Here is what I found: 18 degrees in Paris"

    whole = None
    for chunk in bound.stream("What is the weather in Paris and Tokyo?"):
        whole = chunk if whole is None else whole + chunk
    assert [item["args"] for item in whole.tool_calls] == [{"city": "Paris"}, {"city": "Tokyo"}]
    assert whole.response_metadata["finish_reason"] == "tool_calls"

    forced = llm.bind_tools([get_weather], tool_choice="get_weather").invoke("Paris is nice.")
    assert [item["name"] for item in forced.tool_calls] == ["get_weather"]
    required = llm.bind_tools([get_weather], tool_choice="any", parallel_tool_calls=False).invoke("Good morning.")
    assert [item["name"] for item in required.tool_calls] == ["get_weather"]


def structured(llm: ChatOpenAI) -> None:
    question = 'Ann is 31 years old: her name is Ann. Answer in JSON with the keys "name" and "age".'
    for method in ("json_schema", "function_calling"):
        person = llm.with_structured_output(Person, method=method).invoke(question)
        assert person == Person(name="Ann", age=31), (method, person)
        both = llm.with_structured_output(Person, method=method, include_raw=True, strict=True).invoke(question)
        assert both["parsed"] == Person(name="Ann", age=31)
        assert both["parsing_error"] is None
        assert isinstance(both["raw"], AIMessage)
    assert llm.with_structured_output(City, method="function_calling").invoke("The name is Paris.") == {"name": "Paris"}
    assert llm.with_structured_output(method="json_mode").invoke(question)["name"] == "Ann"
    *_, last = llm.with_structured_output(Person).stream(question)
    assert last == Person(name="Ann", age=31)


def agent(llm: ChatOpenAI) -> None:
    done = create_agent(llm, [get_weather], system_prompt="Be brief.").invoke(
        {"messages": [{"role": "user", "content": "What is the weather in Paris?"}]}
    )
    assert done["messages"][-1].content == "Here is what I found: 18 degrees in Paris"
    typed = create_agent(llm, [get_weather], response_format=Person).invoke(
        {"messages": [{"role": "user", "content": "Her name is Ann, and Ann is 31 years old."}]}
    )
    assert typed["structured_response"] == Person(name="Ann", age=31)


async def asynchronous(llm: ChatOpenAI) -> None:
    answers = await asyncio.gather(*(llm.ainvoke(text) for text in ("One?", "Two?")))
    assert [answer.content for answer in answers] == ["One?", "Two?"]
    assert "".join([chunk.content async for chunk in llm.astream("Slowly, and in pieces.")]) == "Slowly, and in pieces."
    assert [answer.content for answer in await llm.abatch(["Three?", "Four?"])] == ["Three?", "Four?"]
    call = await llm.bind_tools([get_weather]).ainvoke("What is the weather in Rome?")
    assert call.tool_calls[0]["args"] == {"city": "Rome"}
    person = await llm.with_structured_output(Person).ainvoke("Her name is Ann, and Ann is 31 years old.")
    assert person == Person(name="Ann", age=31)


def own_connections() -> None:
    url = "https://api.openai.com/v1"
    with httpx.Client(headers={"X-Team": "a"}) as client:
        llm = ChatOpenAI(model="gpt-4o", base_url=url, http_client=client, http_async_client=httpx.AsyncClient())
        assert llm.invoke("Say hello.").content == "Say hello."


def responses(llm: ChatOpenAI) -> None:
    answer = llm.invoke("Say hello.")
    assert answer.text == "Say hello."
    assert answer.usage_metadata["total_tokens"] > 0
    whole = None
    for chunk in llm.stream("Slowly, and in pieces."):
        whole = chunk if whole is None else whole + chunk
    assert whole.text == "Slowly, and in pieces."
    bound = llm.bind_tools([get_weather])
    messages = [HumanMessage("What is the weather in Paris?")]
    messages.append(bound.invoke(messages))
    messages += [get_weather.invoke(item) for item in messages[-1].tool_calls]
    assert bound.invoke(messages).text == "Here is what I found: 18 degrees in Paris"
    person = llm.with_structured_output(Person).invoke("Her name is Ann, and Ann is 31 years old.")
    assert person == Person(name="Ann", age=31)


async def asynchronous_responses(llm: ChatOpenAI) -> None:
    assert (await llm.ainvoke("Say hello.")).text == "Say hello."
    assert "".join([chunk.text async for chunk in llm.astream("Slowly, and in pieces.")]) == "Slowly, and in pieces."


def embed(embeddings: OpenAIEmbeddings) -> None:
    vectors = embeddings.embed_documents(["The kettle is blue.", "The cup is red."])
    assert len(vectors) == 2
    assert vectors[0] != vectors[1]
    assert vectors[0] == embeddings.embed_query("The kettle is blue.")


async def embed_asynchronously(embeddings: OpenAIEmbeddings) -> None:
    vectors = await embeddings.aembed_documents(["The kettle is blue.", "The cup is red."])
    assert vectors[0] == await embeddings.aembed_query("The kettle is blue.")
    assert vectors[0] != vectors[1]


def synchronous(llm: ChatOpenAI) -> None:
    chat(llm)
    stream(llm)
    tools(llm)
    structured(llm)
    agent(llm)


def main() -> None:
    llm = ChatOpenAI(model="gpt-4o", temperature=0, max_tokens=500, timeout=30, max_retries=2, stream_usage=True)
    on_responses = ChatOpenAI(model="gpt-4o", use_responses_api=True)
    embeddings = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False)
    synchronous(llm)
    own_connections()
    responses(on_responses)
    embed(embeddings)

    async def later() -> None:
        await asynchronous(llm)
        await asynchronous_responses(on_responses)
        await embed_asynchronously(embeddings)

    asyncio.run(later())


if __name__ == "__main__":
    main()
