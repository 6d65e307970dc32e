"""Ragas: metrics judged by its own model factory, over openai and instructor."""

import asyncio

from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from ragas.embeddings import OpenAIEmbeddings
from ragas.llms import llm_factory
from ragas.metrics.collections import AnswerRelevancy, Faithfulness


class Person(BaseModel):
    name: str
    age: int


async def judge(client: AsyncOpenAI) -> None:
    llm = llm_factory("gpt-4o", client=client)
    person = await llm.agenerate("Her name is Ann, and Ann is 31 years old.", Person)
    assert (person.name, person.age) == ("Ann", 31)
    embeddings = OpenAIEmbeddings(client=client, model="text-embedding-3-small")
    assert len(await embeddings.aembed_text("The kettle is blue.")) > 1
    faithful = await Faithfulness(llm=llm).ascore(
        user_input="What colour is the kettle?",
        response="The kettle is blue.",
        retrieved_contexts=["The kettle is blue."],
    )
    assert faithful.value is not None
    relevant = await AnswerRelevancy(llm=llm, embeddings=embeddings).ascore(
        user_input="What colour is the kettle?", response="The kettle is blue."
    )
    assert -1 <= relevant.value <= 1


def generate(client: OpenAI) -> None:
    person = llm_factory("gpt-4o", client=client).generate("Her name is Ann, and Ann is 31 years old.", Person)
    assert (person.name, person.age) == ("Ann", 31)


if __name__ == "__main__":
    generate(OpenAI())
    asyncio.run(judge(AsyncOpenAI()))
