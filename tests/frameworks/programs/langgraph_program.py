"""LangGraph: a graph with tools, memory, token streams, an interrupt and a typed router."""

import asyncio
from typing import Literal

from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt
from pydantic import BaseModel


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


class Route(BaseModel):
    """Where a question goes."""

    topic: Literal["weather", "sports"]


def graph_of(llm):
    bound = llm.bind_tools([get_weather])

    async def amodel(state: MessagesState) -> dict:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", amodel)
    graph.add_node("tools", ToolNode([get_weather]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile(checkpointer=InMemorySaver())


def approval_of(llm):
    router = llm.with_structured_output(Route)

    def route(state: MessagesState) -> Command:
        topic = router.invoke(state["messages"]).topic
        return Command(goto="approve" if topic == "sports" else END)

    def approve(state: MessagesState) -> dict:
        return {"messages": [HumanMessage(f"approved: {interrupt('May I?')}")]}

    graph = StateGraph(MessagesState)
    graph.add_node("route", route, destinations=("approve", END))
    graph.add_node("approve", approve)
    graph.add_edge(START, "route")
    graph.add_edge("approve", END)
    return graph.compile(checkpointer=InMemorySaver())


async def converse(llm) -> None:
    graph = graph_of(llm)
    thread = {"configurable": {"thread_id": "ann"}}
    done = await graph.ainvoke({"messages": [("user", "What is the weather in Paris?")]}, thread)
    assert done["messages"][-1].content == "Here is what I found: 18 degrees in Paris"
    done = await graph.ainvoke({"messages": [("user", "Thank you.")]}, thread)
    assert [message.type for message in done["messages"]] == ["human", "ai", "tool", "ai", "human", "ai"]

    text, steps = "", []
    asked = {"messages": [("user", "What is the weather in Rome?")]}
    async for mode, part in graph.astream(
        asked, {"configurable": {"thread_id": "bob"}}, stream_mode=["messages", "updates"]
    ):
        if mode == "updates":
            steps += part
        elif isinstance(part[0], AIMessageChunk):
            text += part[0].content
    assert steps == ["model", "tools", "model"]
    assert text == "Here is what I found: 18 degrees in Rome"


def approve(llm) -> None:
    graph = approval_of(llm)
    thread = {"configurable": {"thread_id": "cleo"}}
    asked = graph.invoke({"messages": [("user", "Is sports the topic?")]}, thread)
    assert asked["__interrupt__"][0].value == "May I?"
    done = graph.invoke(Command(resume="yes"), thread)
    assert done["messages"][-1].content == "approved: yes"


def main() -> None:
    llm = ChatOpenAI(model="gpt-4o", temperature=0)
    approve(llm)
    asyncio.run(converse(llm))


if __name__ == "__main__":
    main()
