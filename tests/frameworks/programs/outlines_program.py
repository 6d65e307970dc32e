"""Outlines: typed responses, choices, a JSON Schema, streams, async."""

import asyncio
import json
from typing import Literal

import outlines
from openai import AsyncOpenAI, OpenAI
from outlines.inputs import Chat
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    age: int
    kind: Literal["friend", "colleague"]


QUESTION = "Her name is Ann, and Ann is 31 years old, a friend."


def converse(client: OpenAI) -> None:
    model = outlines.from_openai(client, "gpt-4o")
    assert model("Say hello.", max_tokens=200, temperature=0.2) == "Say hello."
    assert "".join(model.stream("Slowly, and in pieces.")) == "Slowly, and in pieces."
    person = Person.model_validate_json(model(QUESTION, Person))
    assert person == Person(name="Ann", age=31, kind="friend")
    generator = outlines.Generator(model, Person)
    assert json.loads(generator(QUESTION))["kind"] == "friend"
    assert json.loads("".join(generator.stream(QUESTION)))["age"] == 31
    chat = Chat([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}])
    assert model(chat) == "Say hello."
    assert model("Toss a coin.", n=2) == ["Toss a coin."] * 2


async def asynchronous(client: AsyncOpenAI) -> None:
    model = outlines.from_openai(client, "gpt-4o")
    assert await model("Say hello.") == "Say hello."
    assert "".join([part async for part in model.stream("Slowly, and in pieces.")]) == "Slowly, and in pieces."
    assert json.loads(await model(QUESTION, Person))["name"] == "Ann"


if __name__ == "__main__":
    converse(OpenAI())
    asyncio.run(asynchronous(AsyncOpenAI()))
